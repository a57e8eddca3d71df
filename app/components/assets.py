"""Reads the files that a component sends to the browser."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path


def joined(folder: Path, names: Iterable[str], ending: str) -> str:
    """These files of `folder`, joined in this order into one; files that do not exist are left out."""
    paths = [folder / f"{name}.{ending}" for name in names]
    return "\n".join(path.read_text(encoding="utf-8") for path in paths if path.exists())
