"""Tokens and positions before their sum, and the model's prediction with other positions.

The model is not modified. Axes: B images, N tokens (prefix tokens, then patches row by row), D their width.
"""

from __future__ import annotations

import torch
from torch import Tensor

from vit_core.models.vit import Attend, VisionTransformer, sdpa


@torch.no_grad()
def tokens_without_positions(model: VisionTransformer, images: Tensor) -> Tensor:
    """The prefix tokens and the embedded patches before positions are added: images (B, C, height, width) to (B, N,
    D)."""
    patches = model.patch_norm(model.patch_embed(images).flatten(2).transpose(1, 2))  # B, rows*cols, D
    return torch.cat([model.prefix_tokens.expand(len(images), -1, -1), patches], dim=1)


@torch.no_grad()
def sequence_positions(model: VisionTransformer, grid: tuple[int, int]) -> Tensor | None:
    """The position embedding of the whole sequence on a grid of patches: (N, D); None for a model without one.

    Prefix tokens without a position of their own get zeros.
    """
    patches = model.position_grid(grid)
    if patches is None:
        return None
    prefix = torch.zeros_like(model.prefix_tokens[0])  # prefix, D
    if model.config.position_prefix:
        prefix = model.positions[0, : model.config.num_prefix_tokens]
    return torch.cat([prefix, patches.flatten(0, 1)])


@torch.no_grad()
def embed_with(model: VisionTransformer, images: Tensor, positions: Tensor | None) -> Tensor:
    """`model.embed` with these positions (N, D) in place of the model's own; None adds nothing: (B, N, D)."""
    tokens = tokens_without_positions(model, images)
    return model.embed_norm(tokens if positions is None else tokens + positions)


@torch.no_grad()
def classify_with(
    model: VisionTransformer, images: Tensor, positions: Tensor | None, attend: Attend = sdpa
) -> Tensor | None:
    """Logits (B, classes) with these positions (N, D) in place of the model's own; None without a head."""
    if model.head is None:
        return None
    return model.classify(model.encode(embed_with(model, images, positions), attend))


@torch.no_grad()
def vector_with(model: VisionTransformer, images: Tensor, positions: Tensor | None, attend: Attend = sdpa) -> Tensor:
    """The vectors (B, width) that the model returns or its head reads, with these positions (N, D) in place of its
    own."""
    return model.pooled(model.encode(embed_with(model, images, positions), attend))


def rotary_attention(model: VisionTransformer, order: Tensor | None) -> Attend:
    """An `attend` for a model with rotary positions that replaces them: patch i is rotated as patch order[i] would be;
    without an order, no patch is rotated. Prefix tokens have no position."""
    rotary, prefix = model.blocks[0].attn.rotary, model.config.num_prefix_tokens

    def moved(x: Tensor) -> Tensor:  # (B, H, N, d), rotated by its own position
        x = rotary(x, back=True)
        if order is None:
            return x
        places = torch.cat([torch.arange(prefix), prefix + order]).to(x.device)
        there = torch.empty_like(x)
        there[:, :, places] = x
        return rotary(there)[:, :, places]

    return lambda query, key, value: sdpa(moved(query), moved(key), value)


def remove_positions(positions: Tensor, prefix: int) -> Tensor:
    """Positions (N, D) with zeros for all patches; the `prefix` tokens in front keep theirs."""
    out = positions.clone()
    out[prefix:] = 0
    return out


def shuffle_positions(positions: Tensor, prefix: int, order: Tensor) -> Tensor:
    """Positions (N, D) with those of the patches in another order: patch i gets the position of patch order[i]."""
    order = order.to(positions.device)
    return torch.cat([positions[:prefix], positions[prefix:][order]])
