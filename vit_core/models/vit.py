"""The Vision Transformer (Dosovitskiy et al. 2021, arXiv:2010.11929), to be read in one sitting.

Axes: B images, N tokens (prefix tokens, then patches row by row), D the width of the stream, H heads,
d the width of a head. `VisionTransformer.layers` is the one forward pass; `forward` keeps its end,
`vit_core.record` keeps its steps.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vit_core.models.config import ViTConfig
from vit_core.models.linear import ACTIVATION, Linear
from vit_core.models.rotary import Rotary


def norm_layer(config: ViTConfig, dim: int | None = None) -> nn.Module:
    """The config's norm over the last axis."""
    kind = nn.LayerNorm if config.norm == "layer" else nn.RMSNorm
    return kind(config.dim if dim is None else dim, eps=config.norm_eps)


class LayerScale(nn.Module):
    """A learned factor per channel (Touvron et al. 2021, arXiv:2103.17239)."""

    def __init__(self, dim: int, init: float = 1e-5):
        super().__init__()
        self.gamma = nn.Parameter(torch.full((dim,), init))

    def forward(self, x: Tensor) -> Tensor:
        return x * self.gamma


def attention_weights(query: Tensor, key: Tensor) -> Tensor:
    """softmax(q k^T / sqrt(d)), rows summing to one (Vaswani et al. 2017, equation 1).

    query (..., N, d) and key (..., M, d) give (..., N, M), computed in float32 or better.
    """
    if query.shape[-1] != key.shape[-1]:
        raise ValueError(f"query and key must have the same width, got {query.shape[-1]} and {key.shape[-1]}")
    query, key = (t if t.dtype == torch.float64 else t.float() for t in (query, key))
    return torch.softmax((query * query.shape[-1] ** -0.5) @ key.transpose(-2, -1), dim=-1)


