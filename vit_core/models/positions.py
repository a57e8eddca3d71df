"""Position embeddings that are added to tokens: sinusoidal ones, and learned ones on another grid."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


def sinusoidal_positions(grid: tuple[int, int] | int, dim: int, base: float = 10_000.0) -> Tensor:
    """The fixed position embedding of Vaswani et al. 2017, section 3.5.

    An int N gives (N, dim): channel 2i is sin(pos / base^(2i/dim)), channel 2i+1 its cosine.
    A grid (rows, cols) gives (rows * cols, dim): the first half of the channels encodes the row,
    the second half the column (Dosovitskiy et al. 2021, appendix D.4; dim must be a multiple of 4).
    """
    if not isinstance(grid, int):
        if dim % 4:
            raise ValueError(f"a two-dimensional sinusoidal embedding needs dim divisible by 4, not {dim}")
        (rows, cols), half = grid, dim // 2
        row = sinusoidal_positions(rows, half, base)[:, None].expand(rows, cols, half)
        col = sinusoidal_positions(cols, half, base)[None].expand(rows, cols, half)
        return torch.cat([row, col], dim=-1).reshape(rows * cols, dim)
    if dim % 2:
        raise ValueError(f"a sinusoidal embedding needs an even dim, not {dim}")
    rate = base ** (-torch.arange(0, dim, 2, dtype=torch.float64) / dim)  # dim/2
    angle = torch.arange(grid, dtype=torch.float64)[:, None] * rate  # N, dim/2
    return torch.stack([angle.sin(), angle.cos()], dim=-1).flatten(1).float()


def resize_positions(grid_embed: Tensor, grid: tuple[int, int], antialias: bool) -> Tensor:
    """Position embedding (1, rows, cols, D) resampled to another grid, bicubic.

    timm antialiases, transformers does not; a checkpoint must be resized as its source would.
    """
    if tuple(grid_embed.shape[1:3]) == tuple(grid):
        return grid_embed
    planes = grid_embed.float().permute(0, 3, 1, 2)  # 1, D, rows, cols
    planes = F.interpolate(planes, size=tuple(grid), mode="bicubic", antialias=antialias)
    return planes.permute(0, 2, 3, 1).to(grid_embed.dtype)
