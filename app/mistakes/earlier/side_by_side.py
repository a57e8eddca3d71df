"""One picture as two models explain it: which classes are compared, and the maps on one scale. No widgets."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from app.components.binary import assemble, colour_tables
from app.components.why.payload import encoded
from app.mistakes.why import Why, labels_of

MAX_BARS = 5  # classes with a probability for each model
PICTURE_SIDE = 420  # longer side of each picture, pixels

#: The same class as (number in A, number in B); None where that model has no such class.
SameClass = tuple[int | None, int | None]


def compared_classes(a: Why, b: Why) -> list[SameClass]:
    """The classes whose maps are compared: the label, A's prediction, B's prediction; each once.

    If that is one class alone, B's second class is added, to have something to compare it with.
    """
    label = (a.label if a.label >= 0 else None, b.label if b.label >= 0 else None)
    found = [label] if label != (None, None) else []
    found += [(a.predicted, same_class(a, b, a.predicted)), (same_class(b, a, b.predicted), b.predicted)]
    found = list(dict.fromkeys(found))
    if len(found) == 1:
        found.append((same_class(b, a, b.pair[1]), b.pair[1]))
    return found


def same_class(of: Why, to: Why, number: int) -> int | None:
    """The number in `to` of the class `number` of `of`, by its name; None if that model has no such class."""
    names, others = labels_of(of.run, of.model), labels_of(to.run, to.model)
    if names is None or others is None:  # classes without names are the same if there are equally many
        return number if names is others is None and len(of.probabilities) == len(to.probabilities) else None
    name = names[number] if number < len(names) else None
    return list(others).index(name) if name is not None and name in others else None


def scaled_maps(why: Why, numbers: list[int | None], method: str) -> list[np.ndarray | None]:
    """The map of each class as shares of this model's strongest patch in them; None for an unknown class.

    Evidence has no unit, and its size differs from model to model, so each model has its own maximum.
    """
    maps = [None if number is None else why.map_of(method, number) for number in numbers]
    most = max((float(each.max()) for each in maps if each is not None), default=0.0)
    return [None if each is None else (each / (most or 1.0)).astype(np.float32) for each in maps]


def see_same_part(a: Why, b: Why) -> bool:
    """Whether the patch grids of both cover the same part of the picture."""
    return bool(np.allclose(_part(a), _part(b), atol=1.0))


def _part(why: Why) -> tuple[float, ...]:
    """(left, top, right, bottom) of what the patch grid covers, in pixels of the picture."""
    (down, across), (height, width) = why.crop.scale, why.model.config.patch_size
    left, top = why.crop.box[:2]
    return left, top, left + why.grid[1] * width * across, top + why.grid[0] * height * down


def pack(
    a: Why,
    b: Why,
    method: str,
    words: Mapping[str, str],
    titles: tuple[str, str],
    predictions: tuple[str, str],
    names: tuple[Mapping[int, str], Mapping[int, str]],
) -> bytes:
    """Both explanations as one binary for the browser.

    Args:
        words: `app.text.why`'s for this view.
        titles, predictions: a line for each model.
        names: of each model's `shown_classes`, in the page's language.
    """
    both, classes, bars = (a, b), compared_classes(a, b), shown_classes(a, b)
    sections: dict[str, np.ndarray | bytes] = {}
    sides = []
    for i, why in enumerate(both):
        numbers = [pair[i] for pair in classes]
        sections[f"picture {i}"] = encoded(why.region(PICTURE_SIDE), quality=88)
        for row, values in enumerate(scaled_maps(why, numbers, method)):
            if values is not None:
                sections[f"map {i} {row}"] = values
        sides.append(
            {
                "title": titles[i],
                "prediction": predictions[i],
                "outcome": outcome(why),
                "grid": why.grid,
                "aspect": why.model.config.patch_size[0] / why.model.config.patch_size[1],
                "bars": [
                    [names[i][n], round(float(why.probabilities[n]), 6), "strong" if n == why.predicted else ""]
                    for n in bars[i]
                ],
            }
        )
    sections["viridis"] = colour_tables()[0]
    rows = [{"name": _name(names, pair), "tag": _tag(both, pair, words)} for pair in classes]
    return assemble({"words": dict(words), "sides": sides, "rows": rows, "same": see_same_part(a, b)}, sections)


def outcome(why: Why) -> str:
    """ "right", "wrong", or "unknown" where the model does not have the label."""
    return "unknown" if why.label < 0 else "wrong" if why.labelled else "right"


def shown_classes(a: Why, b: Why) -> tuple[list[int], list[int]]:
    """For each model the classes that have a bar, most probable first; the compared ones are always among them."""
    found = []
    for why, numbers in zip((a, b), zip(*compared_classes(a, b), strict=True), strict=True):
        known = {n for n in numbers if n is not None}
        others = [n for n in why.shown if n not in known][: max(0, MAX_BARS - len(known))]
        found.append(sorted({*known, *others}, key=lambda n, why=why: -why.probabilities[n]))
    return found[0], found[1]


def _name(names: tuple[Mapping[int, str], Mapping[int, str]], pair: SameClass) -> str:
    return next(of[number] for of, number in zip(names, pair, strict=True) if number is not None)


def _tag(both: tuple[Why, Why], pair: SameClass, words: Mapping[str, str]) -> str:
    """What the class is: the label, and who predicts it."""
    label = any(number is not None and number == why.label for why, number in zip(both, pair, strict=True))
    sides = [side for side, why, number in zip("AB", both, pair, strict=True) if number == why.predicted]
    tags = [words["tag_label"]] * label + [words["both_predicted"].format(sides=", ".join(sides))] * bool(sides)
    return " · ".join(tags) or words["tag_second"]
