"""Deletion curves: the prediction while the patches are erased one after another, the most important first.

Samek et al. 2017, "Evaluating the visualization of what a deep neural network has learned"; Petsiuk et al. 2018 (RISE,
arXiv:1806.07421).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from vit_core.attribution.ablation import Change, interventions
from vit_core.errors import InputError
from vit_core.models import predictions
from vit_core.models.vit import VisionTransformer


class DeletionCurve(NamedTuple):
    """The prediction after each of several numbers of erased patches."""

    counts: tuple[int, ...]  # how many patches are erased, one entry a step
    scores: Tensor  # (steps, classes): probabilities, or a regression's outputs (see `models.predictions`)
    predicted: Tensor  # (steps,), the class with the highest score
    first: int | None  # the smallest of `counts` at which the answer differs from that with nothing erased


def most_important(values: Tensor, k: int) -> tuple[int, ...]:
    """The indices of the `k` largest values of a map (rows, cols) or (patches,), largest first.

    Of equal values the first comes first. If there are fewer than `k`, all of them.
    """
    return tuple(values.flatten().sort(descending=True, stable=True).indices[: max(k, 0)].tolist())


def deletion_curve(
    model: VisionTransformer,
    images: Tensor,
    ranking: Sequence[int],
    *,
    classes: Sequence[int] | None = None,
    counts: Sequence[int] | None = None,
    fill: str = "mean",
    batch: int = 16,
) -> DeletionCurve:
    """Erase the first patches of `ranking` from one picture (1, C, height, width), more and more of them.

    `classes`: the classes whose scores are returned (default all). The answer has changed (`first`) when another class
    is the most probable; in a multi-label model, when one of `classes` crosses the threshold of 0.5; in a regression,
    never. `counts`: the numbers of erased patches, one
    step each (default 0, 1, 2, ... all); they are sorted. `batch`: pictures in one forward pass.
    Raises InputError as `interventions` does, and "intervention-option" for a count outside the ranking.
    """
    wanted = tuple(range(len(ranking) + 1) if counts is None else sorted(set(counts)))
    if any(not 0 <= count <= len(ranking) for count in wanted):
        raise InputError(
            "intervention-option",
            f"counts must lie between 0 and {len(ranking)}, the number of ranked patches",
            option="counts",
            got=list(wanted),
            allowed=f"0–{len(ranking)}",
        )
    steps = wanted if wanted[:1] == (0,) else (0, *wanted)  # `first` compares with nothing erased
    changes = [Change(ranking[:count], fill) for count in steps]
    logits = torch.cat([interventions(model, images, changes[i : i + batch]) for i in range(0, len(changes), batch)])
    kind = model.config.problem_type
    scores = predictions.scores(logits, kind)
    chosen = slice(None) if classes is None else list(classes)
    answers = predictions.answer(scores, kind)
    if kind == "multi_label":
        answers = answers[:, chosen]
    changed = (answers != answers[:1]).any(-1).tolist()
    first = next((count for count, differs in zip(steps, changed, strict=True) if differs), None)
    returned = slice(len(steps) - len(wanted), None)
    return DeletionCurve(wanted, scores[returned][:, chosen], scores[returned].argmax(-1), first)
