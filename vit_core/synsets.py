"""Which class of a model is which class of a labelled source."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, eq=False)
class Match:
    """`target` (k,) int32: for each class of the source the model's class, -1 where the model knows none.

    `unknown` are the names of the source's classes with -1, `unused` the model's classes that none maps to, `by`
    is how they were found: "name", "synset", "table" or "index".
    """

    target: np.ndarray
    unknown: list[str]
    unused: list[str]
    by: str

    def say(self) -> dict:
        """What a sentence about it is made of."""
        return {"by": self.by, "classes": len(self.target), "known": len(self.target) - len(self.unknown),
                "unknown": self.unknown, "unknown_count": len(self.unknown), "unused": self.unused,
                "unused_count": len(self.unused)}


def match(classes: Sequence[str], model_labels: Sequence[str], table: dict[str, str] | None = None) -> Match:
    """The model's class for each of the source's."""
    target = np.array([list(model_labels).index(c) if c in model_labels else -1 for c in classes], np.int32)
    return Match(target, [c for c, t in zip(classes, target, strict=True) if t < 0],
                 [c for i, c in enumerate(model_labels) if i not in set(target.tolist())], "name")
