"""Labelled pictures inside one file: IDX (MNIST, Fashion-MNIST) and CIFAR-10 and -100, in a folder or an archive.

What is read is checked for its size before it is unpacked, and pickles (the "python version" of CIFAR) are refused.
"""

from __future__ import annotations

import functools
import gzip
import hashlib
import io
import math
import os
import tarfile
import zlib
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
from PIL import Image

from vit_core.data.arrays import CIFAR_LABELS, FASHION_LABELS, read_idx
from vit_core.data.dataset import ASSETS, BUNDLED, PARTS, SUFFIXES, Labelled, empty, inside, resolve
from vit_core.errors import InputError
from vit_core.images import read as images

MAX_UNPACKED = 2**30  # bytes of one file of pictures; CIFAR's largest is 31 MB, MNIST's 47
#: CIFAR's test file -> (labels before each picture, file of class names); of CIFAR-100's two labels the second is fine.
CIFAR = {"test_batch.bin": (1, "batches.meta.txt"), "test.bin": (2, "fine_label_names.txt")}
KINDS = ("images-idx3", "labels-idx1")
_BROKEN = (OSError, ValueError, KeyError, EOFError, zlib.error, tarfile.TarError)


class Packed(Labelled):
    """Pictures that `load` gives, as an array (n, height, width[, 3]) or as files' bytes; once in each process. `file`
    gives the path of the file that they are in."""

    def __init__(self, *args, load: Callable, file: Callable[[], str], **kwargs):
        super().__init__(*args, **kwargs)
        self._load, self._file, self._loaded = load, file, None

    def __getstate__(self) -> dict:
        return self.__dict__ | {"_loaded": None}

    def _item(self, index: int):
        if self._loaded is None:
            try:
                self._loaded = self._load()
            except _BROKEN as error:  # it was good when it was listed
                raise _format(self.root, error) from error
        if len(self._loaded) != len(self):
            raise _format(self.root, "the file has changed")
        return self._loaded[range(len(self))[index]]

    def read(self, index: int) -> Image.Image:
        item = self._item(index)
        return images.read(item if isinstance(item, bytes) else Image.fromarray(item))

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
        except _BROKEN as error:
            raise _format(self.root, error) from error


def _format(path: str | os.PathLike, error: Exception | str) -> InputError:
    if isinstance(error, InputError):
        return error
    reason = str(error).splitlines()[0][:200] if str(error) else type(error).__name__
    return InputError(
        "source-format",
        f"{str(path)!r} cannot be read as a source of labelled pictures ({reason}); "
        "choose a folder with one folder for each class, or a CSV or Parquet table of paths and labels.",
        name=str(path),
        reason=reason,
    )


def _pickled(path: Path) -> InputError:
    return InputError(
        "source-pickle",
        f"{str(path)!r} is CIFAR's Python version, which could run code when it is "
        "opened, so it was not; download the binary version.",
        name=str(path),
    )


def find(root: Path) -> Labelled | None:
    """The pictures inside files that are in a folder (or where torchvision puts them); None if there are none.

    Raises InputError: "source-format", "source-outside", "source-pickle".
    """
    for place in ("", "raw", "MNIST/raw", "FashionMNIST/raw"):
        for suffix in (".gz", ""):
            pixels, labels = (os.path.join(place, f"t10k-{kind}-ubyte{suffix}") for kind in KINDS)
            if os.path.lexists(root / pixels) and os.path.lexists(root / labels):
                try:
                    return _idx_source(root, pixels, labels)
                except _BROKEN as error:
                    raise _format(root, error) from error
    for place in ("", "cifar-10-batches-bin", "cifar-100-binary"):
        for name in CIFAR:
            if os.path.lexists(root / place / name):
                return _cifar_source(root, os.path.join(place, name), functools.partial(_file, root))
    if os.path.lexists(root / "test_batch") and os.path.lexists(root / "batches.meta"):
        raise _pickled(root)
    return None


