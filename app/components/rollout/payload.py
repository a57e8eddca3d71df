"""Rollout maps as bytes for the browser. No Streamlit."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from app.components.atlas.payload import Source
from app.components.binary import assemble, header_of


def columns_for(count: int) -> int:
    """How many maps stand side by side: at most six (eight, where they are many), the lines as even as can be."""
    return math.ceil(count / math.ceil(count / (6 if count <= 18 else 8)))


def pack(
    source: Source,
    maps: np.ndarray,
    *,
    first: int,
    patch: tuple[int, int] | None,
    labels: Sequence[str],
    sentences: Sequence[tuple[str, str]],
    words: Mapping[str, str],
) -> bytes:
    """What `rollout` sends, for its tests too."""
    header = {
        "of": source.id,
        "size": header_of(source.payload)["size"],
        "grid": maps.shape[1:],
        "first": first,
        "patch": patch,
        "labels": labels,
        "sentences": sentences,
        "columns": columns_for(len(maps)),
        "words": dict(words),
    }
    return assemble(header, {"maps": maps.astype(np.float32)})
