"""The binary that every component's data travels in. No Streamlit. binary.js reads it.

A little-endian u32 with the header's length, the header (JSON, padded to a multiple of 4 bytes), then the sections,
each starting at a multiple of 4. The header lists them: name, dtype, shape, offset from the end of the header.
"""

from __future__ import annotations

import functools
import hashlib
import json
import math

import numpy as np

from vit_core.images import DIVERGING, VIRIDIS


def assemble(header: dict, sections: dict[str, np.ndarray | bytes]) -> bytes:
    """Header and sections as one binary. The header gets "sections" and, if it has none, an "id": a hash of it all."""
    index, parts, offset, digest = [], [], 0, hashlib.blake2b(digest_size=8)
    for name, values in sections.items():
        array = np.frombuffer(values, np.uint8) if isinstance(values, bytes) else np.ascontiguousarray(values)
        raw = array.view(np.uint8).reshape(-1).data
        index.append({"name": name, "dtype": str(array.dtype), "shape": array.shape, "offset": offset})
        pad = -len(raw) % 4
        parts += [raw, b"\0" * pad]
        offset += len(raw) + pad
        digest.update(raw)
    digest.update(json.dumps(header, sort_keys=True).encode())
    header = {"id": digest.hexdigest(), **header, "sections": index}
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 4)
    return b"".join([len(text).to_bytes(4, "little"), text, *parts])


def header_of(payload: bytes) -> dict:
    """The header of an assembled binary."""
    return json.loads(payload[4 : 4 + int.from_bytes(payload[:4], "little")])


def section(payload: bytes, name: str) -> np.ndarray:
    """One section of an assembled binary, as an array."""
    start = 4 + int.from_bytes(payload[:4], "little")
    entry = next(s for s in header_of(payload)["sections"] if s["name"] == name)
    count = math.prod(entry["shape"])
    return np.frombuffer(payload, entry["dtype"], count, start + entry["offset"]).reshape(entry["shape"])


@functools.cache
def colour_tables() -> tuple[np.ndarray, np.ndarray]:
    """The scales of maps and of differences, two (256, 4) RGBA tables."""
    opaque = np.full((256, 1), 255, np.uint8)
    return np.hstack([VIRIDIS, opaque]), np.hstack([DIVERGING, opaque])
