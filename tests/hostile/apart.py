"""Each hostile file in a fork of its own: what ends, hangs or swells costs the others nothing.

The forks begin with everything imported, so that time and memory are those of the file.
"""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

from vit_core.errors import InputError

PATIENCE = 20  # seconds, after which a case is ended


def memory() -> dict[str, float]:
    lines = Path("/proc/self/status").read_text().splitlines()
    return {line.split(":")[0]: int(line.split()[1]) / 1024 for line in lines if line.startswith(("VmHWM", "VmRSS"))}


def tried(act: Callable[..., str], *args) -> list:
    """[what it returns, or the code or type of its error; the sentence; processor seconds; MB added at the peak]."""
    before, begun = memory()["VmRSS"], time.process_time()
    try:
        said = [act(*args), ""]
    except InputError as error:
        said = [error.code, str(error)]
    except BaseException as error:  # whatever it is, it is an escape, and is told
        said = [type(error).__name__, str(error)[:300]]
    return [*said, time.process_time() - begun, memory()["VmHWM"] - before]


def apart(act: Callable[..., str], *args) -> list:
    """As `tried`, in a fork."""
    read, write = os.pipe()
    child = os.fork()
    if not child:
        signal.alarm(PATIENCE)
        with os.fdopen(write, "wb") as pipe:
            pipe.write(json.dumps(tried(act, *args)).encode())
        os._exit(0)
    os.close(write)
    with os.fdopen(read, "rb") as pipe:
        said = pipe.read()
    status = os.waitpid(child, 0)[1]
    return json.loads(said) if said else [f"ended with {status}", "", float(PATIENCE), 0.0]
