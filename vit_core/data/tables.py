"""Datasets from a table (CSV or Parquet: a path and a label in each row), ImageNet's solution file, class tables."""

from __future__ import annotations

import codecs
import csv
import functools
import io
import math
import os
import posixpath
import re
import unicodedata
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as parquet

from vit_core.data.dataset import FileDataset, file_dataset, format_error, missing_error
from vit_core.data.members import is_excel
from vit_core.data.paths import open_inside, walk
from vit_core.data.table_text import (
    DELIMITERS,
    clean_cell,
    column_key,
    decode_table,
    split_separator,
    table_rows,
)
from vit_core.errors import InputError

PATH_COLUMNS = ("path", "file", "filename", "image", "filepath", "file_name", "file_path", "image_path")
BOX_COLUMNS = ("left", "top", "right", "bottom")
LABEL_COLUMNS = ("label", "class", "target", "y")
UTF16_MARKS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
#: First bytes of files that are no table -> what they are.
NO_TABLES = {
    b"PK": "a zip archive that cannot be read; unpack it",
    b"\x1f\x8b": "neither a table nor a tar archive; unpack it",
    b"7z\xbc\xaf": "a 7z archive; unpack it",
    b"Rar!": "a RAR archive; unpack it",
    b"\xd0\xcf\x11\xe0": "an old Excel workbook; save the sheet as CSV in UTF-8",
}
LISTED_COLUMNS = 12  # columns named in an error
#: The file in which Kaggle's ImageNet gives the classes of the validation pictures, and the names of these pictures.
SOLUTION, SOLUTION_COLUMNS = "LOC_val_solution.csv", (("imageid",), ("predictionstring",))
VALIDATION = re.compile(r"(ILSVRC2012_val_\d{8})\.jpe?g", re.IGNORECASE)


def table_dataset(path: Path, root: Path) -> FileDataset:
    """The pictures that a CSV or Parquet file lists, their paths relative to `root`.

    Paths of other systems are found as `FileFinder` describes, and `respelled` counts them. A path that leaves the root
    stays in the list but cannot be read ("dataset-outside"); neither can a picture with two labels
    ("dataset-conflict"). Rows without path or label are left out; equal rows count once.
    Raises InputError "dataset-missing", "dataset-format", "dataset-encoding", "dataset-column", "dataset-empty".
    """
    with _open_table(path) as file:
        if {name for (name,) in SOLUTION_COLUMNS} <= set(map(column_key, _header(file, path))):
            pictures, _, left_out = walk(root)
            return imagenet_dataset(root, pictures, left_out, path)
        rows = _read_columns(file, path, (PATH_COLUMNS, LABEL_COLUMNS))
    listed: list[tuple[str, str]] = []
    left_out = []
    for number, (name, label) in enumerate(zip(*rows, strict=True), 1):
        if not clean_cell(name or "") or not (label := clean_cell(label or "")):
            left_out.append((clean_cell(name or "") or f"#{number}", "unlabelled"))
        else:
            listed.append((name or "", label))
    places, respelled = FileFinder(root).find_all({name for name, _ in listed})
    found: dict[str, list[str]] = {}
    for name, label in listed:
        labels = found.setdefault(places[name], [])
        if label in labels:
            left_out.append((name, "repeated"))
        else:
            labels.append(label)
    names = sorted(found)
    conflicts = {i: found[n] for i, n in enumerate(names) if len(found[n]) > 1}
    classes = {label for labels in found.values() for label in labels}
    dataset = file_dataset(root, "table", names, [found[n][0] for n in names], classes, left_out, path.name, conflicts)
    dataset.respelled = respelled
    return dataset


