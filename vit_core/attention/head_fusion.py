"""One layer's attention fused over heads, made in parts so that (heads, N, N) weights never exist together."""

from __future__ import annotations

import torch
from torch import Tensor

FUSIONS = ("mean", "max", "min")
_OVER_HEADS = {"mean": torch.mean, "max": torch.amax, "min": torch.amin}
_OF_TWO = {"mean": torch.add, "max": torch.maximum, "min": torch.minimum}

#: Attention weights that exist at one time. On a CPU they take 4 MiB in float32, so that softmax and the product with
#: the values find them in the cache.
CPU_WEIGHTS_AT_ONCE = 1 << 20
GPU_WEIGHTS_AT_ONCE = 1 << 26


def fuse_heads(
    query: Tensor, key: Tensor, fusion: str = "mean", value: Tensor | None = None, out: Tensor | None = None
) -> tuple[Tensor, Tensor | None]:
    """Attention fused over heads (N, N), and with `value` the mixed values softmax(q k^T / sqrt(d)) v (heads, N, d).

    query, key, value: (heads, N, d). `fusion`: one of FUSIONS; rows of "mean" sum to one. `out`: an (N, N) tensor to
    write to. Computed in float32 or better, as `attention_weights`, and without gradient.
    """
    heads, N, d = query.shape
    query, key = (t if t.dtype == torch.float64 else t.float() for t in (query, key))
    query = query * d**-0.5
    fused = query.new_empty(N, N) if out is None else out
    mixed = None if value is None else torch.empty_like(value)
    limit = CPU_WEIGHTS_AT_ONCE if query.is_cpu else GPU_WEIGHTS_AT_ONCE
    if heads * N * N <= limit:
        weights = _softmax(query @ key.mT)
        _OVER_HEADS[fusion](weights, 0, out=fused)
        return fused, mixed if value is None else torch.bmm(weights, value, out=mixed)
    chunks = -(-N * N // limit)
    rows = -(-N // chunks)
    for part in (slice(start, start + rows) for start in range(0, N, rows)):
        for h in range(heads):
            weights = _softmax(query[h, part] @ key[h].T)  # rows, N
            if value is not None:
                mixed[h, part] = weights @ value[h]
            if h == 0:
                fused[part] = weights
            else:
                _OF_TWO[fusion](fused[part], weights, out=fused[part])
        if fusion == "mean":
            fused[part] /= heads
    return fused, mixed


def _softmax(scores: Tensor) -> Tensor:
    """Softmax over the last axis, in place: a copy would double the memory traffic."""
    return torch.softmax(scores, -1, out=scores)
