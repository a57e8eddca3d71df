"""Datasets whose pictures lie in one file: IDX (MNIST, Fashion-MNIST), CIFAR-10 and -100, tar and zip archives.

Sizes are checked before anything is unpacked. Pickles (CIFAR's "python version") are refused.
"""

from __future__ import annotations

import functools
import gzip
import hashlib
import io
import math
import os
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
from PIL import Image

from vit_core.assets import ASSETS
from vit_core.data.arrays import CIFAR_LABELS, FASHION_LABELS, read_idx
from vit_core.data.dataset import BUNDLED, ImageDataset, empty_error, format_error
from vit_core.data.kinds import class_depth, split_rank
from vit_core.data.members import BROKEN, MAX_UNPACKED_BYTES, list_members, path_parts, read_members
from vit_core.data.paths import open_inside, resolve
from vit_core.errors import InputError
from vit_core.images import read_image

#: CIFAR's test file -> (label bytes before each picture, file of class names). CIFAR-100's second byte is its label.
CIFAR = {"test_batch.bin": (1, "batches.meta.txt"), "test.bin": (2, "fine_label_names.txt")}
IDX_FILES = ("images-idx3", "labels-idx1")


class PackedDataset(ImageDataset):
    """Pictures inside one file, whose path `file` returns. `load` returns them as an array (n, height, width[, 3]) or a
    list of picture files' bytes; it is called once in each process."""

    def __init__(self, *args, load: Callable, file: Callable[[], str], **kwargs):
        super().__init__(*args, **kwargs)
        self._load, self._file, self._loaded = load, file, None

    def __getstate__(self) -> dict:
        return self.__dict__ | {"_loaded": None}

    def _item(self, index: int):
        if self._loaded is None:
            try:
                self._loaded = self._load()
            except BROKEN as error:  # the file was readable when it was listed
                raise format_error(self.root, error) from error
        if len(self._loaded) != len(self):
            raise format_error(self.root, "the file has changed")
        return self._loaded[range(len(self))[index]]

    def read(self, index: int) -> Image.Image:
        item = self._item(index)
        return read_image(item if isinstance(item, bytes) else Image.fromarray(item))

    def data(self, index: int) -> bytes:
        item = self._item(index)
        if isinstance(item, bytes):
            return item
        file = io.BytesIO()
        Image.fromarray(item).save(file, "PNG")
        return file.getvalue()

    def stat(self, index: int) -> tuple[int, int]:
        return len(self.data(index)), 0

    def digest(self) -> str:
        try:
            with open(self._file(), "rb") as file:
                return hashlib.file_digest(file, functools.partial(hashlib.blake2b, digest_size=16)).hexdigest()
        except BROKEN as error:
            raise format_error(self.root, error) from error


def _pickle_error(path: Path) -> InputError:
    return InputError(
        "dataset-pickle",
        f"{str(path)!r} is CIFAR's Python version, which can run code when it is opened, so it was not; download the "
        "binary version.",
        name=str(path),
    )


def packed_dataset(root: Path) -> PackedDataset | None:
    """The pictures in IDX or CIFAR files of a folder, or of the folders torchvision makes; None if there are none.

    Raises InputError "dataset-format", "dataset-outside", "dataset-pickle".
    """
    for place in ("", "raw", "MNIST/raw", "FashionMNIST/raw"):
        for suffix in (".gz", ""):
            pixels, labels = (os.path.join(place, f"t10k-{kind}-ubyte{suffix}") for kind in IDX_FILES)
            if os.path.lexists(root / pixels) and os.path.lexists(root / labels):
                try:
                    return _idx_dataset(root, pixels, labels)
                except BROKEN as error:
                    raise format_error(root, error) from error
    for place in ("", "cifar-10-batches-bin", "cifar-100-binary"):
        for name in CIFAR:
            if os.path.lexists(root / place / name):
                return _cifar_dataset(root, os.path.join(place, name), functools.partial(_read_file, root))
    if os.path.lexists(root / "test_batch") and os.path.lexists(root / "batches.meta"):
        raise _pickle_error(root)
    return None


