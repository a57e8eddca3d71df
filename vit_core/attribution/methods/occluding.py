"""Occlusion (Zeiler & Fergus 2014, arXiv:1311.2901), patch by patch: it only runs the model, whatever the model is."""

from __future__ import annotations

import torch
from torch import Tensor

from vit_core.attribution.ablation import Change, interventions
from vit_core.attribution.methods.backward import prepare_target
from vit_core.models import predictions
from vit_core.models.vit import VisionTransformer


def occlusion(model: VisionTransformer, images: Tensor, target: int, fill: str = "mean", batch: int = 16) -> Tensor:
    """By how much the target's logit falls if one patch is painted over, for each patch: (P,), signed.

    One forward pass for each patch, `batch` of them at once. `fill` as in `erase_patches`.

    images: one preprocessed picture (1, C, height, width). Raises InputError as `interventions` does, and
    "attribution-target".
    """
    images = prepare_target(model, images, target)
    rows, cols = model.grid(images)
    changes = [Change(), *(Change((patch,), fill) for patch in range(rows * cols))]
    logits = torch.cat([interventions(model, images, changes[i : i + batch]) for i in range(0, len(changes), batch)])
    scores = predictions.target_logit(logits, target, model.config.problem_type)
    return scores[0] - scores[1:]
