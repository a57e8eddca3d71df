"""Attention rollout (Abnar & Zuidema 2020, arXiv:2005.00928): how attention adds up through the depth.

Each layer's attention, fused over heads and mixed with the identity for the residual stream, is a
matrix whose rows sum to one; rollout is their product. The row of one token is all that is ever
looked at, so a row vector is taken times the layers from last to first and no N x N product is formed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import torch
from torch import Tensor

from vit_core.errors import InputError
from vit_core.model import attention_weights
from vit_core.trace import Trace

FUSIONS = ("mean", "max", "min")
CHUNK = 256  # query rows whose weights exist at one time


def fuse(weights: Tensor, fusion: str) -> Tensor:
    """Attention (heads, rows, N) to (rows, N): the mean, largest or smallest over heads."""
    return {"mean": weights.mean, "max": weights.amax, "min": weights.amin}[fusion](0)


def discard_lowest(fused: Tensor, ratio: float) -> Tensor:
    """The matrix with its lowest share `ratio` of entries set to zero; entries equal to the cut stay."""
    dropped = int(ratio * fused.numel())
    if not dropped:
        return fused
    cut = fused.flatten().kthvalue(dropped + 1).values
    return fused.where(fused >= cut, 0)


def normalise_rows(fused: Tensor, offset: int = 0) -> Tensor:
    """Rows (rows, N) scaled to sum to one; a row left empty keeps to its own token (row i is token offset + i)."""
    total = fused.sum(-1, keepdim=True)
    own = torch.zeros_like(fused)
    own[torch.arange(len(fused)), torch.arange(len(fused)) + offset] = 1
    return torch.where(total > 0, fused / total.clamp_min(torch.finfo(fused.dtype).tiny), own)


def layer_rows(query: Tensor, key: Tensor, fusion: str, discard: float) -> Iterator[tuple[int, Tensor]]:
    """One layer's fused attention as (first row, rows (<= CHUNK, N)), each row summing to one.

    query, key (heads, N, d). Only `discard` needs the whole fused matrix, since its cut is global.
    """
    N = query.shape[1]
    starts = range(0, N, CHUNK)
    chunks: Iterable[Tensor] = (fuse(attention_weights(query[:, s : s + CHUNK], key), fusion) for s in starts)
    if discard > 0:
        chunks = discard_lowest(torch.cat(list(chunks)), discard).split(CHUNK)
    for start, rows in zip(starts, chunks, strict=True):
        yield start, rows if fusion == "mean" and discard == 0 else normalise_rows(rows, start)


def walk(row: Tensor, layers: Iterable[Iterable[tuple[int, Tensor]]], residual: float) -> Iterator[Tensor]:
    """A row vector (N,) taken through fused layers, as `layer_rows` gives them, from last to first.

    Yields it before any layer and after each, every one summing to one. With A the fused attention and r
    the residual weight, a step is  row <- r * row + (1 - r) * row A.
    """
    yield row
    for layer in layers:
        mixed = torch.zeros_like(row)
        for start, rows in layer:
            mixed += row[start : start + len(rows)] @ rows
        row = residual * row + (1 - residual) * mixed
        yield row


def one_token(length: int, token: int, **kind) -> Tensor:
    """The row vector (length,) that is all on `token`, where a rollout begins; `kind` is torch.zeros' device, dtype."""
    row = torch.zeros(length, **kind)
    row[token] = 1
    return row


def rollout_rows(
    queries: Sequence[Tensor], keys: Sequence[Tensor], token: int, fusion: str, residual: float, discard: float
) -> Iterator[Tensor]:
    """The rollout of `token`, walked from the last given layer to the first; the last row is the rollout.

    queries, keys: a layer each (heads, N, d).
    """
    layers = (layer_rows(q, k, fusion, discard) for q, k in zip(reversed(queries), reversed(keys), strict=True))
    dtype = torch.promote_types(queries[0].dtype, torch.float32)  # as attention_weights: bf16 is not summed in bf16
    return walk(one_token(queries[0].shape[1], token, device=queries[0].device, dtype=dtype), layers, residual)


def rollout(
    trace: Trace,
    fusion: str = "mean",
    residual: float = 0.5,
    discard: float = 0.0,
    first: int = 0,
    last: int | None = None,
    token: int = 0,
) -> Tensor:
    """Attention rollout of one token: (N,), how much of it comes from each input token; sums to 1.

    `fusion` of the heads: "mean", "max" or "min" ("max" and "min" rows are scaled to sum to one).
    `residual`: weight of the identity in each layer (the paper: 0.5). `discard`: share of each layer's
    lowest fused weights set to zero first. `first`, `last`: layers multiplied, counted from 0, both
    included; `last=None` is the deepest. `token`: whose row (0: the class token, where there is one).

    Raises InputError for an option out of range.
    """
    last = trace.depth - 1 if last is None else last
    checks = {
        "fusion": (fusion in FUSIONS, f"one of {', '.join(FUSIONS)}", fusion, ", ".join(FUSIONS)),
        "residual": (0 <= residual <= 1, "between 0 and 1", residual, "0 ≤ r ≤ 1"),
        "discard": (0 <= discard < 1, "at least 0 and below 1", discard, "0 ≤ d < 1"),
        "first": (0 <= first <= last, f"between 0 and last ({last})", first, f"0–{last}"),
        "last": (last < trace.depth, f"below the number of layers ({trace.depth})", last, f"0–{trace.depth - 1}"),
        "token": (0 <= token < trace.length, f"between 0 and {trace.length - 1}", token, f"0–{trace.length - 1}"),
    }
    for name, (good, expected, got, allowed) in checks.items():
        if not good:
            raise InputError("rollout-option", f"{name} must be {expected}, not {got}", option=name, got=got,
                             allowed=allowed)
    layers = slice(first, last + 1)
    *_, row = rollout_rows(trace.queries[layers], trace.keys[layers], token, fusion, residual, discard)
    return row
