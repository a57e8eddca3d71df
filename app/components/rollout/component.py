"""Attention rollout over the picture: every depth side by side, one of them enlarged.

The picture is the atlas' and comes from the shelf that `app.components.atlas.component.maps` fills, so a slider sends
only new maps, some kilobytes. Which depth is enlarged, how opaque the maps are and whether they share a scale is the
browser's own business: changing it reruns nothing.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import streamlit as st

from app.components.assets import joined
from app.components.atlas.payload import Source
from app.components.rollout.payload import pack

HERE = Path(__file__).parent
SCRIPTS = ("../binary", "../percent", "../atlas/shelf", "../atlas/words", "rollout")

_component = st.components.v2.component(
    "vitrine_rollout",
    html=joined(HERE, ["rollout"], "html"),
    css=joined(HERE, ["rollout"], "css"),
    js=joined(HERE, SCRIPTS, "js"),
)


def rollout(source: Source, maps: np.ndarray, *, key: str, **labels) -> None:
    """Mount it. `source` and `maps` as in `pack`, which also takes `labels`."""
    _component(key=key, data=pack(source, maps, **labels))
