"""AttnLRP (Achtibat et al. 2024, arXiv:2402.05602): relevance through attention, as a modified gradient.

Relevance is the input times a gradient that each rule modifies. So the model's own forward pass is run on a copy whose
layers compute the same values but have these gradients:

    norm        its standard deviation is a constant (the identity rule)
    activation  act(x) / x is a constant factor (the identity rule)
    product     of weights and values, queries and keys, a gate and its value: each factor gets half (the uniform rule)
    softmax     its own gradient, or none at all (see PRESETS)
    linear      its own gradient (the epsilon rule), or with positive contributions amplified (the gamma rule)

The copy shares its parameters with the model, which is not changed. Biases and the softmax absorb some of the
relevance; without them, the tokens' relevance adds up to the logit.
"""

from __future__ import annotations

import copy
from typing import Any, NamedTuple, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vit_core.attribution.forward_steps import residual_streams
from vit_core.attribution.methods.backward import explained_logit, prepare_target
from vit_core.models.linear import QuickGELU
from vit_core.models.vit import MLP, VisionTransformer, attention_weights

_ACTIVATIONS = (nn.GELU, nn.SiLU, QuickGELU)


class Preset(NamedTuple):
    """How the rules are set."""

    gamma: float  # of linear layers: 0 is the epsilon rule
    through_softmax: bool  # whether relevance reaches queries and keys


#: "epsilon": all rules of the paper without tuning. "gamma": amplified positive contributions and no relevance through
#: the softmax, which the authors recommend for Vision Transformers because their relevance is noisy.
PRESETS = {"epsilon": Preset(0.0, True), "gamma": Preset(0.05, False)}


@torch.inference_mode(False)
def attnlrp(model: VisionTransformer, images: Tensor, target: int, preset: str = "gamma") -> Tensor:
    """The relevance of each token that enters the first block for the target's logit: (N,), signed.

    `preset`: one of PRESETS. The relevance of a token includes its position embedding's.

    images: one preprocessed picture (1, C, height, width). Raises InputError as `gradient_rollout` does.
    """
    rules = PRESETS[preset]
    stream = residual_streams(model, prepare_target(model, images, target))
    twin = cast(VisionTransformer, _twin(model, rules.gamma))

    def attend(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        if rules.through_softmax:
            d = query.shape[-1]
            weights = torch.softmax(halved((query * d**-0.5) @ key.transpose(-2, -1)), -1)
            return halved(weights @ value)
        return attention_weights(query, key).to(value.dtype).detach() @ value

    with torch.enable_grad():
        last = stream[-1:].detach().clone().requires_grad_()
        gradient = torch.autograd.grad(explained_logit(twin, twin.norm(last), target, attend), last)[0]
        for block, entered in zip(reversed(twin.blocks), reversed(stream[:-1]), strict=True):
            entered = entered[None].detach().clone().requires_grad_()
            gradient = torch.autograd.grad(block(entered, attend), entered, gradient)[0]
    return (stream[0] * gradient[0]).sum(-1)


def halved(x: Tensor) -> Tensor:
    """x, with half of its gradient."""
    return x / 2 + (x / 2).detach()


class _Norm(nn.Module):
    def __init__(self, norm: nn.LayerNorm | nn.RMSNorm):
        super().__init__()
        self.norm: Any = norm

    def forward(self, x: Tensor) -> Tensor:
        norm = self.norm
        if isinstance(norm, nn.LayerNorm):
            x = x - x.mean(-1, keepdim=True)
        out = x * (x.square().mean(-1, keepdim=True) + norm.eps).rsqrt().detach()
        out = out if norm.weight is None else out * norm.weight
        return out if getattr(norm, "bias", None) is None else out + norm.bias


class _Activation(nn.Module):
    def __init__(self, activation: nn.Module):
        super().__init__()
        self.activation = activation

    def forward(self, x: Tensor) -> Tensor:
        factor = torch.where(x == 0, 0, self.activation(x) / x)
        return x * factor.detach()


class _Linear(nn.Module):
    def __init__(self, linear: nn.Linear, gamma: float):
        super().__init__()
        self.linear, self.gamma = linear, gamma
        self.weight, self.bias = linear.weight, linear.bias

    def forward(self, x: Tensor, activation: nn.Module | None = None) -> Tensor:
        out = F.linear(x, self.weight, self.bias)
        if self.gamma:
            # Of a positive output the positive contributions are amplified, of a negative one the negative ones. Both
            # are (sum of contributions +- sum of their absolute values) / 2.
            absolute = F.linear(x.abs(), self.weight.abs(), None if self.bias is None else self.bias.abs())
            amplified = out + self.gamma / 2 * (out + out.sign().detach() * absolute)
            out = amplified * torch.where(amplified == 0, 0, out / amplified).detach()
        return out if activation is None else activation(out)


def _twin(module: nn.Module, gamma: float) -> nn.Module:
    """The module with modified gradients; its parameters are the module's own."""
    if isinstance(module, (nn.LayerNorm, nn.RMSNorm)):
        return _Norm(module)
    if isinstance(module, nn.Linear):
        return _Linear(module, gamma)
    if isinstance(module, _ACTIVATIONS):
        return _Activation(module)
    twin: Any = copy.copy(module)
    twin._modules = {name: child if child is None else _twin(child, gamma) for name, child in module._modules.items()}
    if isinstance(module, MLP) and module.gated:
        twin.norm = nn.Sequential(_Halved(), twin.norm)  # the norm reads the product of gate and value
    return twin


class _Halved(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return halved(x)