def _idx_dataset(root: Path, pixels_file: str, labels_file: str) -> PackedDataset:
    shape, count = _idx_shape(resolve(root, pixels_file)), _idx_shape(resolve(root, labels_file))
    if len(shape) != 3 or shape[:1] != count:
        raise ValueError(f"pictures {shape}, labels {count}")
    labels = _idx(root, labels_file)
    bundled = ASSETS / BUNDLED["bundled:fashion"]
    bundled_labels = _idx(bundled, "t10k-labels-idx1-ubyte.gz")
    # The format has no class names. Labels equal to the bundled file's mean Fashion-MNIST, others MNIST.
    fashion = "fashion" in os.path.realpath(root / pixels_file).lower() or np.array_equal(
        labels, bundled_labels[: len(labels)]
    )
    most = int(labels.max(initial=0))
    classes = FASHION_LABELS if fashion and most < 10 else [str(i) for i in range(max(10, most + 1))]
    title = "Fashion-MNIST" if classes is FASHION_LABELS else os.path.basename(os.path.realpath(root))
    return _dataset(
        f"{title} (t10k)",
        "fashion",
        root,
        classes,
        [f"t10k/{i:05}" for i in range(len(labels))],
        labels,
        functools.partial(_idx, root, pixels_file),
        functools.partial(resolve, root, pixels_file),
    )


def _dataset(
    title: str,
    kind: str,
    root: Path,
    classes: list[str],
    names: list[str],
    labels,
    load: Callable,
    file: Callable[[], str],
    left_out: Iterable[tuple[str, str]] = (),
) -> PackedDataset:
    if not names:
        raise empty_error(file(), len(classes), left_out)
    return PackedDataset(title, kind, root, classes, names, labels, left_out, load=load, file=file)


def _idx(root: Path, name: str) -> np.ndarray:
    return read_idx(Path(resolve(root, name)))


def _idx_shape(path: str) -> tuple[int, ...]:
    """The shape an IDX file declares. Raises ValueError if its size differs or exceeds MAX_UNPACKED_BYTES."""
    with (gzip.open if path.endswith(".gz") else open)(path, "rb") as file:
        magic = file.read(4)
        if len(magic) < 4 or magic[:3] != b"\0\0\x08":
            raise ValueError("not an IDX file of unsigned bytes")
        shape = tuple(np.frombuffer(file.read(4 * magic[3]), ">u4").tolist())
        left = size = math.prod(shape)
        if size > MAX_UNPACKED_BYTES:
            raise ValueError(f"declares {size:,} values")
        while left >= 0 and (
            block := file.read(1 << 20)
        ):  # counted, not stored: a small gzip file may unpack to gigabytes
            left -= len(block)
    if left or len(shape) != magic[3]:
        raise ValueError(f"declares {size:,} values and holds {'more' if left < 0 else size - left}")
    return shape


def _read_file(root: Path, name: str) -> bytes:
    with open(open_inside(root, name), "rb") as file:
        data = file.read(MAX_UNPACKED_BYTES + 1)
    if len(data) > MAX_UNPACKED_BYTES:
        raise ValueError(f"more than {MAX_UNPACKED_BYTES:,} bytes")
    return data


def _cifar_dataset(root: Path, name: str, get: Callable[[str], bytes]) -> PackedDataset:
    """`get` returns a file's bytes by its name, from a folder or an archive."""
    before, named = CIFAR[os.path.basename(name)]
    try:
        labels = _cifar_rows(get(name), before)[:, before - 1]
        try:
            lines = get(os.path.join(os.path.dirname(name), named)).decode("utf-8").splitlines()
            classes = [line.strip() for line in lines if line.strip()]
        except (OSError, KeyError):
            classes = CIFAR_LABELS if before == 1 else [str(i) for i in range(100)]
        if labels.max(initial=0) >= len(classes) or len(set(classes)) < len(classes):
            raise ValueError(f"{len(classes)} class names, and a label {labels.max(initial=0)}")
    except BROKEN as error:
        raise format_error(root, error) from error
    names = [f"test/{i:05}" for i in range(len(labels))]
    file = functools.partial(resolve, root, name) if root.is_dir() else functools.partial(os.fspath, root)
    return _dataset(
        f"CIFAR-{len(classes)} (test)",
        "cifar",
        root if root.is_dir() else root.parent,
        classes,
        names,
        labels,
        functools.partial(_cifar_pixels, get, name, before),
        file,
    )


