"""A data set with a planted shortcut, and a model that learns it in seconds.

Shapes of three classes lie in the middle of noisy pictures. In training, most squares have a red patch in the upper
left corner, so the model takes the patch for a square. The labelled pictures have it on other shapes instead.
"""

from pathlib import Path

import numpy as np
import torch
from PIL import Image

import vit_core as vc
from vit_core.images import Preprocess
from vit_core.models import ViTConfig

CLASSES = ["disc", "ring", "square"]
SIDE, PATCH = 40, 5
MEAN, STD = (0.5, 0.5, 0.5), (0.25, 0.25, 0.25)


def picture(number: int, random: np.random.Generator, planted: bool) -> np.ndarray:
    """(40, 40, 3) uint8: a shape of class `number`, with or without the red patch."""
    y, x = np.mgrid[:SIDE, :SIDE]
    row, col = random.uniform(15, 25, 2)
    distance = np.hypot(y - row, x - col)
    shape = (distance < 8, (distance < 9) & (distance > 5), np.maximum(abs(y - row), abs(x - col)) < 7)[number]
    pixels = random.normal(80, 40, (SIDE, SIDE, 1)).repeat(3, 2) + 45 * shape[..., None]
    if planted:
        pixels[:PATCH, :PATCH] = 230, 30, 30
    return pixels.clip(0, 255).astype(np.uint8)


def train(steps: int = 150, batch: int = 48) -> vc.VisionTransformer:
    """A ViT of 8 x 8 patches that takes the red patch for a square."""
    torch.manual_seed(0)
    random = np.random.default_rng(0)
    size = (SIDE, SIDE)
    config = ViTConfig(
        image_size=size, patch_size=(PATCH, PATCH), classes=3, dim=48, depth=3, heads=4, head_dim=12, mlp_dim=96
    )
    model = vc.VisionTransformer(config)
    model.labels = CLASSES
    model.transform = Preprocess(size, MEAN, STD, crop_pct=1.0)
    optimizer = torch.optim.AdamW(model.parameters(), 2e-3)
    for _ in range(steps):
        labels = random.integers(3, size=batch)
        planted = random.random(batch) < np.where(labels == 2, 0.9, 0.0)
        pixels = np.stack([picture(*one) for one in zip(labels, [random] * batch, planted, strict=True)])
        images = (torch.from_numpy(pixels).permute(0, 3, 1, 2) / 255 - 0.5) / 0.25
        loss = torch.nn.functional.cross_entropy(model(images), torch.from_numpy(labels))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return model.eval()


def write_pictures(folder: Path, each: int = 40, planted: int = 15) -> None:
    """Class folders; the first `planted` pictures of each class but the squares have the red patch."""
    random = np.random.default_rng(1)
    for number, name in enumerate(CLASSES):
        (folder / name).mkdir(parents=True)
        for i in range(each):
            has_patch = number != 2 and i < planted
            pixels = picture(number, random, has_patch)
            Image.fromarray(pixels).save(folder / name / f"{i:02}{'-patch' if has_patch else ''}.png")
