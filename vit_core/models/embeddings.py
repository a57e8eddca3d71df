"""What a model's patch and position embeddings look like: read from the weights alone."""

from __future__ import annotations

import torch
from torch import Tensor

from vit_core.models.vit import VisionTransformer


def cosine_similarity(embedding: Tensor) -> Tensor:
    """Cosine similarity of every pair of a grid of vectors: (rows, cols, D) to (rows, cols, rows, cols)."""
    rows, cols, _ = embedding.shape
    unit = torch.nn.functional.normalize(embedding.float().flatten(0, 1), dim=-1)  # rows*cols, D
    return (unit @ unit.T).reshape(rows, cols, rows, cols)


@torch.no_grad()
def position_similarity(model: VisionTransformer, grid: tuple[int, int] | None = None) -> Tensor | None:
    """Cosine similarity of the patches' position embeddings (Dosovitskiy et al. 2021, figure 7 centre).

    (rows, cols, rows, cols), from -1 to 1; [r, c] is the map for the patch in row r, column c. `grid` resizes the
    embedding first. None for a model without position embedding.
    """
    positions = model.position_grid(grid)
    return None if positions is None else cosine_similarity(positions)


@torch.no_grad()
def embedding_filters(model: VisionTransformer, count: int = 28) -> tuple[Tensor, Tensor]:
    """Principal components of the patch-embedding filters (Dosovitskiy et al. 2021, figure 7 left).

    Returns filters (k, patch height, patch width, 3) in [0, 1], each scaled to its own range around grey, and the share
    of variance that each explains (k,), with k = min(count, rank). A model with one channel has grey filters, one with
    two channels (..., 2), one with more the first three.
    """
    weight = model.patch_embed.weight.detach().float().cpu()  # D, C, ph, pw
    _, S, Vh = torch.linalg.svd(weight.flatten(1) - weight.flatten(1).mean(0), full_matrices=False)
    k = min(count, int(torch.count_nonzero(S / S[0].clamp_min(1e-12) > 1e-6)))
    filters = Vh[:k].reshape(k, *weight.shape[1:]).permute(0, 2, 3, 1)  # k, ph, pw, C
    filters = filters.expand(-1, -1, -1, 3) if filters.shape[-1] == 1 else filters[..., :3]
    peak = filters.abs().amax((1, 2, 3), keepdim=True)
    return 0.5 + 0.5 * filters / peak.clamp_min(1e-12), (S**2 / (S**2).sum())[:k]
