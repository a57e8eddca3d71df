"""Patch embedding: the picture at a chosen size, cut into patches, flattened, and projected in two equivalent ways."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

from app.lecture.stage import Scene, Stage, array, choice, every_nth, fraction
from vit_core.images import Preprocess
from vit_core.lecture.patches import embed_by_convolution, embed_by_matrix, resize_kernels
from vit_core.models.config import VARIANTS

PAPER = VARIANTS["B/16"]  # the example's sizes
IMAGE_PIXELS = (32, 48, 64, 96, 128, 160, 192, 224, 256, 320, 384, 448, 512)  # a side
PATCH_PIXELS = (2, 4, 7, 8, 14, 16, 28, 32)
MAX_PATCHES = 4096  # that are drawn and multiplied
MAX_TOKEN_NUMBERS = 160_000  # sent at once: 640 kB
MAX_MATRIX_SIDE = 256  # rows and columns of the matrix that are drawn
NUM_PRINTED = 4  # values of a token in print


def sizes(stage: Stage, image: int, patch: int) -> tuple[tuple[int, int], tuple[int, int]]:
    """(height, width) of the picture and of a patch: squares, except where the model's own is none."""
    own_image, own_patch = stage.images.shape[-2:], stage.config.patch_size
    return (
        tuple(own_image) if image == max(own_image) else (image, image),
        tuple(own_patch) if patch == max(own_patch) else (patch, patch),
    )


def own_sizes(stage: Stage) -> tuple[int, int]:
    """The longer sides of the model's own picture and patch."""
    return max(stage.images.shape[-2:]), max(stage.config.patch_size)


def choices(stage: Stage) -> dict[int, list[int]]:
    """The patch sizes that go with each picture size: at least one patch and at most MAX_PATCHES."""

    def fits(image: int, patch: int) -> bool:
        (height, width), (ph, pw) = sizes(stage, image, patch)
        return (image, patch) == own_sizes(stage) or 1 <= (height // ph) * (width // pw) <= MAX_PATCHES

    images, patches = (
        sorted({*listed, mine}) for listed, mine in zip((IMAGE_PIXELS, PATCH_PIXELS), own_sizes(stage), strict=True)
    )
    return {image: [patch for patch in patches if fits(image, patch)] for image in images}


def chosen(stage: Stage, want: dict) -> tuple[int, int]:
    """The picture size that the browser asks for, and the patch size nearest to its wish that goes with it; the model's
    own sizes without a wish."""
    fits, own = choices(stage), own_sizes(stage)
    image = int(choice(want, "image", tuple(fits), own[0]))
    patch = int(choice(want, "patch", tuple(sorted({p for some in fits.values() for p in some})), own[1]))
    return image, min(fits[image], key=lambda p: abs(math.log(p / patch)))


def picture(stage: Stage, size: tuple[int, int]) -> tuple[np.ndarray, Tensor]:
    """The picture as the model would get it at this size: pixels (height, width, C), and the same as model input."""
    result, transform = stage.result, stage.model.transform
    if size == tuple(stage.images.shape[-2:]):
        return _pixels(result.model_input), stage.images.float().cpu()
    # From the region that the patches cover, which is small; the picture itself may have fifty million pixels.
    transform = Preprocess(size, transform.mean, transform.std, transform.interpolation, 1.0, "center")
    return _pixels(transform.input_image(result.region)), transform(result.region)[0]


def _pixels(image) -> np.ndarray:
    return np.atleast_3d(np.array(image))


@torch.no_grad()
def build(stage: Stage, want: dict) -> Scene:
    """Arrays: "seen" (height, width, C) bytes; "tokens" (some, D), by convolution, from patch number `first` on;
    "products" (some, 4), their first values by the matrix product; "matrix" (D, P), a large one thinned out.

    `want`: "image" and "patch" in pixels; "from" (0 to 1), how far down the picture the tokens are wanted.
    """
    image, patch = chosen(stage, want)
    size, (ph, pw) = sizes(stage, image, patch)
    seen, images = picture(stage, size)
    conv = stage.model.patch_embed
    weight = resize_kernels(conv.weight.detach().float().cpu(), (ph, pw))  # float32 on the CPU: no TF32
    bias = None if conv.bias is None else conv.bias.detach().float().cpu()
    ways = embed_by_convolution(images, weight, bias)[0], embed_by_matrix(images, weight, bias)[0]
    rows, cols = size[0] // ph, size[1] // pw
    N, D = ways[0].shape
    some = min(N, max(1, MAX_TOKEN_NUMBERS // D))
    middle = int(fraction(want, "from", 0.5) * rows) * cols + cols // 2
    first = min(max(0, middle - some // 2), N - some)
    matrix = weight.flatten(1)  # D, P
    shown = every_nth(matrix, MAX_MATRIX_SIDE)
    transform = stage.model.transform
    numbers = {
        "image": image,
        "patch": patch,
        "height": size[0],
        "width": size[1],
        "channels": images.shape[1],
        "ph": ph,
        "pw": pw,
        "rows": rows,
        "cols": cols,
        "count": N,
        "values": matrix.shape[1],
        "dim": D,
        "first": first,
        "some": some,
        "over": [size[0] - rows * ph, size[1] - cols * pw],
        "bias": bias is not None,
        "own": (ph, pw) == tuple(stage.config.patch_size),
        "trained": list(stage.config.patch_size),
        "seen": list(stage.images.shape[-2:]),
        "mean": list(transform.mean),
        "std": list(transform.std),
        "difference": float((ways[0] - ways[1]).abs().max()),
        "matrix": list(shown.shape),
        "reach": float(matrix.abs().max()),
        "presets": {"vit16": [PAPER.image_size[0], PAPER.patch_size[0]], "own": list(own_sizes(stage))},
        "choices": [list(pair) for pair in choices(stage).items()],
    }
    part = slice(first, first + some)
    return Scene(
        numbers,
        {
            "seen": seen,
            "tokens": array(ways[0][part]),
            "products": array(ways[1][part, :NUM_PRINTED]),
            "matrix": array(shown),
        },
    )
