"""The encoder: the same weights wired as the standard encoder and as this model's own, with residuals and without."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from app.lecture.stage import Scene, Stage, array, bytes_of, change, integer
from vit_core.lecture import logit_lens, mean_token_cosine, rewired_parts
from vit_core.models.vit import Block

#: Elements of rewired streams that a stage holds. Of a larger model only every second layer's stream is held, or every
#: third's, and so on; the layers between are computed again.
MAX_STREAM_ELEMENTS = 32_000_000
SIDES = ("standard", "own")


class EncoderRuns:
    """The four passes through the encoder: each side's wiring, with and without residual."""

    def __init__(self, stage: Stage):
        model, start = stage.model, stage.streams[0]
        self.blocks = model.blocks
        self.every = max(1, math.ceil(4 * len(self.blocks) * start.numel() / MAX_STREAM_ELEMENTS))
        self.wirings = dict(zip(SIDES, ("post", stage.config.block), strict=True))
        self.streams: dict[tuple[str, bool, int], Tensor] = {}
        self.norms: dict[tuple[str, bool], Tensor] = {}  # (layers + 1, N)
        self.ends: dict[tuple[str, bool], dict] = {}
        vectors: dict[tuple[str, bool], Tensor] = {}  # final ones, of a model that names no classes
        for side, residual in self.passes():
            x, norms = start, [start.norm(dim=-1)]
            for i, block in enumerate(self.blocks):
                if i % self.every == 0:
                    self.streams[side, residual, i] = x
                is_models_own = side == "own" and residual
                x = stage.streams[i + 1] if is_models_own else self._run(block, x, side, residual)
                norms.append(x.norm(dim=-1))
            logits, cosine = logit_lens(model, x[None]), float(mean_token_cosine(x))
            finite = logits is not None and bool(logits.isfinite().all())
            self.norms[side, residual] = torch.stack(norms)
            self.ends[side, residual] = {
                "answers": stage.answers(logits[0], 1) if finite else [],
                "cosine": cosine if math.isfinite(cosine) else None,
            }
            if not stage.names_classes:
                with torch.no_grad():
                    vectors[side, residual] = model.pooled(model.norm(x[None]))[0]
        for run, vector in vectors.items():
            self.ends[run]["change"] = change(vectors["own", True], vector)

    @property
    def nbytes(self) -> int:
        """Bytes beside the stage's streams, which are the model's own pass."""
        return bytes_of((self.norms, [stream for key, stream in self.streams.items() if key[:2] != ("own", True)]))

    @staticmethod
    def passes() -> list[tuple[str, bool]]:
        """(side, residual) of the four passes."""
        return [(side, residual) for side in SIDES for residual in (True, False)]

    def _run(self, block: Block, x: Tensor, side: str, residual: bool) -> Tensor:
        *_, out = rewired_parts(block, x, self.wirings[side], residual).values()
        return out

    def parts(self, side: str, residual: bool, layer: int) -> dict[str, Tensor]:
        """What leaves each part of one layer's block, (N, D) by the part's name."""
        begin = layer - layer % self.every
        x = self.streams[side, residual, begin]
        for block in self.blocks[begin:layer]:
            x = self._run(block, x, side, residual)
        return rewired_parts(self.blocks[layer], x, self.wirings[side], residual)


def encoder_runs(stage: Stage) -> EncoderRuns:
    """The stage's four passes; computed once."""
    return stage.memo(("encoder", "runs"), lambda: EncoderRuns(stage))


def build(stage: Stage, want: dict) -> Scene:
    """One layer and one token, for each side ("standard", "own") with residual ("_on") and without ("_off"):

    "norms_<run>" (parts, N): the L2 norm of each token after each part; "vectors_<run>" (parts, D): the chosen token
    after each part; "patches_<run>", "class_<run>" (layers + 1): norms by depth, of the patches their mean.
    """
    runs = encoder_runs(stage)
    config, prefix = stage.config, stage.config.num_prefix_tokens
    num_tokens = stage.streams.shape[1]
    layer = integer(want, "layer", 0, config.depth - 1, config.depth // 2)
    at = integer(want, "at", 0, num_tokens - 1, stage.middle_token)
    numbers = {
        "layer": layer,
        "layers": config.depth,
        "at": at,
        "middle": stage.middle_token,
        "tokens": num_tokens,
        "dim": config.dim,
        "own": runs.wirings["own"],
        "classed": stage.names_classes,
        "output": stage.output,
        "parts": {},
        "ends": {},
    }
    arrays = {}
    for side, residual in runs.passes():
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
