"""Garbage collection at moments when nobody waits for it.

Streamlit would collect after each rerun, which takes 0.14 to 0.38 s with torch and plotly imported. Its collection is
switched off (`runner.postScriptGC`). Python still collects by itself, but objects that exist once a model is loaded are
frozen, so that it does not look at them. What has become garbage among them is found by freezing again, a few seconds
after the last request. With VITRINE_NO_FREEZE, for development, nothing is frozen: hot reload would leak.
"""

from __future__ import annotations

import atexit
import ctypes
import gc
import os
import threading
import time

REST_S = 3  # seconds without a request

_thread: threading.Thread | None = None
_session_started = threading.Event()


def freeze() -> None:
    """Collect all garbage, including what was frozen, and freeze the rest."""
    global _thread
    if os.environ.get("VITRINE_NO_FREEZE"):
        return
    if _thread is None:
        _thread = threading.Thread(target=_watch, name="collector", daemon=True)
        _thread.start()
        atexit.register(gc.unfreeze)  # else the rest is never collected, and duckdb reports a leak at exit
    gc.unfreeze()
    gc.collect()
    gc.freeze()
    gc.collect()  # resets Python's count of surviving objects, a quarter of which it would wait for


def session_started() -> None:
    """Note that a session has started: Streamlit then ends sessions that are over, and what they held is garbage."""
    _session_started.set()


def _watch() -> None:
    """Once the server is at rest after a new session, freeze again, and return the memory to the system (glibc)."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None) if os.name == "posix" else None
    while _session_started.wait():
        young = -1
        while young != (young := gc.get_stats()[0]["collections"]):  # objects are being made: somebody is at work
            time.sleep(REST_S)
        _session_started.clear()
        freeze()
        if trim:
            trim(0)
