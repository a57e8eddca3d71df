"""Everything that outlives a rerun, and the one thread that runs models. The only user of st.cache_*.

Limits, in the environment: VITRINE_MODELS_MB (4096), VITRINE_TRACES_MB (1024): what models, with what is read from them
alone, and what pictures' traces, with all that was derived from them, may take; VITRINE_QUEUE (32): pictures that may
wait for the model. With VITRINE_SERVE=http://host:port forward passes go to a `python -m vit_core serve` there, where
it has that model. What a model that is let go has made goes with it, or it would stay in memory for that.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import hashlib
import json
import logging
import os
import threading
import time
from collections.abc import Callable
from concurrent.futures import wait
from pathlib import Path

import numpy as np
import streamlit as st
import torch
from PIL import Image

import vit_core as vc
from app import lecture
from app.explore.result import Result, kept_of
from app.figures import Finished, uri
from app.lecture import Stage
from app.mistakes import find
from app.mistakes.why import Why, model_name
from app.runtime import garbage
from app.runtime.bounded import Bounded
from vit_core.assets import ASSETS
from vit_core.serving.client import Remote
from vit_core.serving.queue import DEPTH, Queue, on_cpu

SAMPLES = ASSETS / "samples"
MOMENT = 0.1  # seconds; a spinner shows itself half a second later
PAGES = 8  # that are drawn at once; the rest wait, as many as the line in front of the model takes together
log = logging.getLogger("vitrine")
if level := os.environ.get("VITRINE_LOG"):
    log.addHandler(logging.StreamHandler())
    log.setLevel(level.upper())


def limit(name: str, default: int) -> int:
    """A limit of the environment's, at least 1; what is no number is passed over."""
    given = os.environ.get(name, "")
    return max(1, int(given)) if given.isascii() and given.isdigit() else default


@st.cache_resource(show_spinner=False)
def queue() -> Queue:
    """The line in front of the one device that models run on, and its thread."""
    return Queue(limit("VITRINE_QUEUE", DEPTH))


@st.cache_resource(show_spinner=False)
def recorder() -> Queue | Remote:
    """What runs forward passes: the line here, or a server's."""
    url = os.environ.get("VITRINE_SERVE")
    return Remote(url, queue()) if url else queue()


@st.cache_resource(show_spinner=False)
def turns() -> threading.Semaphore:
    """Whose turn it is to draw a page. Python draws one at a time, and the more at once, the slower each."""
    return threading.Semaphore(PAGES)


def run(function, *args):
    """`function(*args)` on the thread that runs models; waits for it, and raises what it raises."""
    return queue().run(function, *args)


def run_saying(of: tuple, busy: Callable[[float], str], function, *args):
    """As `run`; if that takes a moment, a spinner says so meanwhile: `busy` of the seconds that it took when the same
    `of` was asked for last, 0 where it never was. (Streamlit's own starts a thread to wait with.)"""
    begun, future = time.perf_counter(), queue().submit(function, *args)
    try:
        if not wait([future], MOMENT).done:
            with st.spinner(busy(took().get(of, 0))):
                found = future.result()
        else:
            found = future.result()
    except BaseException:
        future.cancel()  # a browser that has left, or asks for something else, ends this where the spinner shows itself
        raise
    finally:
        del future  # an error holds this frame by its traceback, and is held by the future
    took()[of] = time.perf_counter() - begun
    return found


@st.cache_resource(show_spinner=False)
def _models() -> Bounded:
    return Bounded(
        limit("VITRINE_MODELS_MB", 4096) << 20,
        lambda model: sum(t.nbytes for t in model.state_dict().values()) + kept_of(model),
        _let_go,
        grow=True,
    )


def _let_go(key: tuple) -> None:
    for cache in (_made(), _drawn()):
        cache.drop(lambda made: made[0] == key[0])


@st.cache_resource(show_spinner=False)
def _made() -> Bounded:
    """What models made: by the model's name, first, and whatever else tells one from another."""
    return Bounded(limit("VITRINE_TRACES_MB", 1024) << 20, _size, grow=True)


def _size(made) -> int:
    """Bytes of what a model made. A result that is held by itself is not counted with its stage once more."""
    if isinstance(made, bytes):
        return len(made)
    twice = isinstance(made, Stage) and _made().holds(made.result)
    return made.nbytes - (made.result.nbytes if twice else 0)


