"""The encoder: the same weights wired as the standard encoder and as this model's own, with residuals and without."""

from __future__ import annotations

import math
import weakref

import torch
from torch import Tensor

from app.lecture.stage import Scene, Stage, array, bytes_of, keeper, whole
from vit_core.lecture import steps

#: Elements of rewired streams that are kept for a stage; of a larger model every second layer's, third's, ...
KEPT = 32_000_000
SIDES = ("standard", "own")


class Runs:
    """The four passes through the encoder: each side's wiring, with and without residual."""

    def __init__(self, stage: Stage):
        model, start = stage.model, stage.streams[0]
        self.blocks = model.blocks
        self.every = max(1, math.ceil(4 * len(self.blocks) * start.numel() / KEPT))
        self.wirings = dict(zip(SIDES, ("post", stage.config.block), strict=True))
        self.streams: dict[tuple[str, bool, int], Tensor] = {}
        self.norms: dict[tuple[str, bool], Tensor] = {}  # (layers + 1, N)
        self.ends: dict[tuple[str, bool], dict] = {}
        for side, residual in self.all():
            x, norms = start, [start.norm(dim=-1)]
            for i, block in enumerate(self.blocks):
                if i % self.every == 0:
                    self.streams[side, residual, i] = x
                same = side == "own" and residual  # the model's own pass is known
                x = stage.streams[i + 1] if same else self._leave(block, x, side, residual)
                norms.append(x.norm(dim=-1))
            logits, alike = steps.lens(model, x[None]), float(steps.alike(x))
            sound = logits is not None and bool(logits.isfinite().all())
            self.norms[side, residual] = torch.stack(norms)
            self.ends[side, residual] = {
                "answers": stage.answers(logits[0], 1) if sound else [],
                "alike": alike if math.isfinite(alike) else None,
            }

    @property
    def nbytes(self) -> int:
        """Bytes held beside the stage's streams, of which the model's own pass is made."""
        return bytes_of((self.norms, [stream for key, stream in self.streams.items() if key[:2] != ("own", True)]))

    def all(self) -> list[tuple[str, bool]]:
        return [(side, residual) for side in SIDES for residual in (True, False)]

    def _leave(self, block, x: Tensor, side: str, residual: bool) -> Tensor:
        *_, left = steps.wired(block, x, self.wirings[side], residual).values()
        return left

    def parts(self, side: str, residual: bool, layer: int) -> dict[str, Tensor]:
        """What leaves each part of one layer's block, (N, D) by the part's name."""
        begin = layer - layer % self.every
        x = self.streams[side, residual, begin]
        for block in self.blocks[begin:layer]:
            x = self._leave(block, x, side, residual)
        return steps.wired(self.blocks[layer], x, self.wirings[side], residual)


_RUNS: weakref.WeakKeyDictionary[Stage, Runs] = keeper()


def build(stage: Stage, want: dict) -> Scene:
    """Of one layer and token, for each side ("standard", "own") with residual ("_on") and without ("_off"):

    "norms_<run>" (parts, N): the L2 norm of each token where it leaves each part; "vectors_<run>" (parts, D): the
    token's vector there; "patches_<run>", "class_<run>" (layers + 1): norms through depth, the patches' mean.
    """
    runs = _RUNS.get(stage) or _RUNS.setdefault(stage, Runs(stage))
    config, prefix = stage.config, stage.config.num_prefix_tokens
    count = stage.streams.shape[1]
    rows, cols = stage.result.grid
    middle = stage.result.token((rows // 2, cols // 2))
    layer = whole(want, "layer", 0, config.depth - 1, config.depth // 2)
    at = whole(want, "at", 0, count - 1, middle)
    numbers = {
        "layer": layer,
        "layers": config.depth,
        "at": at,
        "middle": middle,
        "tokens": count,
        "dim": config.dim,
        "own": runs.wirings["own"],
        "head": stage.model.head is not None,
        "parts": {},
        "ends": {},
    }
    arrays = {}
    for side, residual in runs.all():
        run = f"{side}_{'on' if residual else 'off'}"
        parts = runs.parts(side, residual, layer)
        numbers["parts"][side] = list(parts)
        numbers["ends"][run] = runs.ends[side, residual]
        arrays[f"norms_{run}"] = array(torch.stack([part.norm(dim=-1) for part in parts.values()]))
        arrays[f"vectors_{run}"] = array(torch.stack([part[at] for part in parts.values()]))
        norms = runs.norms[side, residual]
        arrays[f"patches_{run}"] = array(norms[:, prefix:].mean(1))
        if config.class_token:
            arrays[f"class_{run}"] = array(norms[:, 0])
    return Scene(numbers, arrays)
