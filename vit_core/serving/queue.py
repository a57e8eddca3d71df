"""One thread that runs models on a device, and the queue in front of it.

Waiting forward passes of the same model on inputs of the same size run as one batch; none waits for others to arrive.
The number of waiting passes is limited, and a further picture is refused at once, so that waiting times stay bounded.
Functions that work on a finished pass (a rollout, a scene) wait in the same queue and are never refused. Functions
that compute ahead start only while nothing else waits.
"""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future

import torch
from torch import Tensor

from vit_core.attention.trace import Picture, Trace, forward, prepare
from vit_core.errors import InputError
from vit_core.images import Crop
from vit_core.models.device import cpu_copy
from vit_core.models.vit import VisionTransformer

MAX_WAITING = 32  # forward passes
MAX_BATCH = 8  # forward passes run together


class _Pass:
    """A forward pass in the queue."""

    def __init__(self, model: VisionTransformer, images: Tensor, crop: Crop | None):
        self.model, self.images, self.crop, self.future = model, images, crop, Future()

    def joins(self, other: _Pass) -> bool:
        return self.model is other.model and self.images.shape == other.images.shape


class Queue:
    """Runs forward passes. `depth`: how many may wait; `batch`: how many run together; `threads`: torch's threads
    (default: all cores but one)."""

    def __init__(self, depth: int = MAX_WAITING, batch: int = MAX_BATCH, threads: int | None = None):
        self.depth, self.batch = depth, batch
        self._threads = threads or max(1, (os.cpu_count() or 2) - 1)
        self._waiting: deque[_Pass | tuple[Future, Callable, tuple]] = deque()
        self._idle: deque[tuple[Future, Callable, tuple]] = deque()  # run while nothing waits
        self._changed = threading.Condition()
        threading.Thread(target=self._work, name="vitrine", daemon=True).start()

    def record(self, model: VisionTransformer, picture: Picture) -> Trace:
        """`vit_core.record` of one picture, in the queue's thread. Raises InputError, "busy" if too many wait.

        The picture is read and resized in the caller's thread.
        """
        waiting = _Pass(model, *prepare(model, picture))
        with self._changed:
            if sum(isinstance(one, _Pass) for one in self._waiting) >= self.depth:
                raise InputError(
                    "busy",
                    f"{self.depth} pictures are waiting for the model already; try again in a few seconds.",
                    depth=self.depth,
                )
            self._waiting.append(waiting)
            self._changed.notify()
        try:
            return waiting.future.result()
        finally:
            del waiting  # breaks a cycle: the error holds this frame, and the future holds the error

    def run(self, function: Callable, *args):
        """The result of `function(*args)`, called in the thread that runs models; raises what it raises."""
        return self.submit(function, *args).result()

    def submit(self, function: Callable, *args) -> Future:
        """The future of `run`."""
        return self._append(self._waiting, function, args)

    def submit_idle(self, function: Callable, *args) -> Future:
        """Like `submit`, but the function starts only while nothing else waits."""
        return self._append(self._idle, function, args)

    def _append(self, line: deque, function: Callable, args: tuple) -> Future:
        future: Future = Future()
        with self._changed:
            line.append((future, function, args))
            self._changed.notify()
        return future

    def _work(self) -> None:
        torch.set_num_threads(self._threads)  # holds for this thread; Streamlit's threads would use every core
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting or self._idle)
                first = (self._waiting or self._idle).popleft()
                together = [first] if isinstance(first, _Pass) else []
                other = None
                for other in list(self._waiting) if isinstance(first, _Pass) else ():
                    if isinstance(other, _Pass) and other.joins(together[0]) and len(together) < self.batch:
                        self._waiting.remove(other)
                        together.append(other)
            if isinstance(first, _Pass):
                _run_batch(together)
            else:
                _settle(*first)
            first = together = other = None  # else the last result would live until the next pass


def _settle(future: Future, function: Callable, args: tuple) -> None:
    if not future.set_running_or_notify_cancel():  # cancelled by the caller
        return
    try:
        future.set_result(function(*args))
    except BaseException as error:  # the caller gets it
        future.set_exception(error)
        del future, function, args  # as in `record`


def _run_batch(passes: list[_Pass]) -> None:
    try:
        traces = run_passes(passes[0].model, torch.cat([p.images for p in passes]), [p.crop for p in passes])
    except BaseException:
        traces = None
    if traces is None:
        for one in passes:  # alone, so that one picture's error is not another's
            _settle(one.future, _alone, (one.model, one.images, one.crop))
        del one, passes  # as in `record`
    else:
        for one, trace in zip(passes, traces, strict=True):
            one.future.set_result(trace)  # `record` never cancels it


def _alone(model: VisionTransformer, images: Tensor, crop: Crop | None) -> Trace:
    return run_passes(model, images, [crop])[0]


def run_passes(model: VisionTransformer, images: Tensor, crops: list[Crop | None]) -> list[Trace]:
    """`trace.forward` of several pictures. If the device's memory is too small, the batch is halved, down to one
    picture, which then runs on the CPU; the device of a trace's tensors tells which.
    """
    try:
        return forward(model, images, crops)
    except torch.OutOfMemoryError:
        pass  # retry outside of the handler: the error's traceback holds the memory that is needed
    if (half := len(crops) // 2) == 0:
        return forward(cpu_copy(model), images.cpu(), crops)
    return run_passes(model, images[:half], crops[:half]) + run_passes(model, images[half:], crops[half:])
