"""Attention rollout: a small map for each depth; the atlas shows the chosen one over its picture.

The picture is the atlas' and comes from the shelf that `app.components.atlas.component.maps` fills, so a slider sends
only new maps, some kilobytes.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import streamlit as st

from app.components.assets import joined
from app.components.atlas.payload import Source
from app.components.rollout.payload import pack

HERE = Path(__file__).parent
SCRIPTS = ("../binary", "../percent", "../scale", "../atlas/shelf", "../atlas/words", "rollout")

_component = st.components.v2.component(
    "vitrine_rollout",
    html=joined(HERE, ["rollout"], "html"),
    css=joined(HERE, ["rollout"], "css"),
    js=joined(HERE, SCRIPTS, "js"),
)


def rollout(source: Source, rows: np.ndarray, *, key: str, on_change: Callable[[], None], **labels) -> None:
    """Mount it. `source` and `rows` as in `pack`, which also takes `labels`. `on_change`: called when somebody chose a
    depth or what the colours show, which are then the session value `key`'s "chosen", like the argument of `pack`."""
    _component(key=key, data=pack(source, rows, **labels), on_chosen_change=on_change)
