"""Rotary positions (Su et al. 2021, arXiv:2104.09864) in two axes, as DINOv3 has them (Siméoni et al. 2025,
arXiv:2508.10104): what two tokens are to each other depends on how far apart they lie, and nothing is added to them.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vit_core.models.config import ViTConfig


class Rotary(nn.Module):
    """Turns queries or keys by the place of their patch; the prefix tokens stay as they are. No weights.

    A patch lies at its centre, rows and columns each from -1 to 1. Channels i and i + d/2 are turned together: the
    first d/4 such pairs by the row, the others by the column, the j-th of either by 2 pi base^(-4j/d) times that.
    """

    def __init__(self, config: ViTConfig):
        super().__init__()
        self.config = config

    def forward(self, x: Tensor, back: bool = False) -> Tensor:
        """x (..., N, d), turned, or turned back. Raises ValueError for a number of patches that has no place."""
        cos, sin = self.angles(x)
        first, second = x.chunk(2, -1)
        return (x * cos + torch.cat([-second, first], -1) * (-sin if back else sin)).to(x.dtype)

    def angles(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """The cosine and the sine of what each channel of x (..., N, d) is turned by, both (N, d)."""
        (N, d), config = x.shape[-2:], self.config
        rows, cols = config.grid_of(N - config.num_prefix_tokens)
        kind = {"device": x.device, "dtype": torch.promote_types(x.dtype, torch.float32)}
        speed = 2 * torch.pi * config.rope_base ** -torch.arange(0, 1, 4 / d, **kind)  # d/4
        row, col = ((2 * torch.arange(n, **kind) + 1 - n) / n for n in (rows, cols))
        angle = torch.stack(torch.meshgrid(row, col, indexing="ij"), -1).view(-1, 2, 1) * speed  # patches, 2, d/4
        angle = F.pad(angle.flatten(1), (0, 0, config.num_prefix_tokens, 0)).repeat(1, 2)
        return angle.cos(), angle.sin()
