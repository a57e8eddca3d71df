"""Pictures of a labelled source, decoded ahead by worker processes into what the model is given.

Workers are forked from a server that has imported this module once and run nothing ("forkserver"): no copy of a process
whose torch threads or CUDA context are in use, and torch's pages are shared. They call no torch: a picture is resized
to the model's input as bytes (`Preprocess.seen`), and normalised in the process of the model.
"""

from __future__ import annotations

import hashlib
import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing.connection import wait
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from vit_core.errors import InputError
from vit_core.images import Preprocess, read_image

CHUNK = 16  # pictures a task: small, so that the first batch is shared among the workers
AHEAD = 3  # batches decoded or being decoded before they are asked for


class Facts(NamedTuple):
    """What is known of a picture's file; `error` is None or "code: sentence"."""

    size: int | None
    mtime_ns: int | None
    hash: str | None
    error: str | None


Part = tuple[list[Facts], np.ndarray]  # of n pictures: facts, and uint8 (n, height, width, channels)


def reason(error: Exception) -> str:
    """A row's `error`: why there are no numbers."""
    if not isinstance(error, InputError):
        what = f"{type(error).__name__}: {error}"
        error = InputError("evaluate-picture", f"The picture could not be read ({what}).", reason=what)
    return f"{error.code}: {error}"


def stat(source, index: int) -> tuple[int | None, int | None]:
    """(size, mtime in ns) of a picture's file; None for one that is not there."""
    try:
        return source.stat(index)
    except (InputError, OSError):
        return None, None


def changed(source, seen: Iterable[tuple[int, int | None, int | None]]) -> Iterator[int]:
    """Of (position, size, mtime in ns) as they were found, the positions of files that are another today.

    What lies inside one file of many (time 0) is not looked at. The first look asks the system alone, a twentieth of
    the time of `stat`, which has the last word.
    """
    for position, *was in seen:
        if was[1] == 0:
            continue
        try:
            found = os.stat(os.path.join(source.root, source.names[position]))
            same = was == [found.st_size, found.st_mtime_ns]
        except (OSError, ValueError):
            same = False
        if not same and tuple(was) != stat(source, position):
            yield position


class Decoding:
    """Indices of a source's pictures -> `Part`. An unreadable picture is black and has its reason."""

    def __init__(self, source, transform: Preprocess):
        self.source, self.transform = source, transform

    def __call__(self, indices: Sequence[int]) -> Part:
        pixels = self.black(len(indices))
        facts = []
        for place, index in enumerate(indices):
            size, mtime = stat(self.source, index)  # before the bytes: a change in between shows as an old time
            digest = error = None
            try:
                data = self.source.data(index)
                digest = hashlib.blake2b(data, digest_size=16).hexdigest()
                seen = np.asarray(self.transform.input_image(read_image(data)))
                pixels[place] = seen.reshape(pixels.shape[1:])
            except Exception as caught:  # whatever a file can do, it does to its own row
                error = reason(caught)
            facts.append(Facts(size, mtime, digest, error))
        return facts, pixels

    def black(self, count: int) -> np.ndarray:
        return np.zeros((count, *self.transform.size, self.transform.channels), np.uint8)


_decoding: Decoding  # a worker's own


def _begin(decoding: Decoding) -> None:
    global _decoding
    _decoding = decoding
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the process that gathers
    parent = multiprocessing.parent_process().sentinel
    # Killed, the parent cannot say so; its workers would wait for their next task for ever.
    threading.Thread(target=lambda: (wait([parent]), os._exit(1)), daemon=True).start()


def _work(indices: Sequence[int]) -> Part:
    return _decoding(indices)


class Decoder:
    """`batches` gives each range of indices as a `Part`, in order. `workers=0` decodes in this process.

    A worker that dies takes its pool with it: the pool is made anew and what was under way is done again, a picture at
    a time; a picture that ends its worker twice gets "evaluate-crash". Raises InputError "evaluate-workers" where no
    worker lives long enough to answer.
    """

    def __init__(self, source, transform: Preprocess, workers: int):
        self._decoding, self._workers = Decoding(source, transform), workers
        self._pool = self._new() if workers else None

    def _new(self) -> ProcessPoolExecutor:
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload([__name__])
        return ProcessPoolExecutor(self._workers, context, _begin, (self._decoding,))

    def batches(self, ranges: Iterable[range]) -> Iterator[tuple[range, list[Facts], np.ndarray]]:
        if not self._workers:
            for batch in ranges:
                yield batch, *self._decoding(batch)
            return
        coming, waiting = iter(ranges), deque()
        while True:
            while len(waiting) < AHEAD and (batch := next(coming, None)) is not None:
                waiting.append((batch, self._submit(batch)))
            if not waiting:
                return
            batch, parts = waiting.popleft()
            try:
                done = [part.result() for part in parts]
            except BrokenProcessPool:
                done = [self._alone(index) for index in batch]
            yield batch, [fact for facts, _ in done for fact in facts], np.concatenate([pixels for _, pixels in done])

    def _submit(self, batch: Sequence[int]) -> list:
        chunks = [batch[i : i + CHUNK] for i in range(0, len(batch), CHUNK)]
        try:
            return [self._pool.submit(_work, chunk) for chunk in chunks]
        except BrokenProcessPool:
            self._renew()
            return [self._pool.submit(_work, chunk) for chunk in chunks]

    def _alone(self, index: int) -> Part:
        """One picture in a task of its own, so that a dead worker says which picture it was."""
        for _ in range(2):
            try:
                return self._submit([index])[0].result()
            except BrokenProcessPool:
                self._renew()  # nothing else is under way now: the second time, it was this picture
        try:
            self._pool.submit(os.getpid).result()
        except BrokenProcessPool as error:
            raise InputError("evaluate-workers", "The processes that decode pictures end as soon as they start; run "
                             "with 0 workers, and guard a script's start with `if __name__ == \"__main__\"`.",
                             ) from error  # fmt: skip
        error = InputError("evaluate-crash", "Reading this picture ended the process that read it, twice.")
        return [Facts(*stat(self._decoding.source, index), None, reason(error))], self._decoding.black(1)

    def _renew(self) -> None:
        self._pool.shutdown(wait=True)
        self._pool = self._new()

    def close(self) -> None:
        if self._pool:
            self._pool.shutdown(wait=True, cancel_futures=True)


def normalise(pixels: np.ndarray, transform: Preprocess, device: torch.device) -> Tensor:
    """uint8 (n, height, width, channels) to the model's input, float32 (n, channels, height, width) on `device`.

    A byte has 256 values: each is normalised once, by `Preprocess`'s own arithmetic, and looked up. So the numbers are
    its numbers to the bit, on every device.
    """
    mean, std = (torch.tensor(v, dtype=torch.float32)[:, None] for v in (transform.mean, transform.std))
    values = (torch.arange(256, dtype=torch.float32).div(255) - mean) / std  # channels, 256
    if device.type == "cpu":  # numpy's look-up takes half of torch's time
        out = np.empty((len(pixels), transform.channels, *transform.size), np.float32)
        for c, table in enumerate(values.numpy()):
            np.take(table, pixels[..., c], out=out[:, c], mode="clip")
        return torch.from_numpy(out)
    where, values = torch.from_numpy(pixels).to(device).int(), values.to(device)
    return torch.stack([values[c][where[..., c]] for c in range(transform.channels)], dim=1)
