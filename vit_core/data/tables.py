"""Datasets from a table (CSV or Parquet: a path and a label in each row), ImageNet's solution file, class tables."""

from __future__ import annotations

import csv
import io
import os
import posixpath
import re
from pathlib import Path

import pyarrow as pa
import pyarrow.csv as arrow_csv
import pyarrow.parquet as parquet

from vit_core.data.dataset import FileDataset, file_dataset, format_error, missing_error
from vit_core.data.paths import open_inside, walk
from vit_core.errors import InputError

PATH_COLUMNS = ("path", "file", "filename", "image", "filepath", "file_name", "file_path", "image_path")
LABEL_COLUMNS = ("label", "class", "target", "y")
LISTED_COLUMNS = 12  # columns named in an error
#: The file in which Kaggle's ImageNet gives the classes of the validation pictures, and the names of these pictures.
SOLUTION, SOLUTION_COLUMNS = "LOC_val_solution.csv", (("imageid",), ("predictionstring",))
VALIDATION = re.compile(r"(ILSVRC2012_val_\d{8})\.jpe?g", re.IGNORECASE)


def table_dataset(path: Path, root: Path) -> FileDataset:
    """The pictures that a CSV or Parquet file lists, their paths relative to `root`.

    A path that leaves the root stays in the list but cannot be read ("dataset-outside"); neither can a picture with two
    labels ("dataset-conflict"). Rows without path or label are left out; equal rows count once.
    Raises InputError "dataset-missing", "dataset-format", "dataset-encoding", "dataset-column", "dataset-empty".
    """
    with _open_table(path) as file:
        if {name for (name,) in SOLUTION_COLUMNS} <= {c.strip().lower() for c in _header(file, path)}:
            pictures, _, left_out = walk(root)
            return imagenet_dataset(root, pictures, left_out, path)
        rows = _read_columns(file, path, (PATH_COLUMNS, LABEL_COLUMNS))
    found: dict[str, list[str]] = {}
    left_out = []
    tops = [Path(top).as_posix() for top in (os.path.realpath(root), os.path.abspath(root))]
    for number, (name, label) in enumerate(zip(*rows, strict=True), 1):
        if not name or not (label := (label or "").strip()):
            left_out.append((name or f"#{number}", "unlabelled"))
            continue
        labels = found.setdefault(_relative(name, tops), [])
        if label in labels:
            left_out.append((name, "repeated"))
        else:
            labels.append(label)
    names = sorted(found)
    conflicts = {i: found[n] for i, n in enumerate(names) if len(found[n]) > 1}
    classes = {label for labels in found.values() for label in labels}
    return file_dataset(root, "table", names, [found[n][0] for n in names], classes, left_out, path.name, conflicts)


def _relative(name: str, tops: list[str]) -> str:
    """The path relative to the root if it begins with the root's path; else as it is, for `open_inside` to refuse."""
    name = posixpath.normpath(name)
    for top in tops:
        if name.startswith(posixpath.join(top, "")):
            return name[len(posixpath.join(top, "")) :]
    return name


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
    synsets = {i: (a or "").split(" ", 1)[0] for i, a in zip(ids, answers, strict=True)}  # "n01440764 85 1 499 272"
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
        "dataset-encoding", f"{str(path)!r} is not UTF-8 text; save the table as CSV in UTF-8.", name=str(path)
    )


def _is_parquet(file: io.BufferedReader) -> bool:
    file.seek(0)
    magic = file.read(4)
    file.seek(0)
    return magic == b"PAR1"


def _header(file: io.BufferedReader, path: Path) -> list[str]:
    """The names of the columns, unchanged."""
    if _is_parquet(file):
        try:
            return parquet.read_schema(file).names
        except (pa.ArrowException, OSError) as error:
            raise format_error(path, error) from error
    head = file.read(1 << 16)
    file.seek(0)
    if not head.strip():
        raise format_error(path, "the file is empty")
    if head[:2] in (b"\xff\xfe", b"\xfe\xff") or (b"\0" in head and path.suffix.lower() in (".csv", ".tsv", ".txt")):
        raise _encoding_error(path)
    if b"\0" in head or head[:2] in (b"PK", b"\x1f\x8b"):
        raise format_error(path, "neither a table nor a tar archive")
    text = head[_start(head) :].decode("utf-8", "replace")  # a letter may be cut at the end of the block
    try:
        return next(csv.reader(io.StringIO(text), delimiter=_delimiter(head)), [])
    except csv.Error as error:
        raise format_error(path, error) from error


def _start(head: bytes) -> int:
    """The offset of the first line that is not empty; spreadsheets leave empty rows above a table."""
    return re.match(rb"(?:\xef\xbb\xbf)?(?:[ \t\r,;]*\n)*", head).end()  # pyright: ignore[reportOptionalMemberAccess]


def _delimiter(head: bytes) -> str:
    """The character between the column names. In some languages, spreadsheets write semicolons."""
    line = next(iter(head[_start(head) :].splitlines()), b"").decode("utf-8", "replace")
    return max(",;\t", key=line.count)


def _read_columns(file: io.BufferedReader, path: Path, wanted: tuple[tuple[str, ...], ...]) -> list[list[str | None]]:
    """The values of each wanted column as text. `wanted` lists the possible names of each column; case is ignored.

    Raises InputError "dataset-column", "dataset-encoding", "dataset-format".
    """
    there = _header(file, path)
    by_name = {c.strip().lower(): c for c in reversed(there)}
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
            data = parquet.read_table(file, columns=columns)
            return [data.column(c).cast(pa.string()).to_pylist() for c in columns]
        head = file.read(1 << 16)
        delimiter = _delimiter(head)
        file.seek(_start(head))
        data = arrow_csv.read_csv(
            file,
            parse_options=arrow_csv.ParseOptions(delimiter=delimiter, newlines_in_values=True),
            convert_options=arrow_csv.ConvertOptions(
                include_columns=columns, column_types=dict.fromkeys(columns, pa.string())
            ),
        )
        return [data.column(c).to_pylist() for c in columns]
    except UnicodeDecodeError as error:
        raise _encoding_error(path) from error
    except (pa.ArrowException, OSError, KeyError) as error:
        raise (_encoding_error(path) if "UTF8" in str(error) else format_error(path, error)) from error


def read_class_table(path: str | os.PathLike) -> dict[str, str]:
    """A CSV file (UTF-8) of two columns, a class of the dataset and the model's name for it, as a dict.

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


def _two_columns(path: str | os.PathLike) -> list[list[str]]:
    """The rows of a CSV file of two columns, empty rows left out. Raises OSError, ValueError, csv.Error.

    Names may hold commas ("tench, Tinca tinca"), so the delimiter is the one that gives every row two columns.
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
