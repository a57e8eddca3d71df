"""Inside the forward pass, a step at a time: for showing and for taking apart, not for speed.

The same modules as `model.py` runs, called one after another, with everything between them kept; what is
computed here equals the model's own forward pass (tests/test_steps.py). One picture at a time: N tokens,
D the width of the stream, H heads of width d, M the hidden width of the MLP.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from vit_core.model import Block, VisionTransformer, attention_weights


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
    return torch.stack([layer.tokens[0] for layer in model.layers(model.embed(images))])


@torch.no_grad()
def inside(block: Block, tokens: Tensor) -> Inside:
    """Everything that `block` does with a stream (N, D)."""
    attn, mlp, kind = block.attn, block.mlp, block.kind
    N, H, d = len(tokens), attn.heads, attn.head_dim
    read = tokens if kind == "post" else block.norm1(tokens)
    query, key, value = attn.qkv(read).view(N, 3, H, d).permute(1, 2, 0, 3)  # each H, N, d
    query, key = attn.q_norm(query), attn.k_norm(key)
    mixed = attention_weights(query, key).to(value.dtype) @ value  # H, N, d
    joined = mixed.transpose(0, 1).reshape(N, H * d)
    attended = attn.proj(attn.norm(joined))
    attended = block.ls1(block.norm1(attended) if kind == "post" else attended)
    between = tokens if kind == "parallel" else tokens + attended
    mlp_input = {"pre": lambda: block.norm2(between), "post": lambda: between, "parallel": lambda: read}[kind]()
    hidden = mlp.fc1(mlp_input)
    if mlp.gated:
        hidden, factor = hidden.chunk(2, dim=-1)
        activated = mlp.norm(mlp.act(hidden) * factor)
    else:
        activated = mlp.norm(mlp.act(hidden))
    written = mlp.fc2(activated)
    written = block.ls2(block.norm2(written) if kind == "post" else written)
    left = between + written + (attended if kind == "parallel" else 0)
    return Inside(tokens, read, query, key, value, mixed, joined, attended, between, mlp_input, hidden, activated,
                  written, left)


@torch.no_grad()
def rewired(model: VisionTransformer, tokens: Tensor, norm: str = "pre", residual: bool = True) -> Tensor:
    """The streams that the model's own blocks leave when they are wired otherwise: (layers + 1, N, D).

    `tokens` (N, D) enter the first block. norm "pre": x + f(norm(x)) (Xiong et al. 2020, arXiv:2002.04745);
    "post": norm(x + f(x)), the standard encoder (Vaswani et al. 2017, section 3.1). Without `residual`, x is
    left out of the sum. The weights were trained for one wiring; the other shows what it does to them.
    """
    if norm not in ("pre", "post"):
        raise ValueError(f"norm must be 'pre' or 'post', not {norm!r}")
    x, out = tokens[None], [tokens]
    for block in model.blocks:
        for before, layer, scale in ((block.norm1, lambda t, b=block: b.attn(t)[0], block.ls1),
                                     (block.norm2, block.mlp, block.ls2)):
            added = scale(layer(before(x) if norm == "pre" else x))
            x = x + added if residual else added
            x = x if norm == "pre" else before(x)
        out.append(x[0])
    return torch.stack(out)


@torch.no_grad()
def lens(model: VisionTransformer, stream: Tensor) -> Tensor | None:
    """The head's answer after each layer (the "logit lens", nostalgebraist 2020): (layers + 1, N, D) to logits
    (layers + 1, classes). The last row is the model's own answer. None for a model without a head."""
    return model.classify(model.norm(stream))
