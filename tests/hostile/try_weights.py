"""Load what a JSON file {case: name} names, each in a fork of this process, and print {case: what happened}.

What ends, hangs or swells costs the others nothing. The forks begin with everything imported, so that time and memory
are those of the file. What happened is [code or type of error, sentence, processor seconds, MB added at the peak].
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from pathlib import Path

import torch

import vit_core as vc
from vit_core.checkpoints import _timm, local

PATIENCE = 20  # seconds, after which a case is ended


def memory() -> dict[str, float]:
    lines = Path("/proc/self/status").read_text().splitlines()
    return {line.split(":")[0]: int(line.split()[1]) / 1024 for line in lines if line.startswith(("VmHWM", "VmRSS"))}


def tried(load: str) -> list:
    before, begun = memory()["VmRSS"], time.process_time()
    try:
        vc.load(load, "cpu")
        said = ["loaded", ""]
    except vc.InputError as error:
        said = [error.code, str(error)]
    except BaseException as error:  # whatever it is, it is an escape, and is told
        said = [type(error).__name__, str(error)[:300]]
    return [*said, time.process_time() - begun, memory()["VmHWM"] - before]


def forked(load: str) -> list:
    read, write = os.pipe()
    child = os.fork()
    if not child:
        signal.alarm(PATIENCE)
        with os.fdopen(write, "wb") as pipe:
            pipe.write(json.dumps(tried(load)).encode())
        os._exit(0)
    os.close(write)
    with os.fdopen(read, "rb") as pipe:
        said = pipe.read()
    status = os.waitpid(child, 0)[1]
    return json.loads(said) if said else [f"ended with {status}", "", float(PATIENCE), 0.0]


if __name__ == "__main__":
    torch.set_num_threads(1)
    _timm.timm()
    local._imagenet(1000)
    import huggingface_hub  # after timm, as it is slow too

    huggingface_hub.try_to_load_from_cache("a/b", "c")
    vc.load("embedded:photo", "cpu")
    names = json.loads(Path(sys.argv[1]).read_text())
    print(json.dumps({case: forked(load) for case, load in names.items()}))
