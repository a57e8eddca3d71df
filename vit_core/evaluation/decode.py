"""Decodes a dataset's pictures in worker processes, ahead of the model, into the model's input size.

Where the system can fork, workers are forked from a server process that has imported this module and started no thread
("forkserver"); elsewhere each starts a Python of its own ("spawn"). Workers resize pictures as bytes; the process that
runs the model normalises them.
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
from multiprocessing.process import BaseProcess
from typing import NamedTuple, cast

import numpy as np

from vit_core.data import ImageDataset
from vit_core.errors import InputError
from vit_core.images import Preprocess, read_image

TASK_PICTURES = 16  # pictures of one task: few, so that the workers share the first batch
BATCHES_AHEAD = 3  # decoded, or being decoded, before the model needs them
START_METHOD = "forkserver" if hasattr(os, "fork") else "spawn"


class PictureFacts(NamedTuple):
    """What is known of a picture's file. `error`: None, or what `InputError.to_json` gives."""

    size: int | None
    mtime_ns: int | None
    hash: str | None
    error: str | None


Decoded = tuple[list[PictureFacts], list[np.ndarray]]  # of each picture: facts, and uint8 (height, width, channels)


def row_error(error: Exception) -> str:
    """A row's `error`, as JSON: why it has no numbers."""
    if not isinstance(error, InputError):
        what = f"{type(error).__name__}: {error}"
        error = InputError("evaluate-picture", f"The picture could not be read ({what}).", reason=what)
    return error.to_json()


def file_stat(dataset: ImageDataset, index: int) -> tuple[int | None, int | None]:
    """(size, mtime in ns) of a picture's file; (None, None) if it cannot be opened."""
    try:
        return dataset.stat(index)
    except (InputError, OSError):
        return None, None


def changed_positions(dataset: ImageDataset, recorded: Iterable[tuple[int, int | None, int | None]]) -> Iterator[int]:
    """The positions of the pictures whose file has changed, from the (position, size, mtime in ns) recorded before.

    Pictures inside an archive (time 0) are not checked. A plain `os.stat` comes first, since it takes a twentieth of
    the time of `dataset.stat`, which decides where the two differ.
    """
    for position, *was in recorded:
        if was[1] == 0:
            continue
        try:
            found = os.stat(os.path.join(dataset.root, dataset.names[position]))
            same = was == [found.st_size, found.st_mtime_ns]
        except (OSError, ValueError):
            same = False
        if not same and tuple(was) != file_stat(dataset, position):
            yield position


class PictureDecoder:
    """Indices of a dataset's pictures -> `Decoded`. An unreadable picture is black, and its facts hold the error."""

    def __init__(self, dataset: ImageDataset, transform: Preprocess):
        self.dataset, self.transform = dataset, transform

    def __call__(self, indices: Sequence[int]) -> Decoded:
        facts, pixels = [], []
        for index in indices:
            size, mtime = file_stat(
                self.dataset, index
            )  # before reading: a change in between then shows as an old time
            found, digest, error = self.black(), None, None
            try:
                data = self.dataset.data(index)
                digest = hashlib.blake2b(data, digest_size=16).hexdigest()
                image = self.transform.input_image(read_image(data))
                found = np.array(image).reshape(image.height, image.width, self.transform.channels)
            except Exception as caught:  # whatever one file causes concerns its own row only
                error = row_error(caught)
            facts.append(PictureFacts(size, mtime, digest, error))
            pixels.append(found)
        return facts, pixels

    def black(self) -> np.ndarray:
        return np.zeros((*self.transform.size, self.transform.channels), np.uint8)


_decoder: PictureDecoder  # the worker process's own


def _start_worker(decoder: PictureDecoder) -> None:
    global _decoder
    _decoder = decoder
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is handled by the parent
    parent = cast(BaseProcess, multiprocessing.parent_process()).sentinel
    # A killed parent cannot stop its workers; without this they would wait for their next task for ever.
    threading.Thread(target=lambda: (wait([parent]), os._exit(1)), daemon=True).start()


def _decode(indices: Sequence[int]) -> Decoded:
    return _decoder(indices)


class DecoderPool:
    """`batches` yields each range of indices with its `Decoded`, in order. With 0 workers, this process decodes.

    If a worker dies, the pool is replaced and the unfinished batches are decoded again, one picture at a time; a
    picture that kills its worker twice gets the error "evaluate-crash". Raises InputError "evaluate-workers" if no
    worker lives long enough to answer.
    """

    def __init__(self, dataset: ImageDataset, transform: Preprocess, workers: int):
        self._decoder, self._workers = PictureDecoder(dataset, transform), workers
        self._pool: ProcessPoolExecutor = self._new_pool() if workers else None  # type: ignore

    def _new_pool(self) -> ProcessPoolExecutor:
        context = multiprocessing.get_context(START_METHOD)
        if START_METHOD == "forkserver":
            context.set_forkserver_preload([__name__])
        return ProcessPoolExecutor(self._workers, context, _start_worker, (self._decoder,))

    def batches(self, ranges: Iterable[range]) -> Iterator[tuple[range, list[PictureFacts], list[np.ndarray]]]:
        if not self._workers:
            for batch in ranges:
                yield batch, *self._decoder(batch)
            return
        todo, pending = iter(ranges), deque()
        while True:
            while len(pending) < BATCHES_AHEAD and (batch := next(todo, None)) is not None:
                pending.append((batch, self._submit(batch)))
            if not pending:
                return
            batch, tasks = pending.popleft()
            try:
                done = [task.result() for task in tasks]
            except BrokenProcessPool:
                done = [self._decode_alone(index) for index in batch]
            yield batch, [fact for facts, _ in done for fact in facts], [one for _, pixels in done for one in pixels]

    def _submit(self, batch: Sequence[int]) -> list:
        chunks = [batch[i : i + TASK_PICTURES] for i in range(0, len(batch), TASK_PICTURES)]
        try:
            return [self._pool.submit(_decode, chunk) for chunk in chunks]
        except BrokenProcessPool:
            self._replace_pool()
            return [self._pool.submit(_decode, chunk) for chunk in chunks]

    def _decode_alone(self, index: int) -> Decoded:
        """One picture in a task of its own, so that a dead worker identifies the picture."""
        for _ in range(2):
            try:
                return self._submit([index])[0].result()
            except BrokenProcessPool:
                self._replace_pool()  # nothing else is running now, so a second failure is this picture's
        try:
            self._pool.submit(os.getpid).result()
        except BrokenProcessPool as error:
            raise InputError(
                "evaluate-workers",
                "The processes that decode pictures end as soon as they start; run with 0 workers, and guard the "
                'start of a script with `if __name__ == "__main__"`.',
            ) from error
        error = InputError("evaluate-crash", "Reading this picture ended the process that read it, twice.")
        facts = PictureFacts(*file_stat(self._decoder.dataset, index), None, row_error(error))
        return [facts], [self._decoder.black()]

    def _replace_pool(self) -> None:
        self._pool.shutdown(wait=True)
        self._pool = self._new_pool()

    def close(self) -> None:
        if self._pool:
            self._pool.shutdown(wait=True, cancel_futures=True)
