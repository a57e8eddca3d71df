"""The rows of a finished evaluation, queried with DuckDB from the Parquet file, so that few are in memory."""

from __future__ import annotations

import contextlib
import csv
import io
import json
import os
import re
import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO, cast

import cachetools
import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from vit_core.data import ImageDataset
from vit_core.errors import InputError
from vit_core.evaluation.filters import ORDERS, Filter, utf8
from vit_core.evaluation.store import storable
from vit_core.images import missing_image

#: The columns of a row except its embedding, in this order.
ROW_COLUMNS = (
    "path",
    "size",
    "mtime_ns",
    "hash",
    "source_label",
    "label",
    "predicted",
    "probability",
    "p_label",
    "top",
    "top_p",
    "loss",
    "entropy",
    "margin",
    "error",
)

#: Columns that only the table of a multi-label model has. The scores are as long as an embedding.
FURTHER_COLUMNS = ("labels", "scores")

#: Beginnings that a spreadsheet takes for a formula (OWASP, "CSV Injection"), including full-width forms.
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")

CHUNK_ROWS = 4096  # in memory at once while embeddings are read or a selection is written
CACHED_FILTERS = 16  # whose row numbers are cached: a page asks several times for the rows of one filter


class Rows:
    """The table of a finished evaluation, read-only. Any number of threads may use it.

    A row is a dict of ROW_COLUMNS, of "labels" in a multi-label model's table, and "number", its place in the file;
    "error" is an InputError or None. `problem_type` is the evaluated model's. Raises
    InputError "rows-missing" (no readable file), "rows-format" (not Parquet), "rows-columns" (not an evaluation).
    """

    def __init__(self, path: str | os.PathLike):
        self.path = Path(path).resolve()
        if not self.path.is_file():
            raise InputError(
                "rows-missing",
                f"There is no result {self.path.name!r} that can be opened; run the evaluation to its end.",
                name=self.path.name,
            )
        self._connection, self._lock = duckdb.connect(":memory:"), threading.Lock()
        self._numbers_of: cachetools.LRUCache = cachetools.LRUCache(CACHED_FILTERS)
        self._cosines_of: cachetools.LRUCache = cachetools.LRUCache(2)  # pictures
        # DuckDB reads a name as a pattern. Neither a view nor a setting takes parameters, hence the quotes.
        exact, pattern = (
            "'" + name.replace("'", "''") + "'"
            for name in (str(self.path), re.sub(r"([*?\[])", r"[\1]", str(self.path)))
        )
        try:
            # Without hive_partitioning = false, a folder "label=3" would become a column.
            self._connection.execute(
                f"CREATE VIEW rows AS SELECT * FROM read_parquet({pattern}, hive_partitioning = false, "
                "file_row_number = true)"
            )
            columns = {column[0] for column in self._connection.execute("DESCRIBE rows").fetchall()}
        except duckdb.Error as error:
            self.close()
            raise InputError(
                "rows-format",
                f"{self.path.name!r} is not a readable Parquet file; choose the rows.parquet of a finished evaluation.",
                name=self.path.name,
            ) from error
        if lacking := ", ".join(column for column in (*ROW_COLUMNS, "embedding") if column not in columns):
            self.close()
            raise InputError(
                "rows-columns",
                f"{self.path.name!r} is not the table of an evaluation: it lacks {lacking}. Choose the rows.parquet of "
                "a finished evaluation.",
                name=self.path.name,
                columns=lacking,
            )
        #: Whether a picture may have several labels.
        self.several = set(FURTHER_COLUMNS) <= columns
        self._row_columns = (*ROW_COLUMNS, *["labels"] * self.several)
        self.problem_type: str = _about(self.path).get("problem_type", "single_label")
        self._connection.execute("SET parquet_metadata_cache = true")  # else it is read for every query
        # Queries can read this file and no other.
        self._connection.execute(f"SET allowed_paths = [{exact}, {pattern}]")
        self._connection.execute("SET enable_external_access = false")
        self._connection.execute("SET python_enable_replacements = false")

    def close(self) -> None:
        self._connection.close()

    @contextlib.contextmanager
    def _cursor(self, wanted: Sequence[int] | np.ndarray | None = None) -> Iterator[duckdb.DuckDBPyConnection]:
        """A cursor for one query. `wanted` becomes a table of these row numbers, each with its "place"."""
        with self._lock:
            cursor = self._connection.cursor()
        try:
            if wanted is not None:
                cursor.register(
                    "wanted",
                    pa.table({"file_row_number": np.asarray(wanted, np.int64), "place": np.arange(len(wanted))}),
                )
            yield cursor
        finally:
            cursor.close()

    def numbers(self, filter: Filter | None = None) -> np.ndarray:
        """The numbers of a filter's rows, in its order; (m,) int64."""
        return self._find_numbers(filter or Filter())

    @cachetools.cachedmethod(lambda self: self._numbers_of, lock=lambda self: self._lock)
    def _find_numbers(self, filter: Filter) -> np.ndarray:
        where, values = filter.sql(self.several)
        with self._cursor() as cursor:
            found = cursor.execute(
                f"SELECT file_row_number FROM rows WHERE {where} ORDER BY {ORDERS[filter.order]}path", values
            ).fetchnumpy()["file_row_number"]
        return cast(np.ndarray, found)

    def count(self, filter: Filter | None = None) -> int:
        return len(self.numbers(filter))

    def page(self, filter: Filter | None = None, offset: int = 0, limit: int = 24) -> list[dict]:
        """At most `limit` rows of the filter's order, from `offset` on."""
        offset = max(0, int(offset))
        return self.at(self.numbers(filter)[offset : offset + max(0, int(limit))])

    def position(self, filter: Filter, path: str) -> int | None:
        """A picture's place in the filter's order, from 0: `page(filter, position)` begins with it. None if the filter
        excludes it."""
        number = self._number(path)
        return None if number is None else next(iter(np.flatnonzero(self.numbers(filter) == number).tolist()), None)

    def _number(self, path: str) -> int | None:
        with self._cursor() as cursor:
            found = cursor.execute("SELECT file_row_number FROM rows WHERE path = ?", [utf8(path)]).fetchone()
        return found[0] if found else None

    def row(self, path: str) -> dict | None:
        number = self._number(path)
        return None if number is None else self.at([number])[0]

    def at(self, numbers: Sequence[int] | np.ndarray) -> list[dict]:
        """The rows with these numbers, in the order given."""
        names = [*self._row_columns, "number"]
        with self._cursor(numbers) as cursor:
            found = cursor.execute(
                f"SELECT {', '.join(self._row_columns)}, file_row_number FROM rows JOIN wanted USING (file_row_number) "
                "ORDER BY place"
            ).fetchall()
        rows = [dict(zip(names, row, strict=True)) for row in found]
        return [row | {"error": InputError.from_json(row["error"])} if row["error"] else row for row in rows]

    def neighbours(self, path: str, k: int = 8, filter: Filter | None = None) -> list[dict]:
        """The `k` rows of a filter with the most similar embeddings (cosine; exact, over all rows), except the picture
        itself. Each has its "similarity"; ties keep the filter's order. Empty for a picture without embedding.

        Correct pictures of class 3: `Filter(label=3, outcome="right")`.
        """
        similar = self._similarity(path)
        numbers = self.numbers(filter)
        numbers = numbers[np.isfinite(similar[numbers]) & (numbers != self._number(path))]
        numbers = numbers[np.argsort(-similar[numbers], kind="stable")[: max(0, int(k))]]
        return [row | {"similarity": float(similar[row["number"]])} for row in self.at(numbers)]

    def columns(self, names: Sequence[str], filter: Filter | None = None) -> pa.Table:
        """These columns and "number" of a filter's rows, in the file's order. No other column is read."""
        unknown = set(names) - {*self._row_columns, *FURTHER_COLUMNS * self.several, "embedding"}
        if unknown:
            raise ValueError(f"no such columns: {sorted(unknown)}")
        where, values = (filter or Filter()).sql(self.several)
        with self._cursor() as cursor:
            return cursor.sql(
                f"SELECT {', '.join([*names, 'file_row_number AS number'])} FROM rows WHERE {where} "
                "ORDER BY file_row_number",
                params=values,
            ).to_arrow_table()

    def embeddings(self, filter: Filter | None = None) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """(numbers (m,) int64, embeddings (m, width) float32) of a filter's rows in the file's order, CHUNK_ROWS at a
        time. Rows without an embedding are left out."""
        wanted = None if filter is None else self.numbers(filter)
        start = 0
        with pq.ParquetFile(self.path, pre_buffer=False) as file:
            for batch in file.iter_batches(CHUNK_ROWS, columns=["embedding"]):
                column = batch.column(0)
                there = column.is_valid().to_numpy(zero_copy_only=False)
                numbers = start + np.flatnonzero(there)
                vectors = column.flatten().to_numpy(zero_copy_only=False).astype(np.float32, copy=False)
                start += len(column)
                if len(numbers):
                    vectors = vectors.reshape(len(numbers), -1)
                    keep = slice(None) if wanted is None else np.isin(numbers, wanted)
                    yield numbers[keep], vectors[keep]

    @cachetools.cachedmethod(lambda self: self._cosines_of, lock=lambda self: self._lock)
    def _similarity(self, path: str) -> np.ndarray:
        """Cosine of each row's embedding and one picture's, (rows of the file,) float64, NaN where there is none."""
        similar = np.full(self.count(), np.nan)
        with self._cursor() as cursor:
            found = cursor.execute(
                "SELECT embedding FROM rows WHERE path = ? AND embedding IS NOT NULL", [utf8(path)]
            ).fetchone()
        if found:
            own = np.array(found[0], np.float64)
            for numbers, vectors in self.embeddings():
                vectors = vectors.astype(np.float64)
                length = np.sqrt(np.einsum("ij,ij->i", vectors, vectors)) * np.sqrt(own @ own)
                with np.errstate(invalid="ignore", divide="ignore"):  # a vector of zeros has no direction
                    similar[numbers] = np.einsum("ij,j->i", vectors, own) / length
        similar[~np.isfinite(similar)] = np.nan
        return similar

    def write(
        self,
        chosen: Filter | Sequence[int],
        file: BinaryIO,
        kind: str = "csv",
        names: Mapping[str, Sequence[str]] | None = None,
        about: Mapping[str, str] | None = None,
    ) -> int:
        """Write a filter's rows, or the rows with these numbers, in their order. Returns how many.

        "parquet" has every column, and the problem type in its metadata. "csv" has all but the embedding and the
        scores, and a column "problem_type" unless that is "single_label"; in UTF-8 with a byte order mark (without it,
        spreadsheets garble Hangul); lists are separated by spaces, errors are English sentences, and a text that a
        spreadsheet would run as a formula gets a ' before it. `names` gives, for columns of class numbers, the classes'
        names: a further CSV column "<column>_name". `about` says where the rows come from: the last columns of a CSV,
        equal in all rows, and the metadata of a Parquet file.
        """
        if kind not in ("csv", "parquet"):
            raise ValueError(f"{kind!r} must be 'csv' or 'parquet'")
        numbers = self.numbers(chosen) if isinstance(chosen, Filter) else np.asarray(chosen, np.int64)
        about = dict(about or {})
        if kind == "csv":
            text = io.TextIOWrapper(file, "utf-8-sig", newline="")
            writer = csv.writer(text)
            names = names or {}
            columns = self._row_columns
            further = ({"problem_type": self.problem_type} if self.problem_type != "single_label" else {}) | about
            last = [_csv_text(value) for value in further.values()]
            head = [part for name in columns for part in (name, *[f"{name}_name"] * (name in names))]
            writer.writerow([*head, *further])
            for block in self._blocks(numbers, columns):
                writer.writerows(
                    [_csv_text(value) for name in columns for value in _csv_values(name, row[name], names)] + last
                    for row in block.to_pylist()
                )
            text.detach()  # leaves the file open
        else:
            with contextlib.ExitStack() as stack:
                writer = None
                for block in self._blocks(numbers, (*ROW_COLUMNS, *FURTHER_COLUMNS * self.several, "embedding")):
                    block = block.replace_schema_metadata({"problem_type": self.problem_type, **about})
                    writer = writer or stack.enter_context(pq.ParquetWriter(file, block.schema))
                    writer.write_table(block)
        return len(numbers)

    def _blocks(self, numbers: np.ndarray, names: Sequence[str]) -> Iterator[pa.Table]:
        """These columns of the rows numbered, in that order, CHUNK_ROWS at a time; at least one table, maybe empty."""
        for i in range(0, max(len(numbers), 1), CHUNK_ROWS):
            with self._cursor(numbers[i : i + CHUNK_ROWS]) as cursor:
                yield cursor.sql(
                    f"SELECT {', '.join(names)} FROM rows JOIN wanted USING (file_row_number) ORDER BY place"
                ).to_arrow_table()


def index_of(source: ImageDataset, row: Mapping) -> int:
    """The position of a row's picture in its source. Raises InputError "image-missing" if it is no longer there."""
    number = row.get("number")
    if number is not None and 0 <= number < len(source) and storable(source.names[number]) == row["path"]:
        return number
    for index, name in enumerate(source.names):  # the source has changed since it was evaluated
        if storable(name) == row["path"]:
            return index
    raise missing_image(row["path"])


def _about(path: Path) -> dict:
    """What `Store.to_parquet` wrote about the evaluation into the file's metadata."""
    try:
        found = json.loads((pq.read_metadata(path).metadata or {}).get(b"vitrine", b"{}"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _csv_values(column: str, value: Any, names: Mapping[str, Sequence[str]]) -> list:
    """A cell's value, and the class name after it if the column has names."""
    if column == "error" and value is not None:
        value = str(InputError.from_json(value))
    if column not in names:
        return [value]
    return [value, names[column][value] if value is not None and 0 <= value < len(names[column]) else None]


def _csv_text(value) -> str:
    if isinstance(value, list):
        return " ".join(map(str, value))
    if isinstance(value, str):
        return f"'{value}" if value.startswith(FORMULA) else value
    return "" if value is None else str(value)
