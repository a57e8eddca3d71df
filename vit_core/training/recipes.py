"""The recipes of the embedded models, as data for `training.loop`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Recipe:
    """All settings of a run. `arch` holds ViTConfig's fields, or ConvNet's width for a teacher."""

    title: str  # shown to people
    data: str  # "cifar10" | "fashion"
    arch: dict
    epochs: float
    full_epochs: float = 0.0  # the last so many epochs see every patch
    keep: float = 1.0  # fraction of patches kept before that
    batch: int = 128
    matrix_lr: float = 2e-3  # Muon, block matrices
    other_lr: float = 2e-3  # AdamW, everything else
    weight_decay: float = 0.05
    warmup: float = 0.05  # fraction of the steps
    smoothing: float = 0.1
    crop_pad: int = 4  # pixels of random shift
    flip: bool = True
    cutmix: float = 0.0  # share of batches
    start: str = ""  # recipe whose weights, on a coarser grid of patches, the model starts from
    teacher: str = ""  # recipe of the CNN whose probabilities the model learns too
    average: float = 0.999  # decay of the weight average
    mean: tuple[float, ...] = (0.4914, 0.4822, 0.4465)
    std: tuple[float, ...] = (0.2470, 0.2435, 0.2616)
    seed: int = 0


def _vit(image: int, patch: int, dim: int, depth: int, heads: int, **other) -> dict:
    return dict(
        image_size=image,
        patch_size=patch,
        classes=10,
        dim=dim,
        depth=depth,
        heads=heads,
        head_dim=dim // heads,
        mlp_dim=4 * dim,
        **other,
    )


_DISTILLED = dict(distillation_token=True, distillation_head=True)
_GREY: dict[str, Any] = dict(mean=(0.2860,), std=(0.3530,), crop_pad=2)

#: Korean names of the classes of the data sets that the recipes know.
LABELS_KO = {
    "airplane": "비행기",
    "automobile": "자동차",
    "bird": "새",
    "cat": "고양이",
    "deer": "사슴",
    "dog": "개",
    "frog": "개구리",
    "horse": "말",
    "ship": "배",
    "truck": "트럭",
    "T-shirt/top": "티셔츠/상의",
    "Trouser": "바지",
    "Pullover": "풀오버",
    "Dress": "원피스",
    "Coat": "코트",
    "Sandal": "샌들",
    "Shirt": "셔츠",
    "Sneaker": "운동화",
    "Bag": "가방",
    "Ankle boot": "앵클부츠",
}

RECIPES: dict[str, Recipe] = {
    # two CPU cores
    "tiny-cnn": Recipe("Photographs (CIFAR-10), CNN", "cifar10", dict(width=32), epochs=12, other_lr=4e-3),
    "tiny": Recipe(
        "Photographs (CIFAR-10)",
        "cifar10",
        _vit(32, 4, 128, 6, 4, **_DISTILLED),
        epochs=22,
        full_epochs=3,
        keep=0.5,
        teacher="tiny-cnn",
    ),
    "fashion-cnn": Recipe("Clothes (Fashion-MNIST), CNN", "fashion", dict(width=32), epochs=6, other_lr=4e-3, **_GREY),
    "fashion-coarse": Recipe(
        "Clothes (Fashion-MNIST), 7 x 7 patches",
        "fashion",
        _vit(28, 4, 128, 6, 4, channels=1),
        epochs=14,
        full_epochs=3,
        keep=0.5,
        **_GREY,
    ),
    "fashion": Recipe(
        "Clothes (Fashion-MNIST)",
        "fashion",
        _vit(28, 2, 128, 6, 4, channels=1),
        epochs=7,
        full_epochs=3,
        keep=0.5,
        matrix_lr=1e-3,
        other_lr=1e-3,
        start="fashion-coarse",
        teacher="fashion-cnn",
        **_GREY,
    ),
    # seconds, for the tests
    "trial": Recipe(
        "Trial",
        "fashion",
        _vit(28, 7, 16, 2, 2, channels=1),
        epochs=1,
        full_epochs=0.3,
        keep=0.5,
        batch=64,
        average=0.9,
        **_GREY,
    ),
}