def _idx_source(root: Path, pixels: str, labels: str) -> Packed:
    shape, count = _idx_shape(resolve(root, pixels)), _idx_shape(resolve(root, labels))
    if len(shape) != 3 or shape[:1] != count:
        raise ValueError(f"pictures {shape}, labels {count}")
    truth = _idx(root, labels)
    bundled = ASSETS / BUNDLED["bundled:fashion"]
    shipped = _idx(bundled, "t10k-labels-idx1-ubyte.gz")
    # The format has no class names; the bundled file's labels tell Fashion-MNIST from its elder by content.
    fashion = "fashion" in os.path.realpath(root / pixels).lower() or np.array_equal(truth, shipped[: len(truth)])
    most = int(truth.max(initial=0))
    classes = FASHION_LABELS if fashion and most < 10 else [str(i) for i in range(max(10, most + 1))]
    title = "Fashion-MNIST" if classes is FASHION_LABELS else os.path.basename(os.path.realpath(root))
    return _packed(
        f"{title} (t10k)",
        "fashion",
        root,
        classes,
        [f"t10k/{i:05}" for i in range(len(truth))],
        truth,
        functools.partial(_idx, root, pixels),
        functools.partial(resolve, root, pixels),
    )


def _packed(
    title: str,
    kind: str,
    root: Path,
    classes: list[str],
    names: list[str],
    truth,
    load: Callable,
    file: Callable[[], str],
    skipped: Iterable[tuple[str, str]] = (),
) -> Packed:
    if not names:
        raise empty(file(), len(classes))
    return Packed(title, kind, root, classes, names, truth, skipped, load=load, file=file)


def _idx(root: Path, name: str) -> np.ndarray:
    return read_idx(Path(resolve(root, name)))


def _idx_shape(path: str) -> tuple[int, ...]:
    """The shape that an IDX file declares. Raises ValueError if it holds another number of bytes, or too many."""
    with (gzip.open if path.endswith(".gz") else open)(path, "rb") as file:
        magic = file.read(4)
        if len(magic) < 4 or magic[:3] != b"\0\0\x08":
            raise ValueError("not an IDX file of unsigned bytes")
        shape = tuple(np.frombuffer(file.read(4 * magic[3]), ">u4").tolist())
        left = size = math.prod(shape)
        if size > MAX_UNPACKED:
            raise ValueError(f"declares {size:,} values")
        while left >= 0 and (block := file.read(1 << 20)):  # counted, not kept: gzip unpacks a little into very much
            left -= len(block)
    if left or len(shape) != magic[3]:
        raise ValueError(f"declares {size:,} values and holds {'more' if left < 0 else size - left}")
    return shape


def _file(root: Path, name: str) -> bytes:
    with open(inside(root, name), "rb") as file:
        data = file.read(MAX_UNPACKED + 1)
    if len(data) > MAX_UNPACKED:
        raise ValueError(f"more than {MAX_UNPACKED:,} bytes")
    return data


def _cifar_source(root: Path, name: str, get: Callable[[str], bytes]) -> Packed:
    """`get` gives a file's bytes by its name, from a folder or an archive."""
    before, named = CIFAR[os.path.basename(name)]
    try:
        truth = _rows(get(name), before)[:, before - 1]
        try:
            lines = get(os.path.join(os.path.dirname(name), named)).decode("utf-8").splitlines()
            classes = [line.strip() for line in lines if line.strip()]
        except (OSError, KeyError):
            classes = CIFAR_LABELS if before == 1 else [str(i) for i in range(100)]
        if truth.max(initial=0) >= len(classes) or len(set(classes)) < len(classes):
            raise ValueError(f"{len(classes)} class names, and a label {truth.max(initial=0)}")
    except _BROKEN as error:
        raise _format(root, error) from error
    names = [f"test/{i:05}" for i in range(len(truth))]
    file = functools.partial(resolve, root, name) if root.is_dir() else functools.partial(os.fspath, root)
    return _packed(
        f"CIFAR-{len(classes)} (test)",
        "cifar",
        root if root.is_dir() else root.parent,
        classes,
        names,
        truth,
        functools.partial(_cifar_pixels, get, name, before),
        file,
    )


def _rows(data: bytes, before: int) -> np.ndarray:
    if len(data) % (before + 3072):
        raise ValueError(f"{len(data):,} bytes are no whole number of CIFAR pictures")
    return np.frombuffer(data, np.uint8).reshape(-1, before + 3072)


