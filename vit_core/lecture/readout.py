"""What the head says about vectors inside the model: after each layer, and for one hidden unit of an MLP."""

from __future__ import annotations

import torch
from torch import Tensor

from vit_core.models.vit import VisionTransformer


@torch.no_grad()
def logit_lens(model: VisionTransformer, stream: Tensor) -> Tensor | None:
    """The head's logits after each layer (nostalgebraist 2020): (layers + 1, N, D) to (layers + 1, classes).

    The last row is the model's own prediction. None for a model without a head.
    """
    return model.classify(model.norm(stream))


@torch.no_grad()
def unit_logits(model: VisionTransformer, layer: int, unit: int) -> Tensor | None:
    """The logits (classes,) of the direction that a hidden unit writes, for an activation of one and a token of unit
    standard deviation (Geva et al. 2022, arXiv:2203.14680).

    The direction is read through the last norm's weight and the head; what later layers do to it is ignored. None if
    there is no such reading: without a head, with a norm on what the MLP adds, or with a head that reads anything but
    one vector of width D. With two heads, the class token's head is used, without the factor of one half.
    """
    block = model.blocks[layer]
    if model.head is None or block.wiring == "res_post" or model.config.pool in ("map", "token_avg"):
        return None
    direction = block.ls2(block.mlp.fc2.weight[:, unit])
    for norm in (model.norm, model.pool_norm):
        if isinstance(norm, torch.nn.LayerNorm):
            direction = direction - direction.mean()
        direction = direction * getattr(norm, "weight", 1)
    return model.head.weight @ direction
