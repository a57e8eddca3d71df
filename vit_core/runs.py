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
from vit_core.rows import glance

WINDOW = 10.0  # seconds that the rate looks back


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
    """run.json; empty where there is none."""
    try:
        return json.loads((Path(out) / "run.json").read_text("utf-8"))
    except (OSError, ValueError):
        return {}


def describe(out: Path, run: dict) -> None:
    part = out / "run.json.part"
    part.write_text(json.dumps(run, ensure_ascii=False, indent=1) + "\n", "utf-8")
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
    "evaluate-running" and "evaluate-disk".
    """
    if held is None:
        held = _take(out)
    else:
        os.set_inheritable(held, False)
    try:
        yield held
    except InputError as error:
        if error.code != "evaluate-cancelled":
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


def _take(out: Path) -> int:
    with disk(out):
        out.mkdir(parents=True, exist_ok=True)
        held = _lock(out)
        if held is None:
            raise InputError("evaluate-running", f"An evaluation is already running in {out}; wait for it, or cancel "
                             "it.", out=str(out))
        (out / "cancel").unlink(missing_ok=True)
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
        state = "interrupted" if state in ("starting", "running") else state
    done, errors, rate, left = run.get("done", 0), run.get("errors", 0), run.get("rate"), None
    if state != "done" and (seen := glance(out / "rows.sqlite")):
        done, errors, rate, left = seen
    if state != "running":
        left = 0.0 if state == "done" else None
    return Progress(done, run.get("total", 0), errors, rate, left, state, run.get("reason"))


def cancel(out: str | os.PathLike) -> None:
    """Ask the run in `out` to stop at the next batch. Started again, it goes on from there."""
    (Path(out) / "cancel").touch()


def start(model: str, source: str | os.PathLike, out: str | os.PathLike, *, labels: str | os.PathLike | None = None,
          table: str | os.PathLike | None = None, batch: int = 64, workers: int | None = None,
          device: str | None = None, restart: bool = False, engine: str | None = None) -> subprocess.Popen:
    """Run `python -m vit_core evaluate` in a session of its own, which outlives this process; its words go to log.txt.

    Arguments as those of the command line. Raises InputError "evaluate-running" and "evaluate-disk"; whatever else goes
    wrong is the state of the run (`progress`).
    """
    out = Path(out)
    held = _take(out)
    options = {"--labels": labels, "--table": table, "--batch": batch, "--workers": workers, "--device": device,
               "--engine": engine, "--lock": held}
    command = [sys.executable, "-m", "vit_core", "evaluate", os.fspath(source), "--model", model, "--out", str(out),
               *(word for name, value in options.items() if value is not None for word in (name, str(value))),
               *["--restart"] * restart]
    home = str(Path(__file__).resolve().parents[1])
    env = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, [home, os.environ.get("PYTHONPATH")]))}
    try:
        with disk(out):
            run = described(out)
            if run and (restart or run.get("state") != "done"):
                describe(out, run | {"state": "starting", "reason": None})
            with open(out / "log.txt", "ab") as log:  # the lock goes over to the new process with its descriptor
                return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=env,
                                        start_new_session=True, pass_fds=(held,))
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
