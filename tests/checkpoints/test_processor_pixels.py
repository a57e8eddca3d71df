"""Pictures as transformers' image processors make them, on both of their backends and for many sizes."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image

from tests.checkpoints.support import transformers
from vit_core.checkpoints.processors import parse_processor

SIZES = [  # width, height; most leave an odd margin beside a crop
    (640, 480),
    (640, 427),
    (427, 640),
    (1024, 683),
    (1920, 1080),
    (333, 500),
    (500, 375),
    (225, 224),
    (31, 257),
    (97, 97),
    (1, 40),
]
HALF = (0.5, 0.5, 0.5)
#: of one step of 255, after the division by 0.5: torchvision resizes with another rounding than Pillow does
STEP = 2 / 255


def _picture(width: int, height: int) -> Image.Image:
    """Ramps up and down, without an edge on which filters would differ, so that a step to any side shows."""
    y, x = np.mgrid[:height, :width]
    channels = [2 * abs(n % 200 - 100) for n in (x, y, x + y)]
    return Image.fromarray(np.stack(channels, -1).astype(np.uint8))


def _processor(kind: str, backend: str, settings: dict):
    name = f"{kind}ImageProcessor{'Pil' if backend == 'pil' else ''}"
    return getattr(transformers, name)(**settings)


@pytest.mark.parametrize("backend", ["torchvision", "pil"])
@pytest.mark.parametrize(
    ("kind", "settings"),
    [
        ("Bit", {"size": {"shortest_edge": 256}, "crop_size": {"height": 224, "width": 224}}),
        ("Bit", {"size": {"shortest_edge": 37}, "crop_size": {"height": 32, "width": 32}}),
        ("CLIP", {}),
        ("CLIP", {"size": {"shortest_edge": 33}, "crop_size": {"height": 32, "width": 32}}),
        ("DeiT", {"size": {"height": 41, "width": 41}, "crop_size": {"height": 32, "width": 32}}),
        ("ViT", {}),
        ("Siglip", {"size": {"height": 32, "width": 48}}),
        (
            "Beit",
            {"size": {"height": 41, "width": 41}, "crop_size": {"height": 32, "width": 32}, "do_center_crop": True},
        ),
        ("CLIP", {"use_square_size": True}),
        ("Levit", {"size": {"shortest_edge": 33}, "crop_size": {"height": 32, "width": 32}}),
        ("Levit", {}),
        ("ConvNext", {"size": {"shortest_edge": 33}, "crop_pct": 0.9}),
        ("ConvNext", {"size": {"shortest_edge": 224}}),
        ("ConvNext", {}),
        ("Blip", {"size": {"height": 32, "width": 48}}),
    ],
    ids=lambda v: v if isinstance(v, str) else "-".join(map(str, v)),
)
def test_pixels_are_those_of_transformers(kind, settings, backend):
    settings = {"image_mean": list(HALF), "image_std": list(HALF), **settings}
    theirs = _processor(kind, backend, settings)
    ours = parse_processor({"image_processor_type": f"{kind}ImageProcessor", **settings}, (224, 224), 3)
    for size in SIZES:
        picture = _picture(*size)
        right = torch.as_tensor(theirs(picture, return_tensors="pt")["pixel_values"])
        made, _ = ours(picture)
        assert made.shape == right.shape
        difference = (made - right).abs()
        assert difference.mean() < STEP / 2, size
        assert difference.max() < (1e-6 if backend == "pil" else 3 * STEP), (size, difference.max() / STEP)
