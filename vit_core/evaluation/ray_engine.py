"""The evaluation on Ray Data, where one machine is not enough: the same rows, to the bit, on machines like this one.

In `out/.vitrine-ray/`, a name that no folder of somebody's own has, `parts/` holds Ray's Parquet files, one a block of
whole batches; `commits/` its checkpoint, the paths that each of those files holds. Ray writes a checkpoint as pending,
then the part, then renames the checkpoint: a part counts once that is done, and what was pending is thrown away when
the run goes on. An actor computes a batch as the local run cuts it, with as many threads, whatever part of it Ray asks
for: which rows a kill took makes no difference to the numbers.

Without RAY_ADDRESS a cluster of this machine alone is started, and ended with the run; only this run has the token
that opens it. With RAY_ADDRESS that cluster is used: `out` and the pictures must lie on a file system that all its
machines share, and vit_core be installed on each.
"""

from __future__ import annotations

import json
import logging
import os
import secrets
import signal
import subprocess
import sys
import threading
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch

from vit_core.errors import InputError
from vit_core.evaluation import decode
from vit_core.evaluation.folder import Meter, Progress, disk
from vit_core.evaluation.run import RAY, numbers, table_rows
from vit_core.evaluation.store import Store, arrow_schema, storable
from vit_core.serving.queue import on_cpu

#: Read when ray is imported: it reports nothing to its makers, leaves the environment of a process without a GPU as it
#: is, says nothing of itself; alone on this machine, it listens at the loopback address and nobody else has the token.
SETTINGS = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0", "RAY_BACKEND_LOG_LEVEL": "fatal"}
ALONE = {"RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0", "RAY_AUTH_MODE": "token"}
for name, value in (SETTINGS if os.environ.get("RAY_ADDRESS") else SETTINGS | ALONE).items():
    os.environ.setdefault(name, value)

try:
    import ray
    from ray.data import ActorPoolStrategy, DataContext, Datasource, ReadTask
    from ray.data.block import BlockMetadata
    from ray.data.checkpoint import CheckpointConfig
    from ray.util.annotations import RayDeprecationWarning
except ImportError as error:
    raise InputError(
        "evaluate-ray-missing",
        'The engine "ray" needs Ray Data, which is not installed; run `pip '
        "install -r requirements-ray.txt`, or use the local engine.",
    ) from error

BLOCKS = 2_000  # at most: each is two files and some tasks
LOOK = 0.2  # seconds between two looks at what is there
PENDING = ".pending.parquet"
RETRIES = 3  # of a block whose actor was killed: by default, without end
STORE = 200 << 20  # bytes of shared memory for rows under way
#: Logical CPUs beside the actors': reading, filtering and writing wait for one each, and with none left for ever.
HELPERS = 6


