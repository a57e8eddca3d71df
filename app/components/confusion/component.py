"""The confusion matrix on a canvas: only the cells that hold a picture are sent, so 1,000 classes cost as much as
pictures do, and a click on a cell comes back. Plotly would send and lay out all million cells.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import streamlit as st

from app.components.atlas.payload import assemble
from vit_core.images import draw

HERE = Path(__file__).parent


def script() -> str:
    """The scripts as the one module that the browser gets; the reader of binaries is the atlas' own."""
    parts = (HERE / "../atlas/payload.js", HERE / "confusion.js")
    return "\n".join(path.read_text(encoding="utf-8") for path in parts)


_piece = st.components.v2.component(
    "vitrine_confusion",
    html=(HERE / "confusion.html").read_text(encoding="utf-8"),
    css=(HERE / "confusion.css").read_text(encoding="utf-8"),
    js=script(),
)


def pack(
    counts: np.ndarray,
    values: np.ndarray,
    order: np.ndarray,
    names: Sequence[str],
    words: Mapping[str, str],
    chosen: tuple[int | None, int | None],
    share: bool,
) -> bytes:
    """`counts` (classes + 1, classes), the last row that of unknown classes, and `values`, the same normalised (NaN
    where there is none); `order`: the classes shown, first to last; `names` of the classes and of the unknown;
    `chosen`: (truth, predicted), truth -1 for the unknown row; `share`: whether the values are shares of 1.
    """
    classes = counts.shape[1]
    rows = [*order.tolist(), classes] if counts[classes].any() else order.tolist()
    shown = np.ix_(rows, order)
    row, col = np.nonzero(counts[shown])
    none = np.isnan(values[shown])
    header = {
        "rows": [-1 if r == classes else r for r in rows],
        "columns": order.tolist(),
        "share": share,
        "blank": {"rows": np.flatnonzero(none.all(1)).tolist(), "columns": np.flatnonzero(none.all(0)).tolist()},
        "rowNames": [names[r] for r in rows],
        "columnNames": [names[c] for c in order],
        "chosen": list(chosen),
        "words": dict(words),
    }
    return assemble(
        header,
        {
            "row": row.astype(np.int32),
            "column": col.astype(np.int32),
            "count": counts[shown][row, col].astype(np.int32),
            "value": np.nan_to_num(values[shown][row, col]).astype(np.float32),
            "total": counts[rows].sum(1).astype(np.int32),
            "colours": draw.VIRIDIS,
        },
    )


def confusion(data: bytes, *, key: str, on_pick: Callable[[], None]) -> None:
    """Mount it. Trigger "pick": [truth, predicted] as the classes' numbers, either null for a whole row or column,
    both null to let go."""
    _piece(key=key, data=data, on_pick_change=on_pick)
