"""The data sets that the training recipes use, read as arrays from the files that their authors publish."""

from __future__ import annotations

import gzip
import io
import os
import tarfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

FASHION_LABELS = [
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
]
CIFAR_LABELS = ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"]

#: Where Debian's package `dataset-fashion-mnist` puts its four files.
FASHION_HOME = "/usr/share/datasets/fashion-mnist"


@dataclass(frozen=True)
class ArrayDataset:
    """Pictures (N, C, height, width) as uint8 and their class numbers (N,) as int64."""

    images: np.ndarray
    labels: np.ndarray


def read_idx(path: Path) -> np.ndarray:
    """The array in an IDX file (LeCun's MNIST format; gzip or plain) of unsigned bytes. Raises ValueError, OSError."""
    opener = gzip.open if path.suffix == ".gz" else open
    with opener(path, "rb") as file:
        magic = file.read(4)
        if len(magic) < 4 or magic[:3] != b"\0\0\x08":
            raise ValueError(f"{path} is not an IDX file of unsigned bytes")
        shape = np.frombuffer(file.read(4 * magic[3]), ">u4").astype(int)
        data = np.frombuffer(file.read(), np.uint8)
    if data.size != shape.prod():
        raise ValueError(f"{path} declares {shape.prod()} values and holds {data.size}")
    return data.reshape(shape).copy()  # writable, as torch requires


def fashion_mnist(folder: str | os.PathLike | None = None) -> tuple[ArrayDataset, ArrayDataset, list[str]]:
    """Fashion-MNIST (Xiao et al. 2017, arXiv:1708.07747): train (60,000), test (10,000), class names; 28 x 28, grey."""
    folder = Path(folder or FASHION_HOME)

    def file(name: str) -> np.ndarray:
        for path in (folder / f"{name}.gz", folder / name):
            if path.exists():
                return read_idx(path)
        raise FileNotFoundError(
            f"no {name}.gz in {folder}; install Debian's package dataset-fashion-mnist or name the files' folder"
        )

    def part(name: str) -> ArrayDataset:
        images, labels = file(f"{name}-images-idx3-ubyte"), file(f"{name}-labels-idx1-ubyte")
        return ArrayDataset(images[:, None], labels.astype(np.int64))

    return part("train"), part("t10k"), FASHION_LABELS


def _bytes_of(archive: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    """The content of a member. Raises ValueError if it is not a file."""
    file = archive.extractfile(member)
    if file is None:
        raise ValueError(f"{member.name} is not a file")
    return file.read()


def _cifar_jpegs(archive: tarfile.TarFile) -> tuple[ArrayDataset, ArrayDataset]:
    parts: dict[str, tuple[list, list]] = {"train": ([], []), "test": ([], [])}
    members = sorted((m for m in archive.getmembers() if m.isfile()), key=lambda m: m.name)
    for member in members:
        part, label, _ = member.name.removeprefix("./").split("/")
        pixels = np.asarray(Image.open(io.BytesIO(_bytes_of(archive, member)), formats=["JPEG"]).convert("RGB"))
        parts[part][0].append(pixels)
        parts[part][1].append(CIFAR_LABELS.index(label))
    train, test = (
        ArrayDataset(np.ascontiguousarray(np.stack(images).transpose(0, 3, 1, 2)), np.array(labels, np.int64))
        for images, labels in (parts["train"], parts["test"])
    )
    return train, test


def _cifar_binary(archive: tarfile.TarFile) -> tuple[ArrayDataset, ArrayDataset]:
    parts: dict[str, list] = {"train": [], "test": []}
    for member in sorted((m for m in archive.getmembers() if m.name.endswith(".bin")), key=lambda m: m.name):
        rows = np.frombuffer(_bytes_of(archive, member), np.uint8).reshape(-1, 1 + 3 * 32 * 32)
        parts["test" if "test_batch" in member.name else "train"].append(rows)
    joined = (np.concatenate(parts["train"]), np.concatenate(parts["test"]))
    train, test = (ArrayDataset(r[:, 1:].reshape(-1, 3, 32, 32).copy(), r[:, 0].astype(np.int64)) for r in joined)
    return train, test


def cifar10(path: str | os.PathLike) -> tuple[ArrayDataset, ArrayDataset, list[str]]:
    """CIFAR-10 (Krizhevsky 2009): train (50,000), test (10,000), class names; 32 x 32, RGB.

    `path`: the author's download `cifar-10-binary.tar.gz`, or a tar archive of JPEGs as `train/<class>/*.jpg` and
    `test/<class>/*.jpg`.
    """
    with tarfile.open(path) as archive:
        binary = any(name.endswith(".bin") for name in archive.getnames())
        train, test = _cifar_binary(archive) if binary else _cifar_jpegs(archive)
    return train, test, CIFAR_LABELS
