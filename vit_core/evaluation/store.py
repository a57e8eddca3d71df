"""The rows of an evaluation: an SQLite store while it runs, one Parquet file when it is finished.

A batch is one transaction in WAL mode, committed before the next batch begins: a process that is killed at any point
loses no committed batch and leaves no half batch. With `synchronous=NORMAL`, a power cut may lose the last batches,
which are then computed again; it does not damage the others.
"""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

#: Column -> its type in the finished table. In the store, lists are little-endian bytes.
COLUMNS = {
    "path": "VARCHAR",  # relative, POSIX; the key
    "size": "BIGINT",  # bytes
    "mtime_ns": "BIGINT",
    "hash": "VARCHAR",  # BLAKE2b, 16 bytes, hex, of the file's bytes
    "source_label": "INTEGER",  # index into the source's classes
    "label": "INTEGER",  # the model's class for it; -1 where the model has none
    "predicted": "INTEGER",  # from here on NULL where `error` is set
    "probability": "DOUBLE",  # of `predicted`
    "p_label": "DOUBLE",  # of `label`; NULL where that is -1, as is `loss`
    "top": "INTEGER[]",  # the most probable classes, best first
    "top_p": "DOUBLE[]",
    "loss": "DOUBLE",  # cross-entropy, nats
    "entropy": "DOUBLE",  # of the probabilities, bits
    "margin": "DOUBLE",  # between the two most probable classes
    "embedding": "FLOAT[]",  # the vector that the head reads
    "error": "VARCHAR",  # NULL, or what `InputError.to_json` gives
}
#: Further columns of a multi-label model's evaluation.
MULTI_LABEL_COLUMNS = {
    "labels": "INTEGER[]",  # all classes of the picture that the model has
    "scores": "FLOAT[]",  # the probability of every class
}
LISTS = {"top": "<i4", "top_p": "<f8", "embedding": "<f4", "labels": "<i4", "scores": "<f4"}
ROW_GROUP = 5_000  # rows; also the most that are in memory at once

_STORED = {"VARCHAR": "TEXT", "BIGINT": "INTEGER", "INTEGER": "INTEGER", "DOUBLE": "REAL"}


def storable(path: str) -> str:
    """A file name as valid Unicode, for tables: bytes that are not UTF-8 become escapes such as \\udcff."""
    return path.encode("utf-8", "backslashreplace").decode("utf-8")


def columns_of(problem_type: str) -> dict[str, str]:
    """The columns of the table of a model of that problem type, and their types."""
    return COLUMNS | MULTI_LABEL_COLUMNS if problem_type == "multi_label" else COLUMNS


def arrow_schema(metadata: dict[str, str] | None = None, columns: dict[str, str] = COLUMNS):
    """The finished table's `pyarrow.Schema`."""
    import pyarrow as pa

    plain = {
        "VARCHAR": pa.string(),
        "BIGINT": pa.int64(),
        "INTEGER": pa.int32(),
        "DOUBLE": pa.float64(),
        "INTEGER[]": pa.list_(pa.int32()),
        "DOUBLE[]": pa.list_(pa.float64()),
        "FLOAT[]": pa.list_(pa.float32()),
    }
    return pa.schema([(name, plain[kind]) for name, kind in columns.items()], metadata)


