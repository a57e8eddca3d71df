"""Labels from a table: CSV or Parquet with a path and a label a row, ImageNet's solution file, a map of class names."""

from __future__ import annotations

import csv
import io
import os
import posixpath
import re
from pathlib import Path

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from vit_core.data.dataset import Files, files, inside, walk
from vit_core.errors import InputError

PATHS = ("path", "file", "filename", "image", "filepath", "file_name", "file_path", "image_path")
LABELS = ("label", "class", "target", "y")
LISTED = 12  # names of columns spelt out in one sentence
#: The file that Kaggle's ImageNet names the validation pictures' classes in, and the pictures' names.
SOLUTION, SOLUTION_COLUMNS = "LOC_val_solution.csv", (("imageid",), ("predictionstring",))
VALIDATION = re.compile(r"(ILSVRC2012_val_\d{8})\.jpe?g", re.IGNORECASE)


def table(path: Path, root: Path) -> Files:
    """The pictures that a CSV or Parquet file lists, their paths relative to `root`.

    A path that leaves the root stays in the list and cannot be read ("source-outside"), nor can a picture with two
    labels ("source-conflict"); rows without path or label are left out, equal rows are one.
    Raises InputError: "source-missing", "source-format", "source-encoding", "source-column", "source-empty".
    """
    with _opened(path) as file:
        if {name for (name,) in SOLUTION_COLUMNS} <= {c.strip().lower() for c in _header(file, path)}:
            pictures, _, skipped = walk(root)
            return imagenet(root, pictures, skipped, path)
        rows = read(file, path, (PATHS, LABELS))
    found: dict[str, list[str]] = {}
    skipped = []
    top = os.path.realpath(root)
    for number, (name, label) in enumerate(zip(*rows, strict=True), 1):
        if not name or not (label := (label or "").strip()):
            skipped.append((name or f"#{number}", "unlabelled"))
            continue
        labels = found.setdefault(_relative(name, top, os.path.abspath(root)), [])
        if label in labels:
            skipped.append((name, "repeated"))
        else:
            labels.append(label)
    names = sorted(found)
    conflicts = {i: found[n] for i, n in enumerate(names) if len(found[n]) > 1}
    every = {label for labels in found.values() for label in labels}
    return files(root, "table", names, [found[n][0] for n in names], every, skipped, path.name, conflicts)


def _relative(name: str, *tops: str) -> str:
    """The path from the root where it is in it by its letters; else as it stands, for `inside` to refuse."""
    name = posixpath.normpath(name)
    for top in tops:
        if name.startswith(top.rstrip("/") + "/"):
            return name[len(top.rstrip("/")) + 1 :]
    return name


def imagenet(root: Path, pictures: list[str], skipped: list[tuple[str, str]], solution: Path | None = None) -> Files:
    """ImageNet's validation pictures in one folder, classes (synset ids) as LOC_val_solution.csv says.

    The file lies in the root or beside the pictures unless it is given. Raises InputError "source-truth" without it.
    """
    if solution is None:
        places = [SOLUTION, *sorted({f"{os.path.dirname(p)}/{SOLUTION}" for p in pictures if "/" in p})]
        near = next((p for p in places if os.path.lexists(os.path.join(root, p))), None)
        if near is None:
            raise InputError(
                "source-truth",
                f"{str(root)!r} holds ImageNet's validation pictures without their "
                f"classes; put {SOLUTION} beside them, or sort them into one folder for each synset.",
                name=str(root),
                file=SOLUTION,
            )
        with _opened(Path(root, near), root, near) as file:
            ids, answers = read(file, Path(near), SOLUTION_COLUMNS)
    else:
        with _opened(solution) as file:
            ids, answers = read(file, solution, SOLUTION_COLUMNS)
    truth = {i: (a or "").split(" ", 1)[0] for i, a in zip(ids, answers, strict=True)}  # "n01440764 85 1 499 272"
    known = {p: label for p in pictures if (label := truth.get(os.path.splitext(os.path.basename(p))[0]))}
    names = sorted(known)
    skipped = skipped + [(p, "unlabelled") for p in pictures if p not in known]
    return files(root, "imagenet", names, [known[n] for n in names], (), skipped)


def mapping(path: str | os.PathLike) -> dict[str, str]:
    """A user's map from the source's class names to the model's: CSV or Parquet with columns `source` and `model`.

    Raises InputError: "source-missing", "source-format", "source-encoding", "source-column".
    """
    with _opened(Path(path)) as file:
        rows = read(file, Path(path), (("source",), ("model",)))
    return {source: model.strip() for source, model in zip(*rows, strict=True) if source and model}


def _opened(path: Path, root: Path | None = None, name: str = "") -> io.BufferedReader:
    """A table that the user named, or one that was found under the root and must not lead out of it."""
    try:
        if root is None:
            return open(path, "rb")
        return open(inside(root, name), "rb")
    except InputError:
        raise
    except (OSError, ValueError) as error:
        raise InputError(
            "source-missing",
            f"There is no folder or file {str(path)!r} that can be opened; check its name and who may read it.",
            name=str(path),
        ) from error


