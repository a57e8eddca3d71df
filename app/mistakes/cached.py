"""Evaluations, and explanations of single pictures, from the caches."""

from __future__ import annotations

from pathlib import Path

from app.mistakes import find
from app.mistakes.why import Why, model_name
from app.runtime import cache


def evaluation(out: Path) -> find.Evaluation:
    """The finished evaluation in this folder. Raises InputError if it cannot be read."""
    return cache.evaluations().get((str(out), find.modified_at(out)), lambda: find.Evaluation(out))


def explanation(run, path: str) -> Why:
    """The explanation of one picture of an evaluation. Raises InputError if it or the model cannot be read."""
    row, name, table = run.rows.row(path), model_name(run), run.rows.path
    cache.drop_if_changed(name)
    return cache.outputs().get(
        (name, "why", str(table), find.modified_at(table.parent), path, row and row["hash"]),
        lambda: cache.run(Why, cache.model(name), run, path),
    )
