"""A page of thumbnails, drawn in the browser: each is a button with the label, the prediction and its probability.

Every word comes in as data and is set as text, never as markup: names are other people's.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import streamlit as st

HERE = Path(__file__).parent


def script() -> str:
    """The scripts as the one module that the browser gets; the reader of binaries is the atlas' own."""
    parts = (HERE / "../atlas/payload.js", HERE / "gallery.js")
    return "\n".join(path.read_text(encoding="utf-8") for path in parts)


_view = st.components.v2.component(
    "vitrine_gallery",
    html='<div class="gallery"></div>',
    js=script(),
    css=(HERE / "gallery.css").read_text(encoding="utf-8"),
)


def gallery(data: bytes, *, key: str, on_open: Callable[[], None], on_drawn: Callable[[], None]) -> None:
    """Mount what `payload.pack` made. Triggers: "open", the path that was clicked; "drawn", once, when the thumbnails
    are on the screen."""
    _view(key=key, data=data, on_open_change=on_open, on_drawn_change=on_drawn)
