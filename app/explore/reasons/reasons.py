"""The attribution methods compared for one result and one class. Arrays, no widgets."""

from __future__ import annotations

import hashlib

import numpy as np
import torch

from app.explore.reasons.methods import METHODS, SCORE_STEPS, Comparison
from app.explore.result import Result, array
from vit_core import attribution as at


class Reasons:
    """Maps and scores for class `target`, each computed once. Call `step` on the thread that runs models."""

    def __init__(self, result: Result, target: int):
        self.model, self.grid, self.target = result.model, result.grid, target
        images, _ = self.model.transform(result.picture)
        self.images = images.to(result.device)
        #: Identifies picture, model and class, to a browser too.
        self.id = hashlib.blake2b(f"{result.digest} {result.serial} {target}".encode(), digest_size=8).hexdigest()
        self._maps: dict[str, np.ndarray] = {}
        self._comparison = Comparison(self._map, self._curves, self.grid[0] * self.grid[1])

    @property
    def nbytes(self) -> int:
        """Bytes of the model input; the maps are small in comparison."""
        return self.images.nbytes

    def step(self, asked: object) -> dict:
        """As `Comparison.step`."""
        return self._comparison.step(asked)

    def _map(self, method: str) -> np.ndarray:
        if method not in self._maps:
            values = METHODS[method](self.model, self.images, self.target)
            self._maps[method] = array(values[len(values) - self.grid[0] * self.grid[1] :].reshape(self.grid))
        return self._maps[method]

    def _curves(self, values: torch.Tensor) -> at.Faithfulness:
        return at.faithfulness(self.model, self.images, values, self.target, steps=SCORE_STEPS)
