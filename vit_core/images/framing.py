"""A model at another input size, or on whole pictures: the same weights, other preprocessing.

Learned position embeddings are resized to the new grid, as `VisionTransformer.position_grid` does; rotary positions
are computed for it.
"""

from __future__ import annotations

import copy
import dataclasses
import math
from typing import Any

from vit_core.errors import InputError
from vit_core.images.preprocess import Preprocess, WholePicture
from vit_core.models.config import ViTConfig
from vit_core.models.vit import VisionTransformer

#: What becomes the model's input: the part that its preprocessing keeps, or all of the picture.
FRAMINGS = ("crop", "whole")
MAX_SIDE = 1024  # pixels of a chosen side; a model whose own is longer may go up to that


def size_step(config: ViTConfig) -> int:
    """The input sizes that a model can have are multiples of this, in pixels: the patch's side."""
    return math.lcm(*config.patch_size)


def largest_size(config: ViTConfig) -> int:
    """The largest input size that a model can have, pixels of the side."""
    step = size_step(config)
    return max(MAX_SIDE, *config.image_size, step) // step * step


def native_size(model: VisionTransformer) -> int | None:
    """The side of the model's own input, pixels; None if it is not square or not known."""
    if model.transform is None or len(set(model.transform.size)) > 1:
        return None
    return model.transform.size[0]


def is_size(config: ViTConfig, size: int) -> bool:
    """Whether a model can have this input size."""
    return size % size_step(config) == 0 and 0 < size <= largest_size(config)


def transform_of(model: VisionTransformer) -> Preprocess:
    """The model's preprocessing. Raises InputError "checkpoint-config" if it has none."""
    if model.transform is None:
        raise InputError(
            "checkpoint-config",
            "the model does not say how to preprocess pictures: give it a `transform`, or pass a float tensor",
            source="the model",
            reason="transform = None",
        )
    return model.transform


def check_input(model: VisionTransformer, size: int | None, framing: str) -> None:
    """Raises InputError "input-size", "input-framing", or "input-whole" (rotary positions on a grid that is not
    square)."""
    config = model.config
    if framing not in FRAMINGS:
        raise InputError(
            "input-framing",
            f"There is no framing {framing!r}. Choose {' or '.join(map(repr, FRAMINGS))}.",
            got=str(framing),
            allowed=list(FRAMINGS),
        )
    if size is not None and size != native_size(model) and not is_size(config, size):
        step, most = size_step(config), largest_size(config)
        below = min(max(step, size // step * step), most)
        near = sorted({below, min(below + step, most)})
        raise InputError(
            "input-size",
            f"This model cannot have an input size of {size} pixels. Choose a multiple of its patch size, {step}, up "
            f"to {most}; the nearest: {' or '.join(map(str, near))}.",
            size=size,
            step=step,
            most=most,
            near=near,
        )
    if framing == "whole" and config.position == "rope":
        raise InputError(
            "input-whole",
            "This model has rotary positions, which Vitrine computes for square grids only, so it cannot take whole "
            'pictures. Choose framing "crop", or a model with learned positions.',
        )


def reframed(model: VisionTransformer, size: int | None = None, framing: str = "crop") -> VisionTransformer:
    """The model with another input size or framing; the model itself if nothing changes.

    Args:
        size: pixels of the input's side, a multiple of the patch; None: the model's own.
        framing: "crop" as the model's preprocessing crops, or "whole": all of the picture, at its own aspect ratio, on
            a grid with about as many patches as a square input of that size has.

    The result shares all weights with `model`; only `transform` differs. Raises InputError as `check_input`, and
    "checkpoint-config" for a model without a `transform`.
    """
    if size is None and framing == "crop":
        return model
    transform = transform_of(model)
    check_input(model, size, framing)
    if framing == "crop" and size == native_size(model):
        return model
    side = transform.size if size is None else (size, size)
    view = copy.copy(model)  # of the module alone: parameters and blocks stay the model's own
    if framing == "whole":
        fields: dict[str, Any] = vars(transform) | {"size": side, "patch": model.config.patch_size}
        view.transform = WholePicture(**fields)
    else:
        view.transform = dataclasses.replace(transform, size=side)
    view.shares_weights = True
    return view
