"""Attention rollout (Abnar & Zuidema 2020, arXiv:2005.00928): how attention adds up through the depth.

Each layer's attention, fused over heads and mixed with the identity for the residual stream, is a
matrix whose rows sum to one; rollout is their product. The row of one token is all that is ever
looked at, so a row vector is taken times the layers from last to first and no N x N product is formed.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator, Sequence

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from vit_core.attention.head_fusion import FUSE, FUSIONS, fused_chunks, room
from vit_core.attention.trace import Trace
from vit_core.errors import InputError
from vit_core.models.vit import attention_weights

SAMPLE = 4096  # values that tell where a value lies among more
NEAR = 96  # of them, on either side: three standard deviations of a count of them


@functools.lru_cache(8)
def _sample(count: int) -> np.ndarray:
    """Places among so many, some twice."""
    return np.random.default_rng(0).integers(0, count, SAMPLE)


def _sorted_at(values: np.ndarray, place: int) -> np.floating:
    """What would stand at `place` if `values` (n,) were sorted: numpy's partition of the few values that a sample says
    are near it, or where that was wrong, of all. (On AMD's Zen 4 numpy's partition takes several times as long as with
    the same CPU's older instructions; this takes about as long as those on either.)
    """
    if len(values) <= SAMPLE:
        return np.partition(values, place)[place]
    known, at = np.sort(values[_sample(len(values))]), place * SAMPLE // len(values)
    low = known[at - NEAR] if at >= NEAR else -np.inf
    high = known[at + NEAR] if at + NEAR < SAMPLE else np.inf
    above = values > low
    upto = len(values) - np.count_nonzero(above)
    if place < upto:  # at `low` itself, which many may equal (zeros), and numpy takes seconds to part equal values
        return low if place >= np.count_nonzero(values < low) else np.partition(values, place)[place]
    above &= values < high
    few = values[above]
    if place < upto + len(few):
        return np.partition(few, place - upto)[place - upto]
    return high if place < np.count_nonzero(values <= high) else np.partition(values, place)[place]


def discard_lowest(fused: Tensor, ratio: float) -> Tensor:
    """The matrix with its lowest share `ratio` of entries set to zero, in place; entries equal to the cut stay."""
    dropped = int(ratio * fused.numel())
    if not dropped:
        return fused
    flat = fused.flatten()
    if flat.device.type == "cpu":  # numpy selects several times faster than torch; a mask would be slow
        cut = _sorted_at(flat.numpy(), dropped)
        return F.threshold_(fused, float(np.nextafter(cut, -np.inf, dtype=cut.dtype)), 0)
    return fused.masked_fill_(fused < flat.kthvalue(dropped + 1).values, 0)


def take(row: Tensor, fused: Tensor, first: int = 0) -> Tensor:
    """row A: the part of a row vector (rows,) times fused attention (rows, N) whose rows are scaled to sum to one.

    A row that is left empty keeps to its own token; row i is token first + i.
    """
    total, tiny = fused.sum(-1), torch.finfo(fused.dtype).tiny
    if total.min() >= tiny:
        return (row / total) @ fused
    empty = total <= 0
    out = torch.where(empty, 0, row / total.clamp_min(tiny)) @ fused
    out[first : first + len(row)] += torch.where(empty, row, 0)
    return out


def fused_layer(
    query: Tensor, key: Tensor, fusion: str = "mean", discard: float = 0.0, mean: Tensor | None = None
) -> Tensor:
    """One layer's attention, query, key (heads, N, d), fused over heads, its lowest share `discard` zero: (N, N).

    Rows sum to one unless something was discarded or the fusion is not "mean": `take` scales them. `mean` (N, N):
    what the mean over heads is, where that is known.
    """
    if mean is not None and fusion == "mean":
        return discard_lowest(mean.clone(), discard)
    N = query.shape[1]
    fused = room((N, N), torch.promote_types(query.dtype, torch.float32), query.device)
    for _ in fused_chunks(query, key, fusion, fused):
        pass
    return discard_lowest(fused, discard)


def normalise_rows(fused: Tensor) -> Tensor:
    """(N, N) with rows scaled to sum to one; a row left empty keeps to its own token."""
    total = fused.sum(-1, keepdim=True)
    return torch.where(
        total > 0,
        fused / total.clamp_min(torch.finfo(fused.dtype).tiny),
        torch.eye(len(fused), device=fused.device, dtype=fused.dtype),
    )


def _check(checks: dict[str, tuple[bool, str, object, str]]) -> None:
    """InputError "rollout-option" for the first option that is not good: (good, what is expected, what came, range)."""
    for name, (good, expected, got, allowed) in checks.items():
        if not good:
            raise InputError(
                "rollout-option", f"{name} must be {expected}, not {got}", option=name, got=got, allowed=allowed
            )


def _of_fusion(fusion: str, discard: float) -> dict[str, tuple[bool, str, object, str]]:
    return {
        "fusion": (fusion in FUSIONS, f"one of {', '.join(FUSIONS)}", fusion, ", ".join(FUSIONS)),
        "discard": (0 <= discard < 1, "at least 0 and below 1", discard, "0 ≤ d < 1"),
    }


def fused_layers(trace: Trace, fusion: str = "mean", discard: float = 0.0) -> list[Tensor]:
    """Every layer's fused attention, (N, N) with rows summing to one: what `rollout(..., fused=...)` takes.

    To be kept by who asks for many tokens' rollouts: depth * N^2 * 4 bytes. Raises InputError as `rollout` does.
    """
    _check(_of_fusion(fusion, discard))
    means = [None] * trace.depth if trace.mean_attention is None else trace.mean_attention
    return [
        normalise_rows(fused_layer(q, k, fusion, discard, mean))
        for q, k, mean in zip(trace.queries, trace.keys, means, strict=True)
    ]


def through(row: Tensor, query: Tensor, key: Tensor, fusion: str, discard: float, mean: Tensor | None) -> Tensor:
    """row A of one layer without its fused matrix, unless `discard` needs that for its cut. `mean` as `fused_layer`."""
    if discard > 0:
        return take(row, fused_layer(query, key, fusion, discard, mean))
    out = torch.zeros_like(row)
    for part, fused in fused_chunks(query, key, fusion):
        out += row[part] @ fused if fusion == "mean" else take(row[part], fused, part.start)
    return out


def walk(row: Tensor, layers: Iterable[Tensor], residual: float) -> Iterator[Tensor]:
    """A row vector (N,) taken through fused layers (N, N) from last to first.

    Yields it before any layer and after each, every one summing to one. With A the fused attention and r
    the residual weight, a step is  row <- r * row + (1 - r) * row A.
    """
    yield row
    for fused in layers:
        # Not addmv: it may begin with the residual, and round each small part as it is added to that.
        row = torch.lerp(torch.mv(fused.T, row), row, residual)
        yield row


def one_token(length: int, token: int, **kind) -> Tensor:
    """The row vector (length,) that is all on `token`, where a rollout begins; `kind` is torch.zeros' device, dtype."""
    row = torch.zeros(length, **kind)
    row[token] = 1
    return row


def rollout_rows(
    queries: Sequence[Tensor],
    keys: Sequence[Tensor],
    token: int,
    fusion: str,
    residual: float,
    discard: float,
    means: Sequence[Tensor] | None = None,
) -> Iterator[Tensor]:
    """The rollout of `token`, walked from the last given layer to the first; the last row is the rollout.

    queries, keys: a layer each (heads, N, d); means: (N, N) each, as `fused_layer` takes them. As `walk`, each layer's
    attention made when its turn comes.
    """
    dtype = torch.promote_types(queries[0].dtype, torch.float32)  # as attention_weights: bf16 is not summed in bf16
    row = one_token(queries[0].shape[1], token, device=queries[0].device, dtype=dtype)
    yield row
    for layer in reversed(range(len(queries))):
        query, key = queries[layer], keys[layer]
        if layer == len(queries) - 1 and not discard:  # all lies on one token: only its row is asked for
            own = FUSE[fusion](attention_weights(query[:, token : token + 1], key), 0)
            mixed = take(row[token : token + 1], own, token)
        else:
            mixed = through(row, query, key, fusion, discard, None if means is None else means[layer])
        row = torch.lerp(mixed, row, residual)
        yield row


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
    `fused`: what `fused_layers` gave for this trace, `fusion` and `discard`; then a token costs a product a layer.

    Raises InputError for an option out of range.
    """
    last = trace.depth - 1 if last is None else last
    _check(
        _of_fusion(fusion, discard)
        | {
            "residual": (0 <= residual <= 1, "between 0 and 1", residual, "0 ≤ r ≤ 1"),
            "last": (0 <= last < trace.depth, f"between 0 and {trace.depth - 1}", last, f"0–{trace.depth - 1}"),
            "first": (0 <= first <= last, f"between 0 and last ({last})", first, f"0–{last}"),
            "token": (
                0 <= token < trace.num_tokens,
                f"between 0 and {trace.num_tokens - 1}",
                token,
                f"0–{trace.num_tokens - 1}",
            ),
        }
    )
    layers = slice(first, last + 1)
    if fused is None and fusion == "mean" and not discard:
        fused = trace.mean_attention  # their rows sum to one as they are
    if fused is not None:
        start = one_token(trace.num_tokens, token, device=fused[0].device, dtype=fused[0].dtype)
        *_, row = walk(start, (fused[layer] for layer in range(last, first - 1, -1)), residual)
        return row
    means = None if trace.mean_attention is None else trace.mean_attention[layers]
    *_, row = rollout_rows(trace.queries[layers], trace.keys[layers], token, fusion, residual, discard, means)
    return row
