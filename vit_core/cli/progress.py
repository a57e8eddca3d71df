"""What long commands share: Ctrl-C ends them after the current step, and a line says how far they are."""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from vit_core.evaluation import EvaluationProgress


@contextmanager
def stop_signals() -> Iterator[list[int]]:
    """The signals to stop that came so far; the second one ends the process at once."""
    stopped: list[int] = []

    def stop(number: int, frame) -> None:
        stopped.append(number)
        signal.signal(number, signal.SIG_DFL)

    before = {s: signal.signal(s, stop) for s in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stopped
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def progress_line() -> Callable[[EvaluationProgress], None]:
    """A function that prints how far a run is: in a terminal on one line, elsewhere a line every ten seconds."""
    printed, terminal = 0.0, sys.stdout.isatty()

    def show(p: EvaluationProgress) -> None:
        nonlocal printed
        now = time.monotonic()
        if p.done == p.total or now - printed >= (0.5 if terminal else 10):
            printed = now
            line = (
                f"{p.done:,} of {p.total:,}  {p.rate:,.1f} pictures/s  {p.seconds_left:,.0f} s left  "
                f"{p.errors:,} unreadable"
            )
            print(f"\r{line:78}" if terminal else line, end="" if terminal else "\n", flush=True)

    return show
