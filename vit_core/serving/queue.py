"""One thread that runs models on a device, and the line in front of it.

Forward passes that wait together, of the same model on inputs of the same size, go through together; nobody waits for
company. So many may wait and no more: past that a picture is refused at once, rather than a hall of people all waiting
longer and longer. What is derived from a finished pass (a rollout, a scene) waits in the same line, never refused.
"""

from __future__ import annotations

import copy
import os
import threading
import weakref
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

import torch
from torch import Tensor, nn

from vit_core.attention.trace import Picture, Trace, forward, prepare
from vit_core.errors import InputError
from vit_core.images import Crop
from vit_core.models.vit import VisionTransformer

DEPTH = 32  # forward passes that may wait
BATCH = 8  # of them, how many go through together


class _Pass:
    """A forward pass that somebody waits for."""

    def __init__(self, model: VisionTransformer, images: Tensor, crop: Crop | None):
        self.model, self.images, self.crop, self.future = model, images, crop, Future()

    def joins(self, other: _Pass) -> bool:
        return self.model is other.model and self.images.shape == other.images.shape


class Queue:
    """The line. `depth` and `batch` as DEPTH and BATCH; `threads`: torch's, in the thread that runs (default: one core
    is left free)."""

    def __init__(self, depth: int = DEPTH, batch: int = BATCH, threads: int | None = None):
        self.depth, self.batch = depth, batch
        self._threads = threads or max(1, (os.cpu_count() or 2) - 1)
        self._waiting: deque[_Pass | tuple[Future, Callable, tuple]] = deque()
        self._changed = threading.Condition()
        threading.Thread(target=self._work, name="vitrine", daemon=True).start()

    def record(self, model: VisionTransformer, picture: Picture) -> Trace:
        """As `vit_core.record` of one picture; waits its turn. Raises InputError, "busy" where too many wait.

        The picture is read and resized in the caller's thread: that keeps its core, and its errors, out of the line.
        """
        asked = _Pass(model, *prepare(model, picture))
        with self._changed:
            if sum(isinstance(one, _Pass) for one in self._waiting) >= self.depth:
                raise InputError(
                    "busy",
                    f"{self.depth} pictures are waiting for the model already; try again in a few seconds.",
                    depth=self.depth,
                )
            self._waiting.append(asked)
            self._changed.notify()
        try:
            return asked.future.result()
        finally:
            del asked  # an error holds this frame by its traceback, and is held by the future

    def run(self, function: Callable, *args):
        """`function(*args)` in the thread that runs models; waits for it, and raises what it raises."""
        return self.submit(function, *args).result()

    def submit(self, function: Callable, *args) -> Future:
        """As `run`, for who waits in a way of their own."""
        future: Future = Future()
        with self._changed:
            self._waiting.append((future, function, args))
            self._changed.notify()
        return future

    def _work(self) -> None:
        torch.set_num_threads(self._threads)  # a thread's own: Streamlit's, new ones each time, would take every core
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting)
                first = self._waiting.popleft()
                together = [first] if isinstance(first, _Pass) else []
                for other in list(self._waiting) if together else ():
                    if isinstance(other, _Pass) and other.joins(first) and len(together) < self.batch:
                        self._waiting.remove(other)
                        together.append(other)
            if together:
                _answer(together)
            else:
                _settle(*first)
            first = together = other = None  # or the last answer would live until the next question


def _settle(future: Future, function: Callable, args: tuple) -> None:
    if not future.set_running_or_notify_cancel():  # whoever asked has given up
        return
    try:
        future.set_result(function(*args))
    except BaseException as error:  # whatever it is, it is the caller's
        future.set_exception(error)
        del future, function, args  # as in `record`


def _answer(passes: list[_Pass]) -> None:
    try:
        traces = run_passes(passes[0].model, torch.cat([p.images for p in passes]), [p.crop for p in passes])
    except BaseException:
        traces = None
    if traces is None:
        for one in passes:  # alone, so that one picture's failure is not another's
            _settle(one.future, _alone, (one.model, one.images, one.crop))
        del one, passes  # as in `record`
    else:
        for one, trace in zip(passes, traces, strict=True):
            one.future.set_result(trace)  # nobody else holds it, so that nobody can have cancelled it


def _alone(model: VisionTransformer, images: Tensor, crop: Crop | None) -> Trace:
    return run_passes(model, images, [crop])[0]


_TWINS: weakref.WeakKeyDictionary[VisionTransformer, weakref.ref[VisionTransformer]] = weakref.WeakKeyDictionary()


def on_cpu(model: VisionTransformer) -> VisionTransformer:
    """The model on the CPU, one for all who have it; the one given stays where it is, and nothing is copied on its
    device, which is full."""
    twin = _TWINS[model]() if model in _TWINS else None
    if twin is None:
        moved = {id(p): nn.Parameter(p.detach().cpu(), p.requires_grad) for p in model.parameters()}
        twin = copy.deepcopy(model, moved | {id(b): b.detach().cpu() for b in model.buffers()})
        _TWINS[model] = weakref.ref(twin)
    return twin


def roomy(function: Callable, model: VisionTransformer, *args, **options) -> tuple[Any, VisionTransformer]:
    """`function(model, ...)` and that model; where its device's memory does not do, both with the model on the CPU."""
    try:
        return function(model, *args, **options), model
    except torch.OutOfMemoryError:
        pass  # as in `run_passes`
    model = on_cpu(model)
    return function(model, *args, **options), model


def run_passes(model: VisionTransformer, images: Tensor, crops: list[Crop | None]) -> list[Trace]:
    """`trace.forward`; where the device's memory does not do, in halves, down to one picture on the CPU.

    A trace that came from the CPU says so by its tensors' device.
    """
    try:
        return forward(model, images, crops)
    except torch.OutOfMemoryError:
        pass  # outside of the handler: its traceback would hold the memory that is wanted
    if (half := len(crops) // 2) == 0:
        return forward(on_cpu(model), images.cpu(), crops)
    return run_passes(model, images[:half], crops[:half]) + run_passes(model, images[half:], crops[half:])
