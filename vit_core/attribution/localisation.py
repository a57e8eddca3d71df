"""Whether a map lies on the object: the pointing game, the energy in a box, and the grid pointing game.

A number says something only beside what a map gets that is the same everywhere, so each comes with it. A map off the
object may still be true to the model, which may use the background; `faithfulness` measures that.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from vit_core.errors import InputError
from vit_core.images import Crop, Preprocess, patch_box, transform_of
from vit_core.models.vit import VisionTransformer

Box = tuple[float, float, float, float]  # (left, top, right, bottom) in picture coordinates, see images.geometry
QUADRANTS = 4  # of a mosaic: top left, top right, bottom left, bottom right


class Energy(NamedTuple):
    """The share of a map's positive sum that lies on the object, and the share that a uniform map has there."""

    share: float  # from 0 to 1; NaN for a map without a positive value
    uniform: float  # from 0 to 1: the object's share of the area


def patch_coverage(boxes: Sequence[Box], crop: Crop, patch_size: int | tuple[int, int]) -> Tensor:
    """(rows, cols) float64: the share of each patch's area that the boxes cover, from 0 to 1.

    `boxes`: in coordinates of the upright picture; where they overlap, the area counts once. `crop`: the region that
    became the model's input, as `model.transform` and `Trace.crop` give it. `patch_size`: pixels of the model's input.
    """
    size = (patch_size, patch_size) if isinstance(patch_size, int) else patch_size
    rows, cols = crop.input[0] // size[0], crop.input[1] // size[1]
    xs, ys = (np.unique([(box[i], box[i + 2]) for box in boxes]) for i in (0, 1))
    # The sides of all boxes cut the plane into cells, and each lies in a box as a whole or not at all.
    covered = np.zeros((max(0, len(ys) - 1), max(0, len(xs) - 1)))
    for left, top, right, bottom in boxes:
        covered[np.ix_((top <= ys[:-1]) & (ys[1:] <= bottom), (left <= xs[:-1]) & (xs[1:] <= right))] = 1
    across = [patch_box((0, col), crop, size)[::2] for col in range(cols)]
    down = [patch_box((row, 0), crop, size)[1::2] for row in range(rows)]
    return torch.from_numpy(_overlaps(down, ys) @ covered @ _overlaps(across, xs).T)


def _overlaps(patches: list[tuple[float, ...]], edges: np.ndarray) -> np.ndarray:
    """(patches, cells): the share of each patch, along one axis, that lies between one edge and the next."""
    starts, ends = np.array(patches).T[:, :, None]
    return (np.minimum(ends, edges[1:]) - np.maximum(starts, edges[:-1])).clip(0) / (ends - starts)


def on_object(coverage: Tensor) -> Tensor:
    """(rows, cols) bool: the patches that count as the object in the pointing game.

    Those that are covered at least half as much as the most covered one. If the object covers a whole patch, that is at
    least half of the patch's area; an object smaller than a patch has at least one patch too.
    """
    return (coverage > 0) & (coverage >= coverage.max() / 2)


def pointing_game(values: Tensor, inside: Tensor) -> bool:
    """Whether the patch with the highest value lies on the object (Zhang et al. 2018, arXiv:1608.00507).

    `values` and `inside` (bool, from `on_object`): both (rows, cols). If several patches have the highest value, all of
    them must lie on the object. A random patch does with the probability `inside.double().mean()`.

    The authors add a margin of 15 pixels around the object, which is left out here.
    """
    return bool(inside[values == values.max()].all())


def energy_in_box(values: Tensor, weights: Tensor) -> Energy:
    """The share of the positive values that lies on the object (Wang et al. 2020, Score-CAM, arXiv:1910.01279).

    `values` and `weights` (from `patch_coverage`): both (rows, cols); a patch counts by the share of its area that is
    covered. Negative values, against the class, count as 0.
    """
    positive = values.to(weights).clamp(min=0)
    return Energy(float((positive * weights).sum() / positive.sum()), float(weights.mean()))


def quadrant_coverage(quadrant: int, grid: tuple[int, int]) -> Tensor:
    """(rows, cols) float64: 1 for the patches of a quadrant of a mosaic (0 to 3, row by row), else 0.

    With it, `energy_in_box` is the score of the grid pointing game for the class of the picture in that quadrant (Böhle
    et al. 2021, arXiv:2104.00032; Rao et al. 2022, arXiv:2205.10435); a uniform map gets 0.25. Raises ValueError for a
    grid that does not split into four equal parts.
    """
    rows, cols = grid
    if rows % 2 or cols % 2 or not 0 <= quadrant < QUADRANTS:
        raise ValueError(f"a grid of {rows} x {cols} has no quadrant {quadrant}")
    out = torch.zeros(2, rows // 2, 2, cols // 2, dtype=torch.float64)
    out[quadrant // 2, :, quadrant % 2] = 1
    return out.view(rows, cols)


def mosaic(model: VisionTransformer, pictures: Sequence[Image.Image]) -> Tensor:
    """The model input (1, C, height, width) of four pictures, 2 x 2, row by row, as the grid pointing game needs it.

    Each picture is prepared at half the side of the model's input, so that the mosaic has the model's own size: this
    needs no other position embeddings and works for every model. Of an odd number of patches, the last row and column
    are left out. Pictures are cropped as the model's preprocessing does it, also if the model is framed as "whole".

    Raises ValueError for other than four pictures, and InputError "localisation-grid" for a model whose grid has only
    one row or column, "checkpoint-config" and "image-channels".
    """
    if len(pictures) != QUADRANTS:
        raise ValueError(f"a mosaic has four pictures, not {len(pictures)}")
    whole, patch = transform_of(model), model.config.patch_size
    height, width = (side // (2 * step) * step for side, step in zip(whole.size, patch, strict=True))
    if not height or not width:
        raise InputError(
            "localisation-grid",
            "The model's input has fewer than 2 x 2 patches, so it cannot show four pictures at once. Choose a larger "
            "input size.",
        )
    fields: dict[str, Any] = {field.name: getattr(whole, field.name) for field in dataclasses.fields(Preprocess)}
    fields["size"] = height, width
    half = Preprocess(**fields)
    first, second, third, fourth = (half(picture)[0] for picture in pictures)
    return torch.cat([torch.cat([first, second], 3), torch.cat([third, fourth], 3)], 2)
