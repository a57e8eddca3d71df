"""The folder of an evaluation: its run.json, its lock, and how another process starts, watches and stops the run."""

from __future__ import annotations

import fcntl
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
from pathlib import Path

from vit_core.errors import InputError
from vit_core.evaluation.store import glance

WINDOW = 10.0  # seconds that the rate looks back
STATES = ("starting", "running", "done", "cancelled", "failed")
#: What a run writes under names that somebody's own files may have; the others are hidden, and named after these. A
#: folder that holds any of them and no run.json of ours is left as it is.
NAMES = ("run.json", "rows.parquet", "rows.sqlite", "rows.sqlite-wal", "rows.sqlite-shm", "cancel")
#: Refusals: the folder is what it was before.
REFUSED = ("evaluate-running", "evaluate-other", "evaluate-folder", "evaluate-among")


@dataclass(frozen=True)
class Progress:
    """Where a run is. `rate` is pictures a second of the last ten; None, as `seconds_left`, where nothing is known."""

    done: int
    total: int
    errors: int
    rate: float | None
    seconds_left: float | None
    state: str  # "none" | "starting" | "running" | "interrupted" (killed) | "done" | "cancelled" | "failed"
    reason: str | None = None  # of a failed one, "code: sentence"


def described(out: Path) -> dict:
    """run.json; empty where there is none, or one that no run has written."""
    try:
        run = json.loads((Path(out) / "run.json").read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return run if isinstance(run, dict) and ("identity" in run or run.get("state") in STATES) else {}


def describe(out: Path, run: dict) -> None:
    part = out / ".run.json.part"
    # A folder's name may have bytes that are not UTF-8: JSON's own escapes then, which are read back as they were.
    part.write_text(json.dumps(run, ensure_ascii=False, indent=1) + "\n", "utf-8", "backslashreplace")
    os.replace(part, out / "run.json")


def _lock(out: Path, patience: float = 0.5) -> int | None:
    """A descriptor that holds the folder's lock until it is closed, by its process's end too; None if one is held."""
    held = os.open(out / ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    until = time.monotonic() + patience  # someone may just be looking
    while True:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return held
        except BlockingIOError:
            if time.monotonic() >= until:
                os.close(held)
                return None
            time.sleep(0.02)


def _alive(out: Path) -> bool:
    if not (out / ".lock").exists():
        return False
    with suppress(OSError):
        held = _lock(out, 0)
        if held is not None:
            os.close(held)
        return held is None
    return False


@contextmanager
def session(out: Path, held: int | None = None) -> Iterator[int]:
    """The folder, made where it is missing, held by this process alone; what ends it early becomes the run's state.

    `held`: the lock's descriptor, where the process that started this one handed it over. Raises InputError
    "evaluate-running", "evaluate-folder" (what is there is someone else's) and "evaluate-disk".
    """
    parts = () if held is not None else (out / "run.json", out / ".lock", out, *out.parents)
    made = [path for path in parts if not path.exists()]
    if held is None:
        held = _take(out)
    else:
        os.set_inheritable(held, False)
    try:
        yield held
    except InputError as error:
        if error.code == "evaluate-among":
            _unmake(made)
        refused = error.code in REFUSED and described(out).get("state") != "starting"  # `start` has no other way to say
        if error.code != "evaluate-cancelled" and not refused:
            _fail(out, "failed", f"{error.code}: {error}")
        raise
    except KeyboardInterrupt:
        _fail(out, "cancelled", None)
        raise
    except Exception as error:
        _fail(out, "failed", f"{type(error).__name__}: {error}")
        raise
    finally:
        os.close(held)


def _unmake(made: list[Path]) -> None:
    """Even an empty folder among the pictures would be a class of them the next time."""
    with suppress(OSError):  # somebody may have put something in
        for path in made:
            path.rmdir() if path.is_dir() else path.unlink()


def _take(out: Path) -> int:
    if not described(out) and (names := [name for name in NAMES if os.path.lexists(out / name)]):
        raise InputError(
            "evaluate-folder",
            f"{out} holds {', '.join(names)}, which no evaluation has written; nothing "
            "there was touched. Choose another folder.",
            out=str(out),
            names=names,
        )
    with disk(out):
        out.mkdir(parents=True, exist_ok=True)
        held = _lock(out)
        if held is None:
            raise InputError(
                "evaluate-running",
                f"An evaluation is already running in {out}; wait for it, or cancel it.",
                out=str(out),
            )
        (out / "cancel").unlink(missing_ok=True)
        if not described(out):
            describe(out, {"state": "starting"})  # whatever comes next, the folder is known as ours
    return held


def _fail(out: Path, state: str, reason: str | None) -> None:
    """Leave the state behind, where there is room for it; a finished run stays one until another has begun."""
    if (run := described(out)).get("state") != "done":
        with suppress(OSError):
            describe(out, run | {"state": state, "reason": reason})


def progress(out: str | os.PathLike) -> Progress:
    """Where the run in `out` is; from any process, at any time, without holding the run up."""
    out = Path(out)
    alive, run = _alive(out), described(out)
    state = run.get("state", "starting" if alive else "none")
    if state in ("starting", "running") and not alive:
        run = described(out)  # it may have ended between the two looks
        state = run.get("state", "none")
        if state in ("starting", "running"):
            state = "interrupted" if "total" in run else "none"  # killed before it knew what to run
    done, errors, rate, left = run.get("done", 0), run.get("errors", 0), run.get("rate"), None
    if state != "done" and (seen := glance(out / "rows.sqlite")):
        done, errors, rate, left = seen
    if state != "running":
        left = 0.0 if state == "done" else None
    return Progress(done, run.get("total", 0), errors, rate, left, state, run.get("reason"))


def cancel(out: str | os.PathLike) -> None:
    """Ask the run in `out` to stop at the next batch. Started again, it goes on from there."""
    (Path(out) / "cancel").touch()


def start(
    model: str,
    source: str | os.PathLike,
    out: str | os.PathLike,
    *,
    labels: str | os.PathLike | None = None,
    table: str | os.PathLike | None = None,
    batch: int | None = None,
    workers: int | None = None,
    device: str | None = None,
    restart: bool = False,
    engine: str | None = None,
) -> subprocess.Popen:
    """Run `python -m vit_core evaluate` in a session of its own, which outlives this process; its words go to log.txt.

    Arguments as those of the command line. Raises InputError "evaluate-running", "evaluate-folder" and "evaluate-disk";
    whatever else goes wrong is the state of the run (`progress`).
    """
    out = Path(out)
    held = _take(out)
    options = {
        "--labels": labels,
        "--table": table,
        "--batch": batch,
        "--workers": workers,
        "--device": device,
        "--engine": engine,
        "--lock": held,
    }
    command = [
        sys.executable,
        "-m",
        "vit_core",
        "evaluate",
        os.fspath(source),
        "--model",
        model,
        "--out",
        str(out),
        *(word for name, value in options.items() if value is not None for word in (name, str(value))),
        *["--restart"] * restart,
    ]
    home = str(Path(__file__).resolve().parents[2])
    env = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, [home, os.environ.get("PYTHONPATH")]))}
    try:
        with disk(out):
            run = described(out)
            if restart or run.get("state") != "done":
                describe(out, run | {"state": "starting", "reason": None})
            with open(out / "log.txt", "ab") as log:  # the lock goes over to the new process with its descriptor
                return subprocess.Popen(
                    command,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    env=env,
                    start_new_session=True,
                    pass_fds=(held,),
                )
    finally:
        os.close(held)


@contextmanager
def disk(out: Path) -> Iterator[None]:
    """What the system says of a folder that cannot be written, as a sentence."""
    try:
        yield
    except (OSError, sqlite3.DatabaseError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise InputError("evaluate-disk", f"The results cannot be written to {out} ({reason}); make room or choose "
                         "another folder, and start again: what is there is kept.", out=str(out), reason=reason,
                         ) from error  # fmt: skip


class Meter:
    """Pictures a second over the last WINDOW seconds, and what is left at that rate."""

    def __init__(self, done: int, total: int):
        self.total, self._seen = total, deque([(time.monotonic(), done)])

    def at(self, done: int) -> tuple[float, float]:
        now = time.monotonic()
        self._seen.append((now, done))
        while len(self._seen) > 2 and self._seen[1][0] < now - WINDOW:
            self._seen.popleft()
        then, before = self._seen[0]
        rate = (done - before) / max(now - then, 1e-9)
        return rate, (self.total - done) / rate
