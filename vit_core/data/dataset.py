"""A labelled source of pictures: class folders, a table of paths and labels, ImageNet, files full of pixels.

Nothing outside the folder that was named is ever opened: `inside` is the one door, and it is passed again for
every picture at the time of reading, since a link may have changed since the listing.
"""

from __future__ import annotations

import heapq
import os
import stat
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from vit_core.data.class_names import SYNSET, Match, match
from vit_core.errors import InputError
from vit_core.images import read as images

__all__ = ["SUFFIXES", "Labelled", "Match", "labelled", "match"]

SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".gif")
BUNDLED = {"bundled:fashion": "fashion-mnist"}  # name -> folder under assets/
ASSETS = Path(__file__).resolve().parents[2] / "assets"
LISTED = 20  # names of what was left out that are kept; the rest is counted
FILES = ("folder", "table", "imagenet")  # the kinds of source whose pictures are files of their own
#: Folders that are parts of a data set, not classes; the first that has labels is evaluated.
PARTS = ("test", "val", "valid", "validation", "train")


class Names(Sequence):
    """Many strings in one block of bytes: half the memory of a tuple, and a worker gets it by one copy."""

    def __init__(self, names: Iterable[str]):
        parts = [name.encode("utf-8", "surrogateescape") for name in names]
        self._ends = np.cumsum([0, *map(len, parts)], dtype=np.int64)
        self._bytes = b"".join(parts)

    def __len__(self) -> int:
        return len(self._ends) - 1

    def __getitem__(self, index):
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        index = range(len(self))[index]  # negative numbers, and IndexError past the end
        return self._bytes[self._ends[index] : self._ends[index + 1]].decode("utf-8", "surrogateescape")

    def __eq__(self, other) -> bool:
        return (
            isinstance(other, Sequence)
            and len(self) == len(other)
            and all(a == b for a, b in zip(self, other, strict=True))
        )


class Labelled:
    """Pictures with their true classes; read-only, and cheap to pickle (nothing open travels along).

    `title` is what people are shown; `kind` "folder", "table", "fashion", "cifar" or "imagenet"; `root` the folder
    outside which nothing is opened. `classes` are the names as the source has them; `names` (n) the relative POSIX
    path of each picture, sorted, "t10k/00123" for one inside a file of many; `labels` (n,) int32, index into
    `classes`. `skipped` names the first 20 things that were left out, `left_out` counts them all by reason:
    "outside" (links that leave the root), "again" (folders met before, by a link), "unreadable" (folders),
    "repeated" (the same row of a table), "unlabelled" (rows without path or label; pictures in no class folder).
    """

    def __init__(
        self,
        title: str,
        kind: str,
        root: Path,
        classes: Sequence[str],
        names: Iterable[str],
        labels,
        skipped: Iterable[tuple[str, str]] = (),
    ):
        self.title, self.kind, self.root, self.classes = title, kind, root, tuple(classes)
        self.names, self.labels = Names(names), np.asarray(labels, np.int32)
        self.labels.flags.writeable = False
        skipped = sorted(skipped)
        self.skipped = [name for name, _ in skipped[:LISTED]]
        self.left_out = dict(sorted(Counter(reason for _, reason in skipped).items()))

    def __len__(self) -> int:
        return len(self.names)

    def read(self, index: int) -> Image.Image:
        """The picture: upright, RGB, as `images.read` gives it. Raises InputError as that does and as `data` does.

        Who wants the bytes too calls `data` once and `images.read` on what it gives; the pixels are the same.
        """
        return images.read(self.data(index))

    def data(self, index: int) -> bytes:
        """The bytes of the picture's file; a PNG of the pixels for one inside a file of many.

        Raises InputError: "source-outside", "image-missing", "image-too-heavy", "source-conflict" (two labels).
        """
        raise NotImplementedError

    def stat(self, index: int) -> tuple[int, int]:
        """(size in bytes, time of the last change in ns); (size of `data`, 0) for one inside a file of many.

        Raises InputError: "source-outside", "image-missing".
        """
        raise NotImplementedError

    def digest(self) -> str | None:
        """Of the bytes of the one file that holds all pictures; None where each is a file, which `stat` tells apart.

        Raises InputError "source-format".
        """
        return None