def at_hand(name: str, digest: str) -> bool:
    """Whether that model's result for that picture is there, so that nobody waits for it."""
    _notice(name)
    return (name, "result", digest) in _made()


@st.cache_resource(show_spinner=False)
def _stamps() -> dict[str, tuple]:
    """Of each model that is read from files here, what they were when it was last asked for."""
    return {}


def _notice(name: str) -> None:
    """Let go of a model whose files are others now, trained on under the same name, and of all that it made."""
    found, seen = stamp(name), _stamps()
    if seen.setdefault(name, found) != found:
        seen[name] = found
        _models().drop(lambda key: key[0] == name)
        _let_go((name,))


def stamp(name: str) -> tuple:
    """(file, time, size) of what a model of that name is read from; nothing where it comes from elsewhere."""
    source, _, rest = name.partition(":")
    path = os.path.expanduser(rest)
    beside = (f"{Path(path).stem}.labels.txt", "labels.txt", "labels.json", "config.json", "preprocessor_config.json")
    found = []
    if source in ("file", "hf"):
        with contextlib.suppress(OSError, ValueError):
            folder = path if source == "hf" else os.path.dirname(path) or "."
            own = (os.path.basename(path), *beside) if source == "file" else os.listdir(folder)
            for file in sorted(own):
                with contextlib.suppress(OSError):
                    of = os.stat(os.path.join(folder, file))
                    found.append((file, of.st_mtime_ns, of.st_size))
    return tuple(found)


def model(name: str) -> vc.VisionTransformer:
    """The model called `name`, on the best device that has room for it; one, however many ask. Raises InputError; a
    failure is not kept."""
    loads = []
    _notice(name)
    found = _models().get((name, "best"), lambda: loads.append(1) or _load(name))
    if loads:
        garbage.freeze()
    return found


def await_model(name: str) -> None:
    """Until that model is there, as `model`. For whoever draws a page: a hub takes minutes, and the turn is others'."""
    if (name, "best") in _models():
        return
    turns().release()
    try:
        model(name)
    finally:
        turns().acquire()


@st.cache_resource(show_spinner=False)
def settled() -> bool:
    """Once, when the first page is drawn: all that pages import and keep is there by then."""
    garbage.freeze()
    return True


def _load(name: str) -> vc.VisionTransformer:
    begun = time.perf_counter()
    loaded = vc.load(name, "cpu")  # not in the line: nobody else is to wait for a hub or a disk
    if vc.best_device().type != "cpu":
        loaded = run(vc.checkpoints.moved, loaded)
    log.info("load %s %.0f ms", name, (time.perf_counter() - begun) * 1e3)
    return loaded


def result(name: str, digest: str, picture: Image.Image) -> Result:
    """One forward pass of the model called `name` on the picture whose pixels have this sha256. Raises InputError,
    "busy" where too many wait."""
    _notice(name)
    return _made().get((name, "result", digest), lambda: _pass(name, digest, picture))


@st.cache_resource(show_spinner=False)
def took() -> dict[str | tuple, float]:
    """Seconds that the latest forward pass of each model took, and the latest of what `run_saying` ran, the wait in the
    line included."""
    return {}


def _pass(name: str, digest: str, picture: Image.Image) -> Result:
    loaded = model(name)
    begun = time.perf_counter()
    trace = recorder().record(loaded, picture)
    seconds = took()[name] = time.perf_counter() - begun
    log.info("forward %s %s %.0f ms", name, digest[:12], seconds * 1e3)
    fell_back = trace.tokens.device.type != next(loaded.parameters()).device.type
    if fell_back:  # everything about this picture stays on one device
        loaded = _on_cpu(name, loaded)
    return Result(name, picture, loaded, trace, seconds, fell_back)


def _on_cpu(name: str, loaded: vc.VisionTransformer) -> vc.VisionTransformer:
    return _models().get((name, "cpu"), functools.partial(on_cpu, loaded))


