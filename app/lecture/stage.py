"""What the scenes share: the picture and the model in hand, and what is worth computing once for all of them."""

from __future__ import annotations

import functools
import math
import weakref
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from torch import Tensor

from app.explore.result import Result
from app.text.plain import plain
from vit_core import VisionTransformer
from vit_core.lecture import steps

#: What scenes keep for as long as a stage lives, a dictionary each; `Stage.nbytes` counts it.
_KEEPERS: list[weakref.WeakKeyDictionary[Stage, Any]] = []


def keeper() -> weakref.WeakKeyDictionary:
    """A dictionary for what one scene keeps of stages: numbers, tensors, arrays, and what has `nbytes` as they do, in
    tuples, lists and dictionaries. (Weights of models that it holds are not counted.)"""
    _KEEPERS.append(weakref.WeakKeyDictionary())
    return _KEEPERS[-1]


def bytes_of(kept) -> int:
    """Bytes that a keeper's value takes."""
    if isinstance(kept, dict):
        kept = tuple(kept.values())
    return sum(map(bytes_of, kept)) if isinstance(kept, (tuple, list)) else getattr(kept, "nbytes", 0)


@dataclass(frozen=True)
class Scene:
    """For the browser: `numbers` is plain JSON, `arrays` are float32, int32 or uint8 of any shape."""

    numbers: dict = field(default_factory=dict)
    arrays: dict[str, np.ndarray] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Stage:
    """One picture and one model. Read-only, shared by all sessions; used on the worker thread alone."""

    result: Result

    @property
    def model(self) -> VisionTransformer:
        """The Vision Transformer."""
        return self.result.model

    @property
    def config(self):
        """Its ViTConfig."""
        return self.result.trace.config

    @property
    def nbytes(self) -> int:
        """Bytes of all it holds and of what scenes keep with it, its result's among them; not of the model."""
        held = vars(self).get("images"), vars(self).get("streams"), self._inside
        return self.result.nbytes + bytes_of(held) + sum(bytes_of(kept.get(self)) for kept in _KEEPERS)

    @functools.cached_property
    def images(self) -> Tensor:
        """The model's input, (1, C, height, width), on the model's device."""
        return self.model.transform(self.result.picture)[0].to(self.result.device)

    @functools.cached_property
    def streams(self) -> Tensor:
        """The stream entering the first block and leaving each, (layers + 1, N, D), float32."""
        return steps.streams(self.model, self.images)

    def inside(self, layer: int) -> steps.Inside:
        """Everything that block `layer` (from 0) did; the last one asked for is kept."""
        if layer not in self._inside:
            self._inside.clear()
            self._inside[layer] = steps.inside(self.model.blocks[layer], self.streams[layer])
        return self._inside[layer]

    @functools.cached_property
    def _inside(self) -> dict[int, steps.Inside]:
        return {}

    def label(self, index: int) -> str:
        """A class's name, short enough for a slide; its number (from 0), where the model has no names."""
        return plain(self.result.label(index) or f"#{index}", 40)

    def answers(self, logits: Tensor | None, k: int = 5) -> list[dict]:
        """The `k` most probable classes of logits (classes,) as [{"index", "label", "p"}], best first."""
        if logits is None:
            return []
        best = logits.float().softmax(-1).topk(min(k, logits.numel()))
        return [
            {"index": i, "label": self.label(i), "p": p}
            for i, p in zip(best.indices.tolist(), best.values.tolist(), strict=True)
        ]


def array(tensor: Tensor) -> np.ndarray:
    """A float32 array of a tensor on any device."""
    return tensor.detach().float().cpu().contiguous().numpy()


def whole(want: dict, name: str, low: int, high: int, default: int) -> int:
    """An integer that the browser asked for, moved into [low, high]; `default` for what is no number."""
    value = want.get(name)
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        value = default
    return min(max(int(value), low), high)


def one_of(want: dict, name: str, options: tuple, default=None):
    """A choice that the browser asked for; `default` (or the first option) for what is none."""
    value = want.get(name)
    return value if any(value is o or value == o for o in options) else options[0] if default is None else default
