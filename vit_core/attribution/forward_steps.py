"""The intermediate values of the forward pass of one picture, for display and for attribution.

They come from the model's own blocks (`Block.parts`), so they equal the forward pass. N tokens, D the width of the
residual stream, H heads of width d, M the hidden width of the MLP.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from vit_core.models.vit import MLP, Block, VisionTransformer, attention_weights


class BlockSteps(NamedTuple):
    """What one block computes, in order."""

    entered: Tensor  # (N, D), the stream before the block
    attention_input: Tensor  # (N, D), input of the query, key and value projections
    query: Tensor  # (H, N, d), after QK-norm and rotary positions
    key: Tensor  # (H, N, d), likewise
    value: Tensor  # (H, N, d)
    mixed: Tensor  # (H, N, d), each head's weighted sum of values
    joined: Tensor  # (N, H*d), the heads side by side, before the projection
    attended: Tensor  # (N, D), what attention adds to the stream
    between: Tensor  # (N, D), the stream after attention; in a parallel block, the stream before it
    mlp_input: Tensor  # (N, D)
    hidden: Tensor  # (N, M), before the activation; in a gated MLP, the gate
    activated: Tensor  # (N, M), input of the MLP's second layer
    written: Tensor  # (N, D), what the MLP adds to the stream
    left: Tensor  # (N, D), the stream after the block

    def weights(self, head: int) -> Tensor:
        """Attention weights of one head, (N, N), rows summing to 1."""
        return attention_weights(self.query[head], self.key[head])


#: For each wiring, the part of the block (see `Block.parts`) that is the attention's input, what attention adds, the
#: stream between, the MLP's input, and what the MLP adds. "x" is the stream before the block.
_PARTS = {
    "pre": ("norm1", "attention", "sum1", "norm2", "mlp"),
    "res_post": ("x", "norm1", "sum1", "sum1", "norm2"),
    "parallel": ("norm1", "attention", "x", "norm1", "mlp"),
}


@torch.no_grad()
def residual_streams(model: VisionTransformer, images: Tensor) -> Tensor:
    """The stream entering the first block and leaving each block: images (1, C, height, width) to (layers + 1, N,
    D)."""
    return torch.stack([stream[0] for stream in model.layers(model.embed(images))])


@torch.no_grad()
def mlp_steps(mlp: MLP, tokens: Tensor) -> tuple[Tensor, Tensor]:
    """Tokens (N, D) to the MLP's hidden values before the activation (the gate, if it is gated) and the input of its
    second layer, both (N, M)."""
    hidden, factor = mlp.fc1(tokens), 1
    if mlp.gated:
        hidden, factor = hidden.chunk(2, dim=-1)
    return hidden, mlp.norm(mlp.act(hidden) * factor)


@torch.no_grad()
def block_steps(block: Block, tokens: Tensor) -> BlockSteps:
    """Everything that `block` computes from a stream (N, D)."""
    heads: list[Tensor] = []

    def attend(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        mixed = attention_weights(query, key).to(value.dtype) @ value
        heads.extend(part[0] for part in (query, key, value, mixed))
        return mixed

    parts = {"x": tokens} | {name: part[0] for name, part in block.parts(tokens[None], attend)}
    attention_input, attended, between, mlp_input, written = (parts[name] for name in _PARTS[block.wiring])
    query, key, value, mixed = heads
    hidden, activated = mlp_steps(block.mlp, mlp_input)
    return BlockSteps(
        entered=tokens,
        attention_input=attention_input,
        query=query,
        key=key,
        value=value,
        mixed=mixed,
        joined=mixed.transpose(0, 1).flatten(1),
        attended=attended,
        between=between,
        mlp_input=mlp_input,
        hidden=hidden,
        activated=activated,
        written=written,
        left=parts["sum2"],
    )
