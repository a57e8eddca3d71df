"""Rotary positions (Su et al. 2021, arXiv:2104.09864) on a grid, as in DINOv3 (Siméoni et al. 2025, arXiv:2508.10104).

Queries and keys are rotated by their position, so that their product depends on the distance of two patches. Nothing
is added to the tokens.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vit_core.models.config import ViTConfig


class Rotary(nn.Module):
    """Rotates queries or keys by the position of their patch; leaves prefix tokens unchanged. Has no weights.

    A patch's coordinates are those of its centre, from -1 to 1 along rows and along columns. Channels i and i + d/2
    form a pair. The first d/4 pairs are rotated by the row, the others by the column; the angle of the j-th pair of
    either is 2 pi base^(-4j/d) times the coordinate.
    """

    def __init__(self, config: ViTConfig):
        super().__init__()
        self.config = config

    def forward(self, x: Tensor, back: bool = False) -> Tensor:
        """x (..., N, d) rotated; rotated back with `back`. Raises ValueError for a number of patches without a grid."""
        cos, sin = self.angles(x)
        first, second = x.chunk(2, -1)
        return (x * cos + torch.cat([-second, first], -1) * (-sin if back else sin)).to(x.dtype)

    def angles(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Cosine and sine of each channel's angle for x (..., N, d): both (N, d)."""
        (N, d), config = x.shape[-2:], self.config
        rows, cols = config.grid_of(N - config.num_prefix_tokens)
        options = {"device": x.device, "dtype": torch.promote_types(x.dtype, torch.float32)}
        rate = 2 * torch.pi * config.rope_base ** -torch.arange(0, 1, 4 / d, **options)  # d/4
        row, col = ((2 * torch.arange(n, **options) + 1 - n) / n for n in (rows, cols))
        angle = torch.stack(torch.meshgrid(row, col, indexing="ij"), -1).view(-1, 2, 1) * rate  # patches, 2, d/4
        angle = F.pad(angle.flatten(1), (0, 0, config.num_prefix_tokens, 0)).repeat(1, 2)
        return angle.cos(), angle.sin()
