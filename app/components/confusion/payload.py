"""What the confusion matrix sends to the browser, as one binary. No Streamlit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from app.components.binary import assemble
from vit_core.images import VIRIDIS


def pack(
    counts: np.ndarray,
    values: np.ndarray,
    order: np.ndarray,
    names: Sequence[str],
    words: Mapping[str, str],
    chosen: tuple[int | None, int | None],
    share: bool,
) -> bytes:
    """The cells that are not zero, so that 1,000 classes cost no more than their pictures do.

    Classes without pictures, which were only predicted, are columns without a row.

    Args:
        counts: (classes + 1, classes); the last row is that of unknown classes.
        values: the same, normalised; NaN where a share is of nothing.
        order: the classes shown, first to last.
        names: of the classes and, last, of the unknown ones.
        chosen: (label, predicted); label -1 is the unknown row, None a whole row or column.
        share: whether the values are shares of 1.
    """
    classes = counts.shape[1]
    rows = [row for row in [*order.tolist(), classes] if counts[row].any()]
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
            "colours": VIRIDIS,
        },
    )
