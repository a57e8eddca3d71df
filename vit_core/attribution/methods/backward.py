"""What the methods share: a checked picture, what the head reads, and the walk from the last block to the first.

The target is a class as in `models.predictions`: class 1 of a binary head is explained by its logit and class 0 by the
negative of that logit; an output of a regression by the output itself.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import cast

import torch
from torch import Tensor

from vit_core.attention.attention_rollout import one_token
from vit_core.attribution.ablation import prepare_one
from vit_core.attribution.methods import lrp_rules
from vit_core.errors import InputError
from vit_core.models import predictions
from vit_core.models.vit import Attend, Block, VisionTransformer, attention_weights, sdpa


def on_grid(model: VisionTransformer, images: Tensor, row: Tensor) -> Tensor:
    """The patches' part of values per token (N,) as a map (rows, cols), for pictures (1, C, height, width)."""
    return row[model.config.num_prefix_tokens :].reshape(model.grid(images))


def prepare_target(model: VisionTransformer, images: Tensor, target: int) -> Tensor:
    images, classes = prepare_one(model, images), predictions.class_count(model.config)
    if not 0 <= target < classes:
        raise InputError(
            "attribution-target",
            f"The model has no class {target}; its classes are 0 to {classes - 1}.",
            target=target,
            last=classes - 1,
        )
    return images


def explained_logit(model: VisionTransformer, tokens: Tensor, target: int, attend: Attend = sdpa) -> Tensor:
    """What an attribution explains: the logit of class `target`, as `predictions.target_logit` has it.

    tokens (1, N, D), after the last norm; `attend` mixes the values of an attention pool.
    """
    logits = cast(Tensor, model.classify(tokens, attend))  # `prepare_target` refuses models without a head
    return predictions.target_logit(logits[0], target, model.config.problem_type)


@torch.no_grad()
def head_row(model: VisionTransformer, tokens: Tensor) -> Tensor:
    """How much of each token the head reads: (N,), summing to 1; tokens (N, D) after the last norm.

    The class token, or what the pool reads: for a mean every token equally, for a maximum each token by its share of
    channels, for an attention pool by its weights (mean over heads). A head of two vectors reads half of each.
    """
    config, N = model.config, len(tokens)
    kind = {"device": tokens.device, "dtype": tokens.dtype}
    skip = 0 if config.pool_prefix else config.num_prefix_tokens
    pooled = tokens[skip:]

    def on_pooled(values: Tensor) -> Tensor:
        return torch.cat([torch.zeros(skip, **kind), values.to(**kind)])

    mean = on_pooled(torch.full((N - skip,), 1 / (N - skip)))
    if config.pool == "token":
        row = one_token(N, 0, **kind)
    elif config.pool == "map":
        row = on_pooled(lrp_rules.pool_attention(model.attention_pool, pooled)[0].mean(0)[0])
    elif config.pool == "avg":
        row = mean
    elif config.pool == "token_avg":
        row = (one_token(N, 0, **kind) + mean) / 2
    else:
        largest = on_pooled(pooled.argmax(0).bincount(minlength=N - skip) / config.dim)
        row = largest if config.pool == "max" else (largest + mean) / 2
    if model.distillation_head is not None:  # the logits are the mean of two heads
        row = (row + one_token(N, int(config.class_token), **kind)) / 2
    return row


def kept_attention(block: Block, entered: Tensor) -> tuple[Tensor, Tensor]:
    """One block's output (1, N, D) and its attention weights (1, H, N, N), on which autograd lets the output depend."""
    kept: list[Tensor] = []

    def attend(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        kept.append(attention_weights(query, key).to(value.dtype))
        if not kept[0].requires_grad:
            kept[0].requires_grad_()
        return kept[0] @ value

    return block(entered, attend), kept[0]


def block_gradients(block: Block, entered: Tensor, gradient: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """One block's attention weights (H, N, N), the gradient with respect to them, and with respect to its input.

    entered (1, N, D), the block's input; gradient (1, N, D), with respect to its output. Parameters get no gradient.
    """
    with torch.enable_grad():
        entered = entered.detach().clone().requires_grad_()
        out, weights = kept_attention(block, entered)
        of_weights, of_entered = torch.autograd.grad(out, (weights, entered), gradient)
    return weights.detach()[0], of_weights[0], of_entered


def backwards(model: VisionTransformer, stream: Tensor, target: int) -> Iterator[tuple[Block, Tensor, Tensor, Tensor]]:
    """From the last block to the first: the block, its input (N, D), its attention weights (H, N, N), and the gradient
    of the target's logit with respect to them. stream: (layers + 1, N, D), from `residual_streams`."""
    with torch.enable_grad():
        last = stream[-1:].detach().clone().requires_grad_()
        gradient = torch.autograd.grad(explained_logit(model, model.norm(last), target), last)[0]
    for block, entered in zip(reversed(model.blocks), reversed(stream[:-1]), strict=True):
        weights, of_weights, gradient = block_gradients(block, entered[None], gradient)
        yield block, entered, weights, of_weights
