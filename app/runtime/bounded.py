"""A cache bounded by the size of its values."""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable
from concurrent.futures import Future
from typing import Any

from cachetools import Cache, LRUCache


class _Evicting(LRUCache):
    """An LRU cache that lists the keys it evicted."""

    def __init__(self, limit: int, size: Callable[[Any], int]):
        # A value larger than the limit is stored alone: a page needs its result, however small the limit.
        super().__init__(max(1, limit), lambda value: min(size(value), max(1, limit)))
        self.evicted: list[Hashable] = []

    def popitem(self) -> tuple[Hashable, Any]:
        key, value = super().popitem()
        self.evicted.append(key)
        return key, value

    def peek(self) -> dict[Hashable, Any]:
        """All entries; unlike `items`, this does not mark them as used."""
        return {key: Cache.__getitem__(self, key) for key in self}


class BoundedCache:
    """Values by key; the least recently used are evicted when their sizes, given by `size`, exceed `limit`.

    However many threads ask for a key at once, one makes the value and all get it: treat it as read-only. If making it
    fails, all waiters get the exception; it is not cached. A value dropped while it is being made goes to its waiters
    and is not cached. `on_evict(key)` is called after an eviction. `remeasure`: values may grow; they are measured at
    each use.
    """

    def __init__(
        self,
        limit: int,
        size: Callable[[Any], int],
        on_evict: Callable[[Any], None] = lambda key: None,
        remeasure: bool = False,
    ):
        self._size, self._on_evict, self._remeasure = size, on_evict, remeasure
        self._lock = threading.RLock()  # `size` may ask what else is cached
        self._values = _Evicting(limit, size)
        self._pending: dict[Hashable, Future] = {}

    def get(self, key: Hashable, make: Callable[[], Any]) -> Any:
        """The value of `key`, made by `make` if there is none."""
        with self._lock:
            cached = key in self._values
            if cached:
                value = self._values[key]
            else:
                future = self._pending.get(key)
                if mine := future is None:
                    future = self._pending[key] = Future()
        if cached:
            if self._remeasure:
                self._store(key, value, new=False)
            return value
        if not mine:
            return future.result()
        try:
            value = make()
        except BaseException as error:
            with self._lock:
                self._finish(key, future)
            future.set_exception(error)
            del future  # it holds the error, whose traceback holds this frame
            raise
        with self._lock:
            wanted = self._finish(key, future)
        future.set_result(value)
        if wanted:
            self._store(key, value)
        return value

    def _finish(self, key: Hashable, future: Future) -> bool:
        """Nobody waits for this value any more. Returns whether it is still to be cached."""
        wanted = self._pending.get(key) is future
        if wanted:
            del self._pending[key]
        return wanted

    def _store(self, key: Hashable, value: Any, new: bool = True) -> None:
        with self._lock:
            if new or self._values.pop(key, None) is not None:  # popped first: only its new size counts
                self._values[key] = value
            evicted = self._values.evicted[:]
            self._values.evicted.clear()
        for gone in evicted:
            self._on_evict(gone)

    def drop(self, which: Callable[[Any], bool]) -> None:
        """Remove the values whose keys satisfy `which`, including those being made."""
        with self._lock:
            for held in (self._values, self._pending):
                for key in [key for key in held if which(key)]:
                    del held[key]

    def holds(self, value: Any) -> bool:
        """Whether this very object is cached under some key."""
        with self._lock:
            return any(cached is value for cached in self._values.peek().values())

    def items(self) -> list[tuple[Any, Any]]:
        """(key, value) of all that is cached."""
        with self._lock:
            return list(self._values.peek().items())

    @property
    def total(self) -> int:
        """The present size of all that is cached."""
        with self._lock:
            return sum(map(self._size, self._values.peek().values()))

    def __contains__(self, key: Hashable) -> bool:
        return key in self._values

    def __len__(self) -> int:
        return len(self._values)
