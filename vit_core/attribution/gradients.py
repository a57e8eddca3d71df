"""Which patches speak for a class: attribution that, unlike rollout, depends on the class asked about.

Two ways by the same authors. Both walk from the last layer to the first with one row of values per token, as
`rollout.py` does, so nothing of size N x N is kept for more than one layer: 1,370 tokens cost as much memory as one
layer's attention and its gradient. They are evidence, not proof: neither is what would happen if a patch were gone;
that is `intervene`.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from vit_core.attention.attention_rollout import one_token
from vit_core.attention.trace import prepare
from vit_core.attribution import relevance_propagation as rules
from vit_core.attribution.ablation import (
    FILLS,
    Change,
    Flips,
    flips,
    intervene,
    interventions,
    most_important,
    painted,
)
from vit_core.errors import InputError
from vit_core.lecture.steps import inside, streams
from vit_core.models.vit import Block, VisionTransformer, attention_weights

__all__ = [
    "FILLS",
    "Change",
    "Flips",
    "flips",
    "gradient_rollout",
    "intervene",
    "interventions",
    "most_important",
    "on_grid",
    "painted",
    "relevance",
]


def on_grid(model: VisionTransformer, images: Tensor, row: Tensor) -> Tensor:
    """The patches' part of values per token (N,), as (rows, cols): for pictures (1, C, height, width)."""
    return row[model.config.num_prefix_tokens :].reshape(model.grid(images))


def _checked(model: VisionTransformer, images: Tensor, target: int) -> Tensor:
    if model.head is None:
        raise InputError("model-no-head", "this model has no classification head, so it predicts nothing")
    classes = model.config.classes
    if not 0 <= target < classes:
        raise InputError(
            "attribution-target",
            f"The model has no class {target}; its classes are 0 to {classes - 1}.",
            target=target,
            last=classes - 1,
        )
    images, _ = prepare(model, images)
    return images.to(next(model.parameters()).device)


@torch.no_grad()
def rows_read(model: VisionTransformer, tokens: Tensor) -> Tensor:
    """Where the head looks: (N,), how much of each token it reads, summing to 1; tokens (N, D) after the last norm.

    The class token, or what the pool reads: of a mean every token equally, of a maximum each by its share of the
    channels, of an attention pool by its weights (mean over heads). What reads two vectors reads half of each.
    """
    config, N = model.config, len(tokens)
    kind = {"device": tokens.device, "dtype": tokens.dtype}
    skip = 0 if config.pool_prefix else config.num_prefix_tokens
    seen = tokens[skip:]

    def among_seen(values: Tensor) -> Tensor:
        return torch.cat([torch.zeros(skip, **kind), values.to(**kind)])

    mean = among_seen(torch.full((N - skip,), 1 / (N - skip)))
    if config.pool == "token":
        row = one_token(N, 0, **kind)
    elif config.pool == "map":
        row = among_seen(rules.pool_parts(model.attention_pool, seen)[0].mean(0)[0])
    elif config.pool == "avg":
        row = mean
    elif config.pool == "token_avg":
        row = (one_token(N, 0, **kind) + mean) / 2
    else:
        largest = among_seen(seen.argmax(0).bincount(minlength=N - skip) / config.dim)
        row = largest if config.pool == "max" else (largest + mean) / 2
    if model.distillation_head is not None:  # the logits are the mean of two heads'
        row = (row + one_token(N, int(config.class_token), **kind)) / 2
    return row


def _block_gradients(block: Block, entered: Tensor, gradient: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """One block's attention weights (H, N, N), the gradient with respect to them, and to what entered (1, N, D).

    entered (1, N, D); gradient: with respect to what leaves. The weights are made explicit, so that they can be
    asked for; parameters are never asked for, and keep no gradient.
    """
    kept = []

    def attend(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        kept.append(attention_weights(query, key).to(value.dtype))
        return kept[0] @ value

    with torch.enable_grad():
        entered = entered.detach().clone().requires_grad_()
        left = block(entered, attend)
        of_weights, of_entered = torch.autograd.grad(left, (kept[0], entered), gradient)
    return kept[0].detach()[0], of_weights[0], of_entered


def _backwards(model: VisionTransformer, stream: Tensor, target: int) -> Iterator[tuple[Block, Tensor, Tensor, Tensor]]:
    """From the last block to the first: the block, what entered (N, D), its attention weights (H, N, N), and the
    gradient of the target's logit with respect to them. `stream` (layers + 1, N, D) is what `steps.streams` gives."""
    with torch.enable_grad():
        last = stream[-1:].detach().clone().requires_grad_()
        logit = model.classify(model.norm(last))[0, target]
        gradient = torch.autograd.grad(logit, last)[0]
    for block, entered in zip(reversed(model.blocks), reversed(stream[:-1]), strict=True):
        weights, of_weights, gradient = _block_gradients(block, entered[None], gradient)
        yield block, entered, weights, of_weights


@torch.inference_mode(False)
def gradient_rollout(model: VisionTransformer, images: Tensor, target: int) -> Tensor:
    """How much each token speaks for class `target`: (N,), for one preprocessed picture (1, C, height, width).

    Chefer, Gur & Wolf 2021 (arXiv:2103.15679), equations 5 and 6 for self-attention: A_bar = E_h[(grad A * A)^+], the
    gradient being that of the target's logit, and R <- R + A_bar R from the first layer to the last, R beginning as
    the identity. Returned is the row of R that the head reads (`rows_read`): the class token's, or the pool's. All
    values are at least 0; they have no fixed sum and no unit beyond "of the same picture and model". The head's own
    tokens keep the one they began with. Patches of a class that nothing speaks for are 0.

    Raises InputError: "model-no-head", "attribution-target" for a class that there is not, "tensor-shape".
    """
    stream = streams(model, _checked(model, images, target))
    row = rows_read(model, model.norm(stream[-1]).detach())
    for _, _, weights, gradient in _backwards(model, stream, target):
        row = row + row @ (gradient * weights).clamp_min(0).mean(0)
    return row


@torch.inference_mode(False)
def relevance(model: VisionTransformer, images: Tensor, target: int) -> Tensor:
    """How much each token speaks for class `target`: (N,), for one preprocessed picture (1, C, height, width).

    Chefer, Gur & Wolf 2021 (arXiv:2012.09838): A_bar = I + E_h[(grad A * R_A)^+] with R_A the
    relevance of the attention weights, propagated from the class by the rules of `relevance.py` (there: which steps
    conserve it and which do not), and the product of A_bar over the layers, the last on the left. Returned is the row
    that the head reads, as `gradient_rollout` does; rows are not scaled to sum to one. The paper treats the standard
    pre-norm encoder; gates, QK-norm, parallel blocks and pools follow from the same rules.

    Raises InputError as `gradient_rollout` does.
    """
    stream = streams(model, _checked(model, images, target))
    tokens = model.norm(stream[-1]).detach()
    row, of_stream = rows_read(model, tokens), rules.through_head(model, tokens, target)
    for block, entered, _, gradient in _backwards(model, stream, target):
        of_stream, of_weights = rules.through_block(block, inside(block, entered), of_stream)
        row = row + row @ (gradient * of_weights).clamp_min(0).mean(0)
    return row
