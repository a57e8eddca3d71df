"""The attention atlas: move over the picture and see where that patch looks, in every layer and head at once.

    source = Source(trace, picture)             # once a picture; keep it in a cache
    view = atlas(source, words=EN, view={"layer": 6, "head": 2}, key="atlas")       # in a fragment
    maps(source, key="atlas")                                                       # on the page, outside of it

Two pieces of the browser's: one for what is seen (words and view, a few kilobytes), one for the picture's binary
payload, mounted once more for pictures over the budget, with what was asked for on demand. So a new view, another
language or an answer never sends the payload again; and since the payload stands outside the fragment that a new view
runs, it costs that nothing, not even to see that it is the same.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import streamlit as st

from app.components.atlas.payload import BUDGET, MEAN, ROLLOUT, Source, header_of, pack, section

__all__ = ["BUDGET", "MEAN", "ROLLOUT", "Source", "atlas", "header_of", "maps", "pack", "script", "section"]

HERE = Path(__file__).parent
SCRIPTS = ("payload", "model", "draw", "words", "view", "controls", "describe", "atlas")
DATA = ("payload", "data")


def _text(name: str) -> str:
    return (HERE / name).read_text(encoding="utf-8")


def script(names: Sequence[str] = SCRIPTS) -> str:
    """The scripts joined, in order, into the one module that the browser gets of a piece."""
    return "\n".join(_text(f"{name}.js") for name in names)


_piece = st.components.v2.component("vitrine_atlas", html=_text("atlas.html"), css=_text("atlas.css"), js=script())
_data = st.components.v2.component("vitrine_atlas_data", js=script(DATA))


def atlas(
    source: Source,
    *,
    words: Mapping[str, str],
    view: Mapping | None = None,
    known: Mapping | None = None,
    key: str,
    on_change: Callable[[], None] | None = None,
    ask: Callable = lambda function, *args: function(*args),
) -> dict:
    """Mount what is seen of the atlas, and return its view. `maps` mounts the rest.

    `words`: `app.text.atlas.EN` or `KO`. `view`: where to begin; any of the keys below. It is read when the
    piece first appears, and again only when its "seq" (any value) differs from before: otherwise what the
    person does rules, and passing the returned view back in changes nothing. `known`: the piece's own state, what the
    session keeps under `key`, so that a view it has is not sent to it again. `on_change`: called before the
    rerun that a changed view causes. `ask(function, *args)` runs what asks the trace for more.

    The view: "layer", "head" (from 0; MEAN -1, ROLLOUT -2), "query" (a token: the prefix, then the patches),
    "pinned" (up to two tokens), "direction" ("row": where it looks, "column": who looks at it), "scale"
    ("map", "layer", "shared"), "compare" ("both", "difference"), "residual" (of rollout), and for readers
    "mode" ("attention" or "rollout") and "depth" (the last layer rolled out).

    Call it in a fragment; it reruns whatever it stands in when the view has come to rest.
    """
    view = dict(view or {})
    given = {"seq": 0, **view}
    known = (known or {}).get("view")
    if known and known.get("seq", 0) == given["seq"]:
        given = {"seq": given["seq"]}  # it has this view or a later one; the rest would only make a new message
    data = {"id": source.id, "words": dict(words), "view": given}
    state = _piece(key=key, data=data, on_view_change=on_change or _nothing, on_want_change=_nothing)
    answer = None if source.whole or not state.want else ask(source.answer, state.want)
    if answer:
        _data(key=f"{key}-more", data=answer)
    return dict(state.view) if state.view else view


def maps(source: Source, *, key: str) -> None:
    """Mount the payload of the atlas of that key. It shows nothing, and stands wherever no new view makes it run."""
    _data(key=f"{key}-data", data=source.payload)


def _nothing() -> None:
    """State values need a callback to exist."""
