"""Loads what a JSON file {case: name} lists, each in a fork, and prints {case: what `isolation.measure` returns}.

`python -m tests.hostile.weights.try_weights cases.json`
"""

from __future__ import annotations

import ctypes
import json
import os
import sys
from pathlib import Path

import huggingface_hub
import torch

import vit_core as vc
from tests.hostile.isolation import measure_in_fork
from vit_core.checkpoints.labels import imagenet_labels


def load(name: str) -> str:
    """Loads a model. The file of a "shrinks:<path>" is cut after that, and its model has to run as before."""
    if not name.startswith("shrinks:"):
        vc.load(name, "cpu")
        return "loaded"
    path = name.removeprefix("shrinks:")
    model = vc.load(f"file:{path}", "cpu")
    before = model(torch.ones(1, 3, 32, 32))
    os.truncate(path, 100)
    return "loaded" if torch.equal(model(torch.ones(1, 3, 32, 32)), before) else "changed"


def drop_capabilities() -> None:
    """Makes file permissions hold for root as well."""
    if os.geteuid() == 0:
        header = (ctypes.c_uint32 * 2)(0x20080522, 0)  # linux/capability.h: version 3, this process
        if ctypes.CDLL(None, use_errno=True).capset(header, (ctypes.c_uint32 * 6)()):
            raise OSError(ctypes.get_errno(), "capset")


if __name__ == "__main__":
    torch.set_num_threads(1)
    imagenet_labels(1000)  # imports timm, which is slow, before the forks
    huggingface_hub.try_to_load_from_cache("a/b", "c")
    vc.load("embedded:tiny", "cpu")
    drop_capabilities()
    cases = json.loads(Path(sys.argv[1]).read_text())
    print(json.dumps({case: measure_in_fork(load, name) for case, name in cases.items()}))
