"""LeGrad: how sensitive every layer's own answer is to its attention (Bousselham et al. 2024, arXiv:2404.03214)."""

from __future__ import annotations

import torch
from torch import Tensor

from vit_core.attribution.forward_steps import residual_streams
from vit_core.attribution.methods.backward import explained_logit, kept_attention, prepare_target
from vit_core.models.vit import VisionTransformer, attention_weights


@torch.inference_mode(False)
def legrad(model: VisionTransformer, images: Tensor, target: int) -> Tensor:
    """How much each token raises the target's logit in the layers' own answers: (N,), at least 0.

    The head answers after each layer, from the mean of that layer's tokens. The map is the positive part of that
    answer's gradient with respect to the layer's attention weights, averaged over heads, queries and layers; each layer
    is differentiated alone, so no gradient passes through more than one block. A model with an attention pool answers
    after each layer through its pool, and the gradient is that with respect to the pool's weights.

    images: one preprocessed picture (1, C, height, width). Raises InputError as `gradient_rollout` does.
    """
    stream, found = residual_streams(model, prepare_target(model, images, target)), []
    for block, entered, left in zip(model.blocks, stream[:-1], stream[1:], strict=True):
        kept: list[Tensor] = []

        def attend_in_pool(query: Tensor, key: Tensor, value: Tensor, kept: list[Tensor] = kept) -> Tensor:
            kept.append(attention_weights(query, key).to(value.dtype).detach().requires_grad_())
            return kept[0] @ value

        with torch.enable_grad():
            if model.config.pool == "map":
                logit = explained_logit(model, model.norm(left[None]), target, attend_in_pool)
                weights = kept[0]
            else:
                out, weights = kept_attention(block, entered[None])
                logit = explained_logit(model, model.norm(out.mean(1, keepdim=True)).expand_as(out), target)
            gradient = torch.autograd.grad(logit, weights)[0]
        found.append(gradient.clamp_min(0).flatten(0, -2).mean(0))
    row = torch.stack(found).mean(0)
    return torch.cat([row.new_zeros(stream.shape[1] - len(row)), row])  # a pool may not read the prefix tokens