class FileFinder:
    """Finds the files under a root that a table names, which may have been written on another system.

    A name that exists as it is written is that file. Otherwise spaces and quotes around it are dropped and backslashes
    become slashes. If that does not exist either, the longest end of the path that does is taken ("cat/a.jpg" of
    "C:\\data\\cat\\a.jpg"), or exists apart from upper and lower case in exactly one file. If the ends of two
    different paths lead to one file, neither is taken.
    """

    def __init__(self, root: Path):
        self.root = root
        self._tops = [Path(top).as_posix() for top in (os.path.realpath(root), os.path.abspath(root))]

    @functools.cached_property
    def _by_key(self) -> dict[str, list[str]]:
        """Every picture under the root by its `_path_key`. Listed only if the table names a file that is not there."""
        found: dict[str, list[str]] = {}
        for name in walk(self.root)[0]:
            found.setdefault(_path_key(name), []).append(name)
        return found

    def find_all(self, written: set[str]) -> tuple[dict[str, str], dict[str, int]]:
        """({path in the table: path relative to the root}, {"end" or "case": how many were found in that way}).

        A path that is not found stays as it is, for the reader to refuse.
        """
        found = {name: self._find(name) for name in written}
        claims: dict[str, set[str]] = {}
        for name, (place, how) in found.items():
            if how == "end":
                claims.setdefault(place, set()).add(_path_key(_slashed(name)))
        for name, (place, how) in found.items():
            if how == "end" and len(claims[place]) > 1:
                found[name] = (self._relative(_slashed(name)), "")
        counts = Counter(how for _, how in found.values() if how)
        return {name: place for name, (place, _) in found.items()}, dict(sorted(counts.items()))

    def _find(self, written: str) -> tuple[str, str]:
        """(path relative to the root, "end", "case" or "" for how it was found)"""
        names = [self._relative(name) for name in (written, clean_cell(written), _slashed(written))]
        for name in names:
            if self._exists(name):
                return name, ""
        parts = [part for part in names[-1].split("/") if part not in ("", ".", "..")]
        for start in range(len(parts)):
            end = "/".join(parts[start:])
            if self._exists(end) and not os.path.isdir(os.path.join(self.root, end)):
                return end, "end"
            if len(fitting := self._by_key.get(_path_key(end), ())) == 1:
                return fitting[0], "end" if start else "case"
        return names[-1], ""

    def _relative(self, name: str) -> str:
        """The path relative to the root if it begins with the root's path, else as it is."""
        name = posixpath.normpath(name)
        for top in self._tops:
            if name.startswith(posixpath.join(top, "")):
                return name[len(posixpath.join(top, "")) :]
        return name

    def _exists(self, name: str) -> bool:
        inside = not (posixpath.isabs(name) or name == ".." or name.startswith("../"))
        return inside and os.path.lexists(os.path.join(self.root, name))


def _slashed(name: str) -> str:
    """A path in a table with slashes, without spaces and quotes around it."""
    return posixpath.normpath(clean_cell(name).replace("\\", "/"))


