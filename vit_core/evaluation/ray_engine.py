"""The evaluation on Ray Data, for more than one machine: the local run's rows, to the bit, on machines like this one.

In `out/.vitrine-ray/`, `parts/` holds Ray's Parquet files, each a block of whole batches, and `commits/` Ray's
checkpoint: the paths that each part holds. Ray writes a checkpoint as pending, then the part, then renames the
checkpoint. A part counts once that is done; pending checkpoints are deleted when the run continues. An actor always
computes a whole batch as the local run cuts it, with as many threads, even if Ray asks for a few of its rows, so the
numbers do not depend on what was killed.

Without RAY_ADDRESS, a cluster of this machine is started and ended with the run; only this run has its token. With
RAY_ADDRESS that cluster is used: `out` and the pictures must lie on a file system that its machines share, and vit_core
must be installed on each.
"""

from __future__ import annotations

import os
import threading
import warnings
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch

from vit_core.data import ImageDataset
from vit_core.evaluation.batch import batch_rows, predict_batch
from vit_core.evaluation.decode import DecoderPool, changed_positions
from vit_core.evaluation.folder import RAY_FOLDER, EvaluationProgress, RateMeter, disk_errors, write_table
from vit_core.evaluation.store import Store, arrow_schema, columns_of, storable
from vit_core.models.device import cpu_copy
from vit_core.ray_cluster.cluster import join_or_start, ray_error  # before ray, which reads its settings on import

# isort: split
import ray
from ray.data import ActorPoolStrategy, DataContext, Datasource, ReadTask
from ray.data.block import BlockMetadata
from ray.data.checkpoint import CheckpointConfig
from ray.util.annotations import RayDeprecationWarning

MAX_BLOCKS = 2_000  # each is two files and some tasks
POLL_SECONDS = 0.2
PENDING = ".pending.parquet"
MAX_BLOCK_RETRIES = 3  # after its actor was killed; Ray's default has no limit


class Manifest(Datasource):
    """The pictures as rows (path, position), `block` rows in a block."""

    def __init__(self, names, block: int):
        super().__init__()
        self.names, self.block = names, block

    def estimate_inmemory_data_size(self) -> int:
        return 100 * len(self.names)

    def get_read_tasks(self, parallelism, per_task_row_limit=None, data_context=None) -> list[ReadTask]:
        tasks = []
        for start in range(0, len(self.names), self.block):
            end = min(start + self.block, len(self.names))
            rows = pa.table(
                {
                    "path": [storable(name) for name in self.names[start:end]],
                    "position": pa.array(range(start, end), pa.int64()),
                }
            )
            about = BlockMetadata(num_rows=end - start, size_bytes=rows.nbytes, exec_stats=None, input_files=None)
            tasks.append(ReadTask(lambda rows=rows: [rows], about, rows.schema, per_task_row_limit))
        return tasks


