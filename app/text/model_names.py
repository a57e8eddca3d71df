"""What people call a model."""

from __future__ import annotations

from pathlib import Path

from app.text import Text
from app.text.plain import plain
from vit_core.checkpoints.catalogue import find_curated

EMBEDDED = ("photo", "fashion", "tiny")


def model_title(name: str, t: Text) -> str:
    """The title of a shipped or recommended model, the last part of a path, else the name that `vit_core.load` takes;
    plain text."""
    source, _, rest = name.partition(":")
    if source == "embedded" and rest in EMBEDDED:
        return t(f"model.{rest}")
    if curated := find_curated(name):
        return curated.title
    parts = Path(rest).parts
    return plain(parts[-1] if _is_path(name) and parts else name, 60)


def cited_model(name: str, t: Text) -> str:
    """A model's title and, unless that is a path, the name that `vit_core.load` takes: for a caption."""
    title = model_title(name, t)
    return title if _is_path(name) or title == name else f"{title} ({plain(name, 60)})"


def _is_path(name: str) -> bool:
    source, _, rest = name.partition(":")
    return source == "file" or (source == "hf" and (len(Path(rest).parts) > 2 or Path(rest).is_absolute()))
