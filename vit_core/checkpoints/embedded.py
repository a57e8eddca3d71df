"""`embedded:<name>`: the models that ship with the product, one safetensors file each under assets/.

The file is self-contained: its metadata holds the config, labels, preprocessing and provenance, so
that another grid or depth is another file and no other code.
"""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import save_file

from vit_core.config import ViTConfig
from vit_core.images import Preprocess
from vit_core.model import VisionTransformer

ASSETS = Path(__file__).resolve().parents[2] / "assets"


def save(model: VisionTransformer, path: Path, card: dict) -> None:
    """Write `model` with all it needs to be loaded again; `card` is provenance, plain JSON types."""
    metadata = {"config": model.config.to_dict(), "labels": model.labels,
                "preprocess": dataclasses.asdict(model.transform), "card": card}
    save_file({k: v.detach().cpu().contiguous() for k, v in model.state_dict().items()}, path,
              {"vitrine": json.dumps(metadata, ensure_ascii=False)})


def load(path: Path) -> VisionTransformer:
    """The model in `path`, on the CPU, in eval mode."""
    with safe_open(path, "pt") as file:
        metadata = json.loads(file.metadata()["vitrine"])
        state = {name: file.get_tensor(name) for name in file.keys()}
    preprocess = {k: tuple(v) if isinstance(v, list) else v for k, v in metadata["preprocess"].items()}
    with torch.device("meta"):
        model = VisionTransformer(ViTConfig(**metadata["config"]), metadata["labels"], Preprocess(**preprocess))
    model.load_state_dict(state, strict=True, assign=True)
    return model.eval()