def _path_key(name: str) -> str:
    """A path for comparisons that ignore case and how accents are composed."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())


def imagenet_dataset(
    root: Path, pictures: list[str], left_out: list[tuple[str, str]], solution: Path | None = None
) -> FileDataset:
    """ImageNet's validation pictures in one folder; classes are the synset ids in LOC_val_solution.csv.

    That file lies in the root or beside the pictures unless `solution` names it. Raises InputError "dataset-labels"
    without it.
    """
    if solution is None:
        places = [SOLUTION, *sorted({f"{os.path.dirname(p)}/{SOLUTION}" for p in pictures if "/" in p})]
        found = next((p for p in places if os.path.lexists(os.path.join(root, p))), None)
        if found is None:
            raise InputError(
                "dataset-labels",
                f"{str(root)!r} holds ImageNet's validation pictures without their classes; put {SOLUTION} beside "
                "them, or sort them into one folder for each synset.",
                name=str(root),
                file=SOLUTION,
            )
        with _open_table(Path(root, found), root, found) as file:
            ids, answers = _read_columns(file, Path(found), SOLUTION_COLUMNS)
    else:
        with _open_table(solution) as file:
            ids, answers = _read_columns(file, solution, SOLUTION_COLUMNS)
    # An answer is "n01440764 85 1 499 272".
    synsets = {clean_cell(i or ""): clean_cell(a or "").split(" ", 1)[0] for i, a in zip(ids, answers, strict=True)}
    labels = {p: synset for p in pictures if (synset := synsets.get(os.path.splitext(os.path.basename(p))[0]))}
    names = sorted(labels)
    left_out = left_out + [(p, "unlabelled") for p in pictures if p not in labels]
    return file_dataset(root, "imagenet", names, [labels[n] for n in names], (), left_out)


def _open_table(path: Path, root: Path | None = None, name: str = "") -> io.BufferedReader:
    """Opens a table that the user named, or one found under the root, which must not lead out of it."""
    try:
        if root is None:
            return open(path, "rb")
        return open(open_inside(root, name), "rb")
    except InputError:
        raise
    except (OSError, ValueError) as error:
        raise missing_error(str(path)) from error


def _encoding_error(path: Path) -> InputError:
    return InputError(
        "dataset-encoding",
        f'{str(path)!r} is neither UTF-8 nor UTF-16 text; save the table as CSV in UTF-8 (in Excel: "CSV UTF-8").',
        name=str(path),
    )


def _is_parquet(file: io.BufferedReader) -> bool:
    file.seek(0)
    magic = file.read(4)
    file.seek(0)
    return magic == b"PAR1"


def _text(file: io.BufferedReader, path: Path) -> str:
    """The text of a table. Raises InputError "dataset-format", "dataset-encoding"."""
    file.seek(0)
    data = file.read()
    if not data.strip():
        raise format_error(path, "the file is empty")
    if data[:2] == b"PK" and is_excel(path):
        raise format_error(path, "an Excel workbook; save the sheet as CSV in UTF-8")
    if kind := next((kind for magic, kind in NO_TABLES.items() if data.startswith(magic)), None):
        raise format_error(path, kind)
    try:
        return decode_table(data)
    except UnicodeError as error:
        if b"\0" in data and data[:2] not in UTF16_MARKS and path.suffix.lower() not in (".csv", ".tsv", ".txt"):
            raise format_error(path, "neither a table nor a tar or zip archive") from error
        raise _encoding_error(path) from error


def _header(file: io.BufferedReader, path: Path) -> list[str]:
    """The names of the columns, unchanged."""
    try:
        if _is_parquet(file):
            return parquet.read_schema(file).names
        return next((row for _, row in table_rows(_text(file, path))), [])
    except (pa.ArrowException, OSError, csv.Error) as error:
        raise format_error(path, error) from error


def _read_columns(file: io.BufferedReader, path: Path, wanted: tuple[tuple[str, ...], ...]) -> list[list[str | None]]:
    """The values of each wanted column as text. `wanted` lists the possible names of each column; case is ignored.

    Raises InputError "dataset-column", "dataset-encoding", "dataset-format".
    """
    there = _header(file, path)
    by_name = {column_key(c): i for i, c in reversed(list(enumerate(there)))}
    columns = [next((by_name[n] for n in names if n in by_name), None) for names in wanted]
    if None in columns:
        names = list(wanted[columns.index(None)])
        raise InputError(
            "dataset-column",
            f"{str(path)!r} has no column {' or '.join(names)}; it has "
            f"{', '.join(map(repr, there[:LISTED_COLUMNS])) or 'none'}. Rename one.",
            name=str(path),
            wanted=names,
            found=there,
        )
    try:
        if _is_parquet(file):
            data = parquet.read_table(file, columns=[there[c] for c in columns if c is not None])
            return [data.column(there[c]).cast(pa.string()).to_pylist() for c in columns if c is not None]
        rows = [[row[c] for c in columns if c is not None] for _, row in table_rows(_text(file, path))][1:]
        return [[row[i] for row in rows] for i in range(len(columns))]
    except (pa.ArrowException, OSError, KeyError, ValueError, csv.Error) as error:
        raise format_error(path, error) from error


def read_boxes(path: str | os.PathLike) -> dict[str, list[tuple[float, float, float, float]]]:
    """{path of a picture: its boxes} from a CSV or Parquet table of the columns path, left, top, right and bottom.

    The table counts pixels of the upright picture from 0, and its right and bottom pixels belong to the box. The boxes
    that are returned are in picture coordinates (`images.geometry`): right and bottom are larger by 1. A picture may
    have several rows. Paths keep their spelling, with slashes.

    Raises InputError "boxes-table", "dataset-missing", "dataset-column", "dataset-encoding".
    """
    path = Path(path)
    found: dict[str, list[tuple[float, float, float, float]]] = {}
    try:
        with _open_table(path) as file:
            rows = zip(*_read_columns(file, path, (PATH_COLUMNS, *((side,) for side in BOX_COLUMNS))), strict=True)
        for name, *sides in rows:
            left, top, right, bottom = (float(clean_cell(side or "")) for side in sides)
            if not (0 <= left <= right < math.inf and 0 <= top <= bottom < math.inf):
                raise ValueError(f"{name!r} has a box from ({left:g}, {top:g}) to ({right:g}, {bottom:g})")
            found.setdefault(_slashed(name or ""), []).append((left, top, right + 1, bottom + 1))
    except InputError as error:
        if error.code != "dataset-format":
            raise
        raise _boxes_error(path, error.values["reason"]) from error
    except ValueError as error:
        raise _boxes_error(path, str(error)) from error
    return found


def _boxes_error(path: Path, reason: str) -> InputError:
    return InputError(
        "boxes-table",
        f"{str(path)!r} cannot be read as a table of boxes ({reason}); write a CSV file with the columns path, left, "
        "top, right and bottom, in pixels counted from 0.",
        path=str(path),
        reason=reason,
    )


def read_class_table(path: str | os.PathLike) -> dict[str, str]:
    """A CSV file (UTF-8 or UTF-16) of two columns, a class of the dataset and the model's name for it, as a dict.

    A first line "source,model" is taken for a header. Raises InputError "evaluate-table", also where two rows map one
    class to different names.
    """
    try:
        rows = _two_columns(path)
        has_header = bool(rows) and [cell.strip().lower() for cell in rows[0][:2]] == ["source", "model"]
        table: dict[str, str] = {}
        for ours, theirs, *_ in rows[has_header:]:
            if table.setdefault(ours, theirs) != theirs:
                raise ValueError(f"{ours!r} is {table[ours]!r} in one row and {theirs!r} in another")
        return table
    except (OSError, ValueError, csv.Error) as error:
        raise InputError(
            "evaluate-table",
            f"{os.fspath(path)!r} cannot be read as a table of classes ({error}); write a UTF-8 CSV file of two "
            "columns: a class of the source, the model's name for it.",
            path=os.fspath(path),
            reason=str(error),
        ) from error


def class_table_text(table: Mapping[str, str]) -> str:
    """A table of classes as the text of a file that `read_class_table` reads."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerows([("source", "model"), *table.items()])
    return text.getvalue()


def _two_columns(path: str | os.PathLike) -> list[list[str]]:
    """The rows of a CSV file of two columns, empty rows left out. Raises OSError, ValueError, csv.Error.

    Names may hold commas ("tench, Tinca tinca"), so the delimiter is the one that gives every row two columns.
    """
    text, named = split_separator(decode_table(Path(path).read_bytes()))
    first = text.splitlines()[0] if text else ""
    for delimiter in (named,) if named else (";", "\t", ",", max(DELIMITERS, key=first.count)):
        reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, skipinitialspace=True)
        rows = [(reader.line_num, list(map(clean_cell, row))) for row in reader if "".join(row).strip()]
        if all(len(row) == 2 for _, row in rows):
            break
    for line, row in rows:
        if len(row) < 2:
            raise ValueError(f"line {line} has one column, {row[0]!r}")
    return [row for _, row in rows]
