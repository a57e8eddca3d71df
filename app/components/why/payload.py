"""What "See why" sends to the browser for one image, as one binary. No Streamlit."""

from __future__ import annotations

import io
from collections.abc import Mapping

import numpy as np
from PIL import Image

from app.components.binary import assemble, colour_tables


def pack(header: Mapping, picture: Image.Image, blurred: Image.Image, maps: Mapping[str, np.ndarray]) -> bytes:
    """One image as one binary.

    `header`: JSON values, as why.js reads them; `picture`: the part under the patch grid; `blurred`: the model input
    with the fill "blur"; `maps`: for the first attribution method (2, rows, cols), of the two classes.
    """
    viridis, diverging = colour_tables()
    sections = {"picture": encoded(picture, quality=90), "blur": encoded(blurred, lossless=True)}
    return assemble(dict(header), {**sections, "viridis": viridis, "diverging": diverging, **maps})


def encoded(picture: Image.Image, **options) -> bytes:
    """The picture as WebP, with Pillow's options for it."""
    out = io.BytesIO()
    picture.convert("RGB").save(out, "WEBP", method=0, **options)
    return out.getvalue()
