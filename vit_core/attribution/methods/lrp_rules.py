"""Layer-wise relevance propagation from a class's logit to the tokens (Chefer, Gur & Wolf 2021, arXiv:2012.09838).

The class starts with relevance 1. Each layer's output passes its relevance to the inputs, in proportion to what each
input contributed. The rules, and whether they conserve the total:

    linear    over the positive contributions x_j w_ji only. Conserves, except for an output without positive
              contributions, whose relevance is dropped. Biases get none.
    rotary    each rotated channel is a sum of two channels: `add`.
    add       the deep Taylor rule for each summand, then the paper's normalisation. Conserves.
    product   of two tensors (attention times values, queries times keys): likewise. Conserves.
    mean      over tokens: a linear layer for each channel, over the contributions with the sign of the mean, because
              the sign of a channel is arbitrary. Conserves.
    max       over tokens: all to the largest. Conserves.
    norms, activations, softmax, layer scale: elementwise functions in the deep Taylor rule; relevance passes unchanged.
              The mixing of inputs in a norm or softmax is ignored.

The product of a gate and its value is a product of two tensors: each gets half. An attention pool's query does not
depend on the picture, so its relevance is dropped. Sizes N, D, H, d, M as in `forward_steps`.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from vit_core.attribution.forward_steps import BlockSteps
from vit_core.attribution.logit_terms import read_head
from vit_core.models.predictions import target_output
from vit_core.models.rotary import Rotary
from vit_core.models.vit import AttentionPool, Block, VisionTransformer, attention_weights

SMALLEST = 1e-12  # outputs closer to zero than this pass no relevance on


def ratio(relevance: Tensor, output: Tensor) -> Tensor:
    """Relevance divided by output; 0 where the output is zero."""
    return torch.where(output.abs() > SMALLEST, relevance / output, 0)


def linear(x: Tensor, weight: Tensor, relevance: Tensor) -> Tensor:
    """y = x W^T by positive contributions: x (..., I), weight (O, I), relevance of y (..., O) to relevance of x (...,
    I)."""
    (x_plus, w_plus), (x_minus, w_minus) = (  # x w >= 0 in both
        (x.clamp_min(0), weight.clamp_min(0)),
        (x.clamp_max(0), weight.clamp_max(0)),
    )
    each = ratio(relevance, x_plus @ w_plus.T + x_minus @ w_minus.T)
    return x_plus * (each @ w_plus) + x_minus * (each @ w_minus)


def normalise(first: Tensor, second: Tensor, relevance: Tensor) -> tuple[Tensor, Tensor]:
    """Two relevances scaled to non-negative totals that add up to the total of `relevance`.

    Each total is its part of |sum first| + |sum second|. Without this step the relevances of summands of opposite sign
    grow without bound from layer to layer, and a product doubles its relevance.
    """
    a, b, total = (t.sum(dtype=torch.float64) for t in (first, second, relevance))
    scale = ratio(total, a.abs() + b.abs())
    return first * (a.sign() * scale).to(first.dtype), second * (b.sign() * scale).to(second.dtype)


def add(u: Tensor, v: Tensor, relevance: Tensor) -> tuple[Tensor, Tensor]:
    """Relevance of u + v to relevance of u and of v, all of one shape."""
    each = ratio(relevance, u + v)
    return normalise(u * each, v * each, relevance)


def product(u: Tensor, v: Tensor, relevance: Tensor) -> tuple[Tensor, Tensor]:
    """Relevance (..., n, m) of u @ v to relevance of u (..., n, k) and of v (..., k, m), half of the total each."""
    each = ratio(relevance, u @ v)
    return normalise(u * (each @ v.mT), v * (u.mT @ each), relevance)


def attention_relevance(
    weights: Tensor, query: Tensor, key: Tensor, value: Tensor, relevance: Tensor
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Relevance of mixed values (H, n, d) to that of weights (H, n, N), query (H, n, d), key and value (H, N, d)."""
    of_weights, of_value = product(weights, value, relevance)
    of_query, of_key = product(query * query.shape[-1] ** -0.5, key.mT, of_weights)  # softmax passes it on
    return of_weights, of_query, of_key.mT, of_value


