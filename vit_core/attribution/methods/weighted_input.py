"""Input times gradient (Shrikumar et al. 2016, arXiv:1605.01713): the plain baseline."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from vit_core.attribution.methods.backward import prepare_target
from vit_core.models import predictions
from vit_core.models.vit import VisionTransformer


@torch.inference_mode(False)
def input_gradient(model: VisionTransformer, images: Tensor, target: int) -> Tensor:
    """Each patch's pixels times the gradient of the target's logit, summed over the patch: (P,), signed.

    The pixels are the model's input after normalisation, so 0 is the normalisation's mean colour.

    images: one preprocessed picture (1, C, height, width). Raises InputError as `gradient_rollout` does.
    """
    images = prepare_target(model, images, target)
    with torch.enable_grad():
        pixels = images.detach().clone().requires_grad_()
        logit = predictions.target_logit(model(pixels)[0], target, model.config.problem_type)
        gradient = torch.autograd.grad(logit, pixels)[0]
    product = (images * gradient).sum(1, keepdim=True)
    height, width = model.config.patch_size
    return (F.avg_pool2d(product, model.config.patch_size) * height * width).flatten()
