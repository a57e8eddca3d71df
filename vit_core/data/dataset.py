"""Labelled pictures: what every kind of source has in common, and pictures that are files of their own."""

from __future__ import annotations

import copy
import operator
import os
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import SupportsIndex, overload

import numpy as np
from PIL import Image

from vit_core.assets import ASSETS
from vit_core.data.kinds import format_suffix
from vit_core.data.paths import open_picture
from vit_core.errors import InputError
from vit_core.images import MAX_FILE_BYTES, check_file_size, read_image

#: Name of a data set that ships with Vitrine -> its folder under assets/.
BUNDLED = {"bundled:photos": "photos", "bundled:fashion": "fashion-mnist"}
FILE_KINDS = ("folder", "table", "imagenet")  # kinds of dataset whose pictures are files of their own


class PackedNames(Sequence):
    """Many strings in one block of bytes: half the memory of a tuple, and fast to pickle for a worker."""

    def __init__(self, names: Iterable[str]):
        parts = [name.encode("utf-8", "surrogateescape") for name in names]
        self._ends = np.cumsum([0, *map(len, parts)], dtype=np.int64)
        self._bytes = b"".join(parts)

    def __len__(self) -> int:
        return len(self._ends) - 1

    @overload
    def __getitem__(self, index: SupportsIndex) -> str: ...
    @overload
    def __getitem__(self, index: slice) -> list[str]: ...
    def __getitem__(self, index: SupportsIndex | slice) -> str | list[str]:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        at = range(len(self))[index]  # negative numbers, and IndexError past the end
        return self._bytes[self._ends[at] : self._ends[at + 1]].decode("utf-8", "surrogateescape")

    def __eq__(self, other) -> bool:
        return isinstance(other, Sequence) and len(self) == len(other) and all(map(operator.eq, self, other))


class ImageDataset:
    """Pictures with their labels. Read-only; cheap to pickle, since no file stays open.

    `title` is shown to people; `kind` is "folder", "table", "fashion", "cifar" or "imagenet"; nothing outside the
    folder `root` is opened. `classes` are the class names as the source spells them; `names` (n) the relative POSIX
    path of each picture, sorted, such as "t10k/00123" for a picture inside an archive; `labels` (n,) int32 index
    `classes`. `left_out` counts what is not in the dataset, by reason: "outside" (links that leave the root), "again"
    (folders that a link leads to a second time), "unreadable" (folders), "repeated" (equal rows of a table),
    "unlabelled" (rows without path or label; pictures in no class folder), "format" (pictures in formats that
    `read_image` does not read; `formats` counts them by suffix, such as {".heic": 3}, most frequent first, with "" for
    those without a usual suffix). `respelled` counts paths of a table that were found by their "end" or apart from
    upper and lower "case".
    """

    def __init__(
        self,
        title: str,
        kind: str,
        root: Path,
        classes: Sequence[str],
        names: Iterable[str],
        labels,
        left_out: Iterable[tuple[str, str]] = (),
    ):
        self.title, self.kind, self.root, self.classes = title, kind, root, tuple(classes)
        self.names, self.labels = PackedNames(names), np.asarray(labels, np.int32)
        self.labels.flags.writeable = False
        left_out = list(left_out)
        self.left_out = dict(sorted(Counter(reason for _, reason in left_out).items()))
        self.formats = count_formats(left_out)
        self.respelled: dict[str, int] = {}

    def __len__(self) -> int:
        return len(self.names)

    def read(self, index: int) -> Image.Image:
        """The picture: upright, RGB, as `read_image` gives it. Raises InputError as that and `data` do.

        To get the bytes as well, call `data` once and pass them to `read_image`; the pixels are the same.
        """
        return read_image(self.data(index))

    def data(self, index: int) -> bytes:
        """The bytes of the picture's file; for a picture inside an archive of pixels, those of a PNG.

        Raises InputError "dataset-outside", "image-missing", "image-too-heavy", "dataset-conflict" (two labels).
        """
        raise NotImplementedError

    def stat(self, index: int) -> tuple[int, int]:
        """(size in bytes, time of the last change in ns) of the picture's file; inside an archive (size, 0).

        Raises InputError "dataset-outside", "image-missing".
        """
        raise NotImplementedError

    def labels_of(self, index: int) -> list[int]:
        """All classes of a picture as indices into `classes`: one, except where a table gives it several."""
        return [int(self.labels[index])]

    def with_all_labels(self) -> ImageDataset:
        """The same dataset for a model of several labels a picture: a second label is no conflict in `data`."""
        return self

    def digest(self) -> str | None:
        """The digest of the one file that holds all pictures; None where each picture is a file.

        Raises InputError "dataset-format".
        """
        return None


