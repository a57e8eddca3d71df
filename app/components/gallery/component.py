"""A page of thumbnails, drawn in the browser: each is a button with the label, the prediction and its probability.

Every word comes in as data and is set as text, never as markup: names are other people's.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import streamlit as st

from app.components.assets import joined

HERE = Path(__file__).parent
SCRIPTS = ("../binary", "../line", "gallery")

_view = st.components.v2.component(
    "vitrine_gallery",
    html='<div class="gallery"></div>',
    css=joined(HERE, ["gallery"], "css"),
    js=joined(HERE, SCRIPTS, "js"),
)


def gallery_view(data: bytes, *, key: str, on_open: Callable[[], None], on_drawn: Callable[[], None]) -> None:
    """Mount what `payload.pack` made. Triggers: "open", the path that was clicked; "drawn", once, when the thumbnails
    are on the screen."""
    _view(key=key, data=data, on_open_change=on_open, on_drawn_change=on_drawn)
