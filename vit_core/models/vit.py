"""The Vision Transformer (Dosovitskiy et al. 2021, arXiv:2010.11929), to be read in one sitting.

Axes: B images, N tokens (prefix tokens, then patches row by row), D the width of the residual stream, H heads, d the
width of a head. `forward` is `embed`, `encode`, `classify`; `vit_core.record` runs the same methods.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vit_core.models.config import ViTConfig
from vit_core.models.linear import ACTIVATION, Linear
from vit_core.models.positions import resize_positions
from vit_core.models.rotary import Rotary

sdpa = F.scaled_dot_product_attention
Attend = Callable[[Tensor, Tensor, Tensor], Tensor]  # query, key, value to mixed values, each (B, H, N, d)


def norm_layer(config: ViTConfig, dim: int | None = None) -> nn.Module:
    """The config's norm over the last axis."""
    return (nn.LayerNorm if config.norm == "layer" else nn.RMSNorm)(dim or config.dim, eps=config.norm_eps)


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
    """Multi-head self-attention.

    `attend(query, key, value)` mixes the values, (B, H, N, d) each to (B, H, N, d). By default it is
    softmax(q k^T / sqrt(d)) v; a caller that replaces it can keep the weights or switch heads off.
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

    def forward(self, x: Tensor, attend: Attend = sdpa) -> Tensor:
        B, N, _ = x.shape
        query, key, value = self.qkv(x).view(B, N, 3, self.heads, self.head_dim).permute(2, 0, 3, 1, 4)
        mixed = attend(self.rotary(self.q_norm(query)), self.rotary(self.k_norm(key)), value)  # B, H, N, d
        return self.proj(self.norm(mixed.transpose(1, 2).flatten(2)))  # B, N, D


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
    """One encoder layer: attention mixes tokens, the MLP works on each token; both add to the residual stream."""

    def __init__(self, config: ViTConfig):
        super().__init__()
        self.wiring = config.block
        self.norm1 = norm_layer(config)
        self.attn = Attention(config)
        self.ls1 = LayerScale(config.dim) if config.layer_scale else nn.Identity()
        self.norm2 = norm_layer(config) if config.block != "parallel" else nn.Identity()
        self.mlp = MLP(config)
        self.ls2 = LayerScale(config.dim) if config.layer_scale else nn.Identity()

    def parts(self, x: Tensor, attend: Attend = sdpa, wiring=None, residual=True) -> Iterator[tuple[str, Tensor]]:
        """What each part computes, in order, by name; x and every part (B, N, D). The last leaves the block.

        The parts are "norm1", "attention", "sum1", "norm2", "mlp" and "sum2". Layer scale belongs to what is added.
        `wiring`: one of `config.WIRINGS`, by default the block's own. Without `residual`, x is left out of the sums.
        """
        wiring = wiring or self.wiring
        norm2 = self.norm1 if self.wiring == "parallel" else self.norm2  # a parallel block has one norm
        attention = ("1", "attention", lambda read: self.attn(read, attend), self.norm1, self.ls1)
        mlp = ("2", "mlp", self.mlp, norm2, self.ls2)
        if wiring == "parallel":
            yield "norm1", (normed := self.norm1(x))
            yield "attention", (mixed := self.ls1(self.attn(normed, attend)))
            yield "mlp", (out := self.ls2(self.mlp(normed)))
            yield "sum2", x + mixed + out if residual else mixed + out
            return
        for number, name, sublayer, norm, scale in (attention, mlp):
            out = x
            if wiring == "pre":
                yield f"norm{number}", (out := norm(out))
            yield name, (out := sublayer(out) if wiring == "res_post" else scale(sublayer(out)))
            if wiring == "res_post":
                yield f"norm{number}", (out := scale(norm(out)))
            yield f"sum{number}", (x := x + out if residual else out)
            if wiring == "post":
                yield f"norm{number}", (x := norm(x))

    def forward(self, x: Tensor, attend: Attend = sdpa) -> Tensor:
        for _, part in self.parts(x, attend):
            x = part
        return x


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

    def forward(self, x: Tensor, attend: Attend = sdpa) -> Tensor:
        B, N, D = x.shape
        query = self.q(self.latent).expand(B, 1, D).view(B, 1, self.heads, -1).transpose(1, 2)  # B, H, 1, d
        key, value = self.kv(x).view(B, N, 2, self.heads, -1).permute(2, 0, 3, 1, 4)  # each B, H, N, d
        out = attend(query, key, value)  # B, H, 1, d
        out = self.proj(out.transpose(1, 2).reshape(B, D))
        return out + self.fc2(self.act(self.fc1(self.norm(out))))


class VisionTransformer(nn.Module):
    """A ViT of any size, its class names, its `images.Preprocess`, and the `checkpoints.LoadReport` of its weights."""

    shares_weights = False  # True for a view of another model, with other preprocessing (`images.reframed`)

    def __init__(self, config: ViTConfig, labels: list[str] | None = None, transform: Any = None, report: Any = None):
        super().__init__()
        self.config, self.labels, self.transform, self.report = config, labels, transform, report
        self.assumed: tuple[str, ...] = tuple(report.assumed) if report else ()  # settings that got a default
        D, (rows, cols) = config.dim, config.grid
        self.patch_embed = nn.Conv2d(config.channels, D, config.patch_size, config.patch_size, bias=config.patch_bias)
        self.patch_norm = norm_layer(config) if config.patch_norm else nn.Identity()
        self.prefix_tokens = nn.Parameter(torch.randn(1, config.num_prefix_tokens, D) * 0.02)
        entries = rows * cols + config.num_prefix_tokens * config.position_prefix if config.position == "learned" else 0
        self.positions = nn.Parameter(torch.randn(1, entries, D) * 0.02)
        self.embed_norm = norm_layer(config) if config.embed_norm else nn.Identity()
        self.blocks: Sequence[Block] = nn.ModuleList(Block(config) for _ in range(config.depth))  # type: ignore
        self.norm = norm_layer(config) if config.final_norm else nn.Identity()
        self.attention_pool: AttentionPool = AttentionPool(config) if config.pool == "map" else None  # type: ignore
        self.pool_norm = norm_layer(config) if config.pool_norm else nn.Identity()
        width = 2 * D if config.pool == "token_avg" else D
        self.head = nn.Linear(width, config.classes, bias=config.head_bias) if config.classes else None
        self.distillation_head = nn.Linear(D, config.classes) if config.distillation_head else None

    def grid(self, images: Tensor) -> tuple[int, int]:
        """(rows, cols) of patches for images (B, C, height, width); pixels left over are ignored."""
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
        if (positions := self.position_grid(grid)) is not None:
            patches = patches + positions.flatten(0, 1)
            if self.config.position_prefix:
                prefix = prefix + self.positions[:, : self.config.num_prefix_tokens]
        return self.embed_norm(torch.cat([prefix, patches], dim=1))

    def layers(self, tokens: Tensor, attend: Attend = sdpa) -> Iterator[Tensor]:
        """The residual stream (B, N, D) that enters the first block, then what leaves each block."""
        yield tokens
        for block in self.blocks:
            tokens = block(tokens, attend)
            yield tokens

    def encode(self, tokens: Tensor, attend: Attend = sdpa) -> Tensor:
        """The sequence from `embed` (B, N, D) to the tokens after the last block and norm (B, N, D)."""
        for block in self.blocks:
            tokens = block(tokens, attend)
        return self.norm(tokens)

    def pooled(self, tokens: Tensor, attend: Attend = sdpa) -> Tensor:
        """Normed tokens (B, N, D) to the one vector (B, D) that the head reads."""
        c = self.config
        pool = tokens if c.pool_prefix else tokens[:, c.num_prefix_tokens :]
        out = {
            "token": lambda: tokens[:, 0],
            "avg": lambda: pool.mean(1),
            "max": lambda: pool.amax(1),
            "avgmax": lambda: 0.5 * (pool.amax(1) + pool.mean(1)),
            "map": lambda: self.attention_pool(pool, attend),
            "token_avg": lambda: torch.cat([tokens[:, 0], pool.mean(1)], dim=-1),
        }[c.pool]()
        return self.pool_norm(out)

    def classify(self, tokens: Tensor, attend: Attend = sdpa) -> Tensor | None:
        """Normed tokens (B, N, D) to logits (B, classes); with two heads, their mean (arXiv:2012.12877)."""
        if self.head is None:
            return None
        logits = self.head(self.pooled(tokens, attend))
        if self.distillation_head is None:
            return logits
        return 0.5 * (logits + self.distillation_head(tokens[:, int(self.config.class_token)]))

    def forward(self, images: Tensor) -> Tensor | None:
        """Images (B, C, height, width) to logits (B, classes), or None without a head."""
        return self.classify(self.encode(self.embed(images)))