class Evaluator:
    """An actor: holds the model and turns blocks of the manifest into rows of the table."""

    def __init__(self, shared, target: np.ndarray, batch: int, threads: int, device: str, stop: Path):
        torch.set_num_threads(threads)  # another number would change the order in which sums are added
        (model, alignment, self.dataset), self.stop = ray.get(shared), stop
        _align(model, alignment)
        self.model = model.to(device)
        self.target, self.batch = target, batch
        self.decoders = DecoderPool(self.dataset, model.transform, 1)  # a picture may crash the process that reads it

    def __call__(self, block: pa.Table) -> pa.Table:
        positions, rows = block["position"].to_numpy(), []
        batches = (
            range(start, min(len(self.dataset), start + self.batch))
            for start in (np.unique(positions // self.batch) * self.batch).tolist()
        )
        for batch, facts, pixels in self.decoders.batches(batches):
            if self.stop.exists():
                raise Stopped
            kind = self.model.config.problem_type
            found = batch_rows(self.dataset, batch, self.target, facts, *predict_batch(self.model, pixels), kind)
            rows += [found[p - batch.start] | {"position": p} for p in positions.tolist() if p in batch]
        schema = arrow_schema(columns=columns_of(self.model.config.problem_type))
        return pa.Table.from_pylist(rows, schema.append(pa.field("position", pa.int64())))


def _alignment(model: torch.nn.Module) -> dict[str, int]:
    """Each weight's address modulo 64 bytes, a vector register: the last bit of a sum may depend on it."""
    return {name: weight.data_ptr() % 64 for name, weight in model.named_parameters()}


def _align(model: torch.nn.Module, alignment: dict[str, int]) -> None:
    for name, weight in model.named_parameters():
        memory = torch.empty(weight.nbytes + 64, dtype=torch.uint8)
        start = (alignment[name] - memory.data_ptr()) % 64
        weight.data = memory[start : start + weight.nbytes].view(weight.dtype).view(weight.shape).copy_(weight.data)


class Stopped(Exception):
    """The run was asked to stop."""


class Parts:
    """The files that Ray has written and committed in a folder."""

    def __init__(self, out: Path):
        self.files, self.commits = (out / RAY_FOLDER / name for name in ("parts", "commits"))
        self._known: dict[Path, tuple[int, int]] = {}

    def _commit(self, part: Path) -> Path:
        return self.commits / (part.name.rpartition("-")[0] + ".parquet")  # a part's name ends in one more number

    def committed(self) -> Iterator[Path]:
        """The parts that count. A part that a killed run left half written has no commit."""
        names = {file.name for file in self.commits.glob("*.parquet") if not file.name.endswith(PENDING)}
        return (file for file in sorted(self.files.glob("*.parquet")) if self._commit(file).name in names)

    def count(self) -> tuple[int, int]:
        """(rows, rows with an error), from the files' footers; each is read once."""
        for file in self.committed():
            if file not in self._known:
                about = pq.read_metadata(file)
                groups = [about.row_group(i) for i in range(about.num_row_groups)]
                at = [about.schema.column(i).path for i in range(about.num_columns)].index("error")
                self._known[file] = about.num_rows, sum(g.num_rows - g.column(at).statistics.null_count for g in groups)
        counts = self._known.values()
        return sum(rows for rows, _ in counts), sum(errors for _, errors in counts)

    def uncommit_changed(self, dataset: ImageDataset) -> None:
        """Make parts that hold a changed picture pending again, so that Ray discards them."""
        for file in list(self.committed()):
            seen = pq.read_table(file, columns=["position", "size", "mtime_ns"]).to_pylist()
            if any(True for _ in changed_positions(dataset, (row.values() for row in seen))):
                commit = self._commit(file)
                commit.rename(commit.with_name(commit.name.removesuffix(".parquet") + PENDING))

    def copy_into(self, store: Store, total: int) -> list[int]:
        """Write the committed rows to the store, one for each position. Returns the positions without a row."""
        missing = np.ones(total, bool)
        for file in self.committed():
            table = pq.read_table(file).sort_by("position")
            positions, rows = table["position"].to_numpy(), table.drop_columns("position").to_pylist()
            missing[positions] = False
            for run in np.split(np.arange(len(rows)), np.flatnonzero(np.diff(positions) != 1) + 1):
                store.write(int(positions[run[0]]), (rows[i] for i in run), (total, 0, None, None))
        return np.flatnonzero(missing).tolist()


def _rows_left(model, dataset: ImageDataset, out: Path, run: dict, batch: int, actors: int, parts: Parts):
    """Ray's lazy dataset of the rows to compute. Ray leaves out the paths that are committed."""
    device = next(model.parameters()).device.type
    context = DataContext.get_current().copy()
    context.enable_progress_bars = False
    context.checkpoint_config = CheckpointConfig(
        "path", str(parts.commits.absolute()), delete_checkpoint_on_success=False
    )
    DataContext._set_current(context)
    total = len(dataset)
    block = batch * -(-total // (batch * MAX_BLOCKS))  # whole batches
    pictures = ray.data.read_datasource(Manifest(dataset.names, block), override_num_blocks=-(-total // block))
    shared = ray.put((cpu_copy(model), _alignment(model), dataset))
    arguments = dict(
        shared=shared,
        target=np.asarray(run["match"]["target"], np.int32),
        batch=batch,
        threads=run["threads"],
        device=device,
        stop=(out / "cancel").absolute(),
    )
    with warnings.catch_warnings(action="ignore", category=RayDeprecationWarning):  # no other name for it exists yet
        return pictures.map_batches(
            Evaluator,
            batch_size=None,
            batch_format="pyarrow",
            fn_constructor_kwargs=arguments,
            compute=ActorPoolStrategy(size=actors),
            max_task_retries=MAX_BLOCK_RETRIES,
            num_gpus=int(device == "cuda"),
            num_cpus=run["threads"] if os.environ.get("RAY_ADDRESS") else 1,
        )


def run_ray(
    model, dataset: ImageDataset, out: Path, run: dict, batch: int, workers: int | None, on_progress, should_stop
) -> dict:
    """As `run_local`, with `workers` actors that decode and compute (default: as many as the cores have room for).

    Raises InputError "evaluate-ray" if Ray fails, and "evaluate-disk".
    """
    total, parts = len(dataset), Parts(out)
    actors = workers or max(1, (os.cpu_count() or 1) // run["threads"])
    with disk_errors(out):
        parts.uncommit_changed(dataset)
        store = Store(out / "rows.sqlite", columns_of(model.config.problem_type))
    try:
        done, errors = parts.count()
        rate, meter = None, RateMeter(done, total)
        if done < total:
            failures: list[Exception] = []
            with ExitStack() as stack:
                join_or_start(model, actors, stack)
                rows = _rows_left(model, dataset, out, run, batch, actors, parts)
                thread = threading.Thread(target=_write_parts, args=(rows, parts, failures), daemon=True)
                thread.start()
                while thread.is_alive():
                    thread.join(POLL_SECONDS)
                    if should_stop and should_stop():
                        (out / "cancel").touch()  # the actors check for it
                    before, (done, errors) = done, parts.count()
                    if done > before:
                        rate, left = meter.update(done)
                        with disk_errors(out):
                            store.write(0, [], (done, errors, rate, left))
                        if on_progress:
                            on_progress(EvaluationProgress(done, total, errors, rate, left, "running"))
            if failures and (out / "cancel").exists():
                return {"state": "cancelled", "done": done, "errors": errors}
            if failures:
                raise ray_error(f"{type(failures[0]).__name__}: {failures[0]}".strip().splitlines()[-1]) from failures[
                    0
                ]
        with disk_errors(out):
            missing = parts.copy_into(store, total)
        if missing:
            raise ray_error(f"{len(missing):,} pictures have no row, the first is {dataset.names[missing[0]]!r}")
        return write_table(store, out, run, total, rate)
    finally:
        store.close()


def _write_parts(rows, parts: Parts, failures: list[Exception]) -> None:
    try:
        rows.write_parquet(str(parts.files.absolute()))
    except Exception as error:
        failures.append(error)
