"""Labelled pictures inside one file: IDX (MNIST, Fashion-MNIST) and CIFAR."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from PIL import Image

from vit_core import images
from vit_core.datasets import FASHION_LABELS, read_idx
from vit_core.labelled import Labelled


class Pixels(Labelled):
    """Pictures that are rows of one array, loaded by each process when it asks for the first."""

    def __init__(self, *args, part: str, source: str, **kwargs):
        super().__init__(*args, **kwargs)
        self._part, self._source = part, source
        self._loaded = None

    def __getstate__(self) -> dict:
        return self.__dict__ | {"_loaded": None}

    def _picture(self, index: int) -> Image.Image:
        if self._loaded is None:
            self._loaded = read_idx(self.root / self._source)
        return Image.fromarray(self._loaded[range(len(self))[index]])

    def read(self, index: int) -> Image.Image:
        return images.read(self._picture(index))

    def data(self, index: int) -> bytes:
        file = io.BytesIO()
        self._picture(index).save(file, "PNG")
        return file.getvalue()

    def stat(self, index: int) -> tuple[int, int]:
        return len(self.data(index)), 0


def find(root: Path) -> Labelled | None:
    """The pictures inside files that are in a folder; None where it holds no such file."""
    for suffix in (".gz", ""):
        source, labels = (root / f"t10k-{kind}-ubyte{suffix}" for kind in ("images-idx3", "labels-idx1"))
        if source.exists() and labels.exists():
            truth = read_idx(labels)
            names = (f"t10k/{i:05}" for i in range(len(truth)))
            return Pixels("Fashion-MNIST, test set", "fashion", root, FASHION_LABELS, names, truth.astype(np.int32),
                          part="t10k", source=source.name)
    return None
