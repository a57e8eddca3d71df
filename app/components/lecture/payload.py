"""One scene of the lecture as bytes for the browser. Imports no Streamlit."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image

from app.components.binary import assemble, colour_tables


def pack(header: dict, picture: Image.Image, arrays: dict[str, np.ndarray]) -> bytes:
    """One binary: the header (plain JSON), the picture as WebP, the two colour tables and the scene's arrays."""
    file = io.BytesIO()
    picture.convert("RGB").save(file, "WEBP", quality=90, method=0)
    viridis, diverging = colour_tables()
    return assemble(header, {"picture": file.getvalue(), "viridis": viridis, "diverging": diverging, **arrays})