def _cifar_pixels(get: Callable[[str], bytes], name: str, before: int) -> np.ndarray:
    planes = _rows(get(name), before)[:, before:].reshape(-1, 3, 32, 32)
    return np.ascontiguousarray(planes.transpose(0, 2, 3, 1))


def is_archive(path: Path) -> bool:
    """Whether it is a tar archive, compressed or not."""
    try:
        return tarfile.is_tarfile(path)
    except _BROKEN:
        return False


def archive(path: Path) -> Labelled:
    """A tar archive: CIFAR's test part as its author's binary files, or class folders as `labelled.folder` has them.

    Where pictures lie in .../test/<class>/..., only those of the test part are read (or of the next of PARTS that is
    there). Else the folders are classes, a folder around all of them aside. Hidden names are passed over.
    Raises InputError: "source-format", "source-empty", "source-pickle".
    """
    try:
        with tarfile.open(path) as tar:
            members = sorted({m.name for m in tar if m.isfile() and not _hidden(m.name)})
    except _BROKEN as error:
        raise _format(path, error) from error
    for name in members:
        if os.path.basename(name) in CIFAR:
            return _cifar_source(path, name, functools.partial(_member, path))
    if any(os.path.basename(name) in ("test_batch", "batches.meta") for name in members):
        raise _pickled(path)
    pictures = {name: _parts(name) for name in members if name.lower().endswith(SUFFIXES)}
    at = {name: _part_at(parts) for name, parts in pictures.items()}  # where its name says test or train
    chosen = min((pictures[name][i].lower() for name, i in at.items() if i >= 0), key=PARTS.index, default="")
    if chosen:
        rows = {name: pictures[name][i:] for name, i in at.items() if i >= 0 and pictures[name][i].lower() == chosen}
        loose = [name for name, i in at.items() if i < 0]
    else:
        around = _around(list(pictures.values()))
        rows = {name: ["", *parts[around:]] for name, parts in pictures.items() if len(parts) > around + 1}
        loose = [name for name in pictures if name not in rows]
    short = {name: "/".join(filter(None, parts)) for name, parts in rows.items()}
    if len(set(short.values())) < len(short):  # orig/test/cat/1.png and small/test/cat/1.png
        short = {name: "/".join(pictures[name]) for name in rows}
    order = sorted(rows, key=short.get)
    classes = sorted({parts[1] for parts in rows.values()})
    number = {c: i for i, c in enumerate(classes)}
    return _packed(
        path.name + f" ({chosen})" * bool(chosen),
        "cifar",
        path.parent,
        classes,
        [short[name] for name in order],
        [number[rows[name][1]] for name in order],
        functools.partial(_members, path, order),
        functools.partial(os.fspath, path),
        [(name, "unlabelled") for name in loose],
    )


def _parts(name: str) -> list[str]:
    return [part for part in name.split("/") if part not in ("", ".")]


def _hidden(name: str) -> bool:
    """As what a Mac puts beside its files in an archive."""
    return any(part.startswith(".") or part == "__MACOSX" for part in _parts(name))


def _part_at(parts: list[str]) -> int:
    """The last folder that is a part of a data set with a class in it; -1 where there is none."""
    return max((i for i, part in enumerate(parts[:-2]) if part.lower() in PARTS), default=-1)


def _around(pictures: list[list[str]]) -> int:
    """How many folders lie around the class folders: those that hold every picture, some of them in a folder still."""
    around = 0
    while (
        len({parts[around] for parts in pictures}) == 1
        and any(len(parts) > around + 2 for parts in pictures)
        and all(len(parts) > around + 1 for parts in pictures)
    ):
        around += 1
    return around


def _member(path: Path, name: str) -> bytes:
    return _members(path, [name])[0]


def _members(path: Path, names: list[str]) -> list[bytes]:
    """The bytes of some files of an archive, in one pass. Raises KeyError, ValueError if they are too many bytes."""
    wanted, found, total = set(names), {}, 0
    with tarfile.open(path) as tar:
        for member in tar:
            if member.isfile() and member.name in wanted:
                total += member.size
                if total > MAX_UNPACKED:
                    raise ValueError(f"more than {MAX_UNPACKED:,} bytes")
                found[member.name] = tar.extractfile(member).read()
    return [found[name] for name in names]