def _format(path: Path, error: Exception | str) -> InputError:
    reason = str(error).splitlines()[0][:200] if str(error) else type(error).__name__
    return InputError(
        "source-format",
        f"{str(path)!r} cannot be read as a source of labelled pictures ({reason}); "
        "choose a folder with one folder for each class, or a CSV or Parquet table of paths and labels.",
        name=str(path),
        reason=reason,
    )


def _encoding(path: Path) -> InputError:
    return InputError(
        "source-encoding", f"{str(path)!r} is not UTF-8 text; save the table as CSV in UTF-8.", name=str(path)
    )


def _is_parquet(file: io.BufferedReader) -> bool:
    file.seek(0)
    magic = file.read(4)
    file.seek(0)
    return magic == b"PAR1"


def _header(file: io.BufferedReader, path: Path) -> list[str]:
    """The names of the columns, as they stand."""
    if _is_parquet(file):
        try:
            return pa.parquet.read_schema(file).names
        except (pa.ArrowException, OSError) as error:
            raise _format(path, error) from error
    head = file.read(1 << 16)
    file.seek(0)
    if not head.strip():
        raise _format(path, "the file is empty")
    if head[:2] in (b"\xff\xfe", b"\xfe\xff") or (b"\0" in head and path.suffix.lower() in (".csv", ".tsv", ".txt")):
        raise _encoding(path)
    if b"\0" in head or head[:2] in (b"PK", b"\x1f\x8b"):
        raise _format(path, "neither a table nor a tar archive")
    text = head[_start(head) :].decode("utf-8", "replace")  # a letter may be cut at the end of the block
    try:
        return next(csv.reader(io.StringIO(text), delimiter=_delimiter(head)), [])
    except csv.Error as error:
        raise _format(path, error) from error


def _start(head: bytes) -> int:
    """Where the first line with something in it begins; spreadsheets leave rows above a table empty."""
    return re.match(rb"(?:\xef\xbb\xbf)?(?:[ \t\r,;]*\n)*", head).end()


def _delimiter(head: bytes) -> str:
    """What stands between the names: spreadsheets of some languages write semicolons."""
    line = next(iter(head[_start(head) :].splitlines()), b"").decode("utf-8", "replace")
    return max(",;\t", key=line.count)


def pairs(path: str | os.PathLike) -> list[list[str]]:
    """The rows of a UTF-8 CSV file whose first two columns are of interest, those without anything left out.

    Names hold commas ("tench, Tinca tinca"): what makes two columns of every row stands between them, if anything does.
    Raises OSError, ValueError, csv.Error.
    """
    data = Path(path).read_bytes()
    text = data.decode("utf-8-sig")
    for delimiter in (";", "\t", ",", _delimiter(data)):
        reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
        rows = [(reader.line_num, row) for row in reader if "".join(row).strip()]
        if all(len(row) == 2 for _, row in rows):
            break
    for line, row in rows:
        if len(row) < 2:
            raise ValueError(f"line {line} has one column, {row[0]!r}")
    return [row for _, row in rows]


def read(file: io.BufferedReader, path: Path, wanted: tuple[tuple[str, ...], ...]) -> list[list[str | None]]:
    """The columns wanted, each the first of its possible names that is there (in any case), as text.

    Raises InputError: "source-column", "source-encoding", "source-format".
    """
    there = _header(file, path)
    by_name = {c.strip().lower(): c for c in reversed(there)}
    columns = [next((by_name[n] for n in names if n in by_name), None) for names in wanted]
    if None in columns:
        names = list(wanted[columns.index(None)])
        raise InputError(
            "source-column",
            f"{str(path)!r} has no column {' or '.join(names)}; it has "
            f"{', '.join(map(repr, there[:LISTED])) or 'none'}. Rename one.",
            name=str(path),
            wanted=names,
            found=there,
        )
    try:
        if _is_parquet(file):
            data = pa.parquet.read_table(file, columns=columns)
            return [data.column(c).cast(pa.string()).to_pylist() for c in columns]
        head = file.read(1 << 16)
        delimiter = _delimiter(head)
        file.seek(_start(head))
        data = pa.csv.read_csv(
            file,
            parse_options=pa.csv.ParseOptions(delimiter=delimiter, newlines_in_values=True),
            convert_options=pa.csv.ConvertOptions(
                include_columns=columns, column_types=dict.fromkeys(columns, pa.string())
            ),
        )
        return [data.column(c).to_pylist() for c in columns]
    except UnicodeDecodeError as error:
        raise _encoding(path) from error
    except (pa.ArrowException, OSError, KeyError) as error:
        raise (_encoding(path) if "UTF8" in str(error) else _format(path, error)) from error