class Files(Labelled):
    """Each picture a file under the root. `conflicts`: index -> labels, where a table says more than one."""

    def __init__(self, *args, conflicts: dict[int, list[str]] | None = None, **kwargs):
        super().__init__(*args, **kwargs)
        self._conflicts = conflicts or {}

    def data(self, index: int) -> bytes:
        name = self.names[index]
        if labels := self._conflicts.get(index):
            raise InputError(
                "source-conflict",
                f"The table gives {name!r} more than one label: {', '.join(labels)}. Keep one of its rows.",
                name=name,
                labels=labels,
            )
        with open(picture_file(self.root, name), "rb") as file:
            data = file.read(images.MAX_BYTES + 1)
        if len(data) > images.MAX_BYTES:
            raise InputError(
                "image-too-heavy",
                f"The file is larger than {images.MAX_BYTES / 2**20:.3g} MB; save the "
                "picture smaller, or as JPEG, and try again.",
                max_bytes=images.MAX_BYTES,
            )
        return data

    def stat(self, index: int) -> tuple[int, int]:
        file = picture_file(self.root, self.names[index])
        try:
            status = os.fstat(file)
        finally:
            os.close(file)
        return status.st_size, status.st_mtime_ns


def resolve(root: str | os.PathLike, name: str) -> str:
    """The real path of `name` under `root`. Raises InputError "source-outside" if that lies outside the root."""
    top = os.path.realpath(root)
    path = os.path.realpath(os.path.join(top, name))
    if not _within(top, path):
        raise InputError(
            "source-outside",
            f"{name!r} leads out of the folder that was named, so it was not opened; copy it into the folder.",
            name=name,
        )
    return path


def _within(top: str, path: str) -> bool:
    return path == top or path.startswith(top.rstrip("/") + "/")


