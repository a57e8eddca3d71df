"""Features as colours, packed for the browser. No Streamlit."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from app.components.atlas.payload import Source
from app.components.binary import assemble, header_of


def columns_for(layers: int) -> int:
    """How many maps stand side by side, in one, two or three lines: so all layers fit the window."""
    return math.ceil(layers / (1 if layers <= 6 else 2 if layers <= 16 else 3))


def refusal(source: Source) -> bytes:
    """What `pca` sends if the features of the source's picture cannot be computed."""
    return assemble({"of": source.id, "refused": True}, {})


def pack(
    source: Source,
    *,
    colours: np.ndarray,
    projections: np.ndarray,
    foreground: np.ndarray,
    explained: np.ndarray,
    facet: str,
    choices: Mapping[str, Sequence[str]],
    words: Mapping[str, str],
) -> bytes:
    """What `pca` sends, for its tests too. The picture is the one that `source` sends to the atlas.

    `colours`: (layers, rows, cols, 3) uint8, the first three components as red, green and blue. `projections`: the
    components' values, of the same shape, float32. `foreground`: (layers, rows, cols), whether a patch belongs to the
    foreground. `explained`: (layers, 3), each component's share of the layer's variance. `facet`: of these features.
    `choices`: the values of "facet" and "foreground" in the atlas' view.
    """
    atlas = header_of(source.payload)
    header = {
        "of": source.id,
        "size": atlas["size"],
        "grid": atlas["grid"],
        "prefix": len(atlas["prefix"]),
        "layers": len(colours),
        "columns": columns_for(len(colours)),
        "facet": facet,
        "choices": {name: list(values) for name, values in choices.items()},
        "words": dict(words),
    }
    sections = {
        "colours": colours.astype(np.uint8, casting="same_kind"),
        "projections": projections.astype(np.float32),
        "foreground": foreground.astype(np.uint8),
        "explained": explained.astype(np.float32),
    }
    return assemble(header, sections)
