"""The rows of a table that is a text file, as spreadsheets and programs of different systems write them."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator

from vit_core.checkpoints.files import decode_text

DELIMITERS = ",;\t"  # in some languages, spreadsheets write semicolons
#: Spreadsheets leave empty rows above a table.
_EMPTY_LINES = re.compile(r"(?:[ \t,;]*(?:\r\n|\r|\n))*")
#: Excel's own line that names the delimiter.
_SEPARATOR_LINE = re.compile(r"[\"']?sep=(.)[\"']?[ \t,;]*(?:\r\n|\r|\n)", re.IGNORECASE)


def decode_table(data: bytes) -> str:
    """The text of a file in UTF-8, or in UTF-16 with a byte-order mark. Raises UnicodeError for anything else.

    No other encoding is guessed: a wrong guess would turn class names into other names.
    """
    text = decode_text(data)
    if "\0" in text:  # UTF-16 without its mark, UTF-32
        raise UnicodeError("the text holds zero bytes")
    return text.removeprefix("\ufeff")


def table_rows(text: str) -> Iterator[tuple[int, list[str]]]:
    """(number of the line, cells) of each row that is not empty, the column names first; cells as they are written.

    Delimiter: what a line "sep=;" names, else the most frequent of DELIMITERS in the first row. Raises csv.Error, and
    ValueError for a row of more or fewer cells than the first; empty cells at the end of a row do not count.
    """
    text, delimiter = split_separator(text)
    first = re.split(r"[\r\n]", text[:100_000], maxsplit=1)[0]
    delimiter = delimiter or max(DELIMITERS, key=first.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, skipinitialspace=True)
    columns = 0
    for row in reader:
        if not "".join(row).strip():
            continue
        columns = columns or len(row) - next(i for i, cell in enumerate(reversed(row)) if cell.strip())
        if len(row) < columns or "".join(row[columns:]).strip():
            raise ValueError(f"line {reader.line_num} has {len(row)} columns, the first row {columns}")
        yield reader.line_num, row[:columns]


def split_separator(text: str) -> tuple[str, str]:
    """(the text without empty lines and Excel's line "sep=;" at its start, the delimiter that line names or "")."""
    text = text[_EMPTY_LINES.match(text).end() :]  # pyright: ignore[reportOptionalMemberAccess]
    if not (named := _SEPARATOR_LINE.match(text)):
        return text, ""
    text = text[named.end() :]
    return text[_EMPTY_LINES.match(text).end() :], named[1]  # pyright: ignore[reportOptionalMemberAccess]


def clean_cell(cell: str) -> str:
    """A cell without spaces and quotes around it."""
    cell = cell.strip().strip("\ufeff\u200b").strip()
    while len(cell) >= 2 and cell[0] == cell[-1] and cell[0] in "\"'":
        cell = cell[1:-1].strip()
    return cell


def column_key(name: str) -> str:
    """A column's name for comparisons: "File Name" and "file_name" are the same."""
    return re.sub(r"[ _-]+", "_", clean_cell(name).lower())
