"""The folder of an evaluation: its run.json, its lock, and how another process starts, watches and stops the run."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from vit_core.errors import InputError
from vit_core.evaluation.store import Store, read_progress_row

RATE_SECONDS = 10.0  # over which the rate is measured
LOCK_SECONDS = 0.5  # to wait for the lock: another process may be testing it
RAY_FOLDER = ".vitrine-ray"  # of the unfinished rows of a run on Ray
SHORT_DIGEST = 8  # hex digits of a digest that people read
STATES = ("starting", "running", "done", "cancelled", "failed")
#: Names of ours that a user's own files may have; our other files are hidden and carry these names. A folder that holds
#: any of them without a run.json of ours is not touched.
NAMES = ("run.json", "rows.parquet", "rows.sqlite", "rows.sqlite-wal", "rows.sqlite-shm", "cancel")
#: Errors after which the folder is what it was before.
REFUSALS = ("evaluate-running", "evaluate-other", "evaluate-folder", "evaluate-among")

#: Code of a started process: it takes the lock first, since importing torch takes seconds. If another run holds the
#: lock, the command reports that.
CHILD = """
import contextlib, sys
from filelock import FileLock, Timeout
lock = FileLock(sys.argv[1], is_singleton=True)
with contextlib.suppress(Timeout):
    lock.acquire(timeout=5)
from vit_core.cli import main
sys.exit(main(sys.argv[2:]))
"""


@dataclass(frozen=True)
class EvaluationProgress:
    """How far a run is. `rate` is pictures a second; it and `seconds_left` are None where nothing is known."""

    done: int
    total: int
    errors: int
    rate: float | None
    seconds_left: float | None
    state: str  # "none" | "starting" | "running" | "interrupted" (killed) | "done" | "cancelled" | "failed"
    error: InputError | None = None  # why it failed


def read_run(out: Path) -> dict:
    """run.json; empty if there is none, or if no evaluation wrote it."""
    try:
        run = json.loads((Path(out) / "run.json").read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return run if isinstance(run, dict) and ("identity" in run or run.get("state") in STATES) else {}


def short_digest(run: dict) -> str | None:
    """The beginning of the digest of the evaluated weights, as run.json (`run`) has it."""
    digest = run.get("identity", {}).get("model")
    return digest[:SHORT_DIGEST] if isinstance(digest, str) else None


def finished_at(out: Path, run: dict) -> datetime | None:
    """When an evaluation was finished. Evaluations from before that was noted have the time of their table."""
    try:
        return datetime.fromisoformat(run["finished"])
    except (KeyError, TypeError, ValueError):
        pass
    try:
        return datetime.fromtimestamp((out / "rows.parquet").stat().st_mtime, UTC)
    except OSError:
        return None


def write_run(out: Path, run: dict) -> None:
    part = out / ".run.json.part"
    # A folder's name may hold bytes that are not UTF-8; JSON's escapes keep them.
    part.write_text(json.dumps(run, ensure_ascii=False, indent=1) + "\n", "utf-8", "backslashreplace")
    os.replace(part, out / "run.json")


def write_table(store: Store, out: Path, run: dict, total: int, rate: float | None) -> dict:
    """Write rows.parquet from a store that holds all rows. Returns what run.json is to say at the end."""
    with disk_errors(out):
        right, known, errors = store.score()
        store.to_parquet(
            out / "rows.parquet", {k: run[k] for k in ("model", "labels", "problem_type", "source", "match")}
        )
    finished = datetime.now(UTC).isoformat(timespec="seconds")
    counts = {"done": total, "errors": errors, "right": right, "known": known, "rate": rate}
    return {"state": "done", "finished": finished, **counts}


def is_running(out: Path) -> bool:
    """Whether a process, this one included, holds the folder's lock."""
    if not (out / ".lock").exists():
        return False
    lock = FileLock(out / ".lock")  # not the singleton, which this thread could acquire again
    try:
        lock.acquire(timeout=0)
    except Timeout:
        return True
    except OSError:
        return False
    lock.release()
    return False


@contextmanager
def locked_folder(out: Path) -> Iterator[None]:
    """Makes the folder if needed and holds its lock; what ends the block early becomes the run's state.

    The lock is released when the process ends, however it ends. A thread may enter twice.
    Raises InputError "evaluate-running", "evaluate-folder" (its files are someone else's), "evaluate-disk".
    """
    made = [path for path in (out / "run.json", out / ".lock", out, *out.parents) if not path.exists()]
    lock, discard = _acquire(out), False
    try:
        yield
    except InputError as error:
        discard = error.code == "evaluate-among"
        # A run that `start_process` began has no other way to report a refusal.
        refused = error.code in REFUSALS and read_run(out).get("state") != "starting"
        if error.code != "evaluate-cancelled" and not refused:
            _end(out, "failed", error)
        raise
    except KeyboardInterrupt:
        _end(out, "cancelled", None)
        raise
    except Exception as error:
        what = f"{type(error).__name__}: {error}"
        _end(out, "failed", InputError("evaluate-failed", f"An unexpected error ended it ({what}).", reason=what))
        raise
    finally:
        lock.release()
        if discard:
            _delete(made)


