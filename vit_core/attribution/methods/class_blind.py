"""Attention and rollout as maps: controls, because they do not depend on the class."""

from __future__ import annotations

import torch
from torch import Tensor

from vit_core.attribution.forward_steps import residual_streams
from vit_core.attribution.methods.backward import head_row, kept_attention, prepare_target
from vit_core.models.vit import VisionTransformer


@torch.no_grad()
def attention_map(model: VisionTransformer, images: Tensor, target: int) -> Tensor:
    """The last layer's attention, mean over heads, of the tokens that the head reads: (N,), summing to 1.

    `target` changes nothing. Raises InputError as `gradient_rollout` does.
    """
    stream = residual_streams(model, prepare_target(model, images, target))
    row = head_row(model, model.norm(stream[-1]))
    return row @ kept_attention(model.blocks[-1], stream[-2:-1])[1][0].mean(0)


@torch.no_grad()
def rollout_map(model: VisionTransformer, images: Tensor, target: int) -> Tensor:
    """Attention rollout of the tokens that the head reads (Abnar & Zuidema 2020, arXiv:2005.00928): (N,), summing to 1.

    The mean over heads, and half of each token passed on unchanged. `target` changes nothing. Raises InputError as
    `gradient_rollout` does.
    """
    stream = residual_streams(model, prepare_target(model, images, target))
    row = head_row(model, model.norm(stream[-1]))
    for block, entered in zip(reversed(model.blocks), reversed(stream[:-1]), strict=True):
        row = 0.5 * row + 0.5 * (row @ kept_attention(block, entered[None])[1][0].mean(0))
    return row
