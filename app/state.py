"""What a session remembers, and what its address holds. The only user of st.session_state and st.query_params."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import Any

import streamlit as st
from PIL import Image
from streamlit.runtime.scriptrunner import get_script_run_ctx

from app import text
from app.explore import address as view
from app.explore.result import digest_of
from app.runtime import garbage

#: In the address, so that a link opens the same view; the rest lasts as long as the session.
CHOSEN = ("lang", "model", "sample")  # on every page
FILTER = ("label", "predicted", "outcome", "confidence", "query")  # as vit_core.evaluation.filters.Filter writes it
MISTAKES = ("run", "list", *FILTER, "page", "open", "by", "sort")  # what is seen of an evaluation
ADDRESS = (*CHOSEN, *view.KEPT, "scene", *MISTAKES)
NUMBERS = ("layer", "row", "col")  # counted from 1, as people read them


def start() -> None:
    """Take over what the address says, once a session, and where Back or Forward led. What it says wrongly is clamped
    where it is used."""
    begun = "started" in st.session_state
    if begun and not get_script_run_ctx().is_history_navigation:
        return
    told = {name: st.query_params[name] for name in ADDRESS if name in st.query_params}
    for name in NUMBERS:
        if name in told:
            value = told.pop(name)
            if value.isascii() and value.isdigit() and len(value) < 6:
                told[name] = int(value)
    if begun:
        _back(told)
    else:
        garbage.visited()
    for name, value in told.items():
        st.session_state[name] = value
    st.session_state["started"] = True
    if get("lang") not in text.LANGUAGES:
        put("lang", "ko" if (st.context.locale or "").startswith("ko") else "en")


def _back(told: dict[str, str | int]) -> None:
    """Forget what is not in an address that somebody goes back to; language, model and picture stay."""
    for name in ADDRESS:
        if name not in told and name not in CHOSEN:
            put(name, None)
    if "sample" in told:
        put("source", "sample")
    put("want", None)  # of the lecture's scene
    put("filter_set", get("filter_set", 0) + 1)


def get(name: str, default: Any = None) -> Any:
    """A remembered value, a widget's own value among them."""
    return st.session_state.get(name, default)


def put(name: str, value: Any) -> None:
    """Remember a value; a widget of that key shows it at its next drawing."""
    if name not in st.session_state or st.session_state[name] != value:  # a drawn widget refuses even the same value
        st.session_state[name] = value


def bound(name: str, low: int, high: int, default: int) -> int:
    """A remembered number, moved into [low, high], so that a widget of that key can be drawn."""
    given = get(name, default)
    value = min(max(given if isinstance(given, int) else default, low), high)
    put(name, value)
    return value


def bound_pair(name: str, low: int, high: int, within: str) -> tuple[int, int]:
    """As `bound`, for a range; it spans everything until somebody narrows it, and when the limits change.

    Then `within`, a remembered number in it, stands at its end.
    """
    limits, value = (low, high), get(name)
    if get(f"{name} limits") != limits or value is None:
        put(f"{name} limits", limits)
        put(name, value := limits)
        put(within, high)
    return value


def one_of(name: str, options: list | tuple, default: Any = None) -> Any:
    """A remembered choice, replaced by `default` (or the first option) where it is no option any more."""
    value = get(name)
    if value not in options:
        put(name, value := default if default in options else options[0])
    return value


def worded(name: str, then: Callable[[], None] | None = None) -> dict[str, Any]:
    """Key and callback of a select box whose options are words: a box of its own in each language.

    Streamlit would go on showing an option in the words it was chosen in. What is chosen is remembered as `name`.
    """
    key = f"{name}_{get('lang')}"
    put(key, get(name))

    def chosen() -> None:
        put(name, get(key))
        if then:
            then()

    return {"key": key, "on_change": chosen}


def write_address(names: tuple[str, ...]) -> None:
    """Put what the page shows into the browser's address, where it changed, and nothing else: one step for Back.

    An address that Back or Forward led to stays as it is until something else is shown, however little it says: a step
    of the page's own would cut off what lies ahead, and lead who goes back to the same place for ever. Nor is a place
    that the mouse only passes over a step ("passing"): the next thing that is chosen brings it along.
    """
    shown = st.query_params.to_dict()
    wanted = {name: value for name, value in shown.items() if name not in ADDRESS}
    for name in names:
        value = get("named" if name == "model" else name)
        if value is not None and (name != "sample" or get("source") == "sample"):
            wanted[name] = str(value)
    changed = {name for name in {*shown, *wanted} if shown.get(name) != wanted.get(name)}
    if get_script_run_ctx().is_history_navigation:
        put("led", wanted)
    elif changed and wanted != get("led") and not (get("passing") and changed <= {*view.PLACE}):
        put("led", None)
        st.query_params.from_dict(wanted)


def t() -> text.Text:
    """The sentences, in the session's language."""
    return text.Text(get("lang", "en"))


def picture() -> tuple[str, Image.Image, str] | None:
    """The last good picture: (sha256 of its pixels, picture, what it is called)."""
    return get("picture")


def set_picture(image: Image.Image, title: str) -> None:
    """Make `image` the session's picture."""
    put("picture", (digest_of(image), image, title))


def selected(key: str) -> Any:
    """The custom data of the point that was clicked in the figure of that key; None when it was let go."""
    event = get(key)
    points = event["selection"]["points"] if event else []
    return points[0].get("customdata") if points else None


def dark() -> bool:
    """Whether the browser shows the dark theme."""
    return st.context.theme.type == "dark"


class Loose:
    """A value that the caches bound, for a fragment: what a fragment is given Streamlit keeps for as long as a browser
    is there, past every limit. Called, it is the value; where that has been let go, the whole page is drawn anew."""

    def __init__(self, value):
        self._value = weakref.ref(value)

    def __call__(self):
        value = self._value()
        if value is None:
            st.rerun()
        return value


def rerun(*fragments: str) -> None:
    """From a widget's callback: redraw these figures and nothing else."""
    st.rerun(list(fragments))
