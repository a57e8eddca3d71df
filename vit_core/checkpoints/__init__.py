"""Where models come from: one file a source, each a table from its names to ours.

embedded:<name>    ships with the product, needs nothing else
timm:<name>        timm's pretrained weights, from its hub
hf:<folder or id>  a transformers checkpoint: ViT, DeiT, DINOv2 and 3, MAE, MSN, I-JEPA, CLIP, SigLIP
file:<path>        a .safetensors, .pth, .pt, .bin, .ckpt or .pth.tar file, architecture read from its tensors
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import nn

from vit_core.checkpoints import embedded
from vit_core.errors import InputError
from vit_core.models.vit import VisionTransformer

__all__ = ["Available", "available", "best_device", "from_timm", "load"]


class Available(NamedTuple):
    """Something `load` takes. `name` ends in ":" or holds "<" when the reader has to complete it."""

    name: str  # "embedded:photo", or "timm:<name>"
    source: str  # "embedded" | "timm" | "hf" | "file"
    title: str
    note: str


def best_device() -> torch.device:
    """CUDA where there is one, then Apple's MPS, then the CPU."""
    if torch.cuda.is_available():
        return torch.device("cuda")
    return torch.device("mps" if torch.backends.mps.is_available() else "cpu")


def from_timm(module: nn.Module) -> VisionTransformer:
    """Our model with the weights of a timm VisionTransformer or distilled DeiT: the same logits (see `timm.py`)."""
    from vit_core.checkpoints import timm

    return timm.from_timm(module)


def available() -> list[Available]:
    """What can be loaded here: each embedded model, then how the other sources are named."""
    found = [Available(f"embedded:{name}", "embedded", title, note) for name, title, note in embedded.listing()]
    return [
        *found,
        Available(
            "timm:<name>",
            "timm",
            "timm's pretrained models",
            "any Vision Transformer, DeiT or DINOv3 of timm.list_models(), such as timm:vit_tiny_patch16_224; "
            "needs the network once",
        ),
        Available(
            "hf:<folder or id>",
            "hf",
            "Hugging Face transformers checkpoints",
            "ViT, DeiT, DINOv2 with or without registers, DINOv3, MAE, MSN, I-JEPA, CLIP, "
            "SigLIP; "
            "a folder works offline",
        ),
        Available(
            "file:<path>",
            "file",
            "A checkpoint file",
            ".safetensors, .pth, .pt, .bin or .ckpt with timm's or transformers' names; works offline",
        ),
    ]


def load(name: str, device: str | torch.device | None = None) -> VisionTransformer:
    """The model called `name` ("<source>:<rest>"), in eval mode, frozen, on `device` (by default as `moved`).

    Its `config` and `transform` are always set; `labels` is None where the source names no classes.
    Raises InputError: "model-unknown", or the source's own "checkpoint-", "hub-", "labels-" or "timm-" codes.
    """
    source, _, rest = name.partition(":")
    if len(name) > 4096 or "\0" in name:
        raise InputError(
            "model-unknown",
            f"There is no model called {name[:100]!r}…",
            name=name[:100],
            available=[a.name for a in available()],
        )
    if source == "embedded":
        model = embedded.load_named(rest)
    elif source == "timm" and rest:
        from vit_core.checkpoints import timm

        model = timm.load(rest)
    elif source == "hf" and rest:
        from vit_core.checkpoints import huggingface

        model = huggingface.load(rest)
    elif source == "file" and rest:
        from vit_core.checkpoints import local

        model = local.load(rest)
    else:
        raise InputError(
            "model-unknown",
            f"There is no model source in {name!r}; a name is one of " + ", ".join(a.name for a in available()) + ".",
            name=name,
            available=[a.name for a in available()],
        )
    return moved(model, device)


def moved(model: VisionTransformer, device: str | torch.device | None = None) -> VisionTransformer:
    """The model itself, on `device`; by default on `best_device()`, or where that has no memory for it, on the CPU.
    Raises InputError "device-unavailable"."""
    where = best_device() if device is None else device
    try:
        return model.to(where)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        if device is not None or not isinstance(error, torch.OutOfMemoryError):
            reason = str(error).splitlines()[0]
            raise InputError(
                "device-unavailable",
                f"The model cannot be moved to {str(where)!r}: {reason}.",
                device=str(where),
                reason=reason,
            ) from error
    return model.cpu()  # what of it is there already comes back
