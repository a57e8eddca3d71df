"""The attention atlas: point at a patch and see where it looks, in every layer and head at once.

    source = Source(trace, picture)                                                 # once per picture; cache it
    view = atlas(source, words=EN, view={"layer": 6, "head": 2}, key="atlas")       # in a fragment
    maps(source, key="atlas")                                                       # on the page, outside of it

`atlas` mounts what people see (words and view, a few kilobytes), `maps` the picture's binary payload (megabytes). For
pictures over the budget, `atlas` mounts a second payload with what the browser asked for. A new view, another language
or an answer therefore never sends the payload again; and the fragment that a new view reruns does not touch it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import streamlit as st

from app.components.assets import joined
from app.components.atlas import similarity
from app.components.atlas.payload import Source
from app.components.save import files
from vit_core import Trace

HERE = Path(__file__).parent
SCRIPTS = (
    *("../binary", "../percent", "../scale", "../segments", "shelf", "model", "draw", "words", "view", "controls"),
    *("describe", "features", "similarity", "mosaic", "like", "like_words"),
    *("../save/drawing", "../save/numbers", "../save/menu", "atlas"),
)

_view = st.components.v2.component(
    "vitrine_atlas",
    html=joined(HERE, ["atlas"], "html"),
    css=joined(HERE, ["../segments", "atlas", "../save/save"], "css"),
    js=joined(HERE, SCRIPTS, "js"),
)
_data = st.components.v2.component("vitrine_atlas_data", js=joined(HERE, ["../binary", "shelf", "data"], "js"))


def atlas(
    source: Source,
    *,
    words: Mapping[str, str],
    about: Mapping | None = None,
    view: Mapping | None = None,
    known: Mapping | None = None,
    key: str,
    on_change: Callable[[], None] | None = None,
    ask: Callable = lambda function, *args: function(*args),
    features_of: Callable[[], Trace] | None = None,
) -> dict:
    """Mount the visible part of the atlas and return its view. Call it in a fragment, which each new view reruns.

    `words`: `app.text.atlas.EN` or `KO`. `about`: for captions, names of files and links, "model", "picture", "input"
    (width, height), "version", "file" (how a file's name begins), "sample" (its name in the address, or None), and
    "linked" (whether the address names the picture).
    `view`: any of the keys below. The browser takes it over when the atlas appears, and again only when its "seq" (any
    value) changes; in between, the person's own choices stay. `known`: the session value of `key`, so that the
    browser's own view is not sent back to it. `on_change`: called before the rerun that a new view causes.
    `ask(function, *args)` runs what needs the trace. `features_of()` returns the trace with its features, for "like".

    The view: "layer", "head" (from 0; MEAN -1, ROLLOUT -2), "query" (a token: the prefix, then the patches),
    "pinned" (up to two tokens), "direction" ("row": where it looks, "column": who looks at it, "like": which features
    are similar), "facet" (of these features, one of `vit_core.features.FACETS`), "scale" ("map", "layer", "shared"),
    "clip" ("on", "off": whether a scale may end below the largest value, see scale.js),
    "compare" ("both", "difference"), "speed" ("1", "0.5", "0.25") and "loop" ("off", "on") of playing through the
    layers, "residual" (of rollout); the returned view also has "mode" ("attention" or "rollout") and "depth" (the last
    layer of the rollout).
    """
    view = dict(view or {})
    given = {"seq": 0, **view}
    known = (known or {}).get("view")
    if known and known.get("seq", 0) == given["seq"]:
        given = {"seq": given["seq"]}  # it has this view or a later one
    data = {"id": source.id, "words": dict(words), "about": dict(about or {}), "view": given}
    callbacks = {"on_view_change": on_change or _nothing, "on_want_change": _nothing, "on_save_change": _nothing}
    callbacks |= {"on_like_change": _nothing}
    state = _view(key=key, data=data, **callbacks)
    answer = None if source.whole or not state.want else ask(source.answer, state.want)
    if answer:
        _data(key=f"{key}-more", data=answer)
    like = ask(similarity.answer, source, state.like, features_of) if state.like and features_of else None
    if like:
        deliver(like, key=f"{key}-like")
    file = ask(files.answer, source, state.save, features_of) if state.save else None
    if file:
        _data(key=f"{key}-file", data=file)
    return dict(state.view) if state.view else view


def maps(source: Source, *, key: str) -> None:
    """Mount the payload of the atlas with that key. Call it outside of the atlas' fragment; it shows nothing."""
    _data(key=f"{key}-data", data=source.payload)


def deliver(payload: bytes, *, key: str) -> None:
    """Mount a payload for the atlases on the page; it shows nothing."""
    _data(key=key, data=payload)


def _nothing() -> None:
    """Streamlit needs a callback for each state value."""
