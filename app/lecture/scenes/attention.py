"""Multi-head attention: one query and one head in numbers, then all heads (Vaswani et al. 2017, section 3.2)."""

from __future__ import annotations

import torch
from torch import Tensor

from app.lecture.stage import Scene, Stage, array, whole
from vit_core.models.vit import attention_weights

#: Bytes up to which every head's queries, keys and values are sent, so that the browser answers on its own.
WHOLE = 2_600_000


def score_variance(query: Tensor, key: Tensor) -> Tensor:
    """Variance of q.k over all N x M pairs of a head: query (..., N, d), key (..., M, d) to (...,).

    Without the N x M matrix: the mean square is trace(Q^T Q K^T K) / NM, the mean is mean(q).mean(k).
    """
    query, key = query.double(), key.double()
    outer = (query.transpose(-2, -1) @ query) * (key.transpose(-2, -1) @ key)  # d, d
    square = outer.sum((-2, -1)) / (query.shape[-2] * key.shape[-2])
    return (square - (query.mean(-2) * key.mean(-2)).sum(-1) ** 2).clamp_min(0)


def build(stage: Stage, want: dict) -> Scene:
    """Arrays of one layer: "query", "key", "value" (heads, N, d), "projected" (N, D).

    Where that is too much, those of one head and one query alone (`whole` false): (1, N, d) and (1, D), with
    "maps" (H, N), the query's weights in each head, and "joined" (1, H*d).
    """
    c, trace = stage.config, stage.result.trace
    rows, cols = stage.result.grid
    layer = whole(want, "layer", 0, c.depth - 1, c.depth // 2)
    head = whole(want, "head", 0, c.heads - 1, 0)
    middle = trace.token_at(rows // 2, cols // 2)
    at = whole(want, "at", 0, trace.num_tokens - 1, middle)
    step, attn = stage.inside(layer), stage.model.blocks[layer].attn
    everything = 4 * trace.num_tokens * (3 * c.heads * c.head_dim + c.dim) <= WHOLE
    heads, tokens = (slice(None), slice(None)) if everything else (slice(head, head + 1), slice(at, at + 1))
    with torch.no_grad():
        projected = attn.proj(attn.norm(step.joined[tokens]))
    arrays = {"query": step.query[heads], "key": step.key[heads], "value": step.value[heads], "projected": projected}
    if not everything:
        arrays |= {"maps": attention_weights(step.query[:, tokens], step.key)[:, 0], "joined": step.joined[tokens]}
    numbers = {
        "layer": layer,
        "layers": c.depth,
        "head": head,
        "heads": c.heads,
        "at": at,
        "middle": middle,
        "tokens": trace.num_tokens,
        "dim": c.dim,
        "head_dim": c.head_dim,
        "whole": everything,
        "normed": c.attention_norm,
        "variance": score_variance(step.query, step.key).tolist(),
    }
    return Scene(numbers, {name: array(values) for name, values in arrays.items()})
