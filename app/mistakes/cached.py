"""Evaluations, and explanations of single pictures, from the caches."""

from __future__ import annotations

import contextlib
import functools
import threading
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from app.mistakes import find
from app.mistakes.earlier.compared import Compared
from app.mistakes.why import Why, model_name
from app.runtime import cache
from vit_core import InputError


def evaluation(out: Path) -> find.Evaluation:
    """The finished evaluation in this folder. Raises InputError if it cannot be read."""
    return cache.evaluations().get((str(out), find.modified_at(out)), lambda: find.Evaluation(out))


def compared(other: Path, run: find.Evaluation) -> Compared:
    """The comparison of an evaluation with the one in the folder `other`. Raises InputError if it cannot be read."""
    kept, key = vars(run).setdefault("_compared", {}), (str(other), find.modified_at(other))
    found = kept.get(key)
    if found is None:
        found = Compared(evaluation(other), run)
        kept.clear()  # only the last one, which is freed with its evaluation
        kept[key] = found
    return found


def explanation(run, path: str) -> Why:
    """The explanation of one picture of an evaluation. Raises InputError if it or the model cannot be read."""
    row, name, table = run.rows.row(path), model_name(run), run.rows.path
    cache.drop_if_changed(name)
    return cache.outputs().get(
        (name, "why", str(table), find.modified_at(table.parent), path, row and row["hash"]),
        lambda: cache.run(Why, cache.model(name), run, path),
    )


def explain_ahead(runs: Iterable, paths: Iterable[str], method: str) -> threading.Thread:
    """Compute these pictures' maps by this method while nothing else waits, so that opening one takes no time.

    Returns the thread that does it.
    """
    return cache.ahead().run(_maps(list(runs), paths, method))


def _maps(runs: list, paths: Iterable[str], method: str) -> Iterator[Callable[[], object]]:
    for path in paths:
        for run in runs:
            with contextlib.suppress(InputError):  # shown when the picture is opened
                why = explanation(run, path)
                for number in why.pair:
                    yield functools.partial(why.map_of, method, number)
