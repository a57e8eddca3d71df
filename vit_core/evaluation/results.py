"""Rows of a finished evaluation, found by filter: DuckDB over the Parquet file, so that pictures by the ten thousand
are never all in memory."""

from __future__ import annotations

import contextlib
import csv
import io
import os
import re
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import BinaryIO

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from vit_core.errors import InputError
from vit_core.evaluation.filters import ORDERS, Filter, utf8
from vit_core.evaluation.folder import disk

#: What an evaluation says of a picture, its embedding apart, in this order.
SHORT = (
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

#: Beginnings that a spreadsheet takes for a formula (OWASP, "CSV Injection"), the full-width forms among them.
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")

CHUNK = 4096  # rows held at once while embeddings are read or a selection is written
KEPT = 16  # arrays of one number a row that are kept for the next question


class Rows:
    """The table of one finished evaluation, read-only. Any thread may ask; each question has a cursor of its own.

    A row is a dict of SHORT and "number", its place in the file. Raises InputError: "rows-missing" no file there that
    can be read; "rows-format" no Parquet file; "rows-columns" a table that no evaluation wrote.
    """

    def __init__(self, path: str | os.PathLike):
        self.path = Path(path).resolve()
        name = str(self.path)
        if not self.path.is_file():
            raise InputError(
                "rows-missing",
                f"There is no result {self.path.name!r} that can be opened; run the evaluation to its end.",
                name=self.path.name,
            )
        self._connection, self._lock, self._memory = duckdb.connect(":memory:"), threading.Lock(), {}
        self._link = None
        if re.search(r"[*?\[\\]", name):  # DuckDB would read a pattern, and find other files by it or none
            self._link = tempfile.TemporaryDirectory(prefix="vitrine-")
            name = os.path.join(self._link.name, "rows.parquet")
            os.symlink(self.path, name)
        quoted = "'" + name.replace("'", "''") + "'"  # neither a view nor a setting takes parameters
        try:
            # The folder's name is no part of the data ("label=3/"), whatever it looks like.
            self._connection.execute(
                f"CREATE VIEW rows AS SELECT * FROM read_parquet({quoted}, hive_partitioning = "
                "false, file_row_number = true)"
            )
            columns = {column[0] for column in self._connection.execute("DESCRIBE rows").fetchall()}
        except duckdb.Error as error:
            self.close()
            raise InputError(
                "rows-format",
                f"{self.path.name!r} is not a Parquet file that can be read; choose the "
                "rows.parquet of a finished evaluation.",
                name=self.path.name,
            ) from error
        if lacking := ", ".join(column for column in (*SHORT, "embedding") if column not in columns):
            self.close()
            raise InputError(
                "rows-columns",
                f"{self.path.name!r} is not the table of an evaluation: it lacks {lacking}"
                ". Choose the rows.parquet of a finished evaluation.",
                name=self.path.name,
                columns=lacking,
            )
        self._connection.execute("SET parquet_metadata_cache = true")  # else read again for each question
        self._connection.execute(f"SET allowed_paths = [{quoted}]")
        self._connection.execute("SET enable_external_access = false")  # nothing but this file, whatever is asked
        self._connection.execute("SET python_enable_replacements = false")

    def close(self) -> None:
        self._connection.close()
        if self._link:
            self._link.cleanup()

    @contextlib.contextmanager
    def _cursor(self, wanted: Sequence[int] | None = None) -> Iterator[duckdb.DuckDBPyConnection]:
        """A cursor for one question; `wanted`, in its SQL, are the rows of these numbers with their "place"."""
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

    def _kept(self, key, make):
        """make(), of the last few keys from memory: the file does not change, and a gallery asks again and again."""
        with self._lock:
            value = self._memory.pop(key, None)
        if value is None:
            value = make()
        with self._lock:
            self._memory[key] = value  # the latest stands last
            while len(self._memory) > KEPT:
                self._memory.pop(next(iter(self._memory)))
        return value

    def numbers(self, filter: Filter | None = None) -> np.ndarray:
        """Places in the file of a filter's rows, in its order; (m,) int64. 8 bytes a row, where a row has thousands."""
        filter = filter or Filter()

        def make() -> np.ndarray:
            where, values = filter.sql()
            with self._cursor() as cursor:
                found = cursor.execute(
                    f"SELECT file_row_number FROM rows WHERE {where} ORDER BY {ORDERS[filter.order]}path", values
                ).fetchnumpy()["file_row_number"]
            if filter.near is not None:  # equals keep the order they have; what has no similarity (NaN) goes last
                found = found[np.argsort(-self._similarity(filter.near)[found], kind="stable")]
            return found

        return self._kept(filter, make)

    def count(self, filter: Filter | None = None) -> int:
        return len(self.numbers(filter))

    def page(self, filter: Filter | None = None, offset: int = 0, limit: int = 24) -> list[dict]:
        """Rows `offset` and after of the filter's order, `limit` at most."""
        offset = max(0, int(offset))
        return self.at(self.numbers(filter)[offset : offset + max(0, int(limit))])

    def position(self, filter: Filter, path: str) -> int | None:
        """Where a picture stands in the filter's order, from 0: `page(filter, position)` begins with it. None if the
        filter leaves it out."""
        number = self._number(path)
        return None if number is None else next(iter(np.flatnonzero(self.numbers(filter) == number).tolist()), None)

    def _number(self, path: str) -> int | None:
        with self._cursor() as cursor:
            found = cursor.execute("SELECT file_row_number FROM rows WHERE path = ?", [utf8(path)]).fetchone()
        return found and found[0]

    def row(self, path: str) -> dict | None:
        number = self._number(path)
        return None if number is None else self.at([number])[0]

    def at(self, numbers: Sequence[int]) -> list[dict]:
        """The rows that have these places in the file, in the order given."""
        names = [*SHORT, "number"]
        with self._cursor(numbers) as cursor:
            found = cursor.execute(
                f"SELECT {', '.join(SHORT)}, file_row_number FROM rows JOIN wanted "
                "USING (file_row_number) ORDER BY place"
            ).fetchall()
        return [dict(zip(names, row, strict=True)) for row in found]

    def neighbours(self, path: str, k: int = 8, filter: Filter | None = None) -> list[dict]:
        """The `k` rows of a filter most like a picture by the cosine of their embeddings (exact, over all rows), itself
        left out; each with its "similarity", the nearest first, equals by the filter's order. None for a picture
        without embedding.

        Correct pictures of class 3: `Filter(label=3, outcome="right")`.
        """
        similar = self._similarity(path)
        numbers = self.numbers(filter)
        numbers = numbers[np.isfinite(similar[numbers]) & (numbers != self._number(path))]
        numbers = numbers[np.argsort(-similar[numbers], kind="stable")[: max(0, int(k))]]
        return [row | {"similarity": float(similar[row["number"]])} for row in self.at(numbers)]

    def columns(self, names: Sequence[str], filter: Filter | None = None) -> pa.Table:
        """These columns and "number" of a filter's rows, in the file's order. No other column is read."""
        unknown = set(names) - {*SHORT, "embedding"}
        if unknown:
            raise ValueError(f"no such columns: {sorted(unknown)}")
        where, values = (filter or Filter()).sql()
        with self._cursor() as cursor:
            return cursor.sql(
                f"SELECT {', '.join([*names, 'file_row_number AS number'])} FROM rows WHERE {where} "
                "ORDER BY file_row_number",
                params=values,
            ).to_arrow_table()

    def embeddings(self, filter: Filter | None = None) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """(numbers (m,) int64, embeddings (m, width) float32) of a filter's rows in the file's order, some thousand at
        a time; rows without an embedding are left out."""
        wanted = None if filter is None else self.numbers(filter)
        start = 0
        with pq.ParquetFile(self.path, pre_buffer=False) as file:
            for batch in file.iter_batches(CHUNK, columns=["embedding"]):
                column = batch.column(0)
                there = column.is_valid().to_numpy(zero_copy_only=False)
                numbers = start + np.flatnonzero(there)
                vectors = column.flatten().to_numpy(zero_copy_only=False).astype(np.float32, copy=False)
                start += len(column)
                if len(numbers):
                    vectors = vectors.reshape(len(numbers), -1)
                    keep = slice(None) if wanted is None else np.isin(numbers, wanted)
                    yield numbers[keep], vectors[keep]

    def _similarity(self, path: str) -> np.ndarray:
        """Cosine of each row's embedding with one picture's, (rows of the file,) float64, NaN where there is none."""
        return self._kept(path, lambda: self._compared(path))

    def _compared(self, path: str) -> np.ndarray:
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
                with np.errstate(invalid="ignore", divide="ignore"):  # a vector of zeros points nowhere
                    similar[numbers] = np.einsum("ij,j->i", vectors, own) / length
        similar[~np.isfinite(similar)] = np.nan
        return similar

    def export(self, chosen: Filter | Sequence[int], out: str | os.PathLike, kind: str = "csv") -> int:
        """`write` to a file of that name, which appears whole or not at all. Raises InputError "evaluate-disk"."""
        out = Path(out).resolve()
        if out == self.path:
            raise ValueError(f"{out} is the table itself")
        part = out.with_name(f"{out.name}.{os.getpid()}.{threading.get_ident()}.part")
        with disk(out):
            try:
                with open(part, "wb") as file:
                    count = self.write(chosen, file, kind)
                os.replace(part, out)
            finally:
                part.unlink(missing_ok=True)
        return count

    def write(
        self,
        chosen: Filter | Sequence[int],
        file: BinaryIO,
        kind: str = "csv",
        names: Mapping[str, Sequence[str]] | None = None,
    ) -> int:
        """Write a filter's rows, or those with these places in the file, in their order; how many.

        "parquet" has every column. "csv" has all but the embedding, UTF-8 with a byte order mark (else spreadsheets
        garble Hangul), lists parted by spaces; a text that a spreadsheet would run as a formula gets a ' before it.
        `names`: what the numbers in a column are called, for a column "<its name>_name" after it, in "csv" alone.
        """
        if kind not in ("csv", "parquet"):
            raise ValueError(f"{kind!r} must be 'csv' or 'parquet'")
        numbers = self.numbers(chosen) if isinstance(chosen, Filter) else np.asarray(chosen, np.int64)
        if kind == "csv":
            text = io.TextIOWrapper(file, "utf-8-sig", newline="")
            writer = csv.writer(text)
            names = names or {}
            writer.writerow(part for name in SHORT for part in (name, *[f"{name}_name"] * (name in names)))
            for block in self._blocks(numbers, SHORT):
                writer.writerows(
                    [_cell(value) for name in SHORT for value in _named(name, row[name], names)]
                    for row in block.to_pylist()
                )
            text.detach()  # the file stays open
        else:
            with contextlib.ExitStack() as stack:
                writer = None
                for block in self._blocks(numbers, (*SHORT, "embedding")):
                    writer = writer or stack.enter_context(pq.ParquetWriter(file, block.schema))
                    writer.write_table(block)
        return len(numbers)

    def _blocks(self, numbers: np.ndarray, names: Sequence[str]) -> Iterator[pa.Table]:
        """These columns of the rows numbered, in that order; of none, one empty table, which still has its types."""
        for i in range(0, max(len(numbers), 1), CHUNK):
            with self._cursor(numbers[i : i + CHUNK]) as cursor:
                yield cursor.sql(
                    f"SELECT {', '.join(names)} FROM rows JOIN wanted USING (file_row_number) ORDER BY place"
                ).to_arrow_table()


def _named(column: str, value, names: Mapping[str, Sequence[str]]) -> list:
    """A number, and where its column has names, the number's."""
    if column not in names:
        return [value]
    return [value, names[column][value] if value is not None and 0 <= value < len(names[column]) else None]


def _cell(value) -> str:
    if isinstance(value, list):
        return " ".join(map(str, value))
    if isinstance(value, str):
        return f"'{value}" if value.startswith(FORMULA) else value
    return "" if value is None else str(value)
