"""Everything that outlives a rerun, and the one thread that runs models. The only module that uses st.cache_*.

Limits, from the environment: VITRINE_MODELS_MB (4096) for models and what is read from their weights alone;
VITRINE_TRACES_MB (1024) for what they compute: traces and everything derived from them; VITRINE_QUEUE (32) for pictures
that wait for a model. With VITRINE_SERVE=http://host:port, a `vit_core serve` there runs forward passes of the models
that it has. When a model is evicted, all that it computed is dropped, because it would keep the model in memory.

Pages decide what is computed: they pass functions, and keys that begin with the model's name.
"""

from __future__ import annotations

import contextlib
import functools
import json
import logging
import os
import threading
import time
from collections.abc import Callable
from concurrent.futures import wait
from contextlib import AbstractContextManager
from pathlib import Path

import streamlit as st

import vit_core as vc
from app.runtime import garbage, recent
from app.runtime.ahead import Ahead
from app.runtime.bounded import BoundedCache
from app.runtime.downloads import Downloads
from app.runtime.guard import is_public
from app.runtime.model_values import model_values_nbytes
from app.runtime.uploads import ServerUploads, Upload
from vit_core.assets import ASSETS
from vit_core.checkpoints import split_input, split_problem_type
from vit_core.images import reframed
from vit_core.models.device import cpu_copy
from vit_core.serving.client import Remote
from vit_core.serving.queue import MAX_WAITING, Queue

SAMPLES = ASSETS / "samples"
SHOWN_AFTER_S = 0.1  # before a page draws that it waits; panel.css hides that for another half second
MAX_PAGES_AT_ONCE = 8  # pages drawn at the same time; the others wait
MAX_FIGURES = 64  # about six pages
MAX_EVALUATIONS = 3
log = logging.getLogger("vitrine")
if level := os.environ.get("VITRINE_LOG"):
    log.addHandler(logging.StreamHandler())
    log.setLevel(level.upper())


def limit(name: str, default: int) -> int:
    """A limit from the environment, at least 1; `default` if it is not a number."""
    given = os.environ.get(name, "")
    return max(1, int(given)) if given.isascii() and given.isdigit() else default


@st.cache_resource(show_spinner=False)
def queue() -> Queue:
    """The queue in front of the one device that models run on, and its thread."""
    return Queue(limit("VITRINE_QUEUE", MAX_WAITING))


@st.cache_resource(show_spinner=False)
def recorder() -> Queue | Remote:
    """What runs forward passes: the local queue, or the server at VITRINE_SERVE."""
    url = os.environ.get("VITRINE_SERVE")
    return Remote(url, queue()) if url else queue()


@st.cache_resource(show_spinner=False)
def ahead() -> Ahead:
    """What computes ahead, for all sessions: the latest request counts."""
    return Ahead(queue())


@st.cache_resource(show_spinner=False)
def page_slots() -> threading.Semaphore:
    """Held while a page is drawn. Python draws one page at a time; the more at once, the slower each."""
    return threading.Semaphore(MAX_PAGES_AT_ONCE)


def run(function, *args):
    """`function(*args)` on the thread that runs models. Waits for it, and raises what it raises."""
    return queue().run(function, *args)


def run_idle(function, *args):
    """Like `run`, but only while nothing else waits for that thread."""
    return queue().submit_idle(function, *args).result()


def run_with_waiting(task: tuple, waiting: Callable[[float], AbstractContextManager], function, *args):
    """Like `run`, within `waiting` if it takes a moment.

    `waiting` gets the seconds that the same `task` took the last time, 0 the first time.
    """
    begun, future = time.perf_counter(), queue().submit(function, *args)
    try:
        if not wait([future], SHOWN_AFTER_S).done:
            with waiting(last_durations().get(task, 0)):
                result = future.result()
        else:
            result = future.result()
    except BaseException:
        future.cancel()  # a browser that left or asks for something else ends this where the wait is drawn
        raise
    finally:
        del future  # an error holds this frame by its traceback, and the future holds the error
    last_durations()[task] = time.perf_counter() - begun
    return result


@st.cache_resource(show_spinner=False)
def last_durations() -> dict[str | tuple, float]:
    """Seconds: of each model's last forward pass, by its name; of its fastest, by (name, tokens); of
    `run_with_waiting`'s tasks, waiting included; of each model's last load, by (name, "load")."""
    return {}


@st.cache_resource(show_spinner=False)
def models() -> BoundedCache:
    """Models by (name, "best") or (name, "cpu"), their device. A view at another input size has a name of its own and
    shares the weights of its model, with which it is dropped."""
    return BoundedCache(
        limit("VITRINE_MODELS_MB", 4096) << 20,
        _model_nbytes,
        lambda key: _drop_views_and_outputs(key[0]),
        remeasure=True,
    )


def _model_nbytes(model: vc.VisionTransformer) -> int:
    own = 0 if model.shares_weights else sum(t.nbytes for t in model.state_dict().values())
    return own + model_values_nbytes(model)


@st.cache_resource(show_spinner=False)
def outputs() -> BoundedCache:
    """What models computed, by tuples that begin with the model's name and a word for the kind."""
    return BoundedCache(limit("VITRINE_TRACES_MB", 1024) << 20, _output_nbytes, remeasure=True)


def _output_nbytes(value) -> int:
    """Bytes of an output. A `result` inside it counts only if it is not cached by itself."""
    if isinstance(value, bytes):
        return len(value)
    inner = getattr(value, "result", None)
    return value.nbytes - (inner.nbytes if inner is not None and outputs().holds(inner) else 0)