def rotary_relevance(rotary: Rotary, x: Tensor, relevance: Tensor) -> Tensor:
    """Relevance of rotated queries or keys x (H, N, d) to relevance of the vectors before the rotation."""
    own = rotary(x, back=True) * rotary.angles(x)[0]
    of_own, of_other = add(own, x - own, relevance)
    return of_own + of_other.roll(x.shape[-1] // 2, -1)


class BlockRelevance(NamedTuple):
    """Relevance at one block."""

    entered: Tensor  # (N, D), of the stream that enters
    weights: Tensor  # (H, N, N), of the attention weights


@torch.no_grad()
def block_relevance(block: Block, steps: BlockSteps, relevance: Tensor) -> BlockRelevance:
    """Relevance of the stream leaving a block (N, D) to relevance of its input and of its attention weights.

    steps: from `block_steps`.
    """
    attn, mlp, (H, N, d) = block.attn, block.mlp, steps.query.shape
    of_sum, of_written = add(steps.entered + steps.attended, steps.written, relevance)
    of_hidden = linear(steps.activated, mlp.fc2.weight, of_written)
    if mlp.gated:
        of_hidden = torch.cat([of_hidden, of_hidden], -1) / 2
    of_mlp_input = linear(steps.mlp_input, mlp.fc1.weight, of_hidden)
    if block.wiring != "parallel":
        of_sum = of_sum + of_mlp_input
    of_entered, of_attended = add(steps.entered, steps.attended, of_sum)
    of_joined = linear(attn.norm(steps.joined), attn.proj.weight, of_attended)
    weights = attention_weights(steps.query, steps.key).to(steps.value.dtype)
    of_weights, *of_qkv = attention_relevance(
        weights, steps.query, steps.key, steps.value, of_joined.view(N, H, d).transpose(0, 1)
    )
    if isinstance(attn.rotary, Rotary):
        of_qkv[0] = rotary_relevance(attn.rotary, steps.query, of_qkv[0])
        of_qkv[1] = rotary_relevance(attn.rotary, steps.key, of_qkv[1])
    of_qkv = torch.stack(of_qkv).permute(2, 0, 1, 3).reshape(N, 3 * H * d)
    of_entered = of_entered + linear(steps.attention_input, attn.qkv.weight, of_qkv)
    if block.wiring == "parallel":
        of_entered = of_entered + of_mlp_input
    return BlockRelevance(of_entered, of_weights)


def pool_attention(pool: AttentionPool, tokens: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Weights (H, 1, n), query (H, 1, d), key and value (H, n, d) of an attention pool over tokens (n, D)."""
    query = pool.q(pool.latent[0]).view(1, pool.heads, -1).transpose(0, 1)
    key, value = pool.kv(tokens).view(len(tokens), 2, pool.heads, -1).permute(1, 2, 0, 3)
    return attention_weights(query, key).to(value.dtype), query, key, value


def pool_relevance(pool: AttentionPool, tokens: Tensor, relevance: Tensor) -> Tensor:
    """Relevance of an attention pool's output (D,) to relevance of its tokens (n, D)."""
    weights, query, key, value = pool_attention(pool, tokens)
    mixed = (weights @ value).transpose(0, 1).reshape(1, -1)
    out = pool.proj(mixed)
    read = pool.norm(out)
    active = pool.act(pool.fc1(read))
    of_out, of_written = add(out, pool.fc2(active), relevance[None])
    of_out = of_out + linear(read, pool.fc1.weight, linear(active, pool.fc2.weight, of_written))
    of_mixed = linear(mixed, pool.proj.weight, of_out).view(1, pool.heads, -1).transpose(0, 1)
    _, _, of_key, of_value = attention_relevance(weights, query, key, value, of_mixed)
    of_kv = torch.stack([of_key, of_value]).permute(2, 0, 1, 3).reshape(len(tokens), -1)
    return linear(tokens, pool.kv.weight, of_kv)


@torch.no_grad()
def head_relevance(model: VisionTransformer, tokens: Tensor, target: int) -> Tensor:
    """Relevance 1 of class `target` to relevance of the tokens (N, D) after the last norm.

    With two heads, whose mean the logits are, each head counts half. The negative class of a binary head has the
    negated weights of its only logit.
    """
    row, sign = target_output(target, model.config.problem_type)
    read = read_head(model, tokens, [row])
    weight = sign * read.weight.to(tokens.dtype)
    of_vector = linear(read.vector[None].to(tokens.dtype), weight, tokens.new_ones(1, 1))[0]
    out, config = torch.zeros_like(tokens), model.config
    pooled = slice(0 if config.pool_prefix else config.num_prefix_tokens, None)

    def to_mean(of: Tensor) -> Tensor:
        x = tokens[pooled] * tokens[pooled].mean(0).sign()
        return linear(x.T, torch.full_like(x[:, :1].T, 1 / len(x)), of[:, None]).T

    def to_max(of: Tensor) -> Tensor:
        x = tokens[pooled]
        return torch.zeros_like(x).scatter_(0, x.argmax(0)[None], of[None])

    for (name, _), of in zip(read.parts, of_vector.split([width for _, width in read.parts]), strict=True):
        if name == "class":
            out[0] += of
        elif name == "distillation":
            out[int(config.class_token)] += of
        elif name == "avg":
            out[pooled] += to_mean(of)
        elif name == "max":
            out[pooled] += to_max(of)
        elif name == "avgmax":
            largest, mean = add(tokens[pooled].amax(0), tokens[pooled].mean(0), of)
            out[pooled] += to_max(largest) + to_mean(mean)
        else:
            out[pooled] += pool_relevance(model.attention_pool, tokens[pooled], of)
    return out
