"""The attribution methods of the app, and their comparison for one picture and class. Arrays, no widgets."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch

from vit_core import attribution as at
from vit_core.attribution.faithfulness import RANDOM_ORDERS

#: The methods that can be chosen, by name: (model, images, class) to a value a token or a patch. Grad-CAM, which may
#: find nothing, and occlusion, with a forward pass for each patch, are left out.
METHODS = {
    name: at.METHODS[name].function
    for name in (
        *("gradient_rollout", "lrp", "legrad", "attnlrp", "attention_gradient", "input_gradient"),
        *("rollout", "attention"),
    )
}
#: In the order of the page; the first have a button above the maps, the others are behind "More methods".
FIRST_METHODS = ("attnlrp", "legrad", "gradient_rollout", "lrp")
MORE_METHODS = ("attention_gradient", "input_gradient", "rollout", "attention")
SCORE_STEPS = 8  # of the deletion and insertion curves behind a method's scores
#: What the browser must know of them.
METHOD_FACTS = {
    "methods": FIRST_METHODS,
    "more_methods": MORE_METHODS,
    "signed": [name for name in METHODS if at.METHODS[name].signed],
    "controls": [name for name in METHODS if not at.METHODS[name].depends_on_class],
    "random": RANDOM_ORDERS,
    "steps": SCORE_STEPS,
}


class Comparison:
    """Each method's map and curves for one picture and class, and the curves of random maps, each computed once.

    `map_of`: a method's map (rows, cols); `curves_of`: of a map (P,), its deletion and insertion curves.
    """

    def __init__(
        self, map_of: Callable[[str], np.ndarray], curves_of: Callable[[torch.Tensor], at.Faithfulness], patches: int
    ):
        self._map_of, self._curves_of, self._patches = map_of, curves_of, patches
        self._found: dict[str | int, at.Faithfulness] = {}

    def step(self, asked: object) -> dict:
        """A step, in JSON values.

        `asked`: a method, for its map; "scores:" and a method, for the areas under its curves ("scores") and these
        ("curves"); or the number of a random map, for how many of RANDOM_ORDERS are done, and in the end the intervals
        (low, high) of their areas ("chance") and of their curves at each step ("bands"). Anything else gives nothing.
        """
        if isinstance(asked, str) and (method := asked.removeprefix("scores:")) in METHODS:
            values = self._map_of(method).ravel()
            if method == asked:
                return {"method": method, "values": [_rounded(v) for v in values]}
            found = self._once(method, torch.from_numpy(values.copy()))
            return {
                "method": method,
                "scores": [curve.auc for curve in found],
                "curves": [[_rounded(v) for v in curve.scores.tolist()] for curve in found],
            }
        if type(asked) is not int or not 0 <= asked < RANDOM_ORDERS:
            return {}
        self._once(asked, torch.rand(self._patches, generator=torch.Generator().manual_seed(asked)))
        random = [found for number, found in self._found.items() if isinstance(number, int)]
        if len(random) < RANDOM_ORDERS:
            return {"random": len(random)}
        kinds = list(zip(*random, strict=True))  # all deletion curves, all insertion curves
        return {
            "random": len(random),
            "chance": [_interval([curve.auc for curve in curves]) for curves in kinds],
            "bands": [
                [_interval(at_step) for at_step in zip(*(c.scores.tolist() for c in curves), strict=True)]
                for curves in kinds
            ],
        }

    def _once(self, name: str | int, values: torch.Tensor) -> at.Faithfulness:
        if name not in self._found:
            self._found[name] = self._curves_of(values)
        return self._found[name]


def _interval(values: Sequence[float]) -> tuple[float, float]:
    level = at.chance_level(values)
    return _rounded(level.low), _rounded(level.high)


def _rounded(value: float) -> float:
    """Six significant digits: no fewer than a browser can show."""
    return float(f"{value:.6g}")
