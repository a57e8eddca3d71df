"""A model run over a labelled source, one row a picture, in a folder that a killed run goes on in.

`out/` holds run.json (what is run, and the state), rows.sqlite while it runs, rows.parquet (see `rows.COLUMNS`) when it
is finished, and log.txt where `start` began it. The source's order is cut into batches once. A batch is decoded, run
and written as a whole or not at all, with the number of threads of the first start, so that a resumed run has the very
numbers of one that was never stopped (on the same machine). A file that changed since takes its batch with it, of a
finished run too.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from vit_core import checkpoints
from vit_core.attention.trace import autocast, prepare
from vit_core.checkpoints import check_labels
from vit_core.data.class_names import match_classes
from vit_core.data.dataset import FILE_KINDS
from vit_core.errors import InputError
from vit_core.evaluation import decode
from vit_core.evaluation.folder import Meter, Progress, cancel, describe, described, disk, progress, session, start
from vit_core.evaluation.store import Store, stats, storable
from vit_core.models.vit import VisionTransformer

__all__ = [
    "Progress",
    "cancel",
    "described",
    "differs",
    "evaluate",
    "mapped",
    "progress",
    "session",
    "start",
]

K = 5  # classes kept with their probabilities
ENGINES = ("local", "ray")
BATCH, WORK = 64, 64 * 18e9  # pictures in a batch, and on a CPU multiplications: those of 64 in a ViT-B/16 at 224
RAY = ".vitrine-ray"  # the folder in `out` of Ray's unfinished rows
FOLDER, FILE = "pictures' folder", "pictures' file"  # in a run's identity, of which a sentence names what differs


@torch.inference_mode()
def numbers(model: VisionTransformer, pixels: np.ndarray) -> tuple[Tensor, Tensor]:
    """uint8 (n, height, width, channels) -> logits (n, classes) and the vectors that the head reads (n, width), both
    float32 on the CPU."""
    weight = next(model.parameters())
    device = weight.device
    images = decode.normalise(pixels, model.transform, device).to(weight.dtype)
    with autocast(device):
        tokens = model.encode(model.embed(images))
        logits, pooled = model.classify(tokens), model.pooled(tokens)
    return logits.float().cpu(), pooled.float().cpu()


def table_rows(
    source, batch: range, target: np.ndarray, facts: list[decode.Facts], logits: Tensor, pooled: Tensor
) -> list[dict]:
    """The rows of one batch. `target`: the model's class, or -1, of each of the source's classes."""
    log_p = logits.double().log_softmax(-1)
    p = log_p.exp()
    entropy = -(p * log_p).sum(-1) / np.log(2)
    top = logits.topk(min(K, logits.shape[1])).indices
    top_p = p.gather(1, top)
    finite = (logits.isfinite().all(1) & pooled.isfinite().all(1)).tolist()
    rows = []
    for i, index in enumerate(batch):
        source_label = int(source.labels[index])
        wanted, error = int(target[source_label]) if source_label >= 0 else -1, facts[i].error
        row = dict(
            path=storable(source.names[index]),
            size=facts[i].size,
            mtime_ns=facts[i].mtime_ns,
            hash=facts[i].hash,
            source_label=source_label,
            label=wanted,
        )
        if error is None and not finite[i]:
            error = decode.reason(
                InputError("evaluate-not-finite", "The model's numbers for this picture are not finite.")
            )
        if error is None:
            first, second = top_p[i, 0].item(), top_p[i, 1].item() if top.shape[1] > 1 else 0.0
            row |= dict(
                predicted=top[i, 0].item(),
                probability=first,
                top=top[i].numpy(),
                top_p=top_p[i].numpy(),
                entropy=entropy[i].item(),
                margin=first - second,
                embedding=pooled[i].numpy(),
            )
            if wanted >= 0:
                row |= dict(p_label=p[i, wanted].item(), loss=-log_p[i, wanted].item())
        rows.append(row | {"error": error})
    return rows


def _digest(*parts: bytes) -> str:
    joined = hashlib.blake2b(digest_size=16)
    for part in parts:
        joined.update(len(part).to_bytes(8, "little") + part)
    return joined.hexdigest()


def weights_digest(model: VisionTransformer) -> str:
    """The same for the same weights, shape and preprocessing, wherever they came from."""
    state = (t.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy() for t in model.state_dict().values())
    return _digest(repr((model.config, model.transform, model.labels)).encode(), *(memoryview(t) for t in state))


def source_digest(source) -> str:
    """The same for the same pictures' names, classes and labels; not their bytes."""
    text = json.dumps([list(source.classes), list(source.names)])
    return _digest(text.encode("ascii"), np.ascontiguousarray(source.labels, np.int32).tobytes())


