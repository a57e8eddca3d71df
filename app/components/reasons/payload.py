"""What the comparison of attribution methods sends to the browser, as one binary. No Streamlit."""

from __future__ import annotations

from collections.abc import Mapping

from PIL import Image

from app.components.binary import assemble, colour_tables
from app.components.why.payload import encoded


def pack(header: Mapping, picture: Image.Image) -> bytes:
    """`header`: JSON values, as reasons.js reads them; `picture`: the part under the patch grid."""
    viridis, diverging = colour_tables()
    sections = {"picture": encoded(picture, quality=90), "viridis": viridis, "diverging": diverging}
    return assemble(dict(header), sections)
