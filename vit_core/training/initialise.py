"""The weights that a small model starts from: mimetic initialisation, or those of a model with larger patches."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vit_core.models.positions import sinusoidal_positions
from vit_core.models.vit import VisionTransformer


def mimetic(model: VisionTransformer, generator: torch.Generator) -> None:
    """Initialise attention with products as in trained models (Trockman & Kolter 2023).

    W_q W_k^T is near +I: a token attends to similar tokens. W_proj W_v is near -I.
    """
    c, D = model.config, model.config.dim

    def near_identity(noise: float, identity: float) -> tuple[Tensor, Tensor]:
        target = noise * torch.randn(D, D, generator=generator) / D**0.5 + identity * torch.eye(D)
        U, S, Vh = torch.linalg.svd(target)
        return U * S.sqrt(), S.sqrt()[:, None] * Vh  # their product is the target

    with torch.no_grad():
        for block in model.blocks:
            query, key, value = block.attn.qkv.weight.view(3, c.heads, c.head_dim, D)
            for head in range(c.heads):
                left, right = near_identity(0.7, 0.7)
                query[head], key[head] = left.T[: c.head_dim], right[: c.head_dim]
            left, right = near_identity(0.4, -0.4)
            value.view(-1, D).copy_(right[: c.heads * c.head_dim])
            block.attn.proj.weight.copy_(left[:, : c.heads * c.head_dim])
            for bias in (block.attn.qkv.bias, block.attn.proj.bias):
                nn.init.zeros_(bias)
        positions = sinusoidal_positions(c.grid, D)
        model.positions[0, c.num_prefix_tokens if c.position_prefix else 0 :] = 0.3 * positions


def resample(coarse: VisionTransformer, model: VisionTransformer) -> None:
    """Give `model` the weights of one with larger patches: positions and patch embedding are resized.

    The sum over a patch's pixels stays about as large (FlexiViT, Beyer et al. 2023, arXiv:2212.08013, section 3.4,
    resizes them exactly; training goes on anyway).
    """
    state, size = coarse.state_dict(), model.config.patch_size
    larger = state["patch_embed.weight"]
    smaller = F.adaptive_avg_pool2d(larger, size)
    state["patch_embed.weight"] = smaller * (larger[0, 0].numel() / smaller[0, 0].numel())
    prefix = coarse.positions[:, : coarse.config.num_prefix_tokens]  # 1, prefix, D
    positions = coarse.position_grid(model.config.grid)
    assert positions is not None
    state["positions"] = torch.cat([prefix, positions.flatten(0, 1)[None]], dim=1)
    model.load_state_dict(state)