def derived(result: Result, function, *args):
    """`function(*args)`, which derives something from the result. Where its device has no memory for that, the result
    is the CPU's from then on, and the page is drawn anew: it says so, and asks again."""
    try:
        return function(*args)
    except torch.OutOfMemoryError:
        if result.fell_back:  # it is there already: to draw the page anew would never end
            raise
    # outside of the handler: its traceback would hold the memory that is wanted
    key = result.name, "result", result.digest
    if _models().holds(result.model) and _made().get(key, lambda: result) is result:  # or another page was quicker
        moved = dataclasses.replace(
            result, model=_on_cpu(result.name, result.model), trace=result.trace.cpu(), fell_back=True
        )
        _made().drop(lambda key: key[0] == result.name and result.digest in key)
        _made().get(key, lambda: moved)
    st.rerun()


def scene(result: Result, digest: str, name: str, want: str, language: str, sample: bool) -> bytes:
    """A scene of the lecture for the browser. `want` is JSON, what the browser asks it for; `sample`: whether the
    picture is one of the bundled ones, so that there is a next one."""
    return derived(
        result,
        _made().get,
        (result.name, "scene", result.serial, digest, name, want, language, sample),
        lambda: _scene(result, digest, name, want, language, sample),
    )


def _scene(result: Result, digest: str, name: str, want: str, language: str, sample: bool) -> bytes:
    begun = time.perf_counter()
    stage, asked = _stage(result, digest), json.loads(want)
    content = run(lecture.build, name, stage, asked | {"language": language})
    frame = {"of": f"{result.name} {digest}", "sample": sample}
    packed = lecture.pack(name, stage, content, asked, language, frame)
    log.info("scene %s %.0f ms, %d bytes", name, (time.perf_counter() - begun) * 1e3, len(packed))
    return packed


def _stage(result: Result, digest: str) -> Stage:
    key = result.name, "stage", result.serial, digest
    found = _made().get(key, lambda: Stage(result))
    if not _models().holds(result.model):  # let go while the page was drawn: its stage would keep it
        _made().drop(lambda one: one == key)
    return found


def drawn(result: Result, make, own: tuple, *arguments, **options):
    """`make(*own, *arguments, **options)`, a figure or a picture; the same one as long as they are the same. Read-only.

    `own`: pictures and arrays that the result holds, which it stands for. Figures take most of a rerun's time to build,
    and most of a page is as it was.
    """
    return _figure((result.name, result.serial, result.digest), "exact", make, own, arguments, options)


def drawn_of_model(result: Result, make, own: tuple, *arguments, **options):
    """As `drawn` of what the model holds: the same one for every picture."""
    return _figure((result.name, result.serial, result.grid), "flat", make, own, arguments, options)


def _figure(of: tuple, way: str, make, own: tuple, arguments: tuple, options: dict):
    key = (*of, make.__qualname__, *map(_told, arguments), repr(options))
    return _drawn().get(key, lambda: _finished(make(*own, *arguments, **options), way))


def _told(argument) -> str:
    """What tells an argument from others."""
    if isinstance(argument, np.ndarray):
        return f"{argument.shape} {argument.dtype} {hashlib.blake2b(argument.tobytes()).hexdigest()}"
    return repr(argument)


@st.cache_resource(show_spinner=False)
def _drawn() -> Bounded:
    return Bounded(64, lambda figure: 1)  # six pages


def _finished(made, way: str):
    return uri(made, way) if isinstance(made, Image.Image) else Finished(made)


def evaluation(out: Path) -> find.Run:
    """The finished evaluation in this folder. Raises InputError where it cannot be read."""
    return _evaluation(str(out), find.stamp(out))


@st.cache_resource(max_entries=3, show_spinner=False)
def _evaluation(out: str, stamp: float) -> find.Run:
    return find.Run(Path(out))


def why(evaluation, path: str) -> Why:
    """One picture of an evaluation, looked into. Raises InputError where it or the model cannot be read."""
    row, name = evaluation.rows.row(path), model_name(evaluation)
    table = str(evaluation.rows.path), find.stamp(evaluation.rows.path.parent)
    _notice(name)
    return _made().get(
        (name, "why", *table, path, row and row["hash"]), lambda: run(Why, model(name), evaluation, path)
    )


@st.cache_resource(show_spinner=False)
def samples() -> dict[str, dict]:
    """The bundled pictures by file name, in the order they are shown."""
    listed = json.loads((SAMPLES / "samples.json").read_text(encoding="utf-8"))
    return {entry["file"]: entry for entry in listed}


@st.cache_resource(show_spinner=False)
def sources() -> list[vc.checkpoints.Available]:
    """What models there are, the embedded ones first."""
    return vc.available()
