"""Relevance propagated from a class's logit back to the tokens (Chefer, Gur & Wolf 2021, arXiv:2012.09838).

Relevance begins as one on the class and is handed from each layer's output to its input, in proportion to what each
input added. The rules, and what becomes of the total:

    linear    over the positive contributions x_j w_ji alone. Conserves, but for an output that has none: its
              relevance ends there. Biases stand in no sum, so they take nothing.
    turn      of rotary positions: each channel is a sum of two, `add`.
    add       the deep Taylor rule for each of the two, then the paper's normalisation. Conserves.
    product   of two tensors (attention times values, queries times keys): the same. Conserves.
    mean      of tokens: a linear layer for each channel; over the contributions of the mean's own sign, since which
              sign of a channel is called positive is an accident. Conserves.
    max       of tokens: all to the largest. Conserves.
    norms, activations, softmax, layer scale: one input an output, as the deep Taylor rule has it for an elementwise
              function. Handed through, conserved. A norm's and a softmax's mixing of inputs is thereby left out.

The product of a gate and its value is one of two tensors, each half. An attention pool's query is the same for every
picture: what it receives leaves the tokens. Sizes are those of `steps.py`: N, D, H, d, M.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from vit_core.lecture.head import reading
from vit_core.lecture.steps import Inside
from vit_core.models.rotary import Rotary
from vit_core.models.vit import AttentionPool, Block, VisionTransformer, attention_weights

SMALLEST = 1e-12  # outputs nearer to zero than this hand nothing on: shares of zero are no shares


def share(relevance: Tensor, output: Tensor) -> Tensor:
    """Relevance for each unit of output; none where the output is zero."""
    return torch.where(output.abs() > SMALLEST, relevance / output, 0)


def linear(x: Tensor, weight: Tensor, relevance: Tensor) -> Tensor:
    """y = x W^T by positive contributions: x (..., I), weight (O, I), relevance of y (..., O) to that of x (..., I)."""
    signs = [(x.clamp_min(0), weight.clamp_min(0)), (x.clamp_max(0), weight.clamp_max(0))]  # x w >= 0 in both
    each = share(relevance, sum(part @ w.T for part, w in signs))
    return sum(part * (each @ w) for part, w in signs)


def balanced(first: Tensor, second: Tensor, relevance: Tensor) -> tuple[Tensor, Tensor]:
    """Normalised: two relevances scaled so that their totals, neither below zero, are together that of `relevance`.

    Each keeps its part of |sum first| + |sum second|. Without it the values of a sum of opposites would grow
    without bound from layer to layer, and a product would double what it gets.
    """
    a, b, total = (t.sum(dtype=torch.float64) for t in (first, second, relevance))
    scale = share(total, a.abs() + b.abs())
    return first * (a.sign() * scale).to(first.dtype), second * (b.sign() * scale).to(second.dtype)


def add(u: Tensor, v: Tensor, relevance: Tensor) -> tuple[Tensor, Tensor]:
    """u + v: the relevance of u and of v, all of one shape."""
    each = share(relevance, u + v)
    return balanced(u * each, v * each, relevance)


def product(u: Tensor, v: Tensor, relevance: Tensor) -> tuple[Tensor, Tensor]:
    """u @ v, (..., n, k) and (..., k, m), relevance (..., n, m): the relevance of u and of v. The deep
    Taylor rule gives each the whole total, so the normalisation leaves each a half."""
    each = share(relevance, u @ v)
    return balanced(u * (each @ v.mT), v * (u.mT @ each), relevance)


def through_attention(weights: Tensor, query: Tensor, key: Tensor, value: Tensor, relevance: Tensor):
    """Relevance of mixed values (H, n, d) to that of weights (H, n, N), query (H, n, d), key and value (H, N, d)."""
    of_weights, of_value = product(weights, value, relevance)
    of_query, of_key = product(query * query.shape[-1] ** -0.5, key.mT, of_weights)  # softmax hands through
    return of_weights, of_query, of_key.mT, of_value


def through_turn(rotary: Rotary, x: Tensor, relevance: Tensor) -> Tensor:
    """Relevance of turned queries or keys x (H, N, d) to that of what was turned: each channel is a sum of two."""
    own = rotary(x, back=True) * rotary.angles(x)[0]
    of_own, of_beside = add(own, x - own, relevance)
    return of_own + of_beside.roll(x.shape[-1] // 2, -1)


class Blockwise(NamedTuple):
    """Relevance at one block."""

    entered: Tensor  # (N, D), of the stream entering it
    weights: Tensor  # (H, N, N), of its attention weights


@torch.no_grad()
def through_block(block: Block, seen: Inside, relevance: Tensor) -> Blockwise:
    """Relevance of the stream leaving a block (N, D) to what enters it and to its attention weights.

    `seen`: what `steps.inside` found. Any kind of block: a parallel one adds twice to the stream that entered.
    """
    attn, mlp, (H, N, d) = block.attn, block.mlp, seen.query.shape
    of_sum, of_written = add(seen.entered + seen.attended, seen.written, relevance)
    of_hidden = linear(seen.activated, mlp.fc2.weight, of_written)
    if mlp.gated:
        of_hidden = torch.cat([of_hidden, of_hidden], -1) / 2
    of_mlp_input = linear(seen.mlp_input, mlp.fc1.weight, of_hidden)
    if block.wiring != "parallel":
        of_sum = of_sum + of_mlp_input
    of_entered, of_attended = add(seen.entered, seen.attended, of_sum)
    of_joined = linear(attn.norm(seen.joined), attn.proj.weight, of_attended)
    weights = attention_weights(seen.query, seen.key).to(seen.value.dtype)
    of_weights, *of_qkv = through_attention(
        weights, seen.query, seen.key, seen.value, of_joined.view(N, H, d).transpose(0, 1)
    )
    if isinstance(attn.rotary, Rotary):
        of_qkv[0] = through_turn(attn.rotary, seen.query, of_qkv[0])
        of_qkv[1] = through_turn(attn.rotary, seen.key, of_qkv[1])
    of_qkv = torch.stack(of_qkv).permute(2, 0, 1, 3).reshape(N, 3 * H * d)
    of_entered = of_entered + linear(seen.attention_input, attn.qkv.weight, of_qkv)
    if block.wiring == "parallel":
        of_entered = of_entered + of_mlp_input
    return Blockwise(of_entered, of_weights)


def pool_parts(pool: AttentionPool, tokens: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Weights (H, 1, n), query (H, 1, d), key and value (H, n, d) of an attention pool that reads tokens (n, D)."""
    query = pool.q(pool.latent[0]).view(1, pool.heads, -1).transpose(0, 1)
    key, value = pool.kv(tokens).view(len(tokens), 2, pool.heads, -1).permute(1, 2, 0, 3)
    return attention_weights(query, key).to(value.dtype), query, key, value


