"""The models that were loaded from this computer's files and folders, in earlier sessions too.

Kept in a small file beside the evaluations. A server that others can reach neither writes nor reads it: their names are
its owner's.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

import platformdirs

from vit_core.checkpoints import split_problem_type

MAX_NAMES = 12


def folder() -> Path:
    """Where the list is kept: VITRINE_RUNS, or the user's cache."""
    named = os.environ.get("VITRINE_RUNS")
    return Path(named) if named else platformdirs.user_cache_path("vitrine", appauthor=False)


def names() -> list[str]:
    """Names of models whose files still exist, the last one that was loaded first."""
    try:
        listed = json.loads((folder() / "models.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return []
    return [name for name in listed if isinstance(name, str) and _is_local(name)] if isinstance(listed, list) else []


def remember(name: str) -> None:
    """Put a model that was loaded at the front of the list, if it is a file or a folder. If it cannot be written, the
    list stays as it was."""
    if not _is_local(name):
        return
    source, _, path = name.partition(":")
    name = f"{source}:{os.path.abspath(os.path.expanduser(path))}"
    base = split_problem_type(name)[0]
    listed = [name, *(other for other in names() if split_problem_type(other)[0] != base)][:MAX_NAMES]
    file = folder() / "models.json"
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        written = file.with_name(f"models.{os.getpid()}.json")
        written.write_text(json.dumps(listed, ensure_ascii=False, indent=1), encoding="utf-8")
        os.replace(written, file)
    except (OSError, ValueError):  # also a name that UTF-8 has no bytes for
        return


def _is_local(name: str) -> bool:
    source, _, path = split_problem_type(name)[0].partition(":")
    path = os.path.expanduser(path.partition("#")[0])
    try:
        return os.path.isfile(path) if source == "file" else source == "hf" and os.path.isdir(path)
    except ValueError:
        return False
