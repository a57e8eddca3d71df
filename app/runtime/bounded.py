"""A cache that is bounded by what it holds, not by how many."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from concurrent.futures import Future
from typing import Any


class Bounded:
    """Values by key; where their sizes, as `size` counts, pass `limit`, those not used for longest are let go.

    However many threads ask for a key at once, one makes the value and all get it; it is shared, so nobody changes it.
    A failure is everybody's who waited, and not kept. Values that may grow (`grow`) are measured at each use. One that
    is larger than the limit stays until another is asked for. `gone(key)` is called after a value was let go. One that
    is dropped while it is made is theirs who waited, and not kept.
    """

    def __init__(
        self, limit: int, size: Callable[[Any], int], gone: Callable[[Any], None] = lambda key: None, grow: bool = False
    ):
        self.limit, self._size, self._gone, self._grow = limit, size, gone, grow
        self._lock = threading.RLock()  # `size` may ask what else is held
        self._values, self._sizes, self._making = OrderedDict(), {}, {}

    def get(self, key: Hashable, make: Callable[[], Any]) -> Any:
        """The value of `key`, made by `make` where there is none."""
        with self._lock:
            there = key in self._values
            if there:
                self._values.move_to_end(key)
                value = self._values[key]
            else:
                future = self._making.get(key)
                if mine := future is None:
                    future = self._making[key] = Future()
        if there:
            if self._grow:
                self._measure(key, value)
            return value
        if not mine:
            return future.result()
        try:
            value = make()
        except BaseException as error:
            with self._lock:
                self._ends(key, future)
            future.set_exception(error)
            del future  # which holds the error, whose traceback holds this frame
            raise
        with self._lock:
            if kept := self._ends(key, future):
                self._values[key] = value
        future.set_result(value)
        if kept:
            self._measure(key, value)
        return value

    def _ends(self, key: Hashable, future: Future) -> bool:
        """Whether what is made here is still wanted; nobody waits for it any more."""
        wanted = self._making.get(key) is future
        if wanted:
            del self._making[key]
        return wanted

    def drop(self, which: Callable[[Any], bool]) -> None:
        """Let go of the values whose key is one of `which`, and keep none of those that are being made."""
        with self._lock:
            for key in [key for key in self._values if which(key)]:
                del self._values[key]
                self._sizes.pop(key, None)
            for key in [key for key in self._making if which(key)]:
                del self._making[key]

    def holds(self, value: Any) -> bool:
        """Whether this very value is held under some key."""
        with self._lock:
            return any(held is value for held in self._values.values())

    @property
    def total(self) -> int:
        """The size of all that is held."""
        with self._lock:
            return sum(map(self._size, self._values.values()))

    def __contains__(self, key: Hashable) -> bool:
        return key in self._values

    def __len__(self) -> int:
        return len(self._values)

    def _measure(self, key: Hashable, value: Any) -> None:
        """Take down how large the value is now, and let go of what there is no longer room for."""
        size, gone = self._size(value), []
        with self._lock:
            if key in self._values:
                self._sizes[key] = size
            held = sum(self._sizes.values())
            while len(self._values) > 1 and held > self.limit:
                gone.append(self._values.popitem(last=False)[0])
                held -= self._sizes.pop(gone[-1], 0)
        for key in gone:
            self._gone(key)
