"""Downloads in the background, shared by all sessions.

A `Download` runs a function of the core, `fetch(progress, should_stop)`, in a thread of its own, not in the thread that
runs models. Sessions that want the same thing at the same time get the same Download.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Any, Literal

from vit_core.downloads import Progress, ShouldStop, Stopped, failed
from vit_core.errors import InputError

Fetch = Callable[[Progress, ShouldStop], Any]
RATE_SECONDS = 5.0  # over which the rate is averaged
RATE_AFTER_SECONDS = 0.5  # before, it would be a guess
log = logging.getLogger("vitrine")


class Download:
    """One download. `done` and `total` are bytes; `total` is None until it is known.

    state: "running", "finished" (`result` is what `fetch` returned), "failed" (`error` is an InputError) or
    "cancelled".
    """

    def __init__(self, key: str, fetch: Fetch):
        self.key = key
        self.state: Literal["running", "finished", "failed", "cancelled"] = "running"
        self.done, self.total = 0, None
        self.result: Any = None
        self.error: InputError | None = None
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._seen: deque[tuple[float, int]] = deque()  # (time, bytes done)
        self._thread = threading.Thread(target=self._run, args=(fetch,), name=f"download {key}", daemon=True)
        self._thread.start()

    @property
    def running(self) -> bool:
        return self.state == "running"

    @property
    def rate(self) -> float:
        """Bytes a second over the last seconds, which falls while nothing comes; 0 until it is known."""
        with self._lock:
            if len(self._seen) < 2:
                return 0.0
            first, before = self._seen[0]
            seconds = time.monotonic() - first
            return (self._seen[-1][1] - before) / seconds if seconds >= RATE_AFTER_SECONDS else 0.0

    def cancel(self) -> None:
        """Stop it. What has been downloaded is kept, so that the next download continues there."""
        self._stop.set()
        with self._lock:
            if self.state == "running":
                self.state = "cancelled"

    def wait(self, seconds: float | None = None) -> None:
        """Wait until its thread has ended, at most so many seconds."""
        self._thread.join(seconds)

    def _progress(self, done: int, total: int | None) -> None:
        now = time.monotonic()
        with self._lock:
            if self._seen and done < self._seen[-1][1]:
                self._seen.clear()  # it started over
            self.done, self.total = done, total
            self._seen.append((now, done))
            while len(self._seen) > 2 and self._seen[0][0] < now - RATE_SECONDS:
                self._seen.popleft()

    def _run(self, fetch: Fetch) -> None:
        try:
            result = fetch(self._progress, self._stop.is_set)
        except Stopped:
            self._end("cancelled")
        except InputError as error:
            self._end("failed", error=error)
        except Exception as error:
            log.exception("download %s", self.key)
            self._end("failed", error=failed(error))
        else:
            self._end("finished", result)

    def _end(self, state: Any, result: Any = None, error: InputError | None = None) -> None:
        with self._lock:
            if self.state == "running" or state == "finished":  # it may have finished while it was cancelled
                self.state, self.result, self.error = state, result, error


class Downloads:
    """The last Download of each key."""

    def __init__(self):
        self._lock = threading.Lock()
        self._by_key: dict[str, Download] = {}

    def start(self, key: str, fetch: Fetch) -> Download:
        """The running Download of `key`; if none is running, a new one."""
        with self._lock:
            last = self._by_key.get(key)
            if last is None or not last.running:
                last = self._by_key[key] = Download(key, fetch)
            return last

    def find(self, key: str) -> Download | None:
        """The last Download of `key`, whatever its state."""
        return self._by_key.get(key)

    def forget(self, key: str) -> None:
        """Forget a Download that has ended, so that its failure is no longer shown."""
        with self._lock:
            last = self._by_key.get(key)
            if last is not None and not last.running:
                del self._by_key[key]
