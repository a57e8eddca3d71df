"""Load what a JSON file {case: name} names, each in a fork, and print {case: what `apart.tried` says of it}."""

from __future__ import annotations

import ctypes
import json
import os
import sys
from pathlib import Path

import torch

import vit_core as vc
from tests.hostile.apart import apart
from vit_core.checkpoints import import_timm
from vit_core.checkpoints.timm_import import imagenet_labels


def loaded(name: str) -> str:
    vc.load(name, "cpu")
    return "loaded"


def ordinary() -> None:
    """What a file's permissions say holds for root as well: the right to overrule them is given up."""
    if os.geteuid() == 0:
        header = (ctypes.c_uint32 * 2)(0x20080522, 0)  # linux/capability.h: version 3, this process
        if ctypes.CDLL(None, use_errno=True).capset(header, (ctypes.c_uint32 * 6)()):
            raise OSError(ctypes.get_errno(), "capset")


if __name__ == "__main__":
    torch.set_num_threads(1)
    import_timm()
    imagenet_labels(1000)
    import huggingface_hub  # after timm, as it is slow too

    huggingface_hub.try_to_load_from_cache("a/b", "c")
    vc.load("embedded:photo", "cpu")
    ordinary()
    names = json.loads(Path(sys.argv[1]).read_text())
    print(json.dumps({case: apart(loaded, load) for case, load in names.items()}))
