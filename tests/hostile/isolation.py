"""Runs each hostile case in a fork, so that one that ends, hangs or uses much memory does not affect the others.

A fork begins with everything imported, so that time and memory are those of the case alone.
"""

from __future__ import annotations

import ctypes
import json
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

from vit_core.errors import InputError

TIMEOUT_SECONDS = 120  # generous: it only ends cases that hang


def _memory_mb() -> dict[str, float]:
    lines = Path("/proc/self/status").read_text().splitlines()
    return {line.split(":")[0]: int(line.split()[1]) / 1024 for line in lines if line.startswith(("VmHWM", "VmRSS"))}


def measure(act: Callable[..., str], *args) -> list:
    """[what it returns, or its error's code or type; the error's sentence; processor seconds; MB added at the peak]."""
    before, begun = _memory_mb()["VmRSS"], time.process_time()
    try:
        outcome = [act(*args), ""]
    except InputError as error:
        outcome = [error.code, str(error)]
    except BaseException as error:  # whatever escapes is reported
        outcome = [type(error).__name__, str(error)[:300]]
    return [*outcome, time.process_time() - begun, _memory_mb()["VmHWM"] - before]


def measure_in_fork(act: Callable[..., str], *args) -> list:
    """The same as `measure`, in a fork."""
    if hasattr(libc := ctypes.CDLL(None), "malloc_trim"):
        libc.malloc_trim(0)  # else the case could use memory that this process has freed, which would not be counted
    read, write = os.pipe()
    child = os.fork()
    if not child:
        signal.alarm(TIMEOUT_SECONDS)
        with os.fdopen(write, "wb") as pipe:
            pipe.write(json.dumps(measure(act, *args)).encode())
        os._exit(0)
    os.close(write)
    with os.fdopen(read, "rb") as pipe:
        outcome = pipe.read()
    status = os.waitpid(child, 0)[1]
    return json.loads(outcome) if outcome else [f"ended with {status}", "", float(TIMEOUT_SECONDS), 0.0]