@st.cache_resource(show_spinner=False)
def drawings() -> BoundedCache:
    """Finished figures and pictures, by tuples that begin with the model's name."""
    return BoundedCache(MAX_FIGURES, lambda figure: 1)


@st.cache_resource(show_spinner=False)
def evaluations() -> BoundedCache:
    """Finished evaluations that are open, by folder and time stamp."""
    return BoundedCache(MAX_EVALUATIONS, lambda evaluation: 1)


@st.cache_resource(show_spinner=False)
def downloads() -> Downloads:
    """The downloads of all sessions."""
    return Downloads()


@st.cache_resource(show_spinner=False)
def _server_uploads() -> ServerUploads:
    return ServerUploads()


def delete_upload(upload: Upload) -> None:
    """Delete what a session uploaded, the evaluations of it, and what is cached of them."""
    if folder := upload.delete():
        evaluations().drop(lambda key: Path(key[0]).parent == folder)
        outputs().drop(lambda key: any(isinstance(part, str) and part.startswith(str(folder)) for part in key))


@st.cache_resource(show_spinner=False, scope="session", on_release=delete_upload)
def upload() -> Upload:
    """The labelled pictures that this session uploaded, if any. They are deleted when the session ends."""
    return Upload(_server_uploads())


def _of_model(name: str) -> Callable[[tuple], bool]:
    """Whether a key belongs to that model, or to a view of it."""
    return lambda key: key[0] == name or split_input(key[0])[0] == name


def _drop_views_and_outputs(name: str) -> None:
    models().drop(lambda key: key[0] != name and _of_model(name)(key))
    for cache in (outputs(), drawings()):
        cache.drop(_of_model(name))


@st.cache_resource(show_spinner=False)
def _stamps() -> dict[str, tuple]:
    """For each model read from local files, their stamp when it was last used."""
    return {}


def drop_if_changed(name: str) -> None:
    """Drop a model and its outputs if its files have changed, as when it was trained again under the same name."""
    name = split_input(name)[0]
    found, stamps = stamp(name), _stamps()
    if stamps.setdefault(name, found) != found:
        stamps[name] = found
        models().drop(_of_model(name))
        _drop_views_and_outputs(name)


def stamp(name: str) -> tuple:
    """(file, time, size) of the local files that a model is read from; empty for other sources."""
    source, _, rest = split_problem_type(name)[0].partition(":")
    path = os.path.expanduser(rest)
    beside = (f"{Path(path).stem}.labels.txt", "labels.txt", "labels.json", "config.json", "preprocessor_config.json")
    found = []
    if source in ("file", "hf"):
        with contextlib.suppress(OSError, ValueError):
            folder = path if source == "hf" else os.path.dirname(path) or "."
            files = (os.path.basename(path), *beside) if source == "file" else os.listdir(folder)
            for file in sorted(files):
                with contextlib.suppress(OSError):
                    status = os.stat(os.path.join(folder, file))
                    found.append((file, status.st_mtime_ns, status.st_size))
    return tuple(found)


def model(name: str) -> vc.VisionTransformer:
    """The model with that name, on the best device that has memory for it; loaded once, however many ask and at
    whatever input sizes.

    Raises InputError; a failure is not cached.
    """
    loads = []
    drop_if_changed(name)
    plain, size, framing = split_input(name)
    found = models().get((plain, "best"), lambda: loads.append(1) or _load(plain))
    if loads:
        garbage.freeze()
    return found if plain == name else models().get((name, "best"), lambda: reframed(found, size, framing))


def model_on_cpu(name: str, loaded: vc.VisionTransformer) -> vc.VisionTransformer:
    """The CPU's copy of a model."""
    plain, size, framing = split_input(name)
    if plain == name:
        return models().get((name, "cpu"), functools.partial(cpu_copy, loaded))
    return models().get((name, "cpu"), lambda: reframed(model_on_cpu(plain, model(plain)), size, framing))


def is_loaded(name: str) -> bool:
    """Whether nobody has to wait for that model."""
    return (split_input(name)[0], "best") in models()


def await_model(name: str) -> None:
    """Wait until that model is loaded, and let other pages be drawn meanwhile: a download takes minutes."""
    if is_loaded(name):
        return
    page_slots().release()
    begun = time.perf_counter()
    try:
        model(name)
        last_durations()[name, "load"] = time.perf_counter() - begun
    finally:
        page_slots().acquire()


@st.cache_resource(show_spinner=False)
def freeze_after_first_page() -> bool:
    """Freeze garbage collection once, when the first page has imported and cached what every page needs."""
    garbage.freeze()
    return True


def _load(name: str) -> vc.VisionTransformer:
    begun = time.perf_counter()
    loaded = vc.load(name, "cpu")  # not on the queue's thread: nobody else should wait for a hub or a disk
    if vc.best_device().type != "cpu":
        loaded = run(vc.checkpoints.move_to, loaded)
    if not is_public():
        recent.remember(name)
    log.info("load %s %.0f ms", name, (time.perf_counter() - begun) * 1e3)
    return loaded


@st.cache_resource(show_spinner=False)
def samples() -> dict[str, dict]:
    """The bundled pictures by file name, in the order they are shown."""
    listed = json.loads((SAMPLES / "samples.json").read_text(encoding="utf-8"))
    return {entry["file"]: entry for entry in listed}


@st.cache_resource(show_spinner=False)
def sources() -> list[vc.checkpoints.Available]:
    """The models that can be chosen, the embedded ones first."""
    return vc.available()
