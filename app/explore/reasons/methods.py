"""The attribution methods of the app, and their comparison for one picture and class. Arrays, no widgets."""

from __future__ import annotations

from collections.abc import Callable

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
}


class Comparison:
    """Each method's map and scores for one picture and class, and the scores of random maps, each computed once.

    `map_of`: a method's map (rows, cols); `areas`: of a map (P,), the areas under its deletion and insertion curves.
    """

    def __init__(self, map_of: Callable[[str], np.ndarray], areas: Callable[[torch.Tensor], tuple], patches: int):
        self._map_of, self._areas, self._patches = map_of, areas, patches
        self._scores: dict[str | int, tuple] = {}

    def step(self, asked: object) -> dict:
        """A step, in JSON values.

        `asked`: a method, for its map and scores; or the number of a random map, for how many of RANDOM_ORDERS are
        done, and in the end the intervals of their areas, (low, high) each. Anything else gives nothing.
        """
        if isinstance(asked, str) and asked in METHODS:
            values = self._map_of(asked).ravel()
            scores = self._once(asked, torch.from_numpy(values.copy()))
            return {"method": asked, "values": [float(f"{v:.6g}") for v in values], "scores": scores}
        if type(asked) is not int or not 0 <= asked < RANDOM_ORDERS:
            return {}
        self._once(asked, torch.rand(self._patches, generator=torch.Generator().manual_seed(asked)))
        random = [areas for number, areas in self._scores.items() if isinstance(number, int)]
        if len(random) < RANDOM_ORDERS:
            return {"random": len(random)}
        levels = [at.chance_level(areas) for areas in zip(*random, strict=True)]
        return {"random": len(random), "chance": [(level.low, level.high) for level in levels]}

    def _once(self, name: str | int, values: torch.Tensor) -> tuple:
        if name not in self._scores:
            self._scores[name] = self._areas(values)
        return self._scores[name]
