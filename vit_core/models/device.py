"""What to do when a device has no memory left: run on the CPU."""

from __future__ import annotations

import copy
import weakref
from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from vit_core.models.vit import VisionTransformer

_copies: weakref.WeakKeyDictionary[VisionTransformer, weakref.ref[VisionTransformer]] = weakref.WeakKeyDictionary()


def cpu_copy(model: VisionTransformer) -> VisionTransformer:
    """The model on the CPU, shared by all callers. The original stays where it is; its device, which is full, needs no
    memory for the copy."""
    twin = _copies[model]() if model in _copies else None
    if twin is None:
        moved = {id(p): nn.Parameter(p.detach().cpu(), p.requires_grad) for p in model.parameters()}
        twin = copy.deepcopy(model, moved | {id(b): b.detach().cpu() for b in model.buffers()})
        _copies[model] = weakref.ref(twin)
    return twin


def with_cpu_fallback(function: Callable, model: VisionTransformer, *args, **options) -> tuple[Any, VisionTransformer]:
    """(function(model, ...), the model that ran it): the CPU's copy of it if its device runs out of memory."""
    try:
        return function(model, *args, **options), model
    except torch.OutOfMemoryError:
        pass  # retry outside of the handler: the error's traceback holds the memory that is needed
    model = cpu_copy(model)
    return function(model, *args, **options), model
