"""Which four pictures stand together in a mosaic of the grid pointing game."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from vit_core.attribution.localisation import QUADRANTS


class Candidate(NamedTuple):
    """A picture that the model classifies correctly."""

    number: int  # in the data set
    target: int  # its class
    probability: float  # that the model gives the class


def choose_mosaics(candidates: Iterable[Candidate], limit: int | None = None, seed: int = 0) -> list[list[Candidate]]:
    """Up to `limit` mosaics of four pictures of four different classes; each picture stands in one mosaic at most.

    The pictures with the highest probability are preferred, as Böhle et al. 2021 (arXiv:2104.00032) do: first the best
    of each class, then the second best, and so on. `seed` decides which of them stand together.
    """
    by_class: dict[int, list[Candidate]] = {}
    for one in sorted(candidates, key=lambda one: (-one.probability, one.number)):
        by_class.setdefault(one.target, []).append(one)
    random = np.random.default_rng(seed)
    found: list[list[Candidate]] = []
    for rank in range(max(map(len, by_class.values()), default=0)):
        best = [ones[rank] for ones in by_class.values() if len(ones) > rank]
        best.sort(key=lambda one: (-one.probability, one.number))
        count = len(best) // QUADRANTS
        if limit is not None:
            count = min(count, limit - len(found))
        order = random.permutation(count * QUADRANTS).reshape(count, QUADRANTS)
        found += [[best[place] for place in places] for places in order]
    return found
