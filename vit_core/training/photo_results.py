"""How accurate the photo model is, and whether its attention lies on the object: the numbers of its card."""

from __future__ import annotations

from typing import NamedTuple

import torch
from PIL import Image
from torch import Tensor

from vit_core.images import Preprocess
from vit_core.models.vit import VisionTransformer, attention_weights
from vit_core.training.photo_data import MEAN, STD, LabelledPicture, PhotoData

TINY_SIDE = 64  # pixels of Tiny ImageNet's pictures, in which boxes are given
SIZES = {"tiny": (224,), "caltech": (168, 224, 518), "cifar": (224,)}  # pixels
Boxes = dict[str, tuple[int, int, int, int]]


class Answer(NamedTuple):
    """What the model says of a batch, and where its class token looks."""

    scores: Tensor  # (B, classes), logits
    attention: Tensor  # (B, rows, cols): from the class token, mean over heads and the last two layers


def explicit_attention(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    """softmax(q k^T / sqrt(d)) v. On a CPU its backward pass is faster than the fused one's."""
    return torch.softmax((query * query.shape[-1] ** -0.5) @ key.transpose(-2, -1), dim=-1) @ value


@torch.no_grad()
def answer(model: VisionTransformer, images: Tensor) -> Answer:
    """Logits and class attention of `images` (B, 3, height, width), in bf16 where autocast allows it."""
    maps = []

    def attend(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        maps.append(attention_weights(query[:, :, :1], key)[:, :, 0, model.config.num_prefix_tokens :].mean(1).float())
        return explicit_attention(query, key, value)

    with torch.autocast("cpu", torch.bfloat16):
        scores = model.classify(model.encode(model.embed(images), attend))
    assert scores is not None
    return Answer(scores.float(), torch.stack(maps[-2:]).mean(0).view(len(images), *model.grid(images)))


def peak_in_box(attention: Tensor, box: tuple[int, int, int, int], side: int) -> bool:
    """Whether the patch of highest attention (rows, cols) has its centre in `box` of a picture `side` pixels wide."""
    row, col = divmod(int(attention.argmax()), attention.shape[1])
    x, y = (col + 0.5) * side / attention.shape[1], (row + 0.5) * side / attention.shape[0]
    left, top, right, bottom = box
    return left <= x < right + 1 and top <= y < bottom + 1


def measure(
    model: VisionTransformer,
    pictures: list[LabelledPicture],
    size: int,
    boxes: Boxes | None = None,
    batch: int = 50,
) -> dict[str, float]:
    """Shares of `pictures` at `size` pixels: "top-1", "top-5" and, with `boxes`, "peak in box"."""
    transform = Preprocess((size, size), MEAN, STD, "bicubic", crop_pct=1.0)
    counts = {"top-1": 0, "top-5": 0} | ({"peak in box": 0} if boxes else {})
    for start in range(0, len(pictures), batch):
        part = pictures[start : start + batch]
        images = torch.cat([transform(Image.open(picture.path).convert("RGB"))[0] for picture in part])
        scores, attention = answer(model, images)
        labels = torch.tensor([picture.label for picture in part])
        hits = scores.topk(min(5, scores.shape[1])).indices == labels[:, None]
        counts["top-1"] += int(hits[:, 0].sum())
        counts["top-5"] += int(hits.sum())
        if boxes:
            for found, picture in zip(attention, part, strict=True):
                box = boxes[f"{picture.path.parent.name}/{picture.path.name}"]
                counts["peak in box"] += peak_in_box(found, box, TINY_SIDE)
    return {name: count / len(pictures) for name, count in counts.items()}


def evaluate_photo(model: VisionTransformer, data: PhotoData, boxes: Boxes) -> dict[str, dict]:
    """The numbers of the card, by set and picture size; printed as soon as they are known.

    "tiny" is Tiny ImageNet's validation set, "caltech" the held-out pictures, "cifar" a part of the test set.
    """
    results: dict[str, dict] = {}
    pictures = data.held_out | {"tiny": data.tiny_validation}
    for name, sizes in SIZES.items():
        for size in sizes:
            known = boxes if name == "tiny" else None
            found = measure(model, pictures[name], size, known, batch=50 if size < 500 else 5)
            results.setdefault(name, {})[str(size)] = {"pictures": len(pictures[name]), **found}
            print(f"{name} at {size} pixels: {results[name][str(size)]}", flush=True)
    return results