class Manifest(Datasource):
    """The pictures as rows (path, position), a block for each `block` of them."""

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
    """An actor: holds the model, turns blocks of the manifest into rows."""

    def __init__(self, sent, target: np.ndarray, batch: int, threads: int, device: str, stop: Path):
        torch.set_num_threads(threads)  # as many as locally, or sums would be added up in another order
        (model, places, self.source), self.stop = ray.get(sent), stop
        _place(model, places)
        self.model = model.to(device)
        self.target, self.batch = target, batch
        self.decoder = decode.Decoder(self.source, model.transform, 1)  # a picture may end the process that reads it

    def __call__(self, block: pa.Table) -> pa.Table:
        positions, rows = block["position"].to_numpy(), []
        wholes = (
            range(start, min(len(self.source), start + self.batch))
            for start in (np.unique(positions // self.batch) * self.batch).tolist()
        )
        for whole, facts, pixels in self.decoder.batches(wholes):
            if self.stop.exists():
                raise Stopped
            found = table_rows(self.source, whole, self.target, facts, *numbers(self.model, pixels))
            wanted = [p for p in positions.tolist() if p in whole]
            rows += [found[p - whole.start] | {"position": p} for p in wanted]
        return pa.Table.from_pylist(rows, arrow_schema().append(pa.field("position", pa.int64())))


def _places(model: torch.nn.Module) -> dict[str, int]:
    """How the weights lie in memory, to a vector register's 64 bytes: the last bit of a sum may depend on it."""
    return {name: weight.data_ptr() % 64 for name, weight in model.named_parameters()}


def _place(model: torch.nn.Module, places: dict[str, int]) -> None:
    for name, weight in model.named_parameters():
        memory = torch.empty(weight.nbytes + 64, dtype=torch.uint8)
        start = (places[name] - memory.data_ptr()) % 64
        weight.data = memory[start : start + weight.nbytes].view(weight.dtype).view(weight.shape).copy_(weight.data)


class Stopped(Exception):
    """Somebody asked the run to stop."""


class Parts:
    """What Ray has written and committed in a folder."""

    def __init__(self, out: Path):
        self.files, self.commits = (out / RAY / name for name in ("parts", "commits"))
        self._known: dict[Path, tuple[int, int]] = {}

    def _commit(self, part: Path) -> Path:
        return self.commits / (part.name.rpartition("-")[0] + ".parquet")  # a part's name ends in a number of its own

    def committed(self) -> Iterator[Path]:
        """The parts that count. One that a killed run left half written has no commit."""
        names = {file.name for file in self.commits.glob("*.parquet") if not file.name.endswith(PENDING)}
        return (file for file in sorted(self.files.glob("*.parquet")) if self._commit(file).name in names)

    def count(self) -> tuple[int, int]:
        """(rows, rows with an error), from the files' footers, each read once."""
        for file in self.committed():
            if file not in self._known:
                about = pq.read_metadata(file)
                groups = [about.row_group(i) for i in range(about.num_row_groups)]
                at = [about.schema.column(i).path for i in range(about.num_columns)].index("error")
                self._known[file] = about.num_rows, sum(g.num_rows - g.column(at).statistics.null_count for g in groups)
        return tuple(map(sum, zip((0, 0), *self._known.values(), strict=True)))

    def recall_changed(self, source) -> None:
        """Parts with a picture whose file has changed since become pending again: Ray throws those away."""
        for file in list(self.committed()):
            seen = pq.read_table(file, columns=["position", "size", "mtime_ns"]).to_pylist()
            if any(True for _ in decode.changed(source, (row.values() for row in seen))):
                commit = self._commit(file)
                commit.rename(commit.with_name(commit.name.removesuffix(".parquet") + PENDING))

    def into(self, store: Store, total: int) -> list[int]:
        """The committed rows in `store`, a position once; the positions that are missing."""
        missing = np.ones(total, bool)
        for file in self.committed():
            table = pq.read_table(file).sort_by("position")
            positions, rows = table["position"].to_numpy(), table.drop_columns("position").to_pylist()
            missing[positions] = False
            for run in np.split(np.arange(len(rows)), np.flatnonzero(np.diff(positions) != 1) + 1):
                store.write(int(positions[run[0]]), (rows[i] for i in run), (total, 0, None, None))
        return np.flatnonzero(missing).tolist()


@contextmanager
def _own_signals() -> Iterator[None]:
    """Ray takes SIGTERM for itself, and aborts the process; it stays with who asked for it before."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield
    if threading.current_thread() is threading.main_thread():
        for number, handler in before.items():
            signal.signal(number, handler)


@_own_signals()
def _cluster(model: torch.nn.Module, actors: int, closing: ExitStack) -> None:
    """Connect to the cluster of RAY_ADDRESS, or start one of this machine; `closing` disconnects or ends it."""
    logging.getLogger("ray.data").setLevel(logging.ERROR)
    quiet = dict(log_to_driver=False, configure_logging=False)
    if os.environ.get("RAY_ADDRESS"):
        closing.callback(ray.shutdown)
        ray.init(**quiet)
        return
    os.environ.setdefault("RAY_AUTH_TOKEN", secrets.token_hex(32))
    cpus, store = actors + max(HELPERS, 8 - actors), STORE + 2 * sum(t.nbytes for t in model.state_dict().values())
    if sys.platform != "linux":
        closing.callback(ray.shutdown)
        ray.init(
            address="local",
            num_cpus=cpus,
            include_dashboard=False,
            object_store_memory=store,
            _node_ip_address="127.0.0.1",
            **quiet,
        )
        return
    guard = closing.enter_context(subprocess.Popen(
        [sys.executable, Path(__file__).with_name("ray_guard.py"), "--node-ip-address=127.0.0.1", f"--num-cpus={cpus}",
         f"--object-store-memory={store}", "--include-dashboard=false"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True))  # fmt: skip
    address, said = json.loads(guard.stdout.readline() or '[null, ""]')
    if address is None:
        raise _gave_up(said.strip().rpartition("\n")[2] or "its cluster did not start")
    closing.callback(ray.shutdown)  # disconnects; the guard then ends the cluster
    ray.init(address=address, _node_ip_address="127.0.0.1", **quiet)


def _dataset(model, source, out: Path, run: dict, batch: int, actors: int, parts: Parts):
    """What is left to do, lazily: Ray leaves out the paths that are committed."""
    device = next(model.parameters()).device.type
    context = DataContext.get_current().copy()
    context.enable_progress_bars = False
    context.checkpoint_config = CheckpointConfig(
        "path", str(parts.commits.absolute()), delete_checkpoint_on_success=False
    )
    DataContext._set_current(context)
    total = len(source)
    block = batch * -(-total // (batch * BLOCKS))  # whole batches
    pictures = ray.data.read_datasource(Manifest(source.names, block), override_num_blocks=-(-total // block))
    sent = ray.put((on_cpu(model), _places(model), source))
    about = dict(
        sent=sent,
        target=np.asarray(run["match"]["target"], np.int32),
        batch=batch,
        threads=run["threads"],
        device=device,
        stop=(out / "cancel").absolute(),
    )
    with warnings.catch_warnings(action="ignore", category=RayDeprecationWarning):  # until it has another name for it
        return pictures.map_batches(
            Evaluator,
            batch_size=None,
            batch_format="pyarrow",
            fn_constructor_kwargs=about,
            compute=ActorPoolStrategy(size=actors),
            max_task_retries=RETRIES,
            num_gpus=int(device == "cuda"),
            num_cpus=run["threads"] if os.environ.get("RAY_ADDRESS") else 1,
        )


def run_ray(model, source, out: Path, run: dict, batch: int, workers: int | None, on_progress, should_stop) -> dict:
    """As `evaluate._run`, with `workers` actors that decode and compute (default: as many as the cores have room for).

    Raises InputError "evaluate-ray" where Ray gives up, and "evaluate-disk".
    """
    total, parts = len(source), Parts(out)
    actors = workers or max(1, (os.cpu_count() or 1) // run["threads"])
    with disk(out):
        parts.recall_changed(source)
        store = Store(out / "rows.sqlite")
    try:
        done, errors = parts.count()
        rate, meter = None, Meter(done, total)
        if done < total:
            failed: list[Exception] = []
            with ExitStack() as closing:
                _cluster(model, actors, closing)
                dataset = _dataset(model, source, out, run, batch, actors, parts)
                work = threading.Thread(target=_written, args=(dataset, parts, failed), daemon=True)
                work.start()
                while work.is_alive():
                    work.join(LOOK)
                    if should_stop and should_stop():
                        (out / "cancel").touch()  # the actors look for it
                    before, (done, errors) = done, parts.count()
                    if done > before:
                        rate, left = meter.at(done)
                        with disk(out):
                            store.write(0, [], (done, errors, rate, left))
                        if on_progress:
                            on_progress(Progress(done, total, errors, rate, left, "running"))
            if failed and (out / "cancel").exists():
                return {"state": "cancelled", "done": done, "errors": errors}
            if failed:
                reason = f"{type(failed[0]).__name__}: {failed[0]}".strip().splitlines()[-1]
                raise _gave_up(reason) from failed[0]
        with disk(out):
            if missing := parts.into(store, total):
                raise _gave_up(f"{len(missing):,} pictures have no row, the first is {source.names[missing[0]]!r}")
            right, known, errors = store.score()
            store.to_parquet(out / "rows.parquet", {k: run[k] for k in ("model", "labels", "source", "match")})
        return {"state": "done", "done": total, "errors": errors, "right": right, "known": known, "rate": rate}
    finally:
        store.close()


def _written(dataset, parts: Parts, failed: list[Exception]) -> None:
    try:
        dataset.write_parquet(str(parts.files.absolute()))
    except Exception as error:
        failed.append(error)


def _gave_up(reason: str) -> InputError:
    return InputError(
        "evaluate-ray",
        f"Ray could not finish the evaluation ({reason}). Started again, it goes on from what is there.",
        reason=reason,
    )
