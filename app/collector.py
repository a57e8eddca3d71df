"""Garbage collection: Streamlit goes through all objects after each rerun. What stays is put out of its sight.

With torch and plotly imported that is 0.14 to 0.38 s each time, and what a thousand pictures left adds to it. So what
outlives a slow collection is frozen, and after every few of these, or once nobody asks for anything, one goes through
everything again: what was frozen and has ended since, with all it holds, is let go then. In development
(VITRINE_NO_FREEZE) nothing is frozen: what hot reload leaves would stay for ever.
"""

from __future__ import annotations

import atexit
import ctypes
import gc
import os
import threading
import time

SLOW = 0.005  # seconds of CPU
EVERY = 4  # slow collections
IDLE = 3.0  # seconds without a collection: nobody waits for a page

_begun, _slow, _latest, _stirred = 0.0, 0, 0.0, False


def freeze() -> None:
    """Collect what is garbage, frozen or not, and freeze the rest; from now on what outlives a slow collection, too."""
    global _slow
    if os.environ.get("VITRINE_NO_FREEZE"):
        return
    if _collected not in gc.callbacks:
        gc.callbacks.append(_collected)
        atexit.register(_ending)
        threading.Thread(target=_resting, name="collector", daemon=True).start()
    gc.unfreeze()
    gc.collect()
    gc.freeze()
    _slow = 0


def _collected(phase: str, info: dict) -> None:
    """Called by `gc` before and after each collection, on the thread that it stops."""
    global _begun, _slow, _latest
    if info["generation"] < 2 or os.environ.get("VITRINE_NO_FREEZE"):
        return
    if phase == "start":
        _begun, _latest = time.thread_time(), time.monotonic()
    elif time.thread_time() - _begun > SLOW:
        _slow += 1
        if _slow % EVERY:
            gc.freeze()
        else:
            gc.unfreeze()  # the next is slow, too, and freezes


def visited() -> None:
    """Somebody came: Streamlit lets the sessions go that are over, and what was frozen of them has ended."""
    global _stirred
    _stirred = True


def _resting() -> None:
    """Go through everything while nobody waits, and give what that frees back to the system, where C's library can."""
    global _stirred
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    while True:
        time.sleep(1)
        if (_stirred or _slow) and time.monotonic() - _latest > IDLE:
            _stirred = False
            freeze()
            if trim:
                trim(0)


def _ending() -> None:
    """As Python ends: or what is left is never garbage, and duckdb says on the terminal that it leaked."""
    gc.callbacks.remove(_collected)
    gc.unfreeze()
