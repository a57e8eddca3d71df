"""Gradient rollout and LRP (Chefer, Gur and Wolf 2021).

Unlike attention rollout, both depend on the class. Both walk from the last layer to the first with one row of values
per token, so memory holds the N x N weights of one layer at a time.
"""

from __future__ import annotations

import torch
from torch import Tensor

from vit_core.attribution.forward_steps import block_steps, residual_streams
from vit_core.attribution.methods import lrp_rules
from vit_core.attribution.methods.backward import backwards, head_row, prepare_target
from vit_core.models.vit import VisionTransformer


@torch.inference_mode(False)
def gradient_rollout(model: VisionTransformer, images: Tensor, target: int) -> Tensor:
    """How much each token raises the logit of class `target`: (N,), for one preprocessed picture (1, C, height, width).

    Chefer, Gur & Wolf 2021 (arXiv:2103.15679), equations 5 and 6 for self-attention: A_bar = E_h[(grad A * A)^+] with
    the gradient of the target's logit, and R <- R + A_bar R from the first layer to the last; R starts as the identity.
    Returns the row of R that the head reads (`head_row`). Values are at least 0, have no fixed sum, and can be compared
    within one picture and model only. Tokens that the head reads directly include their starting value.

    Raises InputError: "model-no-head", "attribution-target" if the class does not exist, "tensor-shape".
    """
    stream = residual_streams(model, prepare_target(model, images, target))
    row = head_row(model, model.norm(stream[-1]).detach())
    for _, _, weights, gradient in backwards(model, stream, target):
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
    stream = residual_streams(model, prepare_target(model, images, target))
    tokens = model.norm(stream[-1]).detach()
    row, of_stream = head_row(model, tokens), lrp_rules.head_relevance(model, tokens, target)
    for block, entered, _, gradient in backwards(model, stream, target):
        of_stream, of_weights = lrp_rules.block_relevance(block, block_steps(block, entered), of_stream)
        row = row + row @ (gradient * of_weights).clamp_min(0).mean(0)
    return row