def _cifar_rows(data: bytes, before: int) -> np.ndarray:
    if len(data) % (before + 3072):
        raise ValueError(f"{len(data):,} bytes is not a whole number of CIFAR pictures")
    return np.frombuffer(data, np.uint8).reshape(-1, before + 3072)


def _cifar_pixels(get: Callable[[str], bytes], name: str, before: int) -> np.ndarray:
    planes = _cifar_rows(get(name), before)[:, before:].reshape(-1, 3, 32, 32)
    return np.ascontiguousarray(planes.transpose(0, 2, 3, 1))


def archive_dataset(path: Path) -> PackedDataset:
    """The pictures of a tar or zip archive: CIFAR's test set as binary files, or class folders.

    If pictures lie in .../test/<class>/..., only the test split is read (or the next of SPLITS that exists). Otherwise
    the folders are the classes, below any folders that hold everything. Hidden files and leftovers are ignored.
    Raises InputError "dataset-format", "dataset-empty", "dataset-formats", "dataset-pickle".
    """
    try:
        members = list_members(path)
    except BROKEN as error:
        raise format_error(path, error) from error
    for name in members:
        if os.path.basename(name) in CIFAR:
            return _cifar_dataset(path, name, functools.partial(_member, path))
    if any(os.path.basename(name) in ("test_batch", "batches.meta") for name in members):
        raise _pickle_error(path)
    paths = {name: path_parts(name) for name, kind in members.items() if kind}
    at = {name: _split_at(parts) for name, parts in paths.items()}  # the place of "test" or "train" in the path
    splits = {name: parts[at[name]] for name, parts in paths.items() if at[name] >= 0}
    chosen = min(splits.values(), key=lambda split: (split_rank(split), split), default="")
    if chosen:
        rank = split_rank(chosen)
        rows = {name: paths[name][at[name] :] for name, split in splits.items() if split_rank(split) == rank}
        unlabelled = [name for name in paths if name not in splits]
    else:
        depth = class_depth(paths.values())
        rows = {name: ["", *parts[depth:]] for name, parts in paths.items() if len(parts) > depth + 1}
        unlabelled = [name for name in paths if name not in rows]
    classes = sorted({parts[1] for parts in rows.values()})
    left_out = [(name, "format") for name in [*rows, *unlabelled] if members[name] == "format"]
    left_out += [(name, "unlabelled") for name in unlabelled if members[name] == "picture"]
    short = {name: "/".join(filter(None, parts)) for name, parts in rows.items() if members[name] == "picture"}
    if len(set(short.values())) < len(short):  # orig/test/cat/1.png and small/test/cat/1.png
        short = {name: "/".join(paths[name]) for name in short}
    order = sorted(short, key=short.__getitem__)
    number = {c: i for i, c in enumerate(classes)}
    return _dataset(
        path.name + f" ({chosen.lower()})" * bool(chosen),
        "cifar",
        path.parent,
        classes,
        [short[name] for name in order],
        [number[rows[name][1]] for name in order],
        functools.partial(read_members, path, order),
        functools.partial(os.fspath, path),
        left_out,
    )


def _split_at(parts: list[str]) -> int:
    """The place of the last folder that is a split and holds a class folder; -1 where there is none."""
    return max((i for i, part in enumerate(parts[:-2]) if split_rank(part) is not None), default=-1)


def _member(path: Path, name: str) -> bytes:
    return read_members(path, [name])[0]
