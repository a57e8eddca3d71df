"""Computes attribution maps for an evaluation's errors and for as many correct pictures, beside its rows.

maps.json says what is computed and how far it is; maps.parquet (`store.COLUMNS`) holds the maps once all are there.
Until then each finished picture is a line of JSON in a hidden file, so a killed run loses the picture it was at.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np

from vit_core import attribution as at
from vit_core.attribution.localisation import Box
from vit_core.data import ImageDataset
from vit_core.errors import InputError
from vit_core.evaluation.filters import Filter
from vit_core.evaluation.folder import EvaluationProgress, RateMeter, disk_errors, is_running, locked_folder, read_run
from vit_core.evaluation.maps import store
from vit_core.evaluation.plan import differences, input_text, other_run
from vit_core.evaluation.results import Rows, index_of
from vit_core.json_lines import append_line, cut_unfinished_line, read_lines
from vit_core.models.digest import weights_digest
from vit_core.models.vit import VisionTransformer


def choose_pictures(rows: Rows, limit: int | None = None) -> list[int]:
    """Row numbers of the errors and of as many correct pictures, in turn.

    `limit`: the most of either. Both are spread over the data set and in an order drawn at random (the same each time),
    so that the first ones represent all.
    """
    random = np.random.default_rng(0)
    wrong, right = (np.sort(rows.numbers(Filter(outcome=outcome))) for outcome in ("wrong", "right"))
    count = len(wrong) if limit is None else min(limit, len(wrong))
    wrong, right = (random.permutation(numbers)[:count] for numbers in (wrong, right))
    turns = [numbers[i : i + 1] for i in range(count) for numbers in (wrong, right)]
    return [int(number) for turn in turns for number in turn]


@contextmanager
def maps_folder(out: Path) -> Iterator[None]:
    """Holds the lock of an evaluation's folder; an error that ends the block becomes the state of its maps.

    Raises InputError as `locked_folder` does.
    """
    with locked_folder(out):
        try:
            yield
        except Exception as error:
            if not isinstance(error, InputError):
                what = f"{type(error).__name__}: {error}"
                error = InputError("evaluate-failed", f"An unexpected error ended it ({what}).", reason=what)
            ended = "cancelled" if error.code == "evaluate-cancelled" else "failed"
            with suppress(OSError):
                store.write_state(out, store.read_state(out) | {"state": ended, "error": error.to_json()})
            raise


def compute_maps(
    model: VisionTransformer,
    dataset: ImageDataset,
    out: str | os.PathLike,
    *,
    method: str = at.RECOMMENDED_METHOD,
    limit: int | None = None,
    boxes: Mapping[str, Sequence[Box]] | None = None,
    on_progress: Callable[[EvaluationProgress], None] | None = None,
    should_stop: Callable[[], bool] | None = None,
    restart: bool = False,
) -> Path:
    """Compute maps by `method` for the evaluation in `out`, of the class that was predicted; the path of maps.parquet.

    `limit` as in `choose_pictures`. `boxes`: for paths of pictures the boxes of their objects, as `data.read_boxes`
    gives them; then the table has the share of each map that lies in them. Continues where an earlier run with the same
    arguments stopped; `restart` and other arguments begin anew. A picture that cannot be read has an error in place of
    a map. A picture that changed since the evaluation is not noticed.

    Raises ValueError for an unknown method, and InputError "rows-missing", "evaluate-running", "evaluate-other" (the
    evaluation is of another model), "evaluate-disk" and "evaluate-cancelled".
    """
    if method not in at.METHODS:
        raise ValueError(f"method must be one of {', '.join(at.METHODS)}, not {method!r}")
    out = Path(out)
    rows = Rows(out / "rows.parquet")
    with maps_folder(out):
        _check_same_model(model, out)
        about = {"rows": store.rows_digest(rows), "method": method, "limit": limit, "boxes": _digest(boxes)}
        before = {} if restart else store.read_state(out)
        numbers = choose_pictures(rows, limit)
        state = {"about": about, "total": len(numbers), "pid": os.getpid()}
        with disk_errors(out):
            if before.get("about") != about:
                (out / store.LINES).unlink(missing_ok=True)
                (out / store.TABLE).unlink(missing_ok=True)
            elif before.get("state") == "done" and (out / store.TABLE).exists():
                return out / store.TABLE
            cut_unfinished_line(out / store.LINES)
            done = read_lines(out / store.LINES)
        _compute(model, dataset, out, rows, numbers, boxes or {}, state, done, on_progress, should_stop)
    return out / store.TABLE


def _compute(model, dataset, out, rows, numbers, boxes, state, done, on_progress, should_stop) -> None:
    """Add the lines that are missing, and write the table."""
    meter, rate, left = RateMeter(len(done), len(numbers)), None, None
    for number in numbers[len(done) :]:
        with disk_errors(out):
            now = {"state": "running", "done": len(done), "errors": _errors(done)}
            store.write_state(out, state | now | {"rate": rate, "seconds_left": left})
        if (out / "cancel").exists() or (should_stop and should_stop()):
            raise InputError(
                "evaluate-cancelled",
                f"The maps were stopped after {len(done):,} of {len(numbers):,} pictures; start again to go on.",
                done=len(done),
                total=len(numbers),
            )
        line = _line(model, dataset, rows.at([number])[0], state["about"]["method"], boxes)
        with disk_errors(out):
            append_line(out / store.LINES, line)
        done.append(line)
        rate, left = meter.update(len(done))
        if on_progress:
            on_progress(EvaluationProgress(len(done), len(numbers), _errors(done), rate, left, "running"))
    with disk_errors(out):
        store.write_maps(out, done, state["about"])
        store.write_state(out, state | {"state": "done", "done": len(done), "errors": _errors(done)})
        (out / store.LINES).unlink(missing_ok=True)


def _line(model: VisionTransformer, dataset: ImageDataset, row: dict, method: str, boxes: Mapping) -> dict:
    line = {"number": row["number"], "path": row["path"], "wrong": row["predicted"] != row["label"]}
    try:
        number = index_of(dataset, row)
        images, crop = model.transform(dataset.read(number))
        found = at.attribute(model, images, row["predicted"], method)
    except InputError as error:
        return line | {"error": error.to_json()}
    values = found.on_grid.float().cpu()
    if own := boxes.get(dataset.names[number]):
        coverage = at.patch_coverage(own, crop, model.config.patch_size)
        if coverage.any() and (values > 0).any():
            line["box"] = at.energy_in_box(values, coverage).share
    packed = store.pack_map(values.numpy())
    return line | {"rows": found.grid[0], "cols": found.grid[1], "map": base64.b64encode(packed).decode()}


def _digest(boxes: Mapping | None) -> str | None:
    """What identifies the boxes; None without any."""
    if not boxes:
        return None
    text = json.dumps(sorted(boxes.items()))
    return hashlib.blake2b(text.encode("ascii"), digest_size=16).hexdigest()


def _check_same_model(model: VisionTransformer, out: Path) -> None:
    was = read_run(out).get("identity", {})
    now = {"model": weights_digest(model)} | ({"input": input_text(model)} if model.shares_weights else {})
    if different := differences({name: was.get(name) for name in now}, now):
        raise other_run(out, different)


def _errors(done: list[dict]) -> int:
    return sum("error" in line for line in done)


def read_maps_progress(out: str | os.PathLike) -> EvaluationProgress:
    """How far the maps in `out` are. Any process may ask at any time; the run is not held up."""
    out = Path(out)
    found = store.read_state(out)
    state = found.get("state", "none")
    if is_running(out):
        state = "running" if state == "running" else "starting"
    elif state == "running":
        state = "interrupted"
    error = InputError.from_json(found["error"]) if state == "failed" and found.get("error") else None
    return EvaluationProgress(
        found.get("done", 0),
        found.get("total", 0),
        found.get("errors", 0),
        found.get("rate"),
        found.get("seconds_left") if state == "running" else None,
        state,
        error,
    )
