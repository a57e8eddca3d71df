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
    rows: np.ndarray,
    *,
    first: int,
    token: int,
    settings: Mapping[str, object],
    chosen: Mapping[str, object],
    labels: Sequence[str],
    words: Mapping[str, str],
) -> bytes:
    """What `rollout` sends, for its tests too.

    `rows`: the rollout of `token` at each depth from `first` on, (depths, N). `settings`: "first", the layer that the
    rollout begins with, from 1; "residual", "fusion" and "discard"; "plain", whether the browser can compute it by
    itself, given the residual. `chosen`: "depth", from 1; "shared", whether all maps share a scale; "clip", whether
    that may end below the largest value (scale.js).
    """
    atlas = header_of(source.payload)
    header = {
        "of": source.id,
        "size": atlas["size"],
        "grid": atlas["grid"],
        "prefix": len(atlas["prefix"]),
        "first": first,
        "token": token,
        "settings": dict(settings),
        "chosen": dict(chosen),
        "labels": labels,
        "columns": columns_for(len(rows)),
        "words": dict(words),
    }
    return assemble(header, {"rows": rows.astype(np.float32)})
