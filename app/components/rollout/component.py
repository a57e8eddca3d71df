"""Attention rollout over the picture: every depth side by side, one of them enlarged.

    rollout(source, maps, first=1, ..., key="rollout_maps")

The picture is the atlas': it comes from the shelf that the atlas' data mount fills (`atlas.component.maps`), so
that a slider sends new maps, some kilobytes, and nothing else. Which depth is enlarged, how opaque maps are and whether
they share a scale is the browser's own: nothing runs anew for it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import streamlit as st

from app.components.atlas.payload import Source, assemble, header_of

HERE = Path(__file__).parent
SCRIPTS = ("../atlas/payload", "../atlas/words", "rollout")


def _text(name: str) -> str:
    return (HERE / name).read_text(encoding="utf-8")


_piece = st.components.v2.component(
    "vitrine_rollout",
    html=_text("rollout.html"),
    css=_text("rollout.css"),
    js="\n".join(_text(f"{name}.js") for name in SCRIPTS),
)


def columns_for(count: int) -> int:
    """How many maps stand side by side: at most six (eight, where they are many), the lines as even as can be."""
    return math.ceil(count / math.ceil(count / (6 if count <= 18 else 8)))


def packed(
    source: Source,
    maps: np.ndarray,
    *,
    first: int,
    patch: tuple[int, int] | None,
    labels: Sequence[str],
    said: Sequence[tuple[str, str]],
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
        "said": said,
        "columns": columns_for(len(maps)),
        "words": dict(words),
    }
    return assemble(header, {"maps": maps.astype(np.float32)})


def rollout(source: Source, maps: np.ndarray, *, key: str, **told) -> None:
    """Mount it. `maps`: the rollout up to each depth on the grid, (k, rows, cols), shares of 1.

    Beside them, by name: "first", the layer of the first of them, counted from 1; "patch", (row, col) of what is looked
    from, or None where that is no patch; for each map "labels", what is said beneath it, and "said", (question, answer)
    about it enlarged; "words", see `app.text`.
    """
    _piece(key=key, data=packed(source, maps, **told))
