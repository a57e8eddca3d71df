"""The same forward pass with patches painted over, or with heads or layers left out.

The model is not modified, so others may use it at the same time. Layers and heads are counted from 0, patches row by
row from 0.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, cast

import torch
import torch.nn.functional as F
from torch import Tensor

from vit_core.attention.trace import prepare
from vit_core.errors import InputError
from vit_core.models.vit import VisionTransformer

FILLS = ("mean", "blur", "black")


class Change(NamedTuple):
    """What one forward pass does without."""

    erased: Sequence[int] = ()  # patches whose pixels are painted over
    fill: str = "mean"  # what they are painted with, one of FILLS
    heads_off: Sequence[tuple[int, int]] = ()  # (layer, head): the head's mixed values are set to zero
    layers_off: Sequence[int] = ()  # blocks that are skipped


def prepare_one(model: VisionTransformer, images: Tensor) -> Tensor:
    """One preprocessed picture (1, C, height, width), checked and on the model's device.

    Raises InputError: "model-no-head", "tensor-shape".
    """
    if model.head is None:
        raise InputError("model-no-head", "this model has no classification head, so it predicts nothing")
    images, _ = prepare(model, images)
    return images.to(next(model.parameters()).device)


def _check(model: VisionTransformer, change: Change, patches: int) -> None:
    def refuse(option: str, got: Any, allowed: str) -> None:
        raise InputError(
            "intervention-option",
            f"An intervention cannot take {option} = {got}; possible: {allowed}.",
            option=option,
            got=got,
            allowed=allowed,
        )

    depth, heads = model.config.depth, model.config.heads
    for patch in change.erased:
        if not 0 <= patch < patches:
            refuse("erased", patch, f"0–{patches - 1}")
    if change.fill not in FILLS:
        refuse("fill", change.fill, ", ".join(FILLS))
    if change.fill == "black" and change.erased and model.transform is None:  # black depends on the normalisation
        refuse("fill", change.fill, "mean, blur")
    for layer, head in change.heads_off:
        if not (0 <= layer < depth and 0 <= head < heads):
            refuse("heads_off", (layer, head), f"(0–{depth - 1}, 0–{heads - 1})")
    for layer in change.layers_off:
        if not 0 <= layer < depth:
            refuse("layers_off", layer, f"0–{depth - 1}")


def _blur(images: Tensor, sigma: float) -> Tensor:
    """Gaussian blur of (1, C, height, width) with replicated borders."""
    radius = max(1, round(3 * sigma))
    offsets = torch.arange(-radius, radius + 1, device=images.device, dtype=images.dtype)
    kernel = torch.softmax(-offsets.square() / (2 * sigma**2), 0)
    planes = images.transpose(0, 1)  # channels as a batch: one kernel for all
    planes = F.conv2d(F.pad(planes, (radius, radius, 0, 0), "replicate"), kernel.view(1, 1, 1, -1))
    planes = F.conv2d(F.pad(planes, (0, 0, radius, radius), "replicate"), kernel.view(1, 1, -1, 1))
    return planes.transpose(0, 1)


def _fill_pixels(model: VisionTransformer, images: Tensor, fill: str) -> Tensor:
    if fill == "mean":
        return images.mean((2, 3), keepdim=True)
    if fill == "blur":
        return _blur(images, float(max(model.config.patch_size)))
    mean, std = (images.new_tensor(v).view(1, -1, 1, 1) for v in (model.transform.mean, model.transform.std))
    return -mean / std


def erase_patches(model: VisionTransformer, images: Tensor, erased: Sequence[int], fill: str = "mean") -> Tensor:
    """A copy of a preprocessed picture (1, C, height, width) with the patches `erased` painted over.

    `fill`: "mean", the picture's mean colour; "blur", the picture under a Gaussian whose sigma is the patch's longer
    side; "black", black pixels after preprocessing. Raises InputError "intervention-option".
    """
    rows, cols = model.grid(images)
    _check(model, Change(erased, fill), rows * cols)
    if not len(erased):
        return images
    mask = torch.zeros(rows * cols, dtype=torch.bool, device=images.device)
    mask[list(erased)] = True
    height, width = model.config.patch_size
    pixels = mask.view(rows, cols).repeat_interleave(height, 0).repeat_interleave(width, 1)
    uncovered = images.shape[-1] - cols * width, images.shape[-2] - rows * height
    return torch.where(F.pad(pixels, (0, uncovered[0], 0, uncovered[1])), _fill_pixels(model, images, fill), images)


@torch.no_grad()
def interventions(model: VisionTransformer, images: Tensor, changes: Sequence[Change]) -> Tensor:
    """Logits (changes, classes) of one picture (1, C, height, width) under each of `changes`, in one forward pass.

    Raises InputError: "model-no-head", "tensor-shape" for anything but one preprocessed picture, "intervention-option"
    for a patch, head, layer or fill that does not exist.
    """
    images = prepare_one(model, images)
    rows, cols = model.grid(images)
    for change in changes:
        _check(model, change, rows * cols)
    B, config = len(changes), model.config
    if not B:
        return images.new_empty(0, config.classes)
    heads_on = torch.ones(config.depth, B, config.heads, 1, 1, device=images.device, dtype=images.dtype)
    layers_on = torch.ones(config.depth, B, 1, 1, dtype=torch.bool)
    for i, change in enumerate(changes):
        for layer, head in change.heads_off:
            heads_on[layer, i, head] = 0
        for layer in change.layers_off:
            layers_on[layer, i] = False
    x = model.embed(torch.cat([erase_patches(model, images, change.erased, change.fill) for change in changes]))
    for block, on, layer_on in zip(model.blocks, heads_on, layers_on, strict=True):
        if not layer_on.any():
            continue

        def attend(query: Tensor, key: Tensor, value: Tensor, on: Tensor = on) -> Tensor:
            return on * F.scaled_dot_product_attention(query, key, value)

        out = block(x, attend)
        x = out if layer_on.all() else torch.where(layer_on.to(x.device), out, x)
    return cast(Tensor, model.classify(model.norm(x)))  # prepare_one refuses models without a head


def intervene(
    model: VisionTransformer,
    images: Tensor,
    *,
    erased: Sequence[int] = (),
    fill: str = "mean",
    heads_off: Sequence[tuple[int, int]] = (),
    layers_off: Sequence[int] = (),
) -> Tensor:
    """Logits (classes,) of one preprocessed picture (1, C, height, width) without some patches, heads or layers.

    `erased`: patches (row by row from 0) that are painted over before embedding; `fill` as in `erase_patches`.
    `heads_off`: pairs (layer, head) whose mixed values are set to zero before the projection. With every head of a
    layer off, its attention adds only the projection of zeros: its bias, plus the bias of a norm before it.
    `layers_off`: blocks that are skipped. With no option these are the model's own logits.

    Raises InputError as `interventions` does.
    """
    return interventions(model, images, [Change(erased, fill, heads_off, layers_off)])[0]
