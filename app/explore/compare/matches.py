"""The best mutual nearest neighbours of two pictures' patches, for the lines between them. No Streamlit."""

from __future__ import annotations

import vit_core as vc
from vit_core import Trace

MAX_LINES = 30


def best_matches(first: Trace, second: Trace, layer: int, facet: str) -> dict:
    """Mutual nearest neighbours as JSON: "pairs", the MAX_LINES with the highest cosines, and "count", of all.

    A pair is [patch of the first, patch of the second, cosine]. Patches are counted from 0, row by row.

    The traces have their features. Raises as `vit_core.features.matches`.
    """
    found = vc.features.matches(first, second, layer, facet)
    mutual = found.mutual.nonzero()[:, 0].tolist()
    best, scores = found.best.tolist(), found.scores.tolist()
    ranked = sorted(mutual, key=lambda patch: -scores[patch])
    return {
        "count": len(ranked),
        "pairs": [[patch, best[patch], round(scores[patch], 4)] for patch in ranked[:MAX_LINES]],
    }
