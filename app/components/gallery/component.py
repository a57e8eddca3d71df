"""A page of thumbnails, drawn in the browser: each a button with the true class, the predicted one and a probability.

Every word comes in as data and is set as text, never as markup: names are other people's.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import streamlit as st

from app.components.atlas.payload import assemble

HERE = Path(__file__).parent


def script() -> str:
    """The scripts as the one module that the browser gets; the reader of binaries is the atlas' own."""
    parts = (HERE / "../atlas/payload.js", HERE / "gallery.js")
    return "\n".join(path.read_text(encoding="utf-8") for path in parts)


_piece = st.components.v2.component(
    "vitrine_gallery",
    html='<div class="gallery"></div>',
    js=script(),
    css=(HERE / "gallery.css").read_text(encoding="utf-8"),
)


def pack(
    items: Sequence[Mapping], thumbnails: Sequence[bytes | None], words: Mapping[str, str], focus: str | None = None
) -> bytes:
    """`items`: "path", "truth", "predicted", "said" (a probability, or why there is none), "outcome", "title" each;
    `thumbnails` WebP, None for a picture that cannot be shown; `focus`: the path that is brought into view."""
    return assemble(
        {"items": [dict(i) for i in items], "words": dict(words), "focus": focus},
        {f"thumbnail {i}": data for i, data in enumerate(thumbnails) if data},
    )


def gallery(data: bytes, *, key: str, on_open: Callable[[], None], on_drawn: Callable[[], None]) -> None:
    """Mount it. Trigger "open": the path that was clicked; "drawn", once: the pictures stand."""
    _piece(key=key, data=data, on_open_change=on_open, on_drawn_change=on_drawn)
