"""Evaluations, and single pictures of them, from the caches."""

from __future__ import annotations

from pathlib import Path

from app.mistakes import find
from app.mistakes.why import Why, model_name
from app.runtime import cache


def evaluation(out: Path) -> find.Run:
    """The finished evaluation in this folder. Raises InputError if it cannot be read."""
    return cache.evaluations().get((str(out), find.stamp(out)), lambda: find.Run(out))


def why(evaluation, path: str) -> Why:
    """One picture of an evaluation, examined. Raises InputError if it or the model cannot be read."""
    row, name = evaluation.rows.row(path), model_name(evaluation)
    table = str(evaluation.rows.path), find.stamp(evaluation.rows.path.parent)
    cache.drop_if_changed(name)
    return cache.outputs().get(
        (name, "why", *table, path, row and row["hash"]),
        lambda: cache.run(Why, cache.model(name), evaluation, path),
    )