def inside(root: str | os.PathLike, name: str, flags: int = os.O_RDONLY) -> int:
    """Opens the file or folder `name` under `root`, links resolved; a file descriptor.

    Raises InputError "source-outside" if it lies outside the root, OSError or ValueError if it cannot be opened.
    What was resolved is opened part by part without following links, so that one put in between is not followed.
    """
    top, path = os.path.realpath(root), resolve(root, name)
    parts = os.path.relpath(path, top).split("/") if path != top else []
    flags |= os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC  # a pipe without a writer would wait for ever
    here = os.open(top, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        for number, part in enumerate(parts, 1):
            there = os.open(part, flags | (os.O_DIRECTORY if number < len(parts) else 0), dir_fd=here)
            os.close(here)
            here = there
    except BaseException:
        os.close(here)
        raise
    return here


def picture_file(root: Path, name: str) -> int:
    """A descriptor of a regular file under the root. Raises InputError "source-outside", "image-missing"."""
    try:
        file = inside(root, name)
        if stat.S_ISREG(os.fstat(file).st_mode):
            return file
        os.close(file)
        raise OSError("not a regular file")
    except InputError:
        raise
    except (OSError, ValueError) as error:  # ValueError: a name that the system cannot hold
        raise InputError(
            "image-missing",
            f"There is no picture file {name!r} that can be opened; check its name, its folder and who may read it.",
            name=name,
        ) from error


def walk(root: Path, part: str = "") -> tuple[list[str], list[str], list[tuple[str, str]]]:
    """(pictures, class folders, what was left out with its reason) of the root or a folder of it; relative paths.

    Each folder is listed once: the real ones first, then what only links inside the root lead to. So a link to a
    folder that was listed adds nothing, and no loop is entered; a link to a picture inside the root is a picture.
    Hidden names are passed over.
    """
    top = os.path.realpath(root)
    pictures, classes, skipped, met = [], [], [], set()
    waiting, links = [(part, os.path.join(top, part) if part else top)], []  # (name under the root, real path)
    while waiting or links:
        name, real = waiting.pop() if waiting else heapq.heappop(links)
        if real in met:
            skipped.append((name, "again"))
            continue
        met.add(real)
        try:
            entries = _entries(top, os.path.relpath(real, top))
        except (OSError, ValueError):
            skipped.append((name, "unreadable"))
            continue
        if name != part and os.path.dirname(name) == part:
            classes.append(name.rsplit("/", 1)[-1])
        for entry, is_link, is_folder in entries:
            path, there = (f"{name}/{entry}" if name else entry), f"{real}/{entry}"
            if is_folder:
                waiting.append((path, there))
                continue
            if is_link:
                there = os.path.realpath(there)
                if not _within(top, there):
                    skipped.append((path, "outside"))
                    continue
                if os.path.isdir(there):
                    heapq.heappush(links, (path, there))
                    continue
            if entry.lower().endswith(SUFFIXES):
                pictures.append(path)
    return pictures, classes, skipped


def _entries(top: str, name: str) -> list[tuple[str, bool, bool]]:
    """(name, is a link, is a real folder) of what is in a folder and not hidden."""
    folder = inside(top, name, os.O_RDONLY | os.O_DIRECTORY)
    try:
        with os.scandir(folder) as entries:
            return [
                (e.name, e.is_symlink(), e.is_dir(follow_symlinks=False)) for e in entries if not e.name.startswith(".")
            ]
    finally:
        os.close(folder)


def labelled(path: str | os.PathLike, table: str | os.PathLike | None = None) -> Labelled:
    """The labelled source at `path`: a folder, a CSV or Parquet table, a CIFAR archive, or "bundled:fashion".

    With `table` (CSV or Parquet: a column of paths, one of labels) the labels are the table's, and its paths are
    relative to the folder `path`; those of a table given as `path` are relative to the folder it lies in. A folder
    of nothing but train, val and test is read at its test part, where that has class folders with pictures, or else at
    its val part, or else at its train part.
    Raises InputError: "source-missing", "source-empty", "source-format", "source-column", "source-encoding",
    "source-truth", "source-pickle", "source-outside".
    """
    from vit_core.data import archives, tables

    root = ASSETS / BUNDLED[str(path)] if str(path) in BUNDLED else Path(os.path.abspath(path))
    try:
        mode = os.stat(root).st_mode
    except (OSError, ValueError):
        mode = 0
    if not stat.S_ISDIR(mode) and not stat.S_ISREG(mode):
        raise InputError(
            "source-missing",
            f"There is no folder or file {str(path)!r} that can be opened; check its name and who may read it.",
            name=str(path),
        )
    if stat.S_ISREG(mode):
        return archives.archive(root) if archives.is_archive(root) else tables.table(Path(table or root), root.parent)
    if table is not None:
        return tables.table(Path(table), root)
    return archives.find(root) or folder(root)


def folder(root: Path) -> Labelled:
    """Class folders: every picture at any depth under a folder of the root is of that folder's class.

    ImageNet's flat validation folder has none; there LOC_val_solution.csv says which is which.
    """
    from vit_core.data import tables

    try:
        real = {name.lower(): name for name, _, is_folder in _entries(os.fspath(root), "") if is_folder}
    except OSError as error:
        raise InputError(
            "source-missing",
            f"There is no folder or file {str(root)!r} that can be opened; check its name and who may read it.",
            name=str(root),
        ) from error
    parts = [real[p] for p in PARTS if p in real] if set(real) <= set(PARTS) else []
    for part in parts or [""]:
        pictures, classes, skipped = walk(root, part)
        start = len(part) + 1 if part else 0
        names = sorted(p for p in pictures if "/" in p[start:])
        loose = [p for p in pictures if "/" not in p[start:]]
        if not names and any(tables.VALIDATION.fullmatch(os.path.basename(p)) for p in loose):
            return tables.imagenet(root, loose, skipped)
        if names:
            break
    else:
        raise empty(", ".join(os.path.join(root, part) for part in parts) or str(root), len(classes))
    kind = "imagenet" if classes and all(SYNSET.fullmatch(c) for c in classes) else "folder"
    return files(
        root,
        kind,
        names,
        [n[start:].split("/", 1)[0] for n in names],
        classes,
        skipped + [(p, "unlabelled") for p in loose],
        os.path.basename(os.path.realpath(root)) + f"/{part}" * bool(part),
    )


def empty(where: str, classes: int) -> InputError:
    return InputError(
        "source-empty",
        f"There are no labelled pictures in {where!r} ({classes} classes). Put the "
        "pictures (JPEG, PNG, WebP, BMP, GIF) into one folder for each class.",
        name=where,
        classes=classes,
    )


def files(
    root: Path,
    kind: str,
    names: list[str],
    labels: list[str],
    classes: Iterable[str],
    skipped: Iterable[tuple[str, str]],
    title: str = "",
    conflicts: dict[int, list[str]] | None = None,
) -> Files:
    """Files with their labels; class names that are the same text (Unicode NFC) are one class.

    Raises InputError "source-empty" if there is none.
    """
    numbers: dict[str, int] = {}
    kept: list[str] = []
    for name in sorted({*classes, *labels}, key=lambda c: (unicodedata.normalize("NFC", c), c)):
        if numbers.setdefault(unicodedata.normalize("NFC", name), len(kept)) == len(kept):
            kept.append(name)
    if not names:
        raise empty(str(root), len(kept))
    number = {c: numbers[unicodedata.normalize("NFC", c)] for c in set(labels)}
    title = title or os.path.basename(os.path.realpath(root))
    return Files(title, kind, root, kept, names, [number[c] for c in labels], skipped, conflicts=conflicts)
