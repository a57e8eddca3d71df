"""What the weights and the tokens say on their own: positions, distances, entropies, filters, norms."""

from __future__ import annotations

import torch
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
