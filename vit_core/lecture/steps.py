"""Inside the forward pass, a step at a time: for showing and for taking apart, not for speed.

The same modules as `model.py` runs, called one after another, with everything between them kept; what is
computed here equals the model's own forward pass (tests/lecture/test_steps.py). One picture at a time: N tokens,
D the width of the stream, H heads of width d, M the hidden width of the MLP.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from vit_core.models.config import WIRINGS
from vit_core.models.vit import MLP, Block, VisionTransformer, attention_weights


class Inside(NamedTuple):
    """What one block computes, in order."""

    entered: Tensor  # (N, D), the stream before the block
    attention_input: Tensor  # (N, D), what queries, keys and values are made of
    query: Tensor  # (H, N, d), after QK-norm where there is one
    key: Tensor  # (H, N, d)
    value: Tensor  # (H, N, d)
    mixed: Tensor  # (H, N, d), each head's weighted sum of values
    joined: Tensor  # (N, H*d), the heads side by side, before the projection
    attended: Tensor  # (N, D), what attention adds to the stream
    between: Tensor  # (N, D), the stream after attention; the stream before it in a parallel block
    mlp_input: Tensor  # (N, D)
    hidden: Tensor  # (N, M), before the activation; of a gated MLP the gate
    activated: Tensor  # (N, M), what the second layer reads
    written: Tensor  # (N, D), what the MLP adds to the stream
    left: Tensor  # (N, D), the stream after the block

    def weights(self, head: int) -> Tensor:
        """Attention weights of one head, (N, N), rows summing to 1."""
        return attention_weights(self.query[head], self.key[head])


@torch.no_grad()
def streams(model: VisionTransformer, images: Tensor) -> Tensor:
    """The stream entering the first block and leaving each: images (1, C, height, width) to (layers + 1, N, D)."""
    return torch.stack([stream[0] for stream in model.layers(model.embed(images))])


@torch.no_grad()
def through(mlp: MLP, tokens: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Tokens (N, D) through an MLP: before the activation (N, M), of a gated one the gate; what the second layer
    reads (N, M); what that gives (N, D). No token sees another."""
    hidden, factor = mlp.fc1(tokens), 1
    if mlp.gated:
        hidden, factor = hidden.chunk(2, dim=-1)
    activated = mlp.norm(mlp.act(hidden) * factor)
    return hidden, activated, mlp.fc2(activated)


@torch.no_grad()
def inside(block: Block, tokens: Tensor) -> Inside:
    """Everything that `block` computes from a stream (N, D)."""
    heads = []

    def attend(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        heads.extend((query, key, value, attention_weights(query, key).to(value.dtype) @ value))
        return heads[-1]

    part = {name: out[0] for name, out in block.parts(tokens[None], attend)}
    query, key, value, mixed = (of[0] for of in heads)
    norm_last = block.wiring == "res_post"
    attended, written = (part[name] for name in (("norm1", "norm2") if norm_last else ("attention", "mlp")))
    between = part.get("sum1", tokens)  # a parallel block has one sum, the last
    mlp_input = {"pre": "norm2", "res_post": "sum1", "parallel": "norm1"}[block.wiring]
    return Inside(
        entered=tokens,
        attention_input=tokens if norm_last else part["norm1"],
        query=query,
        key=key,
        value=value,
        mixed=mixed,
        joined=mixed.transpose(0, 1).flatten(1),
        attended=attended,
        between=between,
        mlp_input=part[mlp_input],
        hidden=(hidden := through(block.mlp, part[mlp_input]))[0],
        activated=hidden[1],
        written=written,
        left=part["sum2"],
    )


@torch.no_grad()
def wired(block: Block, tokens: Tensor, norm: str, residual: bool = True) -> dict[str, Tensor]:
    """What leaves each part of `block` in the wiring `norm`: (N, D) by the part's name, as `Block.parts` has them.

    "x", the stream that enters, comes first.
    """
    if norm not in WIRINGS:
        raise ValueError(f"the wiring must be one of {WIRINGS}, not {norm!r}")
    parts = block.parts(tokens[None], wiring=norm, residual=residual)
    return {"x": tokens} | {name: out[0] for name, out in parts}


@torch.no_grad()
def rewired(model: VisionTransformer, tokens: Tensor, norm: str = "pre", residual: bool = True) -> Tensor:
    """The streams that the model's own blocks leave when they are wired as `norm` says: (layers + 1, N, D).

    `tokens` (N, D) enter the first block. The weights were trained for one wiring; another shows what these same
    weights do in it, not what a model trained that way would do.
    """
    out = [tokens]
    for block in model.blocks:
        *_, left = wired(block, out[-1], norm, residual).values()
        out.append(left)
    return torch.stack(out)


def alike(tokens: Tensor) -> Tensor:
    """Mean cosine between two different tokens of (..., N, D): (...,). 1 where attention has made all the same
    (Dong et al. 2021, arXiv:2103.03404); nan for one token alone."""
    unit = torch.nn.functional.normalize(tokens, dim=-1)
    N = tokens.shape[-2]
    total = unit.sum(-2).square().sum(-1)  # of all pairs, each token with itself among them
    return (total - unit.square().sum((-2, -1))) / (N * (N - 1)) if N > 1 else torch.full(total.shape, torch.nan)


@torch.no_grad()
def lens(model: VisionTransformer, stream: Tensor) -> Tensor | None:
    """The head's answer after each layer (the "logit lens", nostalgebraist 2020): (layers + 1, N, D) to logits
    (layers + 1, classes). The last row is the model's own answer. None for a model without a head."""
    return model.classify(model.norm(stream))


@torch.no_grad()
def unit_logits(model: VisionTransformer, layer: int, unit: int) -> Tensor | None:
    """What the direction that a hidden unit writes says to the head: (classes,), logits for an activation of one and
    a token of spread one (Geva et al. 2022, arXiv:2203.14680).

    The direction is read straight through the last norm's weight and the head, as if the head read this token next:
    what later layers make of it is left out. None where no such reading exists: without a head, with a norm on what
    the MLP adds, or with a head that reads anything but one vector of the stream's width. Of two heads, whose mean the
    model's logits are, it is the class token's that is asked, and not halved.
    """
    block = model.blocks[layer]
    if model.head is None or block.wiring == "res_post" or model.config.pool in ("map", "token_avg"):
        return None
    direction = block.ls2(block.mlp.fc2.weight[:, unit])
    for norm in (model.norm, model.pool_norm):
        if isinstance(norm, torch.nn.LayerNorm):
            direction = direction - direction.mean()
        direction = direction * getattr(norm, "weight", 1)
    return model.head.weight @ direction
