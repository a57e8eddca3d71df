"""One layer's attention fused over heads, some query rows at a time, so that (heads, N, N) weights never coexist."""

from __future__ import annotations

import torch
from torch import Tensor

_OVER_HEADS = {"mean": torch.mean, "max": torch.amax, "min": torch.amin}
FUSIONS = tuple(_OVER_HEADS)

#: Query rows whose weights exist at one time: at least MIN_ROWS, more while all heads' weights stay below the limit. On
#: a CPU they then mostly stay in its cache between the products and the softmax.
MIN_ROWS = 128
CPU_WEIGHTS = 1 << 18
GPU_WEIGHTS = 1 << 26


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
    most = max(MIN_ROWS, (CPU_WEIGHTS if query.is_cpu else GPU_WEIGHTS) // (heads * N))
    rows = -(-N // -(-N // most))  # chunks of equal size
    for part in (slice(start, start + rows) for start in range(0, N, rows)):
        weights = query[:, part] @ key.mT  # heads, rows, N
        torch.softmax(weights, -1, out=weights)  # in place: a copy would double the memory traffic
        _OVER_HEADS[fusion](weights, 0, out=fused[part])
        if value is not None and mixed is not None:
            mixed[:, part] = weights @ value
    return fused, mixed
