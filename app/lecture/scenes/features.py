"""Features: which patches of the picture are like one patch, after each layer, and what like patches share."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from app.lecture.stage import Scene, Stage, integer
from vit_core.images.geometry import patch_box
from vit_core.lecture.resemblance import agreement, patch_centres, patch_colours, patch_cosines

MAX_BYTES = 8_000_000  # of the similarities of all pairs of patches; with more, only those of one patch are sent
SHADES = 255  # steps between the smallest and the largest cosine of a row

#: A point on the object of each sample photograph, (x, y) in fractions of the picture. There, the embedded model shows
#: the way from colour to object.
POINTS = {
    "red-panda.jpg": (0.52, 0.53),  # an eye
    "kitten.jpg": (0.34, 0.41),
    "dog.jpg": (0.66, 0.66),
    "dog-and-cat.jpg": (0.53, 0.78),
    "lake-sherburne.jpg": (0.38, 0.41),
    "horses.jpg": (0.28, 0.53),
    "moose.jpg": (0.56, 0.59),
    "kingfisher.jpg": (0.48, 0.59),
    "crab.jpg": (0.52, 0.47),
    "koala.jpg": (0.47, 0.57),
    "duck.jpg": (0.35, 0.47),
    "owl.jpg": (0.65, 0.53),
    "chelsea.jpg": (0.35, 0.34),
    "cows.jpg": (0.52, 0.53),  # a white part of the cow
    "astronaut.jpg": (0.59, 0.66),
    "coffee.jpg": (0.44, 0.34),
    "rocket.jpg": (0.52, 0.53),
    "cameraman.jpg": (0.28, 0.59),
    "machu-picchu.jpg": (0.52, 0.53),
}


def patch_at(stage: Stage, point: tuple[float, float]) -> int:
    """The number of the patch at `point`, (x, y) in fractions of the picture; the nearest one to a point in none."""
    (rows, cols), crop = stage.result.grid, stage.result.trace.crop
    left, top, right, bottom = patch_box((0, 0), crop, stage.config.patch_size)
    height, width = crop.picture
    col, row = int((point[0] * width - left) // (right - left)), int((point[1] * height - top) // (bottom - top))
    return min(max(row, 0), rows - 1) * cols + min(max(col, 0), cols - 1)


def shared(stage: Stage, features: Tensor) -> dict[str, list[float | None]]:
    """For each layer of `features` (layers, P, D): how far like patches share their colour, and their place."""
    pixels = np.atleast_3d(np.array(stage.result.model_input))
    colours = patch_colours(pixels, stage.config.patch_size)
    places = patch_centres(stage.result.grid, stage.result.patch_aspect)
    return dict(zip(("colour", "place"), agreement(features, colours, places), strict=True))


def packed(cosines: Tensor, own: Tensor) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rows of cosines (rows, P) of the patches `own` (rows,): as bytes (rows, P), the cosines that bytes 0 and SHADES
    stand for (rows, 2), and the most similar other patch (rows,).

    They stand for the smallest and the largest cosine of the row without the patch itself, whose byte is SHADES. A
    picture of one patch has no other one: -1.
    """
    rows, P = cosines.shape
    if P == 1:
        return np.full((1, 1), SHADES, np.uint8), cosines.expand(1, 2).cpu().numpy(), np.full(1, -1, np.int32)
    others = cosines.clone()
    others[torch.arange(rows), own] = torch.inf
    low = others.amin(dim=1)
    others[torch.arange(rows), own] = -torch.inf
    high, best = others.max(dim=1)
    span = (high - low).clamp_min(1e-12)[:, None]
    steps = ((cosines - low[:, None]) * (SHADES / span)).clamp(0, SHADES).round().to(torch.uint8)
    return steps.cpu().numpy(), torch.stack([low, high], dim=1).cpu().numpy(), best.int().cpu().numpy()


def build(stage: Stage, want: dict) -> Scene:
    """Arrays, a row a patch: "similar" (layers, rows, P) bytes, the cosine of the patch's features after each layer to
    every patch's; "ends" (layers, rows, 2), their range; "best" (layers, rows) int32, the most similar other patch. See
    `packed`.

    All patches are sent, or only one if all would exceed MAX_BYTES: want["from"], by default the
    start. Numbers: "start", the patch to begin with, from want["sample"], a sample's name; "colour" and "place", see
    `shared`.
    """
    features = stage.streams[1:, stage.config.num_prefix_tokens :]  # layers, P, D
    L, P, D = features.shape
    start = patch_at(stage, POINTS.get(str(want.get("sample")), (0.5, 0.5)))
    every = L * P * P <= MAX_BYTES
    at = integer(want, "from", 0, P - 1, start)
    own = (torch.arange(P) if every else torch.tensor([at])).to(features.device)
    layers = [packed(patch_cosines(layer, own), own) for layer in features]
    numbers = {
        "layers": L,
        "dim": D,
        "patches": P,
        "every": every,
        "from": at,
        "start": start,
        "steps": {"first": 1, "middle": max(1, L // 2), "last": L},
        **stage.memo(("features", "shared"), lambda: shared(stage, features)),
    }
    return Scene(numbers, dict(zip(("similar", "ends", "best"), map(np.stack, zip(*layers, strict=True)), strict=True)))