def _acquire(out: Path) -> FileLock:
    if not read_run(out) and (names := [name for name in NAMES if os.path.lexists(out / name)]):
        raise InputError(
            "evaluate-folder",
            f"{out} holds {', '.join(names)}, which no evaluation has written; nothing there was touched. Choose "
            "another folder.",
            out=str(out),
            names=names,
        )
    with disk_errors(out):
        out.mkdir(parents=True, exist_ok=True)
        lock = FileLock(out / ".lock", is_singleton=True)
        held = lock.is_locked  # then "cancel" is of this run: somebody stopped it while it was loading
        try:
            lock.acquire(timeout=LOCK_SECONDS)
        except Timeout:
            raise InputError(
                "evaluate-running",
                f"An evaluation is already running in {out}; wait for it, or cancel it.",
                out=str(out),
            ) from None
        try:
            if not held:
                (out / "cancel").unlink(missing_ok=True)
            if not read_run(out):
                write_run(out, {"state": "starting"})  # from here on the folder is known as ours
        except BaseException:
            lock.release()
            raise
    return lock


def _delete(made: list[Path]) -> None:
    """Delete what a refused run made: even an empty folder among the pictures would become one of their classes."""
    with suppress(OSError):  # a folder may have been used since
        for path in made:
            path.rmdir() if path.is_dir() else path.unlink()


def _end(out: Path, state: str, error: InputError | None) -> None:
    """Write the run's last state if the disk has room. A finished run stays finished until the next one begins."""
    if (run := read_run(out)).get("state") != "done":
        with suppress(OSError):
            write_run(out, run | {"state": state, "error": error and error.to_json()})


def read_progress(out: str | os.PathLike) -> EvaluationProgress:
    """How far the run in `out` is. Any process may ask at any time; the run is not held up."""
    out = Path(out)
    running, run = is_running(out), read_run(out)
    state = run.get("state", "starting" if running else "none")
    if state in ("starting", "running") and not running:
        run = read_run(out)  # it may have ended since it was read
        state = run.get("state", "none")
        if state in ("starting", "running"):
            state = "interrupted" if "total" in run else "none"  # killed before it knew what to run
    done, errors, rate, left = run.get("done", 0), run.get("errors", 0), run.get("rate"), None
    if state != "done" and (row := read_progress_row(out / "rows.sqlite")):
        done, errors, rate, left = row
    if state != "running":
        left = 0.0 if state == "done" else None
    error = InputError.from_json(run["error"]) if run.get("error") else None
    return EvaluationProgress(done, run.get("total", 0), errors, rate, left, state, error)


def cancel(out: str | os.PathLike) -> None:
    """Ask the run in `out` to stop after the current batch. Started again, it continues there."""
    (Path(out) / "cancel").touch()


def start_process(
    model: str,
    source: str | os.PathLike,
    out: str | os.PathLike,
    *,
    command: str = "evaluate",
    labels: str | os.PathLike | None = None,
    table: str | os.PathLike | None = None,
    batch: int | None = None,
    workers: int | None = None,
    device: str | None = None,
    restart: bool = False,
    engine: str | None = None,
    boxes: str | os.PathLike | None = None,
) -> subprocess.Popen:
    """Run `python -m vit_core evaluate` in a process that outlives this one; its output goes to log.txt.

    `command` "maps" computes maps for the finished evaluation in `out` instead; it takes `labels`, `boxes`, `device`
    and `restart`. Returns when the process holds the folder's lock. Arguments are those of the command line. Raises
    InputError "evaluate-running", "evaluate-folder", "evaluate-disk"; other errors become the run's state
    (`read_progress`).
    """
    out = Path(out)
    options = {
        "--labels": labels,
        "--table": table,
        "--batch": batch,
        "--workers": workers,
        "--device": device,
        "--engine": engine,
        "--boxes": boxes,
    }
    words = [
        *(sys.executable, "-c", CHILD, str(out / ".lock")),
        *(command, os.fspath(source), "--model", model, "--out", str(out)),
        *(word for name, value in options.items() if value is not None for word in (name, str(value))),
        *["--restart"] * restart,
    ]
    home = str(Path(__file__).resolve().parents[2])
    env = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, [home, os.environ.get("PYTHONPATH")]))}
    if os.name == "nt":
        detached: dict[str, Any] = {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP | subprocess.CREATE_NO_WINDOW}
    else:
        detached = {"start_new_session": True}
    lock = _acquire(out)
    try:
        with disk_errors(out), open(out / "log.txt", "ab") as log:
            run = read_run(out)
            if command == "evaluate" and (restart or run.get("state") != "done"):
                write_run(out, run | {"state": "starting", "error": None})
            process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=env, **detached)
    finally:
        lock.release()
    while process.poll() is None and not is_running(out):
        time.sleep(0.01)
    return process


@contextmanager
def disk_errors(out: Path) -> Iterator[None]:
    """Turns the system's errors about a folder that cannot be written into InputError "evaluate-disk"."""
    try:
        yield
    except (OSError, sqlite3.DatabaseError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise InputError(
            "evaluate-disk",
            f"The results cannot be written to {out} ({reason}); make room or choose another folder, and start again: "
            "finished rows are kept.",
            out=str(out),
            reason=reason,
        ) from error


class RateMeter:
    """Pictures a second over the last RATE_SECONDS, and the seconds left at that rate."""

    def __init__(self, done: int, total: int):
        self.total, self._history = total, deque([(time.monotonic(), done)])

    def update(self, done: int) -> tuple[float, float]:
        now = time.monotonic()
        self._history.append((now, done))
        while len(self._history) > 2 and self._history[1][0] < now - RATE_SECONDS:
            self._history.popleft()
        then, before = self._history[0]
        rate = (done - before) / max(now - then, 1e-9)
        return rate, (self.total - done) / rate
