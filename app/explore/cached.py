"""Results, and the figures drawn from them, from the caches."""

from __future__ import annotations

import dataclasses
import hashlib
import time

import numpy as np
import streamlit as st
import torch
from PIL import Image

from app.explore.result import Result
from app.figures import Finished, data_uri
from app.runtime import cache
from vit_core.checkpoints import split_input


def has_result(name: str, digest: str) -> bool:
    """Whether that model's result for that picture is cached, so that nobody has to wait."""
    cache.drop_if_changed(name)
    return (name, "result", digest) in cache.outputs()


def result(name: str, digest: str, picture: Image.Image) -> Result:
    """One forward pass of that model on the picture with that digest.

    Raises InputError: those of loading a model; "busy" if too many pictures wait.
    """
    cache.drop_if_changed(name)
    return cache.outputs().get((name, "result", digest), lambda: _forward(name, digest, picture))


def _forward(name: str, digest: str, picture: Image.Image) -> Result:
    model = cache.model(name)
    begun = time.perf_counter()
    trace = cache.recorder().record(model, picture)
    seconds = cache.last_durations()[name] = time.perf_counter() - begun
    key = split_input(name)[0], trace.num_tokens
    cache.last_durations()[key] = min(seconds, cache.last_durations().get(key, seconds))
    cache.log.info("forward %s %s %.0f ms", name, digest[:12], seconds * 1e3)
    fell_back = trace.tokens.device.type != next(model.parameters()).device.type
    if fell_back:  # everything about this picture stays on one device
        model = cache.model_on_cpu(name, model)
    return Result(name, picture, model, trace, seconds, fell_back)


def derived(result: Result, function, *args):
    """`function(*args)`, which derives something from the result.

    If the result's device has no memory for that, the CPU's copy replaces the result and the page is rerun.
    """
    try:
        return function(*args)
    except torch.OutOfMemoryError:
        if result.fell_back:  # it is on the CPU already: rerunning would never end
            raise
    # outside of the handler, whose traceback would hold the memory that is needed
    key = result.name, "result", result.digest
    outputs = cache.outputs()
    if cache.models().holds(result.model) and outputs.get(key, lambda: result) is result:  # no other page was quicker
        moved = dataclasses.replace(
            result,
            model=cache.model_on_cpu(result.name, result.model),
            trace=result.trace.cpu(),
            fell_back=True,
        )
        outputs.drop(lambda key: key[0] == result.name and result.digest in key)
        outputs.get(key, lambda: moved)
    st.rerun()


def drawn(result: Result, make, own: tuple, *arguments, **options):
    """`make(*own, *arguments, **options)`, a figure or a picture, drawn once for equal input. Read-only.

    `own` are pictures and arrays that the result holds; the result identifies them.
    """
    return _drawn((result.name, result.serial, result.digest), "exact", make, own, arguments, options)


def drawn_of_model(result: Result, make, own: tuple, *arguments, **options):
    """Like `drawn`, for what depends on the model and the grid alone: one for all pictures."""
    return _drawn((result.name, result.serial, result.grid), "flat", make, own, arguments, options)


def _drawn(identity: tuple, encoding: str, make, own: tuple, arguments: tuple, options: dict):
    key = (*identity, make.__qualname__, *map(_fingerprint, arguments), repr(options))
    return cache.drawings().get(key, lambda: _finished(make(*own, *arguments, **options), encoding))


def _fingerprint(argument) -> str:
    """Differs for different arguments."""
    if isinstance(argument, np.ndarray):
        return f"{argument.shape} {argument.dtype} {hashlib.blake2b(argument.tobytes()).hexdigest()}"
    return repr(argument)


def _finished(made, encoding: str) -> str | Finished:
    return data_uri(made, encoding) if isinstance(made, Image.Image) else Finished(made)
