"""A file of JSON lines to which a run adds what it has finished, and from which it continues if it was killed."""

from __future__ import annotations

import json
from pathlib import Path


def append_line(path: Path, line: dict) -> None:
    with open(path, "a", encoding="utf-8") as file:
        file.write(json.dumps(line) + "\n")


def read_lines(path: Path) -> list[dict]:
    """The lines that were written completely; empty if there is no file."""
    try:
        written = path.read_bytes()
    except FileNotFoundError:
        return []
    return [json.loads(line) for line in written[: written.rfind(b"\n") + 1].splitlines()]


def cut_unfinished_line(path: Path) -> None:
    """Remove the part of a line that was being written when a run was killed, before another line is added."""
    if path.exists():
        with open(path, "r+b") as file:
            file.truncate(file.read().rfind(b"\n") + 1)
