"""Garbage collection, where it holds nobody up.

Streamlit would go through all objects after each rerun: with torch and plotly imported 0.14 to 0.38 s. It is told not
to (`runner.postScriptGC`): Python collects by itself, and what is there once a model is loaded is frozen, out of its
sight. What was frozen and has ended since, with all it holds, is let go once nobody asks for anything. In development
(VITRINE_NO_FREEZE) nothing is frozen: what hot reload leaves would stay for ever.
"""

from __future__ import annotations

import atexit
import ctypes
import gc
import os
import threading
import time

RESTS = 3  # seconds in which nobody asks for anything

_thread: threading.Thread | None = None
_came = threading.Event()


def freeze() -> None:
    """Collect what is garbage, frozen or not, and freeze the rest."""
    global _thread
    if os.environ.get("VITRINE_NO_FREEZE"):
        return
    if _thread is None:
        _thread = threading.Thread(target=_watch, name="collector", daemon=True)
        _thread.start()
        atexit.register(gc.unfreeze)  # or what is left is never garbage, and duckdb says on the terminal that it leaked
    gc.unfreeze()
    gc.collect()
    gc.freeze()
    gc.collect()  # of next to nothing: Python would wait for a quarter of the objects that it saw last


def visited() -> None:
    """Somebody came: Streamlit lets the sessions go that are over, and what was frozen of them has ended."""
    _came.set()


def _watch() -> None:
    """At rest after a visit, freeze anew, and give what that frees back to the system, where C's library can."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    while _came.wait():
        young = -1
        while young != (young := gc.get_stats()[0]["collections"]):  # somebody is at work: objects are made
            time.sleep(RESTS)
        _came.clear()
        freeze()
        if trim:
            trim(0)
