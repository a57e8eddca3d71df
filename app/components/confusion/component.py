"""The confusion matrix on a canvas; a click on a cell comes back. Plotly would send and lay out a million cells."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import streamlit as st

HERE = Path(__file__).parent


def script() -> str:
    """The scripts as the one module that the browser gets; the reader of binaries is the atlas' own."""
    parts = (HERE / "../atlas/payload.js", HERE / "confusion.js")
    return "\n".join(path.read_text(encoding="utf-8") for path in parts)


_view = st.components.v2.component(
    "vitrine_confusion",
    html=(HERE / "confusion.html").read_text(encoding="utf-8"),
    css=(HERE / "confusion.css").read_text(encoding="utf-8"),
    js=script(),
)


def confusion_matrix(data: bytes, *, key: str, on_pick: Callable[[], None]) -> None:
    """Mount what `payload.pack` made.

    Trigger "pick": [label, predicted] as class numbers; null stands for a whole row or column, two nulls for nothing.
    """
    _view(key=key, data=data, on_pick_change=on_pick)
