"""Two atlases side by side: two pictures with one model, or two models with one picture.

What somebody points at, pins or chooses in one is shown in the other. Only the first one's view goes to Python, and so
into the address; the second follows it in the browser.

    pair(first, second, words=..., view=..., key="pair", on_change=...)     # in a fragment
    atlas.component.maps(source, key=...)                                   # on the page, for each of the two
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

import streamlit as st

from app.components.assets import joined
from app.components.atlas import component as atlas
from app.components.atlas import similarity
from app.components.atlas.payload import Source
from app.components.save import files
from vit_core import Trace

HERE = Path(__file__).parent
SCRIPTS = (
    *(name if "/" in name else f"../atlas/{name}" for name in atlas.SCRIPTS[:-1]),
    *("partner", "likeness", "matches", "pair", "mount"),
)

_pair = st.components.v2.component(
    "vitrine_pair",
    html=joined(HERE, ["pair"], "html").replace("ATLAS", joined(HERE, ["../atlas/atlas"], "html")),
    css=joined(HERE, ["../segments", "../atlas/atlas", "../save/save", "pair"], "css"),
    js=joined(HERE, SCRIPTS, "js"),
)


class Half(NamedTuple):
    """One of the two atlases. `about`, `ask` and `features_of` as `atlas.atlas` takes them."""

    source: Source
    name: str  # the picture's or the model's, plain text
    answer: str  # what the model says of the picture, plain text
    about: Mapping
    ask: Callable
    features_of: Callable[[], Trace]


def pair(
    first: Half,
    second: Half,
    *,
    words: Mapping[str, str],
    view: Mapping,
    boxes: list | None = None,
    matches: dict | None = None,
    known: Mapping | None = None,
    key: str,
    on_change: Callable[[], None],
    on_lines: Callable[[], None],
) -> None:
    """Mount both. Call it in a fragment, which each new view reruns.

    `words`: the atlas' and the pair's. `view`, `known` and `on_change`: the first one's, as `atlas.atlas` takes them.
    `boxes`: the parts of one picture that the patches of each cover, (left, top, right, bottom); None for two pictures.
    `matches`: the lines between two pictures, as `app.explore.compare.matches` makes them; None without lines.
    `on_lines`: called when the session value `key`'s "lines" becomes "on" or "off".
    """
    known = (known or {}).get("view")
    if known and known.get("seq", 0) == view["seq"]:
        view = {"seq": view["seq"]}  # the browser has this view or a later one
    halves = [
        {"id": half.source.id, "name": half.name, "answer": half.answer, "about": dict(half.about)}
        for half in (first, second)
    ]
    data = {"words": dict(words), "halves": halves, "view": dict(view), "boxes": boxes, "matches": matches}
    names = ("want", "like", "save", "want_second", "like_second", "save_second")
    callbacks = {f"on_{name}_change": _nothing for name in names}
    state = _pair(key=key, data=data, on_view_change=on_change, on_lines_change=on_lines, **callbacks)
    _answer(first, state.want, state.like, state.save, key=f"{key}-first")
    _answer(second, state.want_second, state.like_second, state.save_second, key=f"{key}-second")


def _answer(half: Half, want: dict | None, like: dict | None, save: dict | None, *, key: str) -> None:
    """Mount what the browser asked for: exact maps of a large picture, features, and files."""
    source = half.source
    answer = None if source.whole or not want else half.ask(source.answer, want)
    if answer:
        atlas.deliver(answer, key=f"{key}-more")
    features = half.ask(similarity.answer, source, like, half.features_of) if like else None
    if features:
        atlas.deliver(features, key=f"{key}-like")
    file = half.ask(files.answer, source, save, half.features_of) if save else None
    if file:
        atlas.deliver(file, key=f"{key}-file")


def _nothing() -> None:
    """Streamlit needs a callback for each state value."""
