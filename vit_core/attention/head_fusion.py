"""Attention fused over heads, made some query rows at a time, so that heads x N x N weights never exist together."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from vit_core.models.linear import times
from vit_core.models.vit import attention_weights

FUSE = {"mean": torch.mean, "max": torch.amax, "min": torch.amin}
JOIN = {"mean": torch.add, "max": torch.maximum, "min": torch.minimum}
FUSIONS = tuple(FUSE)
LINE = 16  # float32 values to a cache line: rows that begin with one are multiplied faster, and 4,097 is one too many
CHUNK = 1_100_000  # attention weights that exist at one time: 4.4 MB, all of a head of 1,025 tokens
TURNS = ("cpu",)  # where heads with more weights than that take turns, in memory that a core's cache holds
LARGE = 16 << 20  # bytes, see `room`
# glibc gives a freed block of up to 32 MB back to the system, unless one as large was freed before: so let it be.
torch.empty(LARGE, dtype=torch.uint8)


def room(shape: tuple[int, ...], dtype: torch.dtype, device: torch.device) -> Tensor:
    """An uninitialised tensor. A large one on the CPU is numpy's, which asks Linux for huge pages.

    Memory fresh from the system comes in pages that are filled with zeros when they are first touched, which for the
    thousands of small ones of a long trace is slow.
    """
    size = math.prod(shape) * dtype.itemsize
    if device.type != "cpu" or size < LARGE:
        return torch.empty(shape, dtype=dtype, device=device)
    return torch.from_numpy(np.empty(size, np.uint8)).view(dtype).view(shape)


def parts(weights: int, N: int) -> list[slice]:
    """N query rows of `weights` weights, so many at a time that theirs are about CHUNK; chunks are equally large."""
    rows = -(-N // -(-weights // CHUNK))
    return [slice(start, min(start + rows, N)) for start in range(0, N, rows)]


def few(query: Tensor) -> bool:
    """Whether the attention of query (heads, N, d) is little enough to be made for all heads at once, on a CPU."""
    return query.shape[0] * query.shape[1] ** 2 <= CHUNK and query.device.type in TURNS


def turns(heads: int) -> list[int]:
    """How many heads are multiplied at once, in turns: a batched product gives each thread whole heads, and while one
    of two threads made the third of three the other would wait. That has a product of its own, which all share."""
    threads = torch.get_num_threads()
    alone = heads % threads if heads > threads else 0
    return [heads - alone] + [1] * alone


def all_heads(query: Tensor, key: Tensor, value: Tensor | None, work: list) -> tuple[Tensor, Tensor]:
    """Attention of query, key (heads, N, d), all at once: (heads, N, N), and that times `value`, (heads, N, d), if one
    is given. `work`: an empty list, for layer after layer of one shape: both lie in memory made once."""
    if not work:
        (heads, N, _), some = query.shape, turns(len(query))
        made = query.new_empty(heads, N, N), query.new_empty(query.shape)
        work += *made, some, *(one.split_with_sizes(some) for one in made)
    weights, mixed, some, rows, outs = work
    for made, q, k in zip(rows, query.split_with_sizes(some), key.split_with_sizes(some), strict=True):
        torch.baddbmm(made, q, k.mT, beta=0, alpha=query.shape[-1] ** -0.5, out=made)
    torch.softmax(weights, -1, out=weights)
    if value is not None:
        for made, v, out in zip(rows, value.split_with_sizes(some), outs, strict=True):
            torch.bmm(made, v, out=out)
    return weights, mixed


def fused_chunks(
    query: Tensor,
    key: Tensor,
    fusion: str = "mean",
    into: Tensor | None = None,
    value: Tensor | None = None,
    out: Tensor | None = None,
    work: list[Tensor] | None = None,
) -> Iterator[tuple[slice, Tensor]]:
    """One layer's attention, query, key (heads, N, d), fused over heads: (which query rows, (rows, N)) after another.

    What is yielded is a part of `into` (N, N) where that is given, or else good until the next is asked for. With
    `value` (heads, N, d), attention times it is left in `out` (heads, N, d). `work`: an empty list that is given for
    layer after layer of one shape, so that memory is made once.
    """
    heads, N, d = query.shape
    if query.device.type not in TURNS:
        for part in parts(heads * N * N, N):
            weights = attention_weights(query[:, part], key)
            if value is not None:
                out[:, part] = weights @ value
            yield part, FUSE[fusion](weights, 0, out=None if into is None else into[part])
        return
    query, key = (t if t.dtype == torch.float64 else t.float() for t in (query, key))
    chunks, scale = parts(N * N, N), d**-0.5
    work = [] if work is None else work
    if few(query):
        weights, mixed = all_heads(query, key, value, work)
        if value is not None:
            out.copy_(mixed)
        yield chunks[0], FUSE[fusion](weights, 0, out=into)
        return
    wide = -(-N // LINE) * LINE
    query, key = query * scale, F.pad(key, (0, 0, 0, wide - N))
    values = [None] * heads if value is None else F.pad(value.mT, (0, wide - N))  # (heads, d, wide)
    for part in chunks:
        fused = None
        for h in range(heads):
            weights = times(query[h, part], key[h])
            weights[:, N:] = -torch.inf
            torch.softmax(weights, -1, out=weights)
            if value is not None:
                out[h, part] = times(weights, values[h])
            fused = weights if fused is None else JOIN[fusion](fused, weights, out=fused)
        fused = fused[:, :N]
        if fusion == "mean":
            fused = torch.div(fused, heads, out=fused if into is None else into[part])
        elif into is not None:
            fused = into[part].copy_(fused)
        yield part, fused
