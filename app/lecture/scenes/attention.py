"""Multi-head attention: one query and one head in numbers, then all heads (Vaswani et al. 2017, section 3.2)."""

from __future__ import annotations

import torch
from torch import Tensor

from app.lecture.stage import Scene, Stage, array, integer
from vit_core import attention_weights

#: Up to this size the queries, keys and values of all heads are sent, and the browser answers every change itself.
ALL_HEADS_BYTES = 2_600_000


def score_variance(query: Tensor, key: Tensor) -> Tensor:
    """Variance of q.k over all N x M pairs of a head: query (..., N, d), key (..., M, d) to (...,).

    The N x M matrix is never built: the mean square is trace(Q^T Q K^T K) / NM, the mean is mean(q).mean(k).
    """
    query, key = query.double(), key.double()
    outer = (query.transpose(-2, -1) @ query) * (key.transpose(-2, -1) @ key)  # d, d
    square = outer.sum((-2, -1)) / (query.shape[-2] * key.shape[-2])
    return (square - (query.mean(-2) * key.mean(-2)).sum(-1) ** 2).clamp_min(0)


def build(stage: Stage, want: dict) -> Scene:
    """Arrays of one layer: "query", "key", "value" (heads, N, d), "projected" (N, D).

    If all heads are too large ("whole" is false), only one head and one query are sent: (1, N, d) and (1, D), with
    "maps" (H, N), the query's weights in each head, and "joined" (1, H*d).
    """
    c, num_tokens = stage.config, stage.result.trace.num_tokens
    layer = integer(want, "layer", 0, c.depth - 1, c.depth // 2)
    head = integer(want, "head", 0, c.heads - 1, 0)
    at = integer(want, "at", 0, num_tokens - 1, stage.middle_token)
    step, attn = stage.block_steps(layer), stage.model.blocks[layer].attn
    whole = 4 * num_tokens * (3 * c.heads * c.head_dim + c.dim) <= ALL_HEADS_BYTES
    heads, tokens = (slice(None), slice(None)) if whole else (slice(head, head + 1), slice(at, at + 1))
    with torch.no_grad():
        projected = attn.proj(attn.norm(step.joined[tokens]))
    arrays = {"query": step.query[heads], "key": step.key[heads], "value": step.value[heads], "projected": projected}
    if not whole:
        arrays |= {"maps": attention_weights(step.query[:, tokens], step.key)[:, 0], "joined": step.joined[tokens]}
    numbers = {
        "layer": layer,
        "layers": c.depth,
        "head": head,
        "heads": c.heads,
        "at": at,
        "middle": stage.middle_token,
        "tokens": num_tokens,
        "dim": c.dim,
        "head_dim": c.head_dim,
        "whole": whole,
        "normed": c.attention_norm,
        "variance": score_variance(step.query, step.key).tolist(),
    }
    return Scene(numbers, {name: array(values) for name, values in arrays.items()})
