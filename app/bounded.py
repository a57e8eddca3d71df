"""A cache that is bounded by what it holds, not by how many."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from concurrent.futures import Future
from typing import Any


class Bounded:
    """Values by key; past `megabytes`, as `size` counts a value's bytes, those not used for longest are let go.

    However many threads ask for a key at once, one makes the value and all get it; it is shared, so nobody changes it.
    A failure is everybody's who waited, and not kept. Values may grow: they are measured at each use. One that is
    larger than the limit stays until another is asked for.
    """

    def __init__(self, megabytes: float, size: Callable[[Any], int]):
        self.limit, self._size = int(megabytes * 2**20), size
        self._lock, self._values, self._making = threading.Lock(), OrderedDict(), {}

    def get(self, key: Hashable, make: Callable[[], Any]) -> Any:
        """The value of `key`, made by `make` where there is none."""
        with self._lock:
            if key in self._values:
                self._values.move_to_end(key)
                self._let_go()
                return self._values[key]
            future = self._making.get(key)
            if mine := future is None:
                future = self._making[key] = Future()
        if not mine:
            return future.result()
        try:
            value = make()
        except BaseException as error:
            with self._lock:
                del self._making[key]
            future.set_exception(error)
            raise
        with self._lock:
            self._values[key] = value
            del self._making[key]
            self._let_go()
        future.set_result(value)
        return value

    @property
    def nbytes(self) -> int:
        """Bytes of all that is held."""
        with self._lock:
            return sum(map(self._size, self._values.values()))

    def __len__(self) -> int:
        return len(self._values)

    def _let_go(self) -> None:
        sizes = {key: self._size(value) for key, value in self._values.items()}
        while len(self._values) > 1 and sum(sizes.values()) > self.limit:
            key, _ = self._values.popitem(last=False)
            del sizes[key]
