"""What the weights and the tokens say on their own: positions, distances, entropies, filters, norms."""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch
from torch import Tensor

from vit_core.attention.trace import Trace
from vit_core.models.vit import VisionTransformer


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


def cosine_similarity(embedding: Tensor) -> Tensor:
    """Cosine similarity of every pair of a grid of vectors: (rows, cols, D) to (rows, cols, rows, cols)."""
    rows, cols, _ = embedding.shape
    unit = torch.nn.functional.normalize(embedding.float().flatten(0, 1), dim=-1)  # rows*cols, D
    return (unit @ unit.T).reshape(rows, cols, rows, cols)


@torch.no_grad()
def position_similarity(model: VisionTransformer, grid: tuple[int, int] | None = None) -> Tensor | None:
    """How alike the position embeddings of two patches are (Dosovitskiy et al. 2021, figure 7 centre).

    (rows, cols, rows, cols), cosine in [-1, 1]: [r, c] is the map seen from the patch in row r, column c.
    None for a model without position embedding.
    """
    positions = model.position_grid(grid)
    return None if positions is None else cosine_similarity(positions)


def patch_distances(grid: tuple[int, int], patch_size: tuple[int, int] = (1, 1)) -> Tensor:
    """Euclidean distance between the centres of all patches, (P, P), in units of which a patch has `patch_size`."""
    rows, cols = torch.meshgrid(torch.arange(grid[0]), torch.arange(grid[1]), indexing="ij")
    centres = torch.stack([rows.flatten() * patch_size[0], cols.flatten() * patch_size[1]], -1).double()
    return torch.cdist(centres, centres, compute_mode="donot_use_mm_for_euclid_dist").float()


def _patch_rows(trace: Trace, layer: int, chunk: int = 256) -> Iterator[tuple[slice, Tensor]]:
    """Attention among patches only, a chunk of query rows at a time: (which patches, (heads, chunk, P))."""
    for start in range(trace.num_prefix_tokens, trace.num_tokens, chunk):
        among = trace.attention(layer, slice(start, start + chunk))[..., trace.num_prefix_tokens :]
        yield slice(start - trace.num_prefix_tokens, start - trace.num_prefix_tokens + among.shape[1]), among


def attention_distance(trace: Trace, layer: int, unit: str = "patches") -> Tensor:
    """Mean distance over which each head of `layer` looks (Dosovitskiy et al. 2021, figure 7 right): (heads,).

    The distance from each patch to the patches it attends to, weighted by attention, averaged over
    patches; prefix tokens have no place and are left out, the rest of each row rescaled to sum to one. A patch that
    looks at prefix tokens alone has no distance and does not count; 0 where all do.
    `unit`: "patches" (grid steps) or "pixels" (of the model's input).
    """
    size = {"patches": (1, 1), "pixels": trace.config.patch_size}[unit]
    distance = patch_distances(trace.grid, size).to(trace.tokens.device)
    total, count = torch.zeros(2, trace.heads, device=distance.device)
    for part, among in _patch_rows(trace, layer):
        weight = among.sum(-1)  # heads, chunk
        total += ((among * distance[part]).sum(-1) / weight.where(weight > 0, 1)).sum(-1)
        count += (weight > 0).sum(-1)
    return total / count.clamp_min(1)


def attention_entropy(trace: Trace, layer: int) -> Tensor:
    """Mean Shannon entropy of each head's attention rows in `layer`, in bits: (heads,).

    0: every token looks at one token; log2(N): every token looks everywhere alike.
    """
    total = torch.zeros(trace.heads, device=trace.tokens.device)
    for start in range(0, trace.num_tokens, 256):
        weights = trace.attention(layer, slice(start, start + 256))
        total += torch.special.entr(weights).sum((-1, -2))
    return total / (trace.num_tokens * math.log(2))


@torch.no_grad()
def embedding_filters(model: VisionTransformer, count: int = 28) -> tuple[Tensor, Tensor]:
    """Principal components of the patch-embedding filters (Dosovitskiy et al. 2021, figure 7 left).

    Filters (k, patch height, patch width, 3) in [0, 1], each stretched over its own range around grey,
    and the share of the filters' variance each explains (k,), k = min(count, rank). One-channel models
    give grey filters; other channel counts show their first three, and of two both, (..., 2).
    """
    weight = model.patch_embed.weight.detach().float().cpu()  # D, C, ph, pw
    _, S, Vh = torch.linalg.svd(weight.flatten(1) - weight.flatten(1).mean(0), full_matrices=False)
    k = min(count, int(torch.count_nonzero(S / S[0].clamp_min(1e-12) > 1e-6)))
    filters = Vh[:k].reshape(k, *weight.shape[1:]).permute(0, 2, 3, 1)  # k, ph, pw, C
    filters = filters.expand(-1, -1, -1, 3) if filters.shape[-1] == 1 else filters[..., :3]
    peak = filters.abs().amax((1, 2, 3), keepdim=True)
    return 0.5 + 0.5 * filters / peak.clamp_min(1e-12), (S**2 / (S**2).sum())[:k]
