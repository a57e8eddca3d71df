"""The model's own blocks wired in another way: another place for the norms, or no residual connections.

The weights were trained for one wiring (`ViTConfig.block`). Another wiring shows what these weights do in it, not what
a model trained that way would do.
"""

from __future__ import annotations

import torch
from torch import Tensor

from vit_core.models.config import WIRINGS
from vit_core.models.vit import Block


@torch.no_grad()
def rewired_parts(block: Block, tokens: Tensor, wiring: str, residual: bool = True) -> dict[str, Tensor]:
    """The output of each part of `block` in another wiring: (N, D) by the part's name, in the order of `Block.parts`.

    The first is "x", the stream that enters, `tokens` (N, D); the last leaves the block. `wiring`: one of WIRINGS.
    Without `residual`, x is left out of the sums.
    """
    if wiring not in WIRINGS:
        raise ValueError(f"the wiring must be one of {WIRINGS}, not {wiring!r}")
    parts = block.parts(tokens[None], wiring=wiring, residual=residual)
    return {"x": tokens} | {name: part[0] for name, part in parts}


def mean_token_cosine(tokens: Tensor) -> Tensor:
    """Mean cosine between two different tokens of (..., N, D): (...,). NaN for a single token.

    1 means that all tokens point the same way, the rank collapse of Dong et al. 2021 (arXiv:2103.03404).
    """
    unit = torch.nn.functional.normalize(tokens, dim=-1)
    N = tokens.shape[-2]
    total = unit.sum(-2).square().sum(-1)  # over all pairs, each token with itself included
    return (total - unit.square().sum((-2, -1))) / (N * (N - 1)) if N > 1 else torch.full(total.shape, torch.nan)
