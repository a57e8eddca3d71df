"""Attention weighted by its gradient (Grad-SAM; Barkan et al. 2021, arXiv:2204.11073)."""

from __future__ import annotations

import torch
from torch import Tensor

from vit_core.attribution.forward_steps import residual_streams
from vit_core.attribution.methods.backward import backwards, prepare_target
from vit_core.models.vit import VisionTransformer


@torch.inference_mode(False)
def attention_gradient(model: VisionTransformer, images: Tensor, target: int) -> Tensor:
    """Attention times the positive part of its gradient, of each token as a key: (N,), at least 0.

    The mean over layers, heads and queries of A * (grad A)^+, with the gradient of the target's logit.

    images: one preprocessed picture (1, C, height, width). Raises InputError as `gradient_rollout` does.
    """
    stream = residual_streams(model, prepare_target(model, images, target))
    found = [(w * g.clamp_min(0)).mean((0, 1)) for _, _, w, g in backwards(model, stream, target)]
    return torch.stack(found).mean(0)
