"""Maps that say which patches matter to a class: one file for each method, and one function that runs any of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from vit_core.attention.trace import Picture, prepare
from vit_core.attribution.methods.attention_aware_lrp import attnlrp
from vit_core.attribution.methods.chefer import gradient_rollout, lrp
from vit_core.attribution.methods.class_activation import grad_cam
from vit_core.attribution.methods.class_blind import attention_map, rollout_map
from vit_core.attribution.methods.layer_gradients import legrad
from vit_core.attribution.methods.occluding import occlusion
from vit_core.attribution.methods.weighted_attention import attention_gradient
from vit_core.attribution.methods.weighted_input import input_gradient
from vit_core.errors import InputError
from vit_core.models import predictions
from vit_core.models.vit import VisionTransformer


class Method(NamedTuple):
    """How a method is run, and how its map is read."""

    function: Callable[[VisionTransformer, Tensor, int], Tensor]  # (model, images, target) to (N,) or (P,)
    signed: bool = False  # whether patches can speak against the class
    depends_on_class: bool = True


#: All methods that `attribute` offers, by name.
METHODS = {
    "legrad": Method(legrad),
    "attnlrp": Method(attnlrp, signed=True),
    "lrp": Method(lrp),
    "gradient_rollout": Method(gradient_rollout),
    "grad_cam": Method(grad_cam),
    "attention_gradient": Method(attention_gradient),
    "input_gradient": Method(input_gradient, signed=True),
    "occlusion": Method(occlusion, signed=True),
    "rollout": Method(rollout_map, depends_on_class=False),
    "attention": Method(attention_map, depends_on_class=False),
}

#: The most faithful of METHODS where they were measured: docs/benchmarks.md.
RECOMMENDED_METHOD = "attnlrp"


@dataclass(frozen=True)
class Attribution:
    """How much each patch speaks for a class, by one method. Values of different methods have different units."""

    values: Tensor  # (P,), row by row
    grid: tuple[int, int]  # (rows, cols)
    signed: bool  # whether negative values, against the class, are possible
    target: int
    method: str

    @property
    def on_grid(self) -> Tensor:
        """The values as (rows, cols)."""
        return self.values.view(self.grid)


@torch.no_grad()
def attribute(
    model: VisionTransformer, image: Picture, target: int | None = None, method: str = "legrad"
) -> Attribution:
    """A map of the patches that matter to class `target`; None is the class that the model predicts.

    `image` as in `record`; `method`: one of METHODS. Classes are counted as in `models.predictions`.

    Raises ValueError for an unknown method, and InputError: "model-no-head", "attribution-target" if the class does not
    exist, "attribution-empty" if Grad-CAM finds no evidence, and as `record` does.
    """
    if method not in METHODS:
        raise ValueError(f"method must be one of {', '.join(METHODS)}, not {method!r}")
    images, _ = prepare(model, image)
    images = images.to(next(model.parameters()).device)
    if target is None:
        logits = model(images)
        if logits is None:
            raise InputError("model-no-head", "this model has no classification head, so it predicts nothing")
        target = int(predictions.scores(logits[0], model.config.problem_type).argmax())
    chosen = METHODS[method]
    values = chosen.function(model, images, target)
    rows, cols = model.grid(images)
    return Attribution(values[len(values) - rows * cols :].detach(), (rows, cols), chosen.signed, target, method)
