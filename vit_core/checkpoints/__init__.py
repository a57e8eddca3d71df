"""Where models come from: one file a source, each a table from its tensor names to ours.

embedded:<name>    ships with Vitrine
timm:<name>        timm's pretrained weights, from the Hugging Face hub
hf:<folder or id>  a transformers checkpoint: ViT, DeiT, DINOv2 and 3, MAE, MSN, I-JEPA, CLIP, SigLIP
file:<path>        a .safetensors, .pth, .pt, .bin, .ckpt or .pth.tar file; its tensors imply the architecture

A name may end in "?problem_type=<one of models.config.PROBLEM_TYPES>", which says what the head's numbers mean where
the source does not. After that it may end in "?input=<size>", "?input=whole" or "?input=<size>-whole": another input
size or framing, as `images.reframed` takes them.
"""

from __future__ import annotations

import re
from typing import NamedTuple

import torch

from vit_core.checkpoints.assembly import check_labels, possible_problem_types, set_problem_type
from vit_core.checkpoints.embedded import embedded_digest, list_embedded, load_embedded, save
from vit_core.checkpoints.errors import shorten
from vit_core.checkpoints.huggingface import load_huggingface
from vit_core.checkpoints.single_file import load_file
from vit_core.checkpoints.timm import from_timm, load_timm
from vit_core.checkpoints.timm_import import IMAGENET_SUBSETS, imagenet_info, import_timm
from vit_core.errors import InputError
from vit_core.images import reframed
from vit_core.models.vit import VisionTransformer

__all__ = [
    "IMAGENET_SUBSETS",
    "Available",
    "available",
    "best_device",
    "check_labels",
    "embedded_digest",
    "from_timm",
    "imagenet_info",
    "import_timm",
    "load",
    "move_to",
    "possible_problem_types",
    "save",
    "set_problem_type",
    "split_input",
    "split_problem_type",
    "with_input",
    "with_problem_type",
]

_LOADERS = {"embedded": load_embedded, "timm": load_timm, "hf": load_huggingface, "file": load_file}
_MAX_NAME = 4096  # characters
_PROBLEM_TYPE_MARK = "?problem_type="
_INPUT = re.compile(r"\?input=(?:([1-9][0-9]{0,4})(-whole)?|(whole))\Z")


class Available(NamedTuple):
    """A model or a source of models. `name` ends in ":" or holds "<" if the reader has to complete it."""

    name: str  # "embedded:photo", or "timm:<name>"
    source: str  # "embedded" | "timm" | "hf" | "file"
    title: str
    note: str


def best_device() -> torch.device:
    """CUDA if there is a GPU, else Apple's MPS, else the CPU."""
    if torch.cuda.is_available():
        return torch.device("cuda")
    return torch.device("mps" if torch.backends.mps.is_available() else "cpu")


def available() -> list[Available]:
    """What can be loaded here: each embedded model, then how models of the other sources are named."""
    return [
        *(Available(f"embedded:{name}", "embedded", title, note) for name, title, note in list_embedded()),
        Available(
            "timm:<name>",
            "timm",
            "timm's pretrained models",
            "any Vision Transformer, DeiT or DINOv3 of timm.list_models(), such as timm:vit_tiny_patch16_224; "
            "downloaded once",
        ),
        Available(
            "hf:<folder or id>",
            "hf",
            "Hugging Face transformers checkpoints",
            "ViT, DeiT, DINOv2 with or without registers, DINOv3, MAE, MSN, I-JEPA, CLIP, SigLIP; folders work offline",
        ),
        Available(
            "file:<path>",
            "file",
            "A checkpoint file",
            ".safetensors, .pth, .pt, .bin or .ckpt with timm's or transformers' names; works offline",
        ),
    ]


def split_input(name: str) -> tuple[str, int | None, str]:
    """(name, size, framing) of a model's name that may end in "?input=..."; size None is the model's own."""
    found = _INPUT.search(name)
    if not found:
        return name, None, "crop"
    size, whole, alone = found.groups()
    return name[: found.start()], int(size) if size else None, "whole" if whole or alone else "crop"


def with_input(name: str, size: int | None = None, framing: str = "crop") -> str:
    """A model's name that also says its input size and framing; with the defaults, the name without them."""
    parts = [str(size)] * (size is not None) + ["whole"] * (framing == "whole")
    return split_input(name)[0] + (f"?input={'-'.join(parts)}" if parts else "")


def split_problem_type(name: str) -> tuple[str, str | None]:
    """(name, problem type) of a model's name that may say one; the name without either and without an input."""
    name = split_input(name)[0]
    plain, mark, problem_type = name.rpartition(_PROBLEM_TYPE_MARK)
    return (plain, problem_type) if mark else (name, None)


def with_problem_type(name: str, problem_type: str | None) -> str:
    """A model's name that also says its problem type; with None, the name without one."""
    (_, size, framing), (plain, _) = split_input(name), split_problem_type(name)
    return with_input(plain if problem_type is None else f"{plain}{_PROBLEM_TYPE_MARK}{problem_type}", size, framing)


def load(name: str, device: str | torch.device | None = None, *, problem_type: str | None = None) -> VisionTransformer:
    """The model called `name` ("<source>:<rest>"), in eval mode, frozen, on `device` (default: as `move_to`).

    `problem_type`, one of models.config.PROBLEM_TYPES, says what the head's numbers mean (see `models.predictions`);
    None: what `name` or the source says, else softmax for several outputs and a sigmoid for one.

    Its `config` and `transform` are always set; `labels` is None if the source names no classes. Raises InputError
    "model-unknown", "model-problem-type" (the head cannot be of that type), "device-unavailable", a "checkpoint-",
    "hub-", "labels-" or "timm-" code of the source, or as `images.reframed` does.
    """
    name, size, framing = split_input(name)
    name, named_type = split_problem_type(name)
    source, _, rest = name.partition(":")
    if source not in _LOADERS or (not rest and source != "embedded") or len(name) > _MAX_NAME or "\0" in name:
        names = [a.name for a in available()]
        raise InputError(
            "model-unknown",
            f"There is no model called {shorten(repr(name))}. A name is one of {', '.join(names)}.",
            name=shorten(name),
            available=names,
        )
    model = _LOADERS[source](rest)
    problem_type = named_type if problem_type is None else problem_type
    if problem_type is not None:
        set_problem_type(model, problem_type, shorten(name))
    return reframed(move_to(model, device), size, framing)


def move_to(model: VisionTransformer, device: str | torch.device | None = None) -> VisionTransformer:
    """The model itself, moved to `device`; by default to `best_device()`, or to the CPU if that lacks the memory.

    Raises InputError "device-unavailable".
    """
    where = best_device() if device is None else device
    try:
        return model.to(where)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        if device is not None or not isinstance(error, torch.OutOfMemoryError):
            reason = str(error).splitlines()[0]
            raise InputError(
                "device-unavailable",
                f"The model cannot be moved to {str(where)!r}: {reason}. Choose another device.",
                device=str(where),
                reason=reason,
            ) from error
    return model.cpu()  # brings back the tensors that were moved before the memory ran out
