"""The pictures that the recipe "photo" learns from, and how they are augmented.

Three data sets lie in one folder, unpacked:

- `tiny-imagenet/train/<WordNet id>/`, `tiny-imagenet/val/<WordNet id>/` and `tiny-imagenet/val_boxes.csv` (path, left,
  top, right, bottom): Tiny ImageNet, 200 classes, pictures of 64 x 64 pixels;
- `caltech101-small/<class>/`: Caltech-101, pictures of about 200 pixels;
- `train/<class>/` and `test/<class>/`: CIFAR-10 as files of 32 x 32 pixels.

`photo_classes.tsv` lists the classes with their Korean names and the folders that each is gathered from.

Pictures of the three data sets differ in sharpness. So that sharpness does not reveal the data set, pictures are shrunk
at random before they are enlarged to the model's size.
"""

from __future__ import annotations

import csv
import io
import random
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from PIL import Image, ImageEnhance
from torch import Tensor

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
CLASSES = Path(__file__).with_name("photo_classes.tsv")
SEED = 0
HELD_OUT_PER_FOLDER = 5  # training pictures of each folder kept aside to watch progress
CIFAR_TEST_PER_CLASS = 100
#: Typical shorter side of each data set's pictures, pixels.
SHARPNESS = {"cifar": 32, "tiny": 64, "caltech": 192}
#: How often a picture is shrunk to about the side of another data set's: {source: ((side, share), ...)}.
SHRINKING = {"cifar": (), "tiny": ((32, 0.2),), "caltech": ((32, 0.15), (64, 0.35))}
CALTECH_REPEATS = 5  # of each Caltech-101 picture in an epoch
CIFAR_PER_CLASS = 250  # CIFAR-10 pictures of each class in an epoch, others every time


class LabelledPicture(NamedTuple):
    """One file of a data set."""

    path: Path
    label: int
    source: str  # "tiny" | "caltech" | "cifar"


class ClassRow(NamedTuple):
    """One class of the model."""

    english: str
    korean: str
    folders: tuple[tuple[str, str], ...]  # (source, folder)


class Batch(NamedTuple):
    """What one step learns from."""

    images: Tensor  # (B, 3, size, size), normalised
    labels: Tensor  # (B,)
    sharpness: Tensor  # (B,) values of SHARPNESS


@dataclass(frozen=True)
class PhotoData:
    """Every picture, split."""

    train: list[LabelledPicture]
    held_out: dict[str, list[LabelledPicture]]  # by source
    tiny_validation: list[LabelledPicture]


def read_classes(path: Path = CLASSES) -> list[ClassRow]:
    """The classes in the order of the logits."""
    with path.open(encoding="utf-8", newline="") as file:
        rows = csv.DictReader(file, delimiter="\t")
        return [ClassRow(row["english"], row["korean"], _folders(row["sources"])) for row in rows]


def _folders(sources: str) -> tuple[tuple[str, str], ...]:
    pairs = (source.split(":") for source in sources.split())
    return tuple((source, folder) for source, folder in pairs)


def read_data(root: Path, classes: list[ClassRow]) -> PhotoData:
    """List the pictures under `root` and keep some of each folder aside. Raises FileNotFoundError."""
    train: list[LabelledPicture] = []
    validation: list[LabelledPicture] = []
    held_out: dict[str, list[LabelledPicture]] = {source: [] for source in SHARPNESS}

    def files(folder: Path, label: int, source: str) -> list[LabelledPicture]:
        return [LabelledPicture(path, label, source) for path in sorted(folder.iterdir())]

    for label, row in enumerate(classes):
        for source, name in row.folders:
            if source == "cifar":
                train += files(root / "train" / name, label, source)
                held_out[source] += files(root / "test" / name, label, source)[:CIFAR_TEST_PER_CLASS]
                continue
            folder = root / ("tiny-imagenet/train" if source == "tiny" else "caltech101-small") / name
            pictures = files(folder, label, source)
            aside = pictures[:: len(pictures) // HELD_OUT_PER_FOLDER][:HELD_OUT_PER_FOLDER]
            held_out[source] += aside
            train += [picture for picture in pictures if picture not in aside]
            if source == "tiny":
                validation += files(root / "tiny-imagenet/val" / name, label, source)
    return PhotoData(train, held_out, validation)


def read_boxes(root: Path) -> dict[str, tuple[int, int, int, int]]:
    """{"WordNet id/file": (left, top, right, bottom)} of Tiny ImageNet's validation pictures, pixels, ends included."""
    with (root / "tiny-imagenet/val_boxes.csv").open(encoding="utf-8") as file:
        return {
            row["path"]: (int(row["left"]), int(row["top"]), int(row["right"]), int(row["bottom"]))
            for row in csv.DictReader(file)
        }


def epoch_order(train: list[LabelledPicture], epoch: int) -> list[LabelledPicture]:
    """The pictures of one epoch, shuffled: all of Tiny ImageNet, Caltech-101 repeated, some of CIFAR-10."""
    draw = random.Random(f"{SEED} epoch {epoch}")
    by_source: dict[str, list[LabelledPicture]] = {source: [] for source in SHARPNESS}
    for picture in train:
        by_source[picture.source].append(picture)
    chosen = by_source["tiny"] + CALTECH_REPEATS * by_source["caltech"]
    for label in sorted({picture.label for picture in by_source["cifar"]}):
        chosen += draw.sample([p for p in by_source["cifar"] if p.label == label], CIFAR_PER_CLASS)
    draw.shuffle(chosen)
    return chosen


def shrink(image: Image.Image, side: int, quality: int) -> Image.Image:
    """`image` with its shorter side at `side` pixels, saved as JPEG and read back, as small pictures are."""
    scale = side / min(image.size)
    image = image.resize((round(image.width * scale), round(image.height * scale)), Image.Resampling.BICUBIC)
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=quality)
    return Image.open(buffer).convert("RGB")


