"""Runs a model over a labelled dataset, one row a picture, in a folder from which a killed run continues.

The folder holds run.json (what is run, and the state), rows.sqlite while it runs, rows.parquet (see `columns_of` in
store.py) when it is finished, and log.txt if `start_process` began it. The dataset's order is cut into batches
once. A batch is decoded, run and stored as a whole or not at all, with the number of threads of the first start, so a
resumed run has exactly the numbers of an uninterrupted one (on the same machine). A file that changed since has its
batch run again, also in a finished run.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from vit_core import checkpoints
from vit_core.attention.trace import prepare
from vit_core.checkpoints import check_labels
from vit_core.data import ImageDataset
from vit_core.data.dataset import FILE_KINDS
from vit_core.errors import InputError
from vit_core.evaluation.batch import batch_rows, predict_batch
from vit_core.evaluation.decode import DecoderPool, changed_positions
from vit_core.evaluation.folder import (
    RAY_FOLDER,
    EvaluationProgress,
    RateMeter,
    disk_errors,
    locked_folder,
    read_run,
    write_run,
    write_table,
)
from vit_core.evaluation.plan import (
    check_predicts_classes,
    choose_batch,
    default_workers,
    differences,
    make_plan,
    match_model,
    other_run,
)
from vit_core.evaluation.store import Store, columns_of, table_stats
from vit_core.models.vit import VisionTransformer

ENGINES = ("local", "ray")


def evaluate(
    model: str | VisionTransformer,
    dataset: ImageDataset,
    out: str | os.PathLike,
    *,
    table: dict[str, str] | None = None,
    batch: int | None = None,
    workers: int | None = None,
    device: str | None = None,
    on_progress: Callable[[EvaluationProgress], None] | None = None,
    should_stop: Callable[[], bool] | None = None,
    restart: bool = False,
    name: str | None = None,
    engine: str = "local",
) -> Path:
    """Run `model` (a name for `load`, or a model that run.json calls `name`) over a dataset; the path of rows.parquet.

    Continues an interrupted run in `out`. Of a finished run, only batches with a changed file are run again (on Ray,
    all of them). `restart` deletes either. `table` maps the dataset's classes to the model's. `batch`: pictures at
    once; None is the batch size of the run in `out`, or `default_batch`. `workers`: processes that decode (0: none;
    None: `default_workers`). `engine` "ray" runs on Ray Data with `workers` actors.

    Raises InputError "evaluate-running", "evaluate-other" (the folder holds another run), "evaluate-folder" (it
    holds files that no run wrote), "evaluate-among" (it lies among the pictures), "evaluate-cancelled", "evaluate-
    disk" (finished rows are kept), "evaluate-workers", "evaluate-memory", "evaluate-option", "evaluate-ray", "ray-
    missing", "model-no-head", "evaluate-regression" (a model without classes), "image-channels", "checkpoint-
    config" (no `transform`), "labels-count" and "labels-format" (of a model in memory), and what `load` raises.
    """
    out = Path(out)
    _check_options(batch, workers, engine)
    check_folder(out, dataset)
    with locked_folder(out):
        if engine == "ray":
            from vit_core.evaluation.ray_engine import run_ray  # ray is optional

            run_batches: Callable[..., dict] = run_ray
        else:
            run_batches = run_local
        loaded = checkpoints.load(model, device) if isinstance(model, str) else model
        check_model(loaded)
        if loaded.config.problem_type == "multi_label":
            dataset = dataset.with_all_labels()
        before = {} if restart else read_run(out)
        batch = choose_batch(batch, loaded, before)
        name = name or (model if isinstance(model, str) else "(a model in memory)")
        run = make_plan(name, loaded, dataset, match_model(loaded, dataset, table), batch)
        threads = torch.get_num_threads()
        with disk_errors(out):
            if _is_finished(out, dataset, engine, before, run):
                return out / "rows.parquet"
            if workers is None and engine == "local":
                workers = default_workers(next(loaded.parameters()).device)
            # Another number of threads would change the order in which sums are added.
            run["threads"] = before.get("threads", threads)
            run |= {"state": "running", "pid": os.getpid(), "workers": workers, "engine": engine}
            write_run(out, run)
        torch.set_num_threads(run["threads"])
        try:
            end = run_batches(loaded, dataset, out, run, batch, workers, on_progress, should_stop)
        except torch.OutOfMemoryError as error:
            raise InputError(
                "evaluate-memory",
                f"The device's memory is too small for {batch} pictures at once; choose a smaller batch.",
                batch=batch,
            ) from error
        finally:
            torch.set_num_threads(threads)
        with disk_errors(out):
            write_run(out, run | end)
            if end["state"] == "done":
                _delete_unfinished(out)
                return out / "rows.parquet"
        raise InputError(
            "evaluate-cancelled",
            f"The evaluation was stopped after {end['done']:,} of {len(dataset):,} pictures; start it again to go on.",
            done=end["done"],
            total=len(dataset),
        )


def run_local(
    model: VisionTransformer,
    dataset: ImageDataset,
    out: Path,
    run: dict,
    batch: int,
    workers: int,
    on_progress: Callable[[EvaluationProgress], None] | None,
    should_stop: Callable[[], bool] | None,
) -> dict:
    """Run the batches that are not stored yet and write the table. Returns what run.json is to say at the end."""
    total, target = len(dataset), np.asarray(run["match"]["target"], np.int32)
    with disk_errors(out):
        store = Store(out / "rows.sqlite", columns_of(model.config.problem_type))
    decoders = None
    try:
        with disk_errors(out):
            complete = store.complete_batches(total, batch)
            complete -= {position // batch for position in changed_positions(dataset, store.stats())}
            errors = store.count_errors(complete, batch)
        todo = [n for n in range(-(-total // batch)) if n not in complete]
        ranges = [range(n * batch, min(total, (n + 1) * batch)) for n in todo]
        done, rate = total - sum(map(len, ranges)), None
        meter = RateMeter(done, total)
        decoders = DecoderPool(dataset, model.transform, workers)
        decoded = decoders.batches(ranges)
        for _ in ranges:
            if (out / "cancel").exists() or (should_stop and should_stop()):
                return {"state": "cancelled", "done": done, "errors": errors}
            positions, facts, pixels = next(decoded)
            rows = batch_rows(
                dataset, positions, target, facts, *predict_batch(model, pixels), model.config.problem_type
            )
            done, errors = done + len(rows), errors + sum(row["error"] is not None for row in rows)
            rate, left = meter.update(done)
            with disk_errors(out):
                store.write(positions.start, rows, (done, errors, rate, left))
            if on_progress:
                on_progress(EvaluationProgress(done, total, errors, rate, left, "running"))
        return write_table(store, out, run, total, rate)
    finally:
        if decoders:
            decoders.close()
        store.close()


def _check_options(batch, workers, engine) -> None:
    """Raises InputError "evaluate-option"."""
    checks = {
        "engine": (engine in ENGINES, " or ".join(map(repr, ENGINES)), engine, list(ENGINES)),
        "batch": (
            batch is None or (type(batch) is int and batch >= 1),
            "None or an integer from 1",
            batch,
            "None, 1, 2, ...",
        ),
        "workers": (
            workers is None or (type(workers) is int and workers >= 0),
            "None or an integer from 0",
            workers,
            "None, 0, 1, 2, ...",
        ),
    }
    for name, (good, expected, got, allowed) in checks.items():
        if not good:
            raise InputError(
                "evaluate-option",
                f"{name} must be {expected}, not {got!r}",
                option=name,
                got=repr(got),
                allowed=allowed,
            )


def check_folder(out: Path, dataset: ImageDataset) -> None:
    """A run must not add files to class folders, where they would become a class. Raises InputError "evaluate-among".

    Hidden folders are allowed, and so is the folder of a dataset that is one file.
    """
    top, here = os.path.realpath(dataset.root), os.path.realpath(out)
    try:
        inside = os.path.relpath(here, top).split(os.sep)
    except ValueError:  # another drive of Windows
        return
    if os.pardir in inside or dataset.kind not in FILE_KINDS:
        return
    if dataset.kind == "table" and here != top:
        among = any(name.startswith("/".join([*inside, ""])) for name in dataset.names)
    else:
        among = here == top or not any(name.startswith(".") for name in inside)
    if among:
        raise InputError(
            "evaluate-among",
            f"{out} lies among the pictures of {top}, and an evaluation adds nothing to a data set; choose a folder "
            "outside it.",
            out=str(out),
            root=top,
        )


def check_model(model: VisionTransformer) -> None:
    """Raises what would otherwise go wrong in every row: InputError "model-no-head" and what `evaluate` lists."""
    check_predicts_classes(model)
    check_labels(model.labels and list(model.labels), model.config, "the model")
    prepare(model, Image.new("RGB", (1, 1)))


def _is_finished(out: Path, dataset: ImageDataset, engine: str, before: dict, run: dict) -> bool:
    """Whether the finished table in `out` is up to date. Otherwise prepares the folder for the run.

    `before` is the run.json of the run to continue, empty for a new one. Raises InputError "evaluate-other".
    """
    if "identity" not in before:
        _delete_unfinished(out)  # before run.json says that the rows in the folder belong to this run
        (out / "rows.parquet").unlink(missing_ok=True)
        return False
    if different := differences(before["identity"], run["identity"]):
        raise other_run(out, different)
    if before["state"] == "done" and (out / "rows.parquet").exists():
        _delete_unfinished(out)  # left by a run that was killed at its very end
        return _is_up_to_date(out, dataset, engine, columns_of(run["problem_type"]))
    if before.get("engine", "local") != engine:  # the engines store unfinished rows differently
        raise other_run(out, ["engine"])
    return False


def _is_up_to_date(out: Path, dataset: ImageDataset, engine: str, columns: dict[str, str]) -> bool:
    """Whether no picture has changed since the table was written.

    Otherwise its rows go back to the store, so that only batches with a changed picture are run again. A damaged table,
    or one to be run again on Ray, is discarded.
    """
    try:
        if not any(True for _ in changed_positions(dataset, table_stats(out / "rows.parquet"))):
            return True
        if engine == "local":
            with closing(Store(out / "rows.sqlite", columns)) as store:
                store.refill(out / "rows.parquet")
    except (OSError, ValueError, KeyError):  # includes Arrow's errors
        _delete_unfinished(out)
    return False


def _delete_unfinished(out: Path) -> None:
    """Delete the unfinished rows of either engine."""
    Store.remove(out / "rows.sqlite")
    for folder in ("commits", "parts", ""):  # in this order: a commit without its part would be lost rows
        if (out / RAY_FOLDER / folder).exists():
            shutil.rmtree(out / RAY_FOLDER / folder)