class Attention(nn.Module):
    """Multi-head self-attention; returns its output with the queries and keys that made it.

    `attend`: what computes softmax(q k^T / sqrt(d)) v, of three tensors (B, H, N, d) one.
    """

    def __init__(self, config: ViTConfig):
        super().__init__()
        self.heads, self.head_dim = config.heads, config.head_dim
        inner = config.heads * config.head_dim
        self.qkv = Linear(config.dim, 3 * inner, bias=config.qkv_bias)
        self.q_norm = norm_layer(config, config.head_dim) if config.qk_norm else nn.Identity()
        self.k_norm = norm_layer(config, config.head_dim) if config.qk_norm else nn.Identity()
        self.rotary = Rotary(config) if config.position == "rope" else nn.Identity()
        self.norm = norm_layer(config, inner) if config.attention_norm else nn.Identity()
        self.proj = Linear(inner, config.dim, bias=config.proj_bias)

    def heads_of(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Queries and keys as they meet, and values, each (B, H, N, d), of what the attention reads (B, N, D)."""
        qkv = self.qkv(x).view(*x.shape[:2], 3, self.heads, self.head_dim)  # batch token qkv head channel
        query, key, value = qkv.permute(2, 0, 3, 1, 4)
        return self.rotary(self.q_norm(query)), self.rotary(self.k_norm(key)), value

    def forward(self, x: Tensor, attend=F.scaled_dot_product_attention) -> tuple[Tensor, Tensor, Tensor]:
        query, key, value = self.heads_of(x)
        out = attend(query, key, value).transpose(1, 2).flatten(2)  # B, N, H*d
        return self.proj(self.norm(out)), query, key


class MLP(nn.Module):
    """Two linear layers with an activation between; "glu" gates it (Shazeer 2020, arXiv:2002.05202)."""

    def __init__(self, config: ViTConfig):
        super().__init__()
        self.gated = config.mlp == "glu"
        self.fc1 = Linear(config.dim, config.mlp_dim * (2 if self.gated else 1), bias=config.mlp_bias)
        self.act = ACTIVATION[config.activation]()
        self.norm = norm_layer(config, config.mlp_dim) if config.mlp_norm else nn.Identity()
        self.fc2 = Linear(config.mlp_dim, config.dim, bias=config.proj_bias)

    def forward(self, x: Tensor) -> Tensor:
        if self.gated:
            gate, value = self.fc1(x).chunk(2, dim=-1)
            hidden = self.act(gate) * value
        else:
            hidden = self.fc1(x, self.act)
        return self.fc2(self.norm(hidden))


class Block(nn.Module):
    """One encoder layer: attention mixes tokens, the MLP works on each; both add to the stream."""

    def __init__(self, config: ViTConfig):
        super().__init__()
        self.kind = config.block
        self.norm1 = norm_layer(config)
        self.attn = Attention(config)
        self.ls1 = LayerScale(config.dim) if config.layer_scale else nn.Identity()
        self.norm2 = norm_layer(config) if config.block != "parallel" else nn.Identity()
        self.mlp = MLP(config)
        self.ls2 = LayerScale(config.dim) if config.layer_scale else nn.Identity()

    def forward(self, x: Tensor, attend=F.scaled_dot_product_attention) -> tuple[Tensor, Tensor, Tensor]:
        if self.kind == "post":  # norms after, on what is added (Liu et al. 2022, arXiv:2111.09883)
            mixed, query, key = self.attn(x, attend)
            x = x + self.ls1(self.norm1(mixed))
            return x + self.ls2(self.norm2(self.mlp(x))), query, key
        normed = self.norm1(x)
        mixed, query, key = self.attn(normed, attend)
        if self.kind == "parallel":  # Dehghani et al. 2023, arXiv:2302.05442
            return x + self.ls1(mixed) + self.ls2(self.mlp(normed)), query, key
        x = x + self.ls1(mixed)
        return x + self.ls2(self.mlp(self.norm2(x))), query, key


class AttentionPool(nn.Module):
    """One learned query attends to the tokens, then an MLP (Zhai et al. 2022, arXiv:2106.04560)."""

    def __init__(self, config: ViTConfig):
        super().__init__()
        self.heads, D = config.heads, config.dim
        self.latent = nn.Parameter(torch.randn(1, 1, D) * D**-0.5)
        self.q, self.kv, self.proj = nn.Linear(D, D), nn.Linear(D, 2 * D), nn.Linear(D, D)
        self.norm = norm_layer(config)
        self.fc1, self.fc2 = nn.Linear(D, config.mlp_dim), nn.Linear(config.mlp_dim, D)
        self.act = ACTIVATION[config.activation]()

    def forward(self, x: Tensor) -> Tensor:
        B, N, D = x.shape
        query = self.q(self.latent).expand(B, 1, D).view(B, 1, self.heads, -1).transpose(1, 2)  # B, H, 1, d
        key, value = self.kv(x).view(B, N, 2, self.heads, -1).permute(2, 0, 3, 1, 4)  # each B, H, N, d
        out = F.scaled_dot_product_attention(query, key, value)  # B, H, 1, d
        out = self.proj(out.transpose(1, 2).reshape(B, D))
        return out + self.fc2(self.act(self.fc1(self.norm(out))))


class Layer(NamedTuple):
    """What one layer of the forward pass leaves behind."""

    tokens: Tensor  # (B, N, D), the stream after the layer
    query: Tensor | None  # (B, H, N, d), as `Attention.heads_of`; None before the first layer
    key: Tensor | None  # (B, H, N, d), likewise


def resize_positions(grid_embed: Tensor, grid: tuple[int, int], antialias: bool) -> Tensor:
    """Position embedding (1, rows, cols, D) resampled to another grid, bicubic.

    timm antialiases, transformers does not; a checkpoint must be resized as its source would.
    """
    if tuple(grid_embed.shape[1:3]) == tuple(grid):
        return grid_embed
    planes = grid_embed.float().permute(0, 3, 1, 2)  # 1, D, rows, cols
    planes = F.interpolate(planes, size=tuple(grid), mode="bicubic", antialias=antialias)
    return planes.permute(0, 2, 3, 1).to(grid_embed.dtype)


class VisionTransformer(nn.Module):
    """A ViT of any size. `labels` are its class names, `transform` its `images.Preprocess`; `assumed` is what the file
    it came from did not tell and was taken as usual: "heads", "pool", "average", "grid", "layers", "preprocess"."""

    def __init__(self, config: ViTConfig, labels: list[str] | None = None, transform=None):
        super().__init__()
        self.config, self.labels, self.transform, self.assumed = config, labels, transform, ()
        D, (rows, cols) = config.dim, config.grid
        self.patch_embed = nn.Conv2d(config.channels, D, config.patch_size, config.patch_size, bias=config.patch_bias)
        self.patch_norm = norm_layer(config) if config.patch_norm else nn.Identity()
        self.prefix_tokens = nn.Parameter(torch.randn(1, config.num_prefix_tokens, D) * 0.02)
        entries = rows * cols + config.num_prefix_tokens * config.position_prefix if config.position == "learned" else 0
        self.positions = nn.Parameter(torch.randn(1, entries, D) * 0.02)
        self.embed_norm = norm_layer(config) if config.embed_norm else nn.Identity()
        self.blocks = nn.ModuleList(Block(config) for _ in range(config.depth))
        self.norm = norm_layer(config) if config.final_norm else nn.Identity()
        self.attention_pool = AttentionPool(config) if config.pool == "map" else None
        self.pool_norm = norm_layer(config) if config.pool_norm else nn.Identity()
        width = 2 * D if config.pool == "token_avg" else D
        self.head = nn.Linear(width, config.classes, bias=config.head_bias) if config.classes else None
        self.distillation_head = nn.Linear(D, config.classes) if config.distillation_head else None

    def grid(self, images: Tensor) -> tuple[int, int]:
        """(rows, cols) of patches for images (B, C, height, width); what is left over is not seen."""
        (height, width), (ph, pw) = images.shape[-2:], self.config.patch_size
        if height < ph or width < pw:
            raise ValueError(f"images of {height} x {width} pixels hold no patch of {ph} x {pw}")
        return self.config.placed(height // ph, width // pw)

    def position_grid(self, grid: tuple[int, int] | None = None) -> Tensor | None:
        """The patches' position embedding (rows, cols, D), resized to `grid`; None if there is none."""
        if self.config.position != "learned":
            return None
        skip = self.config.num_prefix_tokens if self.config.position_prefix else 0
        native = self.positions[:, skip:].view(1, *self.config.grid, -1)
        return resize_positions(native, grid or self.config.grid, "antialias" in self.config.position_resize)[0]

    def embed(self, images: Tensor) -> Tensor:
        """Images (B, C, height, width) to the sequence (B, N, D) that enters the first block."""
        grid = self.grid(images)
        patches = self.patch_norm(self.patch_embed(images).flatten(2).transpose(1, 2))  # B, rows*cols, D
        prefix = self.prefix_tokens.expand(len(images), -1, -1)  # B, prefix, D
        if self.config.position == "learned":
            patches = patches + self.position_grid(grid).flatten(0, 1)
            if self.config.position_prefix:
                prefix = prefix + self.positions[:, : self.config.num_prefix_tokens]
        return self.embed_norm(torch.cat([prefix, patches], dim=1))

    def layers(self, tokens: Tensor, attend=F.scaled_dot_product_attention) -> Iterator[Layer]:
        """The encoder, a step at a time: the entering sequence, then what each block leaves."""
        yield Layer(tokens, None, None)
        for block in self.blocks:
            tokens, query, key = block(tokens, attend)
            yield Layer(tokens, query, key)
            del query, key  # they keep values in memory too

    def pooled(self, tokens: Tensor) -> Tensor:
        """Normed tokens (B, N, D) to the one vector (B, D) that the head reads."""
        c = self.config
        seen = tokens if c.pool_prefix else tokens[:, c.num_prefix_tokens :]
        out = {
            "token": lambda: tokens[:, 0],
            "avg": lambda: seen.mean(1),
            "max": lambda: seen.amax(1),
            "avgmax": lambda: 0.5 * (seen.amax(1) + seen.mean(1)),
            "map": lambda: self.attention_pool(seen),
            "token_avg": lambda: torch.cat([tokens[:, 0], seen.mean(1)], dim=-1),
        }[c.pool]()
        return self.pool_norm(out)

    def classify(self, tokens: Tensor) -> Tensor | None:
        """Normed tokens (B, N, D) to logits (B, classes); with two heads, their mean (arXiv:2012.12877)."""
        if self.head is None:
            return None
        logits = self.head(self.pooled(tokens))
        if self.distillation_head is None:
            return logits
        return 0.5 * (logits + self.distillation_head(tokens[:, int(self.config.class_token)]))

    def forward(self, images: Tensor) -> Tensor | None:
        """Images (B, C, height, width) to logits (B, classes), or None without a head."""
        for layer in self.layers(self.embed(images)):
            tokens = layer.tokens
        return self.classify(self.norm(tokens))
