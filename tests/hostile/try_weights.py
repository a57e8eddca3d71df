"""Load what a JSON file {case: name} names, each in a fork, and print {case: what `apart.tried` says of it}."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import torch

import vit_core as vc
from tests.hostile.apart import apart
from vit_core.checkpoints import _timm, local


def loaded(name: str) -> str:
    vc.load(name, "cpu")
    return "loaded"


if __name__ == "__main__":
    torch.set_num_threads(1)
    _timm.timm()
    local._imagenet(1000)
    import huggingface_hub  # after timm, as it is slow too

    huggingface_hub.try_to_load_from_cache("a/b", "c")
    vc.load("embedded:photo", "cpu")
    names = json.loads(Path(sys.argv[1]).read_text())
    print(json.dumps({case: apart(loaded, load) for case, load in names.items()}))