class Store:
    """Rows by their position in the source. One process writes; others may read at any time (`read_progress_row`)."""

    def __init__(self, path: Path, columns: dict[str, str] = COLUMNS):
        self.columns = columns
        if not path.exists():  # a journal without its database is left from an earlier run
            self.remove(path)
        self._db = sqlite3.connect(path, isolation_level=None, timeout=30)
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=NORMAL")
        fields = [
            f"{name} {_STORED.get(kind, 'BLOB')}{' PRIMARY KEY NOT NULL' if name == 'path' else ''}"
            for name, kind in columns.items()
        ]
        self._db.execute(f"CREATE TABLE IF NOT EXISTS rows ({', '.join(fields)}, position INTEGER NOT NULL UNIQUE)")
        self._db.execute(
            "CREATE TABLE IF NOT EXISTS progress (one INTEGER PRIMARY KEY, done INTEGER, errors INTEGER, "
            "rate REAL, seconds_left REAL)"
        )
        self._insert = f"INSERT OR REPLACE INTO rows VALUES ({', '.join('?' * (len(columns) + 1))})"

    def write(self, first: int, rows: Iterable[dict], progress: Sequence) -> None:
        """Store a batch, rows at the positions `first`, `first` + 1, ..., and (done, errors, rate, seconds left)."""
        packed = [
            (*(self._pack(name, row.get(name)) for name in self.columns), first + i) for i, row in enumerate(rows)
        ]
        self._db.execute("BEGIN IMMEDIATE")
        try:
            self._db.executemany(self._insert, packed)
            self._db.execute("INSERT OR REPLACE INTO progress VALUES (0, ?, ?, ?, ?)", tuple(progress))
            self._db.execute("COMMIT")
        except BaseException:
            if self._db.in_transaction:  # SQLite rolls back by itself when the disk is full
                self._db.execute("ROLLBACK")
            raise

    @staticmethod
    def _pack(name: str, value):
        return value if value is None or name not in LISTS else np.asarray(value, LISTS[name]).tobytes()

    def complete_batches(self, total: int, batch: int) -> set[int]:
        """The numbers of the batches whose rows are all stored."""
        counts = self._db.execute("SELECT position / ?, COUNT(*) FROM rows GROUP BY 1", (batch,))
        return {number for number, count in counts if count == min(batch, total - number * batch)}

    def stats(self) -> Iterable[tuple[int, int | None, int | None]]:
        """(position, size, mtime_ns) of every row."""
        return self._db.execute("SELECT position, size, mtime_ns FROM rows")

    def count_errors(self, batches: set[int], batch: int) -> int:
        """How many rows of these batches have an error."""
        counts = self._db.execute(
            "SELECT position / ?, COUNT(*) FROM rows WHERE error IS NOT NULL GROUP BY 1", (batch,)
        )
        return sum(count for number, count in counts if number in batches)

    def score(self) -> tuple[int, int, int]:
        """(rows predicted correctly, rows predicted whose class the model knows, rows with an error)."""
        return self._db.execute(
            "SELECT COALESCE(SUM(predicted = label), 0), COALESCE(SUM(error IS NULL AND label >= "
            "0), 0), COALESCE(SUM(error IS NOT NULL), 0) FROM rows"
        ).fetchone()

    def to_parquet(self, path: Path, about: dict) -> None:
        """Write all rows in the source's order, compressed with zstd; the file appears at `path` when it is complete.

        `about` goes into the file's metadata under "vitrine", as JSON. Equal rows give equal bytes.
        """
        import pyarrow as pa
        import pyarrow.parquet as pq

        schema = arrow_schema({"vitrine": storable(json.dumps(about, ensure_ascii=False))}, self.columns)
        part = path.with_name(f".{path.name}.part")
        cursor = self._db.execute(f"SELECT {', '.join(self.columns)} FROM rows ORDER BY position")
        try:
            with pq.ParquetWriter(part, schema, compression="zstd") as writer:
                while rows := cursor.fetchmany(ROW_GROUP):
                    columns = dict(zip(self.columns, zip(*rows, strict=True), strict=True))
                    arrays = [
                        _lists(columns[name], LISTS[name], schema.field(name).type)
                        if name in LISTS
                        else pa.array(columns[name], schema.field(name).type)
                        for name in self.columns
                    ]
                    writer.write_table(pa.Table.from_arrays(arrays, schema=schema), row_group_size=ROW_GROUP)
            with open(part, "rb") as file:
                os.fsync(file.fileno())  # the store is deleted after this
            os.replace(part, path)
        finally:
            part.unlink(missing_ok=True)  # the disk may be full

    def refill(self, path: Path) -> None:
        """Read the rows of a finished table back into the store."""
        import pyarrow.parquet as pq

        first = 0
        for batch in pq.ParquetFile(path).iter_batches(ROW_GROUP, columns=list(self.columns)):
            columns = [
                [cell.values for cell in batch[name]] if name in LISTS else batch[name].to_pylist()
                for name in self.columns
            ]
            rows = [dict(zip(self.columns, row, strict=True)) for row in zip(*columns, strict=True)]
            self.write(first, rows, (first + len(rows), 0, None, None))
            first += len(rows)

    def close(self) -> None:
        self._db.close()

    @staticmethod
    def remove(path: Path) -> None:
        """Delete a store's files."""
        for suffix in ("", "-wal", "-shm"):
            Path(f"{path}{suffix}").unlink(missing_ok=True)


def _lists(blobs: Sequence[bytes | None], dtype: str, kind):
    """An Arrow list column from each row's bytes, without making Python numbers."""
    import pyarrow as pa

    width = np.dtype(dtype).itemsize
    lengths = [len(blob) // width if blob else 0 for blob in blobs]
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32)
    values = pa.array(np.frombuffer(b"".join(blob for blob in blobs if blob), dtype), kind.value_type)
    return pa.ListArray.from_arrays(
        pa.array(offsets, pa.int32()), values, type=kind, mask=pa.array([blob is None for blob in blobs], pa.bool_())
    )


def table_stats(path: Path) -> Iterable[tuple[int, int | None, int | None]]:
    """(position, size, mtime_ns) of every row of a finished table."""
    import pyarrow.parquet as pq

    table = pq.read_table(path, columns=["size", "mtime_ns"])
    return zip(range(len(table)), *(column.to_pylist() for column in table.columns), strict=True)


def read_progress_row(path: Path) -> tuple[int, int, float | None, float | None] | None:
    """(done, errors, rate, seconds left) after the last batch, without blocking a writer; None without a store."""
    try:
        db = sqlite3.connect(path.absolute().as_uri() + "?mode=ro", uri=True, timeout=1)
    except sqlite3.Error:
        return None
    try:
        return db.execute("SELECT done, errors, rate, seconds_left FROM progress").fetchone()
    except sqlite3.Error:
        return None
    finally:
        db.close()
