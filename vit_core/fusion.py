"""Attention fused over heads, made some query rows at a time, so that heads x N x N weights never exist together."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from vit_core.model import attention_weights

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


def fused_chunks(
    query: Tensor, key: Tensor, fusion: str = "mean", into: Tensor | None = None,
    value: Tensor | None = None, out: Tensor | None = None, work: list[Tensor] | None = None,
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
    if heads * N * N <= CHUNK:
        work += () if work else (query.new_empty(heads, N, N), query.new_empty(heads, N, d))
        weights, mixed = work
        torch.baddbmm(weights, query, key.mT, beta=0, alpha=scale, out=weights)
        torch.softmax(weights, -1, out=weights)
        if value is not None:
            out.copy_(torch.bmm(weights, value, out=mixed))
        yield chunks[0], FUSE[fusion](weights, 0, out=into)
        return
    if not work:
        work += query.new_empty(2, chunks[0].stop, -(-N // LINE) * LINE)
    given = (query, query) if value is None else (value, out)  # the former are not read
    heads = list(zip(query, key.mT, *given, strict=True))
    for part in chunks:
        one, fused = (held[: part.stop - part.start] for held in work)
        wide = fused
        for q, k, v, mixed in heads:
            if len(chunks) > 1:
                q, mixed = q[part], mixed[part]
            weights, beyond = wide[:, :N], wide[:, N:]
            torch.addmm(weights, q, k, beta=0, alpha=scale, out=weights)
            beyond.fill_(-torch.inf)
            torch.softmax(wide, -1, out=wide)
            if value is not None:
                torch.mm(weights, v, out=mixed)
            if wide is one:
                JOIN[fusion](fused, wide, out=fused)
            wide = one
        fused = fused[:, :N]
        if fusion == "mean":
            fused = torch.div(fused, len(heads), out=fused if into is None else into[part])
        elif into is not None:
            fused = into[part].copy_(fused)
        yield part, fused
