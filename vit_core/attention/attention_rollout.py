"""Attention rollout (Abnar & Zuidema 2020, arXiv:2005.00928): how attention adds up through the layers.

The attention of each layer is fused over heads, its rows are scaled to sum to one, and it is mixed with the identity,
which stands for the residual stream. Rollout is the product of these matrices. Only one token's row is ever needed, so
a row vector is multiplied by the layers from last to first, and no N x N product is formed.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from vit_core.attention.head_fusion import FUSIONS, fuse_heads
from vit_core.attention.trace import Trace
from vit_core.errors import InputError


def discard_lowest(fused: Tensor, ratio: float) -> Tensor:
    """The matrix with its lowest share `ratio` of entries set to zero, in place. Entries equal to the cut stay."""
    dropped = int(ratio * fused.numel())
    if not dropped:
        return fused
    flat = fused.flatten()
    if fused.device.type == "cpu":  # numpy's selection is several times faster than torch's
        cut = flat.new_tensor(np.partition(flat.numpy(), dropped)[dropped])
    else:
        cut = flat.kthvalue(dropped + 1).values
    below = torch.nextafter(cut, torch.full_like(cut, -torch.inf)).item()
    return torch.threshold_(fused, below, 0)  # ten times faster than a mask


def normalise_rows(fused: Tensor) -> Tensor:
    """(N, N) with rows scaled to sum to one. A row of zeros becomes the token's own: one on the diagonal."""
    total = fused.sum(-1, keepdim=True)
    fused = fused.div_(total.clamp_min(torch.finfo(fused.dtype).tiny))
    fused.diagonal().add_((total[:, 0] <= 0).to(fused.dtype))
    return fused


def _check(checks: dict[str, tuple[bool, str, object, str]]) -> None:
    """Raise InputError "rollout-option" for the first option out of range: (valid, what is expected, got, range)."""
    for name, (valid, expected, got, allowed) in checks.items():
        if not valid:
            raise InputError(
                "rollout-option", f"{name} must be {expected}, not {got}", option=name, got=got, allowed=allowed
            )


def _of_fusion(fusion: str, discard: float) -> dict[str, tuple[bool, str, object, str]]:
    return {
        "fusion": (fusion in FUSIONS, f"one of {', '.join(FUSIONS)}", fusion, ", ".join(FUSIONS)),
        "discard": (0 <= discard < 1, "at least 0 and below 1", discard, "0 ≤ d < 1"),
    }


def fused_layer(trace: Trace, layer: int, fusion: str = "mean", discard: float = 0.0) -> Tensor:
    """One layer's attention fused over heads, (N, N), rows summing to one. Raises InputError as `rollout` does."""
    _check(_of_fusion(fusion, discard))
    if fusion == "mean" and trace.mean_attention is not None:
        fused = trace.mean_attention[layer].clone() if discard else trace.mean_attention[layer]
    else:
        fused, _ = fuse_heads(trace.queries[layer], trace.keys[layer], fusion)
    if fusion == "mean" and not discard:
        return fused  # the rows sum to one already
    return normalise_rows(discard_lowest(fused, discard))


def fused_layers(trace: Trace, fusion: str = "mean", discard: float = 0.0) -> list[Tensor]:
    """Every layer's fused attention, (N, N) each: what `rollout(..., fused=...)` takes.

    Keep the list to roll out many tokens; it takes depth * N^2 * 4 bytes. Raises InputError as `rollout` does.
    """
    return [fused_layer(trace, layer, fusion, discard) for layer in range(trace.depth)]


def one_token(length: int, token: int, **kind) -> Tensor:
    """A row of zeros (length,) with a one at `token`; `kind` is torch.zeros' device and dtype."""
    row = torch.zeros(length, **kind)
    row[token] = 1
    return row


def rollout_by_depth(
    trace: Trace,
    fusion: str = "mean",
    residual: float = 0.5,
    discard: float = 0.0,
    first: int = 0,
    last: int | None = None,
    token: int = 0,
    fused: Sequence[Tensor] | None = None,
) -> Tensor:
    """`rollout` from layer `first` to each of `first` ... `last`: (last - first + 1, N).

    The arguments are those of `rollout`. All rows go through a layer together, so this costs little more than one.
    """
    return _rows(trace, fusion, residual, discard, first, last, token, fused, every=True)


def rollout(
    trace: Trace,
    fusion: str = "mean",
    residual: float = 0.5,
    discard: float = 0.0,
    first: int = 0,
    last: int | None = None,
    token: int = 0,
    fused: Sequence[Tensor] | None = None,
) -> Tensor:
    """Attention rollout of one token: (N,), how much of it comes from each input token; sums to 1.

    `fusion` of the heads: "mean", "max" or "min" ("max" and "min" rows are scaled to sum to one).
    `residual`: weight of the identity in each layer (the paper: 0.5). `discard`: share of each layer's
    lowest fused weights set to zero first. `first`, `last`: layers multiplied, counted from 0, both
    included; `last=None` is the deepest. `token`: whose row (0: the class token, where there is one).
    `fused`: what `fused_layers` returned for this trace, `fusion` and `discard`; then a token costs a product a layer.

    Raises InputError "rollout-option" for an option out of range.
    """
    return _rows(trace, fusion, residual, discard, first, last, token, fused, every=False)[0]


def _rows(trace, fusion, residual, discard, first, last, token, fused, every: bool) -> Tensor:
    """The rollout through all layers (1, N), or with `every` through each number of layers (layers, N)."""
    N, last = trace.num_tokens, trace.depth - 1 if last is None else last
    _check(
        _of_fusion(fusion, discard)
        | {
            "residual": (0 <= residual <= 1, "between 0 and 1", residual, "0 ≤ r ≤ 1"),
            "last": (0 <= last < trace.depth, f"between 0 and {trace.depth - 1}", last, f"0–{trace.depth - 1}"),
            "first": (0 <= first <= last, f"between 0 and last ({last})", first, f"0–{last}"),
            "token": (0 <= token < N, f"between 0 and {N - 1}", token, f"0–{N - 1}"),
        }
    )
    rows = start = torch.empty(0)
    for layer in range(last, first - 1, -1):
        matrix = fused_layer(trace, layer, fusion, discard) if fused is None else fused[layer]
        if layer == last:
            rows = start = one_token(N, token, device=matrix.device, dtype=matrix.dtype)[None]
        elif every:  # the rollout that ends with this layer begins here
            rows = torch.cat([start, rows])
        rows = torch.lerp(rows @ matrix, rows, residual)  # not addmm: it would round each product to the residual
        del matrix  # or it would stay in memory while the next is made
    return rows