def through_pool(pool: AttentionPool, tokens: Tensor, relevance: Tensor) -> Tensor:
    """Relevance of an attention pool's vector (D,) to the tokens (n, D) that it reads."""
    weights, query, key, value = pool_parts(pool, tokens)
    mixed = (weights @ value).transpose(0, 1).reshape(1, -1)
    out = pool.proj(mixed)
    read = pool.norm(out)
    active = pool.act(pool.fc1(read))
    of_out, of_written = add(out, pool.fc2(active), relevance[None])
    of_out = of_out + linear(read, pool.fc1.weight, linear(active, pool.fc2.weight, of_written))
    of_mixed = linear(mixed, pool.proj.weight, of_out).view(1, pool.heads, -1).transpose(0, 1)
    _, _, of_key, of_value = through_attention(weights, query, key, value, of_mixed)
    of_kv = torch.stack([of_key, of_value]).permute(2, 0, 1, 3).reshape(len(tokens), -1)
    return linear(tokens, pool.kv.weight, of_kv)


@torch.no_grad()
def through_head(model: VisionTransformer, tokens: Tensor, target: int) -> Tensor:
    """One, the relevance of class `target`, to the tokens (N, D) after the last norm: (N, D).

    With two heads both are read side by side, each counting half, as the logits are their mean.
    """
    read = reading(model, tokens, [target])
    of_vector = linear(read.vector[None].to(tokens.dtype), read.weight.to(tokens.dtype), tokens.new_ones(1, 1))[0]
    out, config = torch.zeros_like(tokens), model.config
    seen = slice(0 if config.pool_prefix else config.num_prefix_tokens, None)

    def to_mean(of: Tensor) -> Tensor:
        x = tokens[seen] * tokens[seen].mean(0).sign()
        return linear(x.T, torch.full_like(x[:, :1].T, 1 / len(x)), of[:, None]).T

    def to_max(of: Tensor) -> Tensor:
        x = tokens[seen]
        return torch.zeros_like(x).scatter_(0, x.argmax(0)[None], of[None])

    for (name, _), of in zip(read.parts, of_vector.split([width for _, width in read.parts]), strict=True):
        if name == "class":
            out[0] += of
        elif name == "distillation":
            out[int(config.class_token)] += of
        elif name == "avg":
            out[seen] += to_mean(of)
        elif name == "max":
            out[seen] += to_max(of)
        elif name == "avgmax":
            largest, mean = add(tokens[seen].amax(0), tokens[seen].mean(0), of)
            out[seen] += to_max(largest) + to_mean(mean)
        else:
            out[seen] += through_pool(model.attention_pool, tokens[seen], of)
    return out