def drawn_sharpness(source: str, draw: random.Random) -> int:
    """The side that a picture of `source` is shown at before it is resized for the model, by SHRINKING."""
    at = draw.random()
    for side, share in SHRINKING[source]:
        if at < share:
            return side
        at -= share
    return SHARPNESS[source]


def augment(picture: LabelledPicture, size: int, draw: random.Random) -> tuple[np.ndarray, int]:
    """A random view of `picture`, uint8 (size, size, 3), and its sharpness as one of the values of SHARPNESS."""
    image = Image.open(picture.path).convert("RGB")
    sharpness = drawn_sharpness(picture.source, draw)
    if sharpness < SHARPNESS[picture.source]:
        image = shrink(image, round(sharpness * draw.uniform(0.85, 1.2)), draw.randint(75, 95))
    side = min(image.size)
    height = side * draw.uniform(0.6, 1.0)
    width = min(image.width, height * draw.uniform(0.8, 1.25))
    left, top = draw.uniform(0, image.width - width), draw.uniform(0, image.height - height)
    image = image.resize((size, size), Image.Resampling.BICUBIC, box=(left, top, left + width, top + height))
    if draw.random() < 0.5:
        image = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    if draw.random() < 0.3:
        image = ImageEnhance.Sharpness(image).enhance(draw.uniform(0.0, 3.0))
    if draw.random() < 0.5:
        image = ImageEnhance.Color(image).enhance(draw.uniform(0.6, 1.4))
        image = ImageEnhance.Brightness(image).enhance(draw.uniform(0.8, 1.2))
        image = ImageEnhance.Contrast(image).enhance(draw.uniform(0.8, 1.2))
    return np.asarray(image), sharpness


def normalise(pixels: np.ndarray) -> Tensor:
    """uint8 (B, size, size, 3) to normalised float32 (B, 3, size, size)."""
    images = torch.from_numpy(pixels).permute(0, 3, 1, 2).float() / 255
    mean, std = (torch.tensor(v).view(-1, 1, 1) for v in (MEAN, STD))
    return ((images - mean) / std).contiguous()


class Loader:
    """Makes the batch of a step, and meanwhile the next one in a thread. A batch depends on the step only."""

    def __init__(self, train: list[LabelledPicture], batch: int):
        self.train, self.batch = train, batch
        self.per_epoch = len(epoch_order(train, 0)) // batch
        self.epoch, self.order = -1, []
        self.thread = ThreadPoolExecutor(1)
        self.next: dict[tuple[int, int], Future[Batch]] = {}  # by step and size

    def make(self, step: int, size: int) -> Batch:
        """The batch of `step` at `size` pixels."""
        epoch, k = divmod(step, self.per_epoch)
        if epoch != self.epoch:
            self.epoch, self.order = epoch, epoch_order(self.train, epoch)
        chosen = self.order[k * self.batch : (k + 1) * self.batch]
        draw = random.Random(f"{SEED} step {step}")
        views = [augment(picture, size, draw) for picture in chosen]
        return Batch(
            normalise(np.stack([pixels for pixels, _ in views])),
            torch.tensor([picture.label for picture in chosen]),
            torch.tensor([sharpness for _, sharpness in views]),
        )

    def __call__(self, step: int, size: int) -> Batch:
        ready = self.next.pop((step, size), None) or self.thread.submit(self.make, step, size)
        self.next = {(step + 1, size): self.thread.submit(self.make, step + 1, size)}
        return ready.result()
