"""Computes what a person will probably ask for next, while the thread that runs models has nothing else to do."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable

from vit_core.serving.queue import Queue

log = logging.getLogger("vitrine")


class Ahead:
    """Runs short steps on the queue's thread, each only while nothing else waits. New steps replace earlier ones."""

    def __init__(self, queue: Queue):
        self._queue = queue
        self._newest: object = None

    def run(self, steps: Iterable[Callable[[], object]]) -> threading.Thread:
        """Start these steps, in a thread of their own. An error ends them; it shows again when somebody asks."""
        mine = self._newest = object()

        def work() -> None:
            try:
                for step in steps:
                    if self._newest is not mine:
                        return
                    self._queue.submit_idle(step).result()
            except Exception as error:
                log.info("ahead: %s", error)

        thread = threading.Thread(target=work, name="vitrine-ahead", daemon=True)
        thread.start()
        return thread
