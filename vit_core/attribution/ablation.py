"""What would change the model's mind: the same forward pass with patches painted over, or heads and layers left out.

Nothing of the model is touched, so it may be in use elsewhere at the same time. Heads and layers are counted from 0,
patches row by row from 0.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from vit_core.attention.trace import prepare
from vit_core.errors import InputError
from vit_core.models.vit import VisionTransformer

FILLS = ("mean", "blur", "black")


class Change(NamedTuple):
    """What one forward pass goes without."""

    erased: Sequence[int] = ()  # patches whose pixels are painted over
    fill: str = "mean"  # with what; one of FILLS
    heads_off: Sequence[tuple[int, int]] = ()  # (layer, head): the head's mixed values are zero
    layers_off: Sequence[int] = ()  # blocks that leave the stream as it is


class Flips(NamedTuple):
    """What erasing patches one after another does to the answer."""

    counts: tuple[int, ...]  # how many patches are erased, a step each
    probabilities: Tensor  # (steps, classes asked for)
    predicted: Tensor  # (steps,), the most probable class
    first: int | None  # the smallest of `counts` at which another class is predicted than with nothing erased


def _check(model: VisionTransformer, change: Change, patches: int) -> None:
    def refuse(option: str, got, allowed: str):
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
    if change.fill == "black" and change.erased and model.transform is None:  # which value is black, nobody knows
        refuse("fill", change.fill, "mean, blur")
    for layer, head in change.heads_off:
        if not (0 <= layer < depth and 0 <= head < heads):
            refuse("heads_off", (layer, head), f"(0–{depth - 1}, 0–{heads - 1})")
    for layer in change.layers_off:
        if not 0 <= layer < depth:
            refuse("layers_off", layer, f"0–{depth - 1}")


def _blurred(images: Tensor, sigma: float) -> Tensor:
    """Gaussian blur of (1, C, height, width), the border repeated."""
    radius = max(1, round(3 * sigma))
    offsets = torch.arange(-radius, radius + 1, device=images.device, dtype=images.dtype)
    kernel = torch.softmax(-offsets.square() / (2 * sigma**2), 0)
    planes = images.transpose(0, 1)  # channels as a batch: one kernel for all
    planes = F.conv2d(F.pad(planes, (radius, radius, 0, 0), "replicate"), kernel.view(1, 1, 1, -1))
    planes = F.conv2d(F.pad(planes, (0, 0, radius, radius), "replicate"), kernel.view(1, 1, -1, 1))
    return planes.transpose(0, 1)


def _filling(model: VisionTransformer, images: Tensor, fill: str) -> Tensor:
    if fill == "mean":
        return images.mean((2, 3), keepdim=True)
    if fill == "blur":
        return _blurred(images, float(max(model.config.patch_size)))
    mean, std = (images.new_tensor(v).view(1, -1, 1, 1) for v in (model.transform.mean, model.transform.std))
    return -mean / std


def painted(model: VisionTransformer, images: Tensor, erased: Sequence[int], fill: str = "mean") -> Tensor:
    """A preprocessed picture (1, C, height, width) with the patches `erased` painted over; the picture given stays.

    `fill`: "mean" the picture's own mean colour, "blur" the picture under a Gaussian as wide (sigma) as a patch's
    longer side, "black" what black pixels become. Raises InputError as `intervene` does.
    """
    rows, cols = model.grid(images)
    _check(model, Change(erased, fill), rows * cols)
    if not len(erased):
        return images
    mask = torch.zeros(rows * cols, dtype=torch.bool, device=images.device)
    mask[list(erased)] = True
    height, width = model.config.patch_size
    pixels = mask.view(rows, cols).repeat_interleave(height, 0).repeat_interleave(width, 1)
    beyond = images.shape[-1] - cols * width, images.shape[-2] - rows * height  # pixels that no patch holds
    return torch.where(F.pad(pixels, (0, beyond[0], 0, beyond[1])), _filling(model, images, fill), images)


@torch.no_grad()
def interventions(model: VisionTransformer, images: Tensor, changes: Sequence[Change]) -> Tensor:
    """Logits (changes, classes) of one picture (1, C, height, width) under each of `changes`, in one forward pass.

    Raises InputError: "model-no-head", "tensor-shape" for anything but one preprocessed picture, "intervention-option"
    for a patch, head, layer or fill that there is not.
    """
    if model.head is None:
        raise InputError("model-no-head", "this model has no classification head, so it predicts nothing")
    images, _ = prepare(model, images)
    images = images.to(next(model.parameters()).device)
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
    x = model.embed(torch.cat([painted(model, images, change.erased, change.fill) for change in changes]))
    heads_cut = {layer for change in changes for layer, _ in change.heads_off}
    for number, (block, keep, on) in enumerate(zip(model.blocks, heads_on, layers_on, strict=True)):
        if not on.any():
            continue
        attend = F.scaled_dot_product_attention
        if number in heads_cut:

            def attend(query: Tensor, key: Tensor, value: Tensor, keep: Tensor = keep) -> Tensor:
                return keep * F.scaled_dot_product_attention(query, key, value)

        left = block(x, attend)
        x = left if on.all() else torch.where(on.to(x.device), left, x)
    return model.classify(model.norm(x))


def intervene(
    model: VisionTransformer,
    images: Tensor,
    *,
    erased: Sequence[int] = (),
    fill: str = "mean",
    heads_off: Sequence[tuple[int, int]] = (),
    layers_off: Sequence[int] = (),
) -> Tensor:
    """Logits (classes,) of one preprocessed picture (1, C, height, width) with something taken from the model.

    `erased`: patches (row by row from 0) painted over before they are embedded, with `fill` as `painted` has it.
    `heads_off`: pairs (layer, head) whose mixed values are zero before the projection; with every head of a layer
    off, its attention adds what its projection makes of zeros: the bias (and, with a norm before the projection, that
    norm's bias), nothing of the tokens. `layers_off`: blocks that leave the stream as it is. With nothing taken these
    are the model's own logits. The model is not changed.

    Raises InputError as `interventions` does.
    """
    return interventions(model, images, [Change(erased, fill, heads_off, layers_off)])[0]


def most_important(values: Tensor, k: int) -> tuple[int, ...]:
    """The `k` patches of highest value in a map over the grid, (rows, cols) or (patches,), best first; of equals the
    one that comes first. All of them if there are fewer."""
    return tuple(values.flatten().sort(descending=True, stable=True).indices[: max(k, 0)].tolist())


def flips(
    model: VisionTransformer,
    images: Tensor,
    ranking: Sequence[int],
    *,
    classes: Sequence[int] | None = None,
    counts: Sequence[int] | None = None,
    fill: str = "mean",
    batch: int = 16,
) -> Flips:
    """What happens to a picture (1, C, height, width) when the first patches of `ranking` are erased, more and more.

    `counts`: how many, a step each (default 0, 1, 2, ... all; on a slow machine every tenth will do), put in order.
    `classes`: whose probabilities are kept (default all). `batch`: pictures in one forward pass.
    Raises InputError as `interventions` does, and "intervention-option" for a count beyond the ranking.
    """
    wanted = tuple(range(len(ranking) + 1) if counts is None else sorted(set(counts)))
    if any(not 0 <= count <= len(ranking) for count in wanted):
        raise InputError(
            "intervention-option",
            f"counts must lie between 0 and {len(ranking)}, the patches ranked",
            option="counts",
            got=list(wanted),
            allowed=f"0–{len(ranking)}",
        )
    steps = wanted if wanted[:1] == (0,) else (0, *wanted)  # what is predicted with nothing erased
    changes = [Change(ranking[:count], fill) for count in steps]
    logits = torch.cat([interventions(model, images, changes[i : i + batch]) for i in range(0, len(changes), batch)])
    probabilities, predicted = logits.softmax(-1), logits.argmax(-1)
    first = next((count for count, now in zip(steps, predicted.tolist(), strict=True) if now != predicted[0]), None)
    kept = slice(len(steps) - len(wanted), None)
    chosen = slice(None) if classes is None else list(classes)
    return Flips(wanted, probabilities[kept][:, chosen], predicted[kept], first)
