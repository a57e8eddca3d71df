"""Measures attribution methods over a data set, picture by picture, in a folder from which a killed run continues.

Like an evaluation's, the folder holds run.json, and rows.parquet once all is measured. Until then each finished picture
is a line of JSON in a hidden file, so a killed run loses the picture it was at.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import torch

from vit_core import attribution as at
from vit_core.attribution.faithfulness import RANDOM_ORDERS, STEPS
from vit_core.data import ImageDataset
from vit_core.errors import InputError
from vit_core.evaluation.folder import (
    EvaluationProgress,
    RateMeter,
    disk_errors,
    locked_folder,
    read_run,
    write_run,
)
from vit_core.evaluation.plan import differences, make_plan, match_model, other_run
from vit_core.evaluation.run import check_folder, check_model
from vit_core.evaluation.store import storable
from vit_core.json_lines import append_line, cut_unfinished_line, read_lines
from vit_core.models import predictions
from vit_core.models.vit import VisionTransformer

#: Columns of rows.parquet, a row for each picture and method. The areas are of the deletion and insertion curves; low,
#: mean and high are what random maps get (`chance_levels`). "error": why the method gave no map; its areas are null.
COLUMNS = pa.schema(
    {
        "path": pa.string(),
        "target": pa.int32(),  # the class that the model predicts, which the map explains
        "method": pa.string(),
        "deletion": pa.float64(),
        "insertion": pa.float64(),
        **{f"{curve}_{name}": pa.float64() for curve in ("deletion", "insertion") for name in ("low", "mean", "high")},
        "error": pa.string(),
    }
)
_LINES = ".faithfulness.jsonl"


def spread_sample(count: int, limit: int | None) -> list[int]:
    """`limit` of the numbers 0 to count - 1, at equal distances, so that a sorted data set gives all its classes."""
    chosen = count if limit is None else min(limit, count)
    return [number * count // chosen for number in range(chosen)]


def measure_faithfulness(
    model: VisionTransformer,
    dataset: ImageDataset,
    out: str | os.PathLike,
    *,
    name: str,
    methods: Sequence[str] = tuple(at.METHODS),
    limit: int | None = None,
    steps: int = STEPS,
    fill: str = "mean",
    score: str = "probability",
    orders: int = RANDOM_ORDERS,
    on_progress: Callable[[EvaluationProgress], None] | None = None,
    should_stop: Callable[[], bool] | None = None,
    restart: bool = False,
) -> Path:
    """Measure `methods` on a data set's pictures, for the class that the model predicts; the path of rows.parquet.

    `name`: what run.json calls the model. `limit`: how many pictures (`spread_sample`). Other options as in
    `attribution.faithfulness` and `chance_levels`. Continues an interrupted run in `out`; `restart` deletes it. A
    picture that cannot be read is counted and has no rows. A picture that changes in between is not noticed.

    Runs with the number of threads of the first start, so that a run that continues has the same numbers. Raises
    ValueError for an unknown method, score or a number below 1, and InputError "evaluate-running", "evaluate-
    other" (the folder holds another run), "evaluate-folder", "evaluate-among", "evaluate-disk", "evaluate-cancelled",
    "model-no-head", "evaluate-regression" and "intervention-option".
    """
    if unknown := [method for method in methods if method not in at.METHODS]:
        raise ValueError(f"no such method: {', '.join(unknown)}; there are {', '.join(at.METHODS)}")
    if orders < 2 or steps < 1 or (limit is not None and limit < 1):
        raise ValueError("steps and limit must be at least 1, and orders at least 2")
    out = Path(out)
    check_folder(out, dataset)
    options = {"steps": steps, "fill": fill, "score": score}
    with locked_folder(out):
        check_model(model)
        run = make_plan(name, model, dataset, match_model(model, dataset), 1)
        numbers = spread_sample(len(dataset), limit)
        asked = options | {"orders": orders, "methods": list(methods), "limit": limit}
        run |= {"total": len(numbers), "faithfulness": asked}
        run["identity"] |= {"faithfulness": asked}
        before = {} if restart else read_run(out)
        if "identity" in before and (different := differences(before["identity"], run["identity"])):
            raise other_run(out, different)
        with disk_errors(out):
            if before.get("state") == "done" and (out / "rows.parquet").exists():
                return out / "rows.parquet"
            if "identity" not in before:
                (out / _LINES).unlink(missing_ok=True)
            # Another number of threads would change the order in which sums are added.
            run["threads"] = before.get("threads", torch.get_num_threads())
            write_run(out, run | {"state": "running", "pid": os.getpid()})
            cut_unfinished_line(out / _LINES)
            done = read_lines(out / _LINES)
        threads = torch.get_num_threads()
        torch.set_num_threads(run["threads"])
        try:
            meter = RateMeter(len(done), len(numbers))
            for number in numbers[len(done) :]:
                if (out / "cancel").exists() or (should_stop and should_stop()):
                    raise _stopped(out, run, done)
                line = _measure_one(model, dataset, number, methods, options, orders)
                with disk_errors(out):
                    append_line(out / _LINES, line)
                done.append(line)
                rate, left = meter.update(len(done))
                if on_progress:
                    on_progress(EvaluationProgress(len(done), len(numbers), _errors(done), rate, left, "running"))
        finally:
            torch.set_num_threads(threads)
        with disk_errors(out):
            _write_table(done, out / "rows.parquet", {"model": name, "weights": run["identity"]["model"]} | asked)
            write_run(out, run | {"state": "done", "done": len(done), "errors": _errors(done)})
            (out / _LINES).unlink(missing_ok=True)
    return out / "rows.parquet"


def _stopped(out: Path, run: dict, done: list[dict]) -> InputError:
    with disk_errors(out):
        write_run(out, run | {"state": "cancelled", "done": len(done), "errors": _errors(done)})
    return InputError(
        "evaluate-cancelled",
        f"The evaluation was stopped after {len(done):,} of {run['total']:,} pictures; start it again to go on.",
        done=len(done),
        total=run["total"],
    )


def _measure_one(
    model: VisionTransformer, dataset: ImageDataset, number: int, methods: Sequence[str], options: dict, orders: int
) -> dict:
    """One picture's line: the areas of all methods and of random maps, or the reason why it could not be read."""
    line = {"path": storable(dataset.names[number])}
    try:
        images, _ = model.transform(dataset.read(number))
    except InputError as error:
        return line | {"error": str(error)}
    images = images.to(next(model.parameters()).device)
    with torch.no_grad():
        target = int(predictions.scores(model(images)[0], model.config.problem_type).argmax())
    measured: dict[str, list[float] | str] = {}
    for method in methods:
        try:
            found = at.faithfulness(
                model, images, at.attribute(model, images, target, method).values, target, **options
            )
        except InputError as error:
            if error.code != "attribution-empty":
                raise
            measured[method] = str(error)
        else:
            measured[method] = [found.deletion.auc, found.insertion.auc]
    return line | {
        "target": target,
        "chance": at.chance_levels(model, images, target, orders=orders, **options),
        "methods": measured,
    }


def _errors(done: list[dict]) -> int:
    return sum("error" in line for line in done)


def _rows(done: list[dict]) -> Iterator[dict]:
    for line in done:
        if "error" in line:
            continue
        random = {
            f"{curve}_{name}": value
            for curve, values in zip(("deletion", "insertion"), line["chance"], strict=True)
            for name, value in zip(("mean", "low", "high"), values, strict=True)
        }
        for method, areas in line["methods"].items():
            row = {"path": line["path"], "target": line["target"], "method": method, **random}
            yield row | ({"error": areas} if isinstance(areas, str) else {"deletion": areas[0], "insertion": areas[1]})


def _write_table(done: list[dict], path: Path, about: dict) -> None:
    part = path.with_name(f".{path.name}.part")
    schema = COLUMNS.with_metadata({"vitrine": json.dumps(about)})
    pq.write_table(pa.Table.from_pylist(list(_rows(done)), schema=schema), part, compression="zstd")
    os.replace(part, path)
