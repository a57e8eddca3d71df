"""What each channel that the head reads adds to each class's logit.

A head is linear, so a logit is exactly a sum with one term for each channel, plus a bias. C is the number of channels
that the head reads: D, or 2 D if it reads two vectors.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from vit_core.models.vit import VisionTransformer


class LogitTerms(NamedTuple):
    """The vector that the head reads and its weights: logits = weight @ vector + bias, also with two heads."""

    parts: tuple[tuple[str, int], ...]  # the vector's parts in order, (name, width) each
    vector: Tensor  # (C,), after every norm
    weight: Tensor  # (classes, C): weight[k, c] * vector[c] adds to the logit of class k; no rows without a head
    bias: Tensor  # (classes,)

    @property
    def logits(self) -> Tensor:
        """(classes,)"""
        return self.weight @ self.vector + self.bias


@torch.no_grad()
def read_head(model: VisionTransformer, tokens: Tensor, classes: list[int] | None = None) -> LogitTerms:
    """What the head reads from normed tokens (N, D), and its weights for `classes` (default all).

    With two heads the logits are their mean (Touvron et al. 2021, arXiv:2012.12877, section 3): the vector holds both
    tokens, and every weight and bias counts half. Parts are named "class", "distillation", or as the config's pool:
    "avg", "max", "avgmax", "map".
    """
    config = model.config
    pooled = model.pooled(tokens[None])[0]
    parts = {"token": ("class",), "token_avg": ("class", "avg")}.get(config.pool, (config.pool,))
    vectors = [pooled]
    if model.distillation_head is not None:
        parts += ("distillation",)
        vectors.append(tokens[int(config.class_token)])
    vector = torch.cat(vectors).float()
    named = tuple((name, config.dim) for name in parts)
    if model.head is None:
        return LogitTerms(named, vector, vector.new_zeros(0, len(vector)), vector.new_zeros(0))
    heads = [head for head in (model.head, model.distillation_head) if head is not None]
    rows = slice(None) if classes is None else classes
    weight = torch.cat([head.weight[rows].float() for head in heads], dim=1) / len(heads)
    biases = [head.bias[rows].float() if head.bias is not None else vector.new_zeros(len(weight)) for head in heads]
    return LogitTerms(named, vector, weight, torch.stack(biases).sum(0) / len(heads))
