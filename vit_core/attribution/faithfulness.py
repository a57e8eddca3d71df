"""Whether a map is true to the model, measured: deletion and insertion curves, and what random maps would get.

Petsiuk et al. 2018 (RISE, arXiv:1806.07421). Deletion erases the patches one after another, those with the highest
values first: with a good map the score falls early, so a small area under the curve is good. Insertion begins with all
patches erased and brings them back in the same order: a large area is good. An area alone says little, because it
depends on the picture, the fill and the score; so it stands beside the areas of random maps.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from vit_core.attribution.ablation import Change, interventions
from vit_core.attribution.deletion import most_important
from vit_core.models import predictions
from vit_core.models.vit import VisionTransformer

SCORES = ("probability", "logit")
STEPS = 16
RANDOM_ORDERS = 20
NORMAL_95 = 1.96  # standard deviations on either side that hold 95 % of a normal distribution


class Curve(NamedTuple):
    """A score after each step."""

    fractions: Tensor  # (steps + 1,), the share of patches that are erased, or shown again, from 0 to 1
    scores: Tensor  # (steps + 1,)

    @property
    def auc(self) -> float:
        """The area under the curve, by trapezoids: the mean score."""
        return float(torch.trapezoid(self.scores, self.fractions))


class Faithfulness(NamedTuple):
    """Both curves of one map."""

    deletion: Curve  # a small area is good
    insertion: Curve  # a large area is good


class Chance(NamedTuple):
    """What random maps get: the mean area under the curve, and the interval that holds 95 % of them."""

    mean: float
    low: float
    high: float


class ChanceLevels(NamedTuple):
    """Chance for both curves."""

    deletion: Chance
    insertion: Chance


def faithfulness(
    model: VisionTransformer,
    images: Tensor,
    values: Tensor,
    target: int,
    *,
    steps: int = STEPS,
    fill: str = "mean",
    score: str = "probability",
    batch: int = 16,
) -> Faithfulness:
    """The deletion and insertion curves of a map of one picture (1, C, height, width).

    `values` (P,) or (rows, cols): the map, which gives the order of the patches. `target`: the class whose score is
    followed; `score`: its "probability", or its "logit" (of a regression, its output in both cases). `steps`: into how
    many about equal parts the patches are divided. `fill` as in `erase_patches`. `batch`: pictures in one forward pass.

    Raises ValueError for an unknown score, and InputError as `interventions` does.
    """
    return _both_curves(model, images, values.flatten(), target, steps, fill, score, batch)


def chance_levels(
    model: VisionTransformer,
    images: Tensor,
    target: int,
    *,
    orders: int = RANDOM_ORDERS,
    seed: int = 0,
    steps: int = STEPS,
    fill: str = "mean",
    score: str = "probability",
    batch: int = 16,
) -> ChanceLevels:
    """The areas that `orders` random maps get, which a map must beat to say anything: one for each picture and target.

    The interval is the mean and 1.96 standard deviations of the random maps on either side. Other arguments and errors
    as in `faithfulness`.
    """
    rows, cols = model.grid(images)
    generator = torch.Generator().manual_seed(seed)
    found = [
        _both_curves(model, images, torch.rand(rows * cols, generator=generator), target, steps, fill, score, batch)
        for _ in range(orders)
    ]
    return ChanceLevels(
        chance_level([one.deletion.auc for one in found]),
        chance_level([one.insertion.auc for one in found]),
    )


def chance_level(areas: Sequence[float]) -> Chance:
    """Chance from the areas of at least two random maps, all of deletion or all of insertion."""
    values = torch.tensor(areas, dtype=torch.float64)
    mean, spread = float(values.mean()), NORMAL_95 * float(values.std())
    return Chance(mean, mean - spread, mean + spread)


def _both_curves(
    model: VisionTransformer,
    images: Tensor,
    values: Tensor,
    target: int,
    steps: int,
    fill: str,
    score: str,
    batch: int,
) -> Faithfulness:
    if score not in SCORES:
        raise ValueError(f"score must be one of {', '.join(SCORES)}, not {score!r}")
    ranking = most_important(values, len(values))
    counts = sorted({round(len(ranking) * step / steps) for step in range(steps + 1)})
    erased = [ranking[:count] for count in counts]
    changes = [Change(patches, fill) for patches in (*erased, *(ranking[count:] for count in counts))]
    logits = torch.cat([interventions(model, images, changes[i : i + batch]) for i in range(0, len(changes), batch)])
    kind = model.config.problem_type
    if score == "logit":
        scores = predictions.target_logit(logits, target, kind)
    else:
        scores = predictions.scores(logits, kind)[:, target]
    fractions = torch.tensor(counts, dtype=scores.dtype) / len(ranking)
    deletion, insertion = scores.cpu().split(len(counts))
    return Faithfulness(Curve(fractions, deletion), Curve(fractions, insertion))
