"""Grad-CAM for a Vision Transformer (Selvaraju et al. 2017, arXiv:1610.02391)."""

from __future__ import annotations

import torch
from torch import Tensor

from vit_core.attribution.forward_steps import residual_streams
from vit_core.attribution.methods.backward import explained_logit, prepare_target
from vit_core.errors import InputError
from vit_core.models.vit import VisionTransformer


@torch.inference_mode(False)
def grad_cam(model: VisionTransformer, images: Tensor, target: int) -> Tensor:
    """The last block's evidence for the target at each token: (N,), at least 0; prefix tokens get 0.

    The features are what the last block's attention reads, after its norm. Each channel counts as much as the target's
    logit depends on it, the mean gradient over patches, and what is left of their sum is positive. With a class-token
    head, patches after the last block get no gradient, which would make every map zero; before its attention, they do.

    images: one preprocessed picture (1, C, height, width). Raises InputError as `gradient_rollout` does, and
    "attribution-empty" if no patch has evidence for the target.
    """
    stream = residual_streams(model, prepare_target(model, images, target))
    block, prefix = model.blocks[-1], model.config.num_prefix_tokens
    with torch.enable_grad():
        read = out = stream[-2:-1].detach().clone().requires_grad_()
        for name, out in block.parts(read):
            if name == "norm1" and block.wiring != "res_post":  # there, attention reads the stream
                read = out
        gradient = torch.autograd.grad(explained_logit(model, model.norm(out), target), read)[0]
    row = (read.detach()[0] @ gradient[0, prefix:].mean(0)).clamp_min(0)
    row[:prefix] = 0
    if not row.any():
        raise InputError(
            "attribution-empty",
            f"Grad-CAM finds no patch that speaks for class {target}; choose another method",
            target=target,
        )
    return row
