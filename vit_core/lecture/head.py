"""The head taken apart: what each channel that it reads adds to each class's logit.

A head is linear, so a logit is a sum with one term a channel, and a bias: nothing is approximated here. What the
channels themselves mean is another question. C is the number of channels read: D, or 2 D where two vectors are.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from vit_core.models.vit import VisionTransformer


class Reading(NamedTuple):
    """What the head reads and how it weighs it: logits = weight @ vector + bias, whatever the number of heads."""

    parts: tuple[tuple[str, int], ...]  # what the vector consists of, in order: (name, width)
    vector: Tensor  # (C,), after every norm
    weight: Tensor  # (classes, C); no rows without a head
    bias: Tensor  # (classes,)

    @property
    def logits(self) -> Tensor:
        """(classes,)"""
        return self.weight @ self.vector + self.bias

    @property
    def contributions(self) -> Tensor:
        """What channel c adds to the logit of class k, (classes, C): weight[k, c] * vector[c]."""
        return self.weight * self.vector


@torch.no_grad()
def reading(model: VisionTransformer, tokens: Tensor, classes: list[int] | None = None) -> Reading:
    """What `model` reads from normed tokens (N, D), and the weights of `classes` (all of them if None).

    With two heads the logits are their mean (Touvron et al. 2021, arXiv:2012.12877, section 3), so both tokens stand
    side by side in the vector and every weight and bias counts half. Parts are named "class", "distillation", or as
    the config's pool: "avg", "max", "avgmax", "map".
    """
    config = model.config
    pooled = model.pooled(tokens[None])[0]
    parts = {"token": ("class",), "token_avg": ("class", "avg")}.get(config.pool, (config.pool,))
    vectors, heads = [pooled], [model.head]
    if model.distillation_head is not None:
        parts += ("distillation",)
        vectors.append(tokens[int(config.class_token)])
        heads.append(model.distillation_head)
    vector = torch.cat(vectors).float()
    named = tuple((name, config.dim) for name in parts)
    if model.head is None:
        return Reading(named, vector, vector.new_zeros(0, len(vector)), vector.new_zeros(0))
    rows = slice(None) if classes is None else classes
    weight = torch.cat([head.weight[rows].float() for head in heads], dim=1) / len(heads)
    biases = [head.bias[rows].float() if head.bias is not None else vector.new_zeros(len(weight)) for head in heads]
    return Reading(named, vector, weight, sum(biases) / len(heads))
