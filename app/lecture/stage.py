"""What the scenes share: the picture and the model, results that are computed once, and checks of the browser's
wishes."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from torch import Tensor

from app.explore.result import Result
from app.text.plain import plain
from vit_core import VisionTransformer, ViTConfig
from vit_core.attribution import BlockSteps, block_steps, residual_streams
from vit_core.lecture import vector_change
from vit_core.models import predictions

MEMO_ENTRIES = 96  # results of scenes that a stage holds; the oldest goes first


def bytes_of(value: Any) -> int:
    """Bytes of arrays, tensors and whatever else has `nbytes`, also inside tuples, lists and dictionaries."""
    if isinstance(value, dict):
        value = tuple(value.values())
    return sum(map(bytes_of, value)) if isinstance(value, (tuple, list)) else getattr(value, "nbytes", 0)


@dataclass(frozen=True)
class Scene:
    """For the browser: `numbers` is plain JSON, `arrays` are float32, int32 or uint8 of any shape."""

    numbers: dict = field(default_factory=dict)
    arrays: dict[str, np.ndarray] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Stage:
    """One picture and one model. Shared by all sessions; only the worker thread computes with it."""

    result: Result

    @property
    def model(self) -> VisionTransformer:
        """The Vision Transformer."""
        return self.result.model

    @property
    def config(self) -> ViTConfig:
        """The model's configuration."""
        return self.result.trace.config

    @property
    def nbytes(self) -> int:
        """Bytes of the result and of everything computed from it. Weights of models are not counted."""
        own = vars(self).get("images"), vars(self).get("streams"), dict(self._block_steps), dict(self._memo)
        return self.result.nbytes + bytes_of(own)

    @functools.cached_property
    def images(self) -> Tensor:
        """The model's input, (1, C, height, width), on the model's device."""
        return self.model.transform(self.result.picture)[0].to(self.result.device)

    @functools.cached_property
    def streams(self) -> Tensor:
        """The residual stream that enters the first block and leaves each block, (layers + 1, N, D), float32."""
        return residual_streams(self.model, self.images)

    @property
    def middle_token(self) -> int:
        """The sequence index of the patch in the middle of the grid."""
        rows, cols = self.result.grid
        return self.result.trace.token_at(rows // 2, cols // 2)

    def block_steps(self, layer: int) -> BlockSteps:
        """Everything that block `layer` (from 0) computes. Only the latest layer is held."""
        if layer not in self._block_steps:
            self._block_steps.clear()
            self._block_steps[layer] = block_steps(self.model.blocks[layer], self.streams[layer])
        return self._block_steps[layer]

    def memo(self, key: Hashable, compute: Callable[[], Any]) -> Any:
        """`compute()`, computed once for each key while the stage lives. Keys begin with the scene's name."""
        if key not in self._memo:
            found = compute()
            while len(self._memo) >= MEMO_ENTRIES:
                self._memo.pop(next(iter(self._memo)))
            self._memo[key] = found
        return self._memo[key]

    @functools.cached_property
    def _block_steps(self) -> dict[int, BlockSteps]:
        return {}

    @functools.cached_property
    def _memo(self) -> dict[Hashable, Any]:
        return {}

    def label(self, index: int) -> str:
        """A class's name, short enough for a slide; "#" and its index where the model has no names."""
        return plain(self.result.label(index) or f"#{index}", 40)

    def answers(self, logits: Tensor | None, k: int = 5) -> list[dict]:
        """The `k` most probable classes of logits (outputs,) as [{"index", "label", "p"}], best first; none of a model
        without classes."""
        if logits is None or not self.names_classes:
            return []
        found, listed = self.scores(logits), set(predictions.listed_classes(self.model))
        best = [i for i in predictions.ranked(found, self.config.problem_type).tolist() if i in listed]
        return [{"index": i, "label": self.label(i), "p": found[i].item()} for i in best[:k]]

    @property
    def names_classes(self) -> bool:
        """Whether the model has a head whose numbers are probabilities of classes."""
        return self.model.head is not None and predictions.has_probabilities(self.config.problem_type)

    @property
    def output(self) -> str:
        """The frame's word for the vector that the head reads: "class" for the class token, "pooled" for others."""
        return "class" if self.config.pool == "token" else "pooled"

    def scores(self, logits: Tensor) -> Tensor:
        """The probability of each class, (..., classes), from logits (..., outputs)."""
        return predictions.scores(logits.float(), self.config.problem_type)


def array(tensor: Tensor) -> np.ndarray:
    """A float32 array of a tensor on any device."""
    return tensor.detach().float().cpu().contiguous().numpy()


def change(before: Tensor, after: Tensor) -> dict | None:
    """How far a vector (D,) moved, as {"cosine", "relative"}, see `vector_change`."""
    found = vector_change(before, after)
    return None if found is None else dict(zip(("cosine", "relative"), found, strict=True))


def every_nth(matrix: Tensor, limit: int) -> Tensor:
    """Every n-th row and every m-th column of a matrix, so that at most `limit` of each are left."""
    n, m = (math.ceil(size / limit) for size in matrix.shape)
    return matrix[::n, ::m]


def _number(want: dict, name: str) -> float | None:
    value = want.get(name)
    valid = isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
    return value if valid else None


def integer(want: dict, name: str, low: int, high: int, default: int) -> int:
    """The integer want[name], clamped to [low, high]; `default` if it is missing or no number."""
    value = _number(want, name)
    return min(max(int(default if value is None else value), low), high)


def fraction(want: dict, name: str, default: float) -> float:
    """The number want[name], clamped to [0, 1]; `default` if it is missing or no number."""
    value = _number(want, name)
    return default if value is None else min(max(value, 0.0), 1.0)


def choice(want: dict, name: str, options: tuple, default: Any = None) -> Any:
    """want[name] if it is one of `options`; otherwise `default`, or the first option."""
    value = want.get(name)
    return value if value in options else options[0] if default is None else default