def default_workers(device: torch.device) -> int:
    """On the CPU the model needs the cores itself; beside a GPU they are there to decode."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(4, cores // 2)) if device.type == "cpu" else min(16, cores)


def mapped(model: VisionTransformer, source, table: dict[str, str] | None = None):
    """Which of the model's classes is which of the source's (`ClassMatch`)."""
    return match_classes(source.classes, model.labels or [f"class {i}" for i in range(model.config.classes)], table)


def default_batch(model: VisionTransformer) -> int:
    """Pictures in a batch, after which progress is said and a stop is heard: 64, on a CPU fewer of a larger model."""
    if next(model.parameters()).device.type == "cuda":
        return BATCH
    c = model.config
    length = c.num_prefix_tokens + c.grid[0] * c.grid[1]
    work = length * sum(p.numel() for p in model.parameters()) + 2 * length**2 * c.heads * c.head_dim * c.depth
    return max(1, min(BATCH, int(WORK / work)))


def _batch(batch: int | None, model: VisionTransformer, before: dict) -> int:
    """What was asked for, else what the run there had, else the default."""
    there = before.get("identity", {}).get("batch")
    return batch or (there if type(there) is int and there > 0 else default_batch(model))


def _plan(name: str, model: VisionTransformer, source, match, batch: int) -> dict:
    """What is run, as run.json has it; "identity" is what a resumed run must share with the first."""
    device, digest = next(model.parameters()).device, source.digest()
    return {
        "model": name, "labels": model.labels, "total": len(source),
        "source": {"title": storable(source.title), "kind": source.kind, "root": str(Path(source.root).absolute()),
                   "classes": [storable(c) for c in source.classes]},
        "match": {"by": match.by, "target": match.target.tolist(), "unknown": [storable(c) for c in match.unknown]},
        "identity": {"model": weights_digest(model), "source": source_digest(source),
                     "classes": _digest(np.ascontiguousarray(match.target, np.int32).tobytes()), "batch": batch,
                     "device": device.type, "torch": torch.__version__,
                     **({FOLDER: os.path.realpath(source.root)} if digest is None else {FILE: digest})},
    }  # fmt: skip


def _identity(before: dict) -> dict:
    """What a run was of. One of an older version did not say the folder there; it did not know what a file held."""
    identity, source = before.get("identity", {}), before.get("source", {})
    return ({FOLDER: os.path.realpath(source["root"])} if source.get("kind") in FILE_KINDS else {}) | identity


def differs(
    model: VisionTransformer,
    source,
    out: str | os.PathLike,
    table: dict[str, str] | None = None,
    batch: int | None = None,
) -> list[str]:
    """What the run in `out` was of that is not the same today, so that `evaluate` would refuse to go on with it."""
    before = described(Path(out))
    plan = _plan("", model, source, mapped(model, source, table), _batch(batch, model, before))
    return _differing(_identity(before), plan["identity"])


def _differing(was: dict, now: dict) -> list[str]:
    return sorted(name for name, value in was.items() if now.get(name) != value)


def _discard(out: Path) -> None:
    """Delete what a run keeps its unfinished rows in, whichever engine it is of."""
    Store.remove(out / "rows.sqlite")
    for folder in ("commits", "parts", ""):  # in this order: a commit without its part would be rows lost
        if (out / RAY / folder).exists():
            shutil.rmtree(out / RAY / folder)


def _check(batch, workers, engine) -> None:
    """What nobody should learn from an empty table. Raises InputError "evaluate-option"."""
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


def _stands(out: Path, source, engine: str) -> bool:
    """Whether the finished table is of the pictures as they are today.

    Where some are others, its rows go back to the store, for their batches alone to be run again; those of a run on
    Ray, whose store is another, or of a damaged table, do not: all of it is run anew.
    """
    try:
        if not any(True for _ in decode.changed(source, stats(out / "rows.parquet"))):
            return True
        if engine == "local":
            with closing(Store(out / "rows.sqlite")) as store:
                store.refill(out / "rows.parquet")
    except (OSError, ValueError, KeyError):  # Arrow's are among them
        _discard(out)
    return False


def _other(out: Path, differs: list[str]) -> InputError:
    return InputError(
        "evaluate-other",
        f"{out} holds an evaluation of something else (not the same: "
        f"{', '.join(differs)}); choose another folder, or --restart to throw it away.",
        out=str(out),
        differs=differs,
    )


def _apart(out: Path, source) -> None:
    """A run adds nothing to the pictures: in class folders, whatever is not hidden would be a class of them.

    Pictures in one file have nothing beside them that could be taken for theirs. Raises InputError "evaluate-among".
    """
    top, here = os.path.realpath(source.root), os.path.realpath(out)
    inside = os.path.relpath(here, top).split(os.sep)
    if os.pardir in inside or source.kind not in FILE_KINDS:
        return
    if source.kind == "table" and here != top:
        among = any(name.startswith("/".join([*inside, ""])) for name in source.names)
    else:
        among = here == top or not any(name.startswith(".") for name in inside)
    if among:
        raise InputError(
            "evaluate-among",
            f"{out} lies among the pictures of {top}, and an evaluation adds nothing to "
            "a data set; choose a folder outside it.",
            out=str(out),
            root=top,
        )


def evaluate(
    model: str | VisionTransformer,
    source,
    out: str | os.PathLike,
    *,
    table: dict[str, str] | None = None,
    batch: int | None = None,
    workers: int | None = None,
    device: str | None = None,
    on_progress: Callable[[Progress], None] | None = None,
    should_stop: Callable[[], bool] | None = None,
    restart: bool = False,
    name: str | None = None,
    lock: int | None = None,
    engine: str = "local",
) -> Path:
    """Run `model` (a name for `load`, or a model called `name`) over `source` (an `ImageDataset`); the path of
    rows.parquet.

    A run that was interrupted in `out` goes on; of a finished one, the batches with a file whose size or time is
    another today are run again (on Ray, then all are); `restart` throws either away. `table`: the source's class ->
    the model's. `batch`: pictures at once; None is what the run there has, or `default_batch`. `workers` decode (0:
    none; default `default_workers`). `lock`: what the caller's own `session` of the folder gave. `engine` "ray": on Ray
    Data (`ray_engine`), with `workers` actors.

    Raises InputError: "evaluate-running", "evaluate-other" (the folder holds another run), "evaluate-folder" (it holds
    files that are no run's), "evaluate-among" (it lies among the pictures), "evaluate-cancelled",
    "evaluate-disk" (what is written is kept), "evaluate-workers", "evaluate-memory", "evaluate-ray-missing",
    "evaluate-ray", "evaluate-option", "model-no-head", "image-channels", "checkpoint-config" (no `transform`),
    "labels-count" and "labels-format" (of a model in memory), and what `load` raises.
    """
    out = Path(out)
    _check(batch, workers, engine)
    _apart(out, source)
    if lock is None:
        with session(out) as held:
            return evaluate(
                model,
                source,
                out,
                table=table,
                batch=batch,
                workers=workers,
                device=device,
                name=name,
                on_progress=on_progress,
                should_stop=should_stop,
                restart=restart,
                lock=held,
                engine=engine,
            )
    if engine == "ray":
        from vit_core.evaluation.ray_engine import run_ray as running  # an extra: it may not be installed
    else:
        running = _run
    loaded = checkpoints.load(model, device) if isinstance(model, str) else model
    if loaded.head is None:
        raise InputError("model-no-head", "this model has no classification head, so it predicts nothing")
    check_labels(loaded.labels and list(loaded.labels), loaded.config.classes, "the model")
    prepare(loaded, Image.new("RGB", (1, 1)))  # a model that takes no picture raises, once instead of in every row
    name = name or (model if isinstance(model, str) else "(a model in memory)")
    before = described(out)
    batch = _batch(batch, loaded, {} if restart else before)
    run = _plan(name, loaded, source, mapped(loaded, source, table), batch)
    threads = torch.get_num_threads()
    with disk(out):
        was, now = _identity(before), run["identity"]
        if not restart and (other := _differing(was, now)):
            raise _other(out, other)
        if restart or was.keys() != now.keys():  # none, or one of an older version that did not note all of this
            _discard(out)  # before run.json says that what is there belongs to this run
            (out / "rows.parquet").unlink(missing_ok=True)
            run["threads"] = threads
        elif before["state"] == "done" and (out / "rows.parquet").exists():
            _discard(out)  # left by one killed at its very end
            if _stands(out, source, engine):
                return out / "rows.parquet"
            run["threads"] = before["threads"]
        elif before.get("engine", "local") != engine:  # finished rows are the same, unfinished ones are kept elsewhere
            raise _other(out, ["engine"])
        else:  # with another number of threads, sums would be added up in another order
            run["threads"] = before["threads"]
        decoders = workers
        if workers is None and engine == "local":
            decoders = default_workers(next(loaded.parameters()).device)
        run |= {"state": "running", "pid": os.getpid(), "workers": decoders, "engine": engine}
        describe(out, run)
    torch.set_num_threads(run["threads"])
    try:
        end = running(loaded, source, out, run, batch, decoders, on_progress, should_stop)
    except torch.OutOfMemoryError as error:
        raise InputError(
            "evaluate-memory",
            f"The device's memory is too small for {batch} pictures at once; choose a smaller batch.",
            batch=batch,
        ) from error
    finally:
        torch.set_num_threads(threads)
    with disk(out):
        describe(out, run | end)
        if end["state"] == "done":
            _discard(out)
            return out / "rows.parquet"
    raise InputError(
        "evaluate-cancelled",
        f"The evaluation was stopped after {end['done']:,} of {len(source):,} "
        "pictures; started again, it goes on from there.",
        done=end["done"],
        total=len(source),
    )


def _run(model, source, out: Path, run: dict, batch: int, workers: int, on_progress, should_stop) -> dict:
    """The batches that are not there yet, then the table; what run.json is to say of the end."""
    total, target = len(source), np.asarray(run["match"]["target"], np.int32)
    with disk(out):
        store = Store(out / "rows.sqlite")
    decoder = None
    try:
        with disk(out):
            whole = store.whole(total, batch)
            whole -= {position // batch for position in decode.changed(source, store.stats())}
            errors = store.errors(whole, batch)
        numbers_left = [n for n in range(-(-total // batch)) if n not in whole]
        ranges = [range(n * batch, min(total, (n + 1) * batch)) for n in numbers_left]
        done = total - sum(map(len, ranges))
        meter = Meter(done, total)
        decoder = decode.Decoder(source, model.transform, workers)
        decoded = decoder.batches(ranges)
        for _ in ranges:
            if (out / "cancel").exists() or (should_stop and should_stop()):
                return {"state": "cancelled", "done": done, "errors": errors}
            positions, facts, pixels = next(decoded)
            rows = table_rows(source, positions, target, facts, *numbers(model, pixels))
            done, errors = done + len(rows), errors + sum(row["error"] is not None for row in rows)
            rate, left = meter.at(done)
            with disk(out):
                store.write(positions.start, rows, (done, errors, rate, left))
            if on_progress:
                on_progress(Progress(done, total, errors, rate, left, "running"))
        with disk(out):
            right, known, errors = store.score()
            store.to_parquet(out / "rows.parquet", {k: run[k] for k in ("model", "labels", "source", "match")})
        return {
            "state": "done",
            "done": done,
            "errors": errors,
            "right": right,
            "known": known,
            "rate": rate if ranges else None,
        }
    finally:
        if decoder:
            decoder.close()
        store.close()
