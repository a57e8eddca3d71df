"""Where the heads of a layer look, in numbers: attention distance and entropy, and which tokens are looked at."""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch
from torch import Tensor

from vit_core.attention.trace import Trace


def patch_distances(grid: tuple[int, int], patch_size: tuple[int, int] = (1, 1)) -> Tensor:
    """Euclidean distance between the centres of all patches, (P, P), for patches of this (height, width)."""
    rows, cols = torch.meshgrid(torch.arange(grid[0]), torch.arange(grid[1]), indexing="ij")
    centres = torch.stack([rows.flatten() * patch_size[0], cols.flatten() * patch_size[1]], -1).double()
    return torch.cdist(centres, centres, compute_mode="donot_use_mm_for_euclid_dist").float()


def _patch_rows(trace: Trace, layer: int, chunk: int = 256) -> Iterator[tuple[slice, Tensor]]:
    """Attention among patches only, a chunk of query rows at a time: (which patches, (heads, chunk, P))."""
    for start in range(trace.num_prefix_tokens, trace.num_tokens, chunk):
        among = trace.attention(layer, slice(start, start + chunk))[..., trace.num_prefix_tokens :]
        yield slice(start - trace.num_prefix_tokens, start - trace.num_prefix_tokens + among.shape[1]), among


def attention_distance(trace: Trace, layer: int, unit: str = "patches") -> Tensor:
    """Mean attention distance of each head in `layer` (Dosovitskiy et al. 2021, figure 7 right): (heads,).

    The distance from a patch to the patches it attends to, weighted by attention and averaged over patches. Prefix
    tokens have no position: they are left out, and the rest of each row is rescaled to sum to one. A patch that attends
    to prefix tokens alone does not count; if all do, the distance is 0.
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

    0 if every token attends to one token, log2(N) if every token attends to all tokens equally.
    """
    total = torch.zeros(trace.heads, device=trace.tokens.device)
    for start in range(0, trace.num_tokens, 256):
        weights = trace.attention(layer, slice(start, start + 256))
        total += torch.special.entr(weights).sum((-1, -2))
    return total / (trace.num_tokens * math.log(2))


def attention_received(trace: Trace, layer: int) -> Tensor:
    """The share of the attention of `layer` that each token receives, the mean over heads and queries: (N,), sum 1."""
    if trace.mean_attention is not None:
        return trace.mean_attention[layer].mean(0)
    total = torch.zeros(trace.num_tokens, device=trace.tokens.device)
    for start in range(0, trace.num_tokens, 256):
        total += trace.attention(layer, slice(start, start + 256)).sum((0, 1))
    return total / (trace.heads * trace.num_tokens)
