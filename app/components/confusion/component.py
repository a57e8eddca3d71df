"""The confusion matrix on a canvas; a click on a cell comes back. Plotly would send and lay out a million cells."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import streamlit as st

from app.components.assets import joined

HERE = Path(__file__).parent
SCRIPTS = ("../binary", "../percent", "confusion")

_view = st.components.v2.component(
    "vitrine_confusion",
    html=joined(HERE, ["confusion"], "html"),
    css=joined(HERE, ["confusion"], "css"),
    js=joined(HERE, SCRIPTS, "js"),
)


def confusion_matrix(data: bytes, *, key: str, on_pick: Callable[[], None]) -> None:
    """Mount what `payload.pack` made.

    Trigger "pick": [label, predicted] as class numbers; null stands for a whole row or column, two nulls for nothing.
    """
    _view(key=key, data=data, on_pick_change=on_pick)
