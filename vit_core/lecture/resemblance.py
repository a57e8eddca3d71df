"""What patches with similar features share: their colour, or their place in the picture.

Axes: P patches row by row, D channels of a feature.
"""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from vit_core.lecture.patches import random_order

MAX_PATCHES = 512  # that are compared pair by pair; of more, a random sample


def patch_cosines(features: Tensor, at: Tensor | None = None) -> Tensor:
    """Cosine of each patch's feature (P, D) to every patch's: (P, P), from -1 to 1.

    `at`: only these patches' rows, (rows, P). A patch's cosine to itself is exactly 1; features of zeros have 0.
    """
    unit = F.normalize(features.float(), dim=1)
    own = torch.arange(len(unit), device=unit.device) if at is None else at
    cosines = (unit[own] @ unit.T).clamp(-1, 1)
    cosines[torch.arange(len(own)), own] = unit[own].any(dim=1).float()
    return cosines


def patch_colours(pixels: np.ndarray, patch: tuple[int, int]) -> np.ndarray:
    """The mean colour of each patch of (height, width) pixels: pixels (height, width, C) to (P, C).

    Pixels at the right and bottom that fill no patch are left out.
    """
    (height, width, C), (ph, pw) = pixels.shape, patch
    rows, cols = height // ph, width // pw
    cut = pixels[: rows * ph, : cols * pw].reshape(rows, ph, cols, pw, C)
    return cut.mean(axis=(1, 3), dtype=np.float64).reshape(rows * cols, C)


def patch_centres(grid: tuple[int, int], aspect: float = 1.0) -> np.ndarray:
    """Where the patches are, (P, 2): row and column. `aspect`: height of a patch divided by its width."""
    rows, cols = np.divmod(np.arange(grid[0] * grid[1]), grid[1])
    return np.stack([rows * aspect, cols], axis=1).astype(np.float64)


def agreement(features: Tensor, values: np.ndarray) -> float | None:
    """How far patches with similar features (P, D) also have near `values` (P, n), such as colours: a rank correlation.

    Spearman's rank correlation over all pairs of patches, between the cosine of their features and minus the Euclidean
    distance of their values. 1: the more similar the features, the nearer the values; 0: no relation. None if it is
    undefined: fewer than two pairs, or all cosines or all distances equal. Of more than MAX_PATCHES patches, as many
    are drawn at random, always the same.
    """
    if len(values) > MAX_PATCHES:
        drawn = random_order(len(values), 0)[:MAX_PATCHES]
        features, values = features[drawn.to(features.device)], values[drawn.numpy()]
    first, second = np.triu_indices(len(values), 1)
    cosines = patch_cosines(features).cpu().numpy()[first, second]
    return rank_correlation(cosines, -np.linalg.norm(values[first] - values[second], axis=1))


def rank_correlation(first: np.ndarray, second: np.ndarray) -> float | None:
    """Spearman's rank correlation of two series (n,); equal values share their mean rank. None if it is undefined."""
    if min(len(np.unique(first)), len(np.unique(second))) < 2:
        return None
    return float(np.corrcoef(_ranks(first), _ranks(second))[0, 1])


def _ranks(values: np.ndarray) -> np.ndarray:
    _, which, counts = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    return (last - (counts - 1) / 2)[which]
