"""The files of an evaluation's maps: maps.json, the lines of an unfinished run, and maps.parquet."""

from __future__ import annotations

import base64
import hashlib
import json
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from vit_core.evaluation.results import Rows
from vit_core.json_lines import read_lines

#: Columns of maps.parquet. "map": rows x cols bytes, 255 for the strongest evidence for the predicted class and 0 for
#: none or evidence against it. "error": why there is no map, as `InputError.to_json` gives it; the others are null.
COLUMNS = pa.schema(
    {
        "number": pa.int64(),  # of the row in rows.parquet
        "path": pa.string(),
        "wrong": pa.bool_(),
        "rows": pa.int16(),
        "cols": pa.int16(),
        "map": pa.binary(),
        "box": pa.float64(),  # share of the map in the box of the object; null without a box
        "error": pa.string(),
    }
)
TABLE, LINES, STATE = "maps.parquet", ".maps.jsonl", "maps.json"


def rows_digest(rows: Rows) -> str:
    """What identifies the pictures and predictions that maps belong to."""
    table = rows.columns(["path", "hash", "predicted"])
    text = json.dumps([table[name].to_pylist() for name in ("path", "hash", "predicted")])
    return hashlib.blake2b(text.encode("ascii"), digest_size=16).hexdigest()


def read_state(out: Path) -> dict:
    """maps.json; empty if there is none."""
    try:
        found = json.loads((out / STATE).read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def write_state(out: Path, state: dict) -> None:
    part = out / f".{STATE}.part"
    part.write_text(json.dumps(state, indent=1) + "\n", "utf-8")
    os.replace(part, out / STATE)


def pack_map(values: np.ndarray) -> bytes:
    """The positive part of a map (rows, cols) as a byte for each patch, its largest value as 255."""
    positive = np.clip(values, 0, None)
    return np.round(positive / max(float(positive.max()), 1e-30) * 255).astype(np.uint8).tobytes()


def write_maps(out: Path, lines: Sequence[dict], about: dict) -> None:
    part = out / f".{TABLE}.part"
    table = pa.Table.from_pylist(_decoded(lines), COLUMNS.with_metadata({"vitrine": json.dumps(about)}))
    pq.write_table(table, part, compression="zstd")
    os.replace(part, out / TABLE)


def read_maps(out: Path) -> tuple[list[dict], dict]:
    """(rows of COLUMNS, what the maps are of): of the finished table, else of the lines that are there."""
    if (out / TABLE).exists():
        table = pq.read_table(out / TABLE)
        return table.to_pylist(), json.loads(table.schema.metadata[b"vitrine"])
    return _decoded(read_lines(out / LINES)), read_state(out).get("about", {})


def _decoded(lines: Sequence[dict]) -> list[dict]:
    return [line | {"map": base64.b64decode(line["map"])} if "map" in line else line for line in lines]
