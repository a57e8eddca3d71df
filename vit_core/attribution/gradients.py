"""Attribution of one class's logit to the tokens, by gradients: gradient rollout and LRP.

The target is a class as in `models.predictions`: class 1 of a binary head is explained by its logit and class 0 by the
negative of that logit; an output of a regression by the output itself.

Both methods are by Chefer, Gur and Wolf, and unlike attention rollout they depend on the class. Both walk from the last
layer to the first with one row of values per token, so memory holds the N x N weights of one layer at a time.
Attribution is not proof of what the model would do without a patch; `ablation` measures that.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import cast

import torch
from torch import Tensor

from vit_core.attention.attention_rollout import one_token
from vit_core.attribution import lrp_rules
from vit_core.attribution.ablation import prepare_one
from vit_core.attribution.forward_steps import block_steps, residual_streams
from vit_core.errors import InputError
from vit_core.models import predictions
from vit_core.models.vit import Block, VisionTransformer, attention_weights


def on_grid(model: VisionTransformer, images: Tensor, row: Tensor) -> Tensor:
    """The patches' part of values per token (N,) as a map (rows, cols), for pictures (1, C, height, width)."""
    return row[model.config.num_prefix_tokens :].reshape(model.grid(images))


def _prepare(model: VisionTransformer, images: Tensor, target: int) -> Tensor:
    images, classes = prepare_one(model, images), predictions.class_count(model.config)
    if not 0 <= target < classes:
        raise InputError(
            "attribution-target",
            f"The model has no class {target}; its classes are 0 to {classes - 1}.",
            target=target,
            last=classes - 1,
        )
    return images


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


def _block_gradients(block: Block, entered: Tensor, gradient: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """One block's attention weights (H, N, N), the gradient with respect to them, and with respect to its input.

    entered (1, N, D), the block's input; gradient (1, N, D), with respect to its output. Parameters get no gradient.
    """
    kept: list[Tensor] = []

    def attend(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        kept.append(attention_weights(query, key).to(value.dtype))
        return kept[0] @ value

    with torch.enable_grad():
        entered = entered.detach().clone().requires_grad_()
        out = block(entered, attend)
        of_weights, of_entered = torch.autograd.grad(out, (kept[0], entered), gradient)
    return kept[0].detach()[0], of_weights[0], of_entered


def _backwards(model: VisionTransformer, stream: Tensor, target: int) -> Iterator[tuple[Block, Tensor, Tensor, Tensor]]:
    """From the last block to the first: the block, its input (N, D), its attention weights (H, N, N), and the gradient
    of the target's logit with respect to them. stream: (layers + 1, N, D), from `residual_streams`."""
    with torch.enable_grad():
        last = stream[-1:].detach().clone().requires_grad_()
        logits = cast(Tensor, model.classify(model.norm(last)))[0]
        logit = predictions.target_logit(logits, target, model.config.problem_type)
        gradient = torch.autograd.grad(logit, last)[0]
    for block, entered in zip(reversed(model.blocks), reversed(stream[:-1]), strict=True):
        weights, of_weights, gradient = _block_gradients(block, entered[None], gradient)
        yield block, entered, weights, of_weights


@torch.inference_mode(False)
def gradient_rollout(model: VisionTransformer, images: Tensor, target: int) -> Tensor:
    """How much each token raises the logit of class `target`: (N,), for one preprocessed picture (1, C, height, width).

    Chefer, Gur & Wolf 2021 (arXiv:2103.15679), equations 5 and 6 for self-attention: A_bar = E_h[(grad A * A)^+] with
    the gradient of the target's logit, and R <- R + A_bar R from the first layer to the last; R starts as the identity.
    Returns the row of R that the head reads (`head_row`). Values are at least 0, have no fixed sum, and can be compared
    within one picture and model only. Tokens that the head reads directly include their starting value.

    Raises InputError: "model-no-head", "attribution-target" if the class does not exist, "tensor-shape".
    """
    stream = residual_streams(model, _prepare(model, images, target))
    row = head_row(model, model.norm(stream[-1]).detach())
    for _, _, weights, gradient in _backwards(model, stream, target):
        row = row + row @ (gradient * weights).clamp_min(0).mean(0)
    return row


@torch.inference_mode(False)
def lrp(model: VisionTransformer, images: Tensor, target: int) -> Tensor:
    """How much each token raises the logit of class `target`, by layer-wise relevance propagation: (N,).

    Chefer, Gur & Wolf 2021 (arXiv:2012.09838): A_bar = I + E_h[(grad A * R_A)^+] with R_A the relevance of the
    attention weights, propagated from the class by `lrp_rules`, and the product of A_bar over the layers, the last on
    the left. Returns the row that the head reads, as `gradient_rollout` does; rows are not normalised. The paper treats
    the standard pre-norm encoder; gated MLPs, QK-norm, parallel blocks and pools follow from the same rules.

    images: one preprocessed picture (1, C, height, width). Raises InputError as `gradient_rollout` does.
    """
    stream = residual_streams(model, _prepare(model, images, target))
    tokens = model.norm(stream[-1]).detach()
    row, of_stream = head_row(model, tokens), lrp_rules.head_relevance(model, tokens, target)
    for block, entered, _, gradient in _backwards(model, stream, target):
        of_stream, of_weights = lrp_rules.block_relevance(block, block_steps(block, entered), of_stream)
        row = row + row @ (gradient * of_weights).clamp_min(0).mean(0)
    return row