def root_name(root: Path) -> str:
    """How `open_dataset` is asked for this root again: "bundled:..." for a folder that ships, else its full path."""
    root = Path(root).absolute()
    return next((name for name, folder in BUNDLED.items() if root == ASSETS / folder), str(root))


def count_formats(left_out: Iterable[tuple[str, str]]) -> dict[str, int]:
    """{suffix: number} of the pictures whose format is not read, most frequent first."""
    counts = Counter(format_suffix(path) for path, reason in left_out if reason == "format")
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))


class FileDataset(ImageDataset):
    """Each picture is a file under the root. `conflicts`: index -> labels, where a table gives more than one."""

    def __init__(self, *args, conflicts: dict[int, list[str]] | None = None, **kwargs):
        super().__init__(*args, **kwargs)
        self._conflicts, self._allows_several = conflicts or {}, False

    def labels_of(self, index: int) -> list[int]:
        if index not in self._conflicts:
            return super().labels_of(index)
        numbers = {unicodedata.normalize("NFC", name): i for i, name in enumerate(self.classes)}
        return sorted({numbers[unicodedata.normalize("NFC", name)] for name in self._conflicts[index]})

    def with_all_labels(self) -> FileDataset:
        other = copy.copy(self)
        other._allows_several = True
        return other

    def data(self, index: int) -> bytes:
        name = self.names[index]
        if (labels := self._conflicts.get(index)) and not self._allows_several:
            raise InputError(
                "dataset-conflict",
                f"The table gives {name!r} more than one label: {', '.join(labels)}. Keep one of its rows.",
                name=name,
                labels=labels,
            )
        with open(open_picture(self.root, name), "rb") as file:
            data = file.read(MAX_FILE_BYTES + 1)
        check_file_size(len(data))
        return data

    def stat(self, index: int) -> tuple[int, int]:
        file = open_picture(self.root, self.names[index])
        try:
            status = os.fstat(file)
        finally:
            os.close(file)
        return status.st_size, status.st_mtime_ns


def file_dataset(
    root: Path,
    kind: str,
    names: list[str],
    labels: list[str],
    classes: Iterable[str],
    left_out: Iterable[tuple[str, str]],
    title: str = "",
    conflicts: dict[int, list[str]] | None = None,
) -> FileDataset:
    """The dataset of these files and class names. Names that are the same text (Unicode NFC) are one class.

    Raises InputError "dataset-empty" if there is no picture.
    """
    number_of: dict[str, int] = {}
    distinct: list[str] = []
    for name in sorted({*classes, *labels}, key=lambda c: (unicodedata.normalize("NFC", c), c)):
        if number_of.setdefault(unicodedata.normalize("NFC", name), len(distinct)) == len(distinct):
            distinct.append(name)
    if not names:
        raise empty_error(str(root), len(distinct))
    number = {c: number_of[unicodedata.normalize("NFC", c)] for c in set(labels)}
    title = title or os.path.basename(os.path.realpath(root))
    return FileDataset(title, kind, root, distinct, names, [number[c] for c in labels], left_out, conflicts=conflicts)


def missing_error(name: str) -> InputError:
    return InputError(
        "dataset-missing",
        f"There is no folder or file {name!r} that can be opened; check its name and who may read it.",
        name=name,
    )


def empty_error(where: str, classes: int, left_out: Iterable[tuple[str, str]] = ()) -> InputError:
    """The error for a dataset without a picture that can be read: "dataset-formats" if there are others, by name."""
    if formats := count_formats(left_out):
        total, listed = sum(formats.values()), list_formats(formats)
        return InputError(
            "dataset-formats",
            f"{where!r} holds {total:,} pictures, but none in a format that Vitrine reads: {listed}. Convert them to "
            "JPEG or PNG.",
            name=where,
            count=total,
            formats=listed,
        )
    return InputError(
        "dataset-empty",
        f"There are no labelled pictures in {where!r} ({classes} classes). Put the pictures (JPEG, PNG, WebP, BMP, GIF,"
        " TIFF, AVIF) into one folder for each class.",
        name=where,
        classes=classes,
    )


def list_formats(formats: dict[str, int]) -> str:
    """ ".heic 12, .jp2 3, ? 1": the suffixes of pictures that are not read, with their numbers."""
    return ", ".join(f"{suffix or '?'} {count:,}" for suffix, count in formats.items())


def format_error(path: str | os.PathLike, error: Exception | str) -> InputError:
    """The error for a file that is not in a format we read; an InputError is returned as it is."""
    if isinstance(error, InputError):
        return error
    reason = str(error).splitlines()[0][:200] if str(error) else type(error).__name__
    return InputError(
        "dataset-format",
        f"{str(path)!r} cannot be read as labelled pictures ({reason}); choose a folder with one folder for each class,"
        " or a CSV or Parquet table of paths and labels.",
        name=str(path),
        reason=reason,
    )
