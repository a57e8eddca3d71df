"""The models of atlas_page.py, in a module of its own: what a page itself defines is new in each run of it."""

import threading
from pathlib import Path

import torch

from tests.planted import plant
from vit_core.attention.trace import Trace, record
from vit_core.images import Preprocess, read_image
from vit_core.models.config import ViTConfig
from vit_core.models.vit import VisionTransformer

ROOT = Path(__file__).resolve().parents[3]


def _config(dim, heads, depth=12, **other):
    return ViTConfig(dim=dim, heads=heads, head_dim=dim // heads, depth=depth, mlp_dim=2 * dim, classes=0, **other)


MODELS = {
    "base": _config(192, 12),
    "small": _config(96, 3, 4, image_size=(64, 96), patch_size=(16, 16), registers=4, distillation_token=True),
    "bare": _config(64, 1, 2, image_size=(32, 32), patch_size=(4, 4), class_token=False, pool="avg"),
    "tiny": _config(192, 3, registers=4),
    "many": _config(64, 2, 3, image_size=(64, 64), patch_size=(16, 16), registers=9, distillation_token=True),
    "one": _config(32, 2, 3, image_size=(16, 16), patch_size=(16, 16)),
    "wide": _config(384, 6, image_size=(518, 518), patch_size=(14, 14)),
    "deep": _config(128, 16, 32, image_size=(112, 112)),
    "square": _config(96, 6, image_size=(512, 512)),
    "outliers": _config(96, 3, 6),
    "large": _config(192, 12, image_size=(518, 518), patch_size=(14, 14)),
}

OUTLIERS = [(3, 4), (9, 11)]  # patches with long vectors in the model "outliers", from the third layer on

DRAWING = threading.Lock()  # torch has one seed for all threads, and a script that is run again may still be building


def build(name: str) -> VisionTransformer:
    """A model with random weights, its attention sharpened until heads differ; the same every time."""
    config = MODELS[name]
    with DRAWING:
        torch.manual_seed(3)
        model = VisionTransformer(config, transform=Preprocess(size=config.image_size, crop_pct=1.0)).eval()
    for i, block in enumerate(model.blocks):
        block.attn.qkv.weight.data.mul_(1.5 + 2.5 * (i + 1) / len(model.blocks))
    return plant(model, OUTLIERS, layer=2) if name == "outliers" else model


def trace(name: str, picture: str, features: bool = False) -> tuple[Trace, object]:
    image = read_image(str(ROOT / "assets" / "samples" / f"{picture}.jpg"))
    return record(build(name), image, features=features), image
