"""What patches with similar features share: their colour, or their place in the picture.

Axes: P patches row by row, D channels of a feature.
"""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from vit_core.lecture.patches import random_order

MAX_PATCHES = 400  # that are compared pair by pair; of more, a random sample


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


def agreement(layers: Tensor, *values: np.ndarray) -> list[list[float | None]]:
    """How far patches with similar features also have near values, such as colours: a rank correlation for each layer.

    layers (L, P, D) and values (P, n) each: a list of L numbers for each of `values`. They are Spearman's rank
    correlations over all pairs of patches, between the cosine of their features and minus the Euclidean distance of
    their values. 1: the more similar the features, the nearer the values; 0: no relation. None if it is undefined:
    fewer than two pairs, or all cosines or all distances equal. Of more than MAX_PATCHES patches, as many are drawn at
    random, always the same.
    """
    P = layers.shape[1]
    drawn = random_order(P, 0)[:MAX_PATCHES] if P > MAX_PATCHES else slice(None)
    sampled = [value[drawn] for value in values]
    first, second = np.triu_indices(min(P, MAX_PATCHES), 1)
    near = [_unit_ranks(-np.linalg.norm(value[first] - value[second], axis=1)) for value in sampled]
    similar = [_unit_ranks(patch_cosines(layer[drawn]).cpu().numpy()[first, second]) for layer in layers]
    return [[_product(one, other) for one in similar] for other in near]


def rank_correlation(first: np.ndarray, second: np.ndarray) -> float | None:
    """Spearman's rank correlation of two series (n,); equal values share their mean rank. None if it is undefined."""
    return _product(_unit_ranks(first), _unit_ranks(second))


def _product(first: np.ndarray | None, second: np.ndarray | None) -> float | None:
    return None if first is None or second is None else float(first @ second)


def _unit_ranks(values: np.ndarray) -> np.ndarray | None:
    """The ranks of values (n,) with mean 0 and norm 1, so that a product of two is their correlation; None if all
    values are equal."""
    different, which, counts = np.unique(values, return_inverse=True, return_counts=True)
    if len(different) < 2:
        return None
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[which]
    ranks -= ranks.mean()
    return ranks / np.linalg.norm(ranks)
