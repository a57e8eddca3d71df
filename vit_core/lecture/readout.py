"""What the head says about vectors inside the model, and how far the vector that it reads moves."""

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


@torch.no_grad()
def final_vector(model: VisionTransformer, images: Tensor) -> Tensor:
    """The vector that the model returns or its head reads: images (B, C, height, width) to (B, width).

    The class token after the last norm, or what the tokens are pooled to.
    """
    return model.pooled(model.encode(model.embed(images)))


def vector_change(before: Tensor, after: Tensor) -> tuple[float, float] | None:
    """How far a vector (D,) moved: its cosine to the one before, and |after - before| / |before|.

    None if there is no such number: for a vector of zeros or one that is not finite.
    """
    before, after = before.double(), after.double()
    cosine = (before @ after) / (before.norm() * after.norm())
    relative = (after - before).norm() / before.norm()
    finite = bool(cosine.isfinite() and relative.isfinite())
    return (float(cosine.clamp(-1, 1)), float(relative)) if finite else None
