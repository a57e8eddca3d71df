"""Why the model gives a class its score: the methods compared, for a class that is chosen. Widgets only."""

from __future__ import annotations

import streamlit as st

from app import state
from app.components.reasons.component import reasons_view
from app.components.reasons.payload import pack
from app.explore.cached import derived
from app.explore.panels import class_name
from app.explore.reasons.methods import METHOD_FACTS, METHODS
from app.explore.reasons.reasons import Reasons
from app.explore.result import Result
from app.runtime import cache
from app.state import Key
from app.text import why as why_words
from app.text.plain import plain
from app.text.reasons import CARDS
from vit_core.percentage import percent

LISTED_CLASSES = 1_000  # in the box, the most probable first


def reasons(result: Result, *, key: str) -> None:
    """The box with the classes, and a card for each method."""
    t, best = state.t(), result.predictions(LISTED_CLASSES)
    if not best:
        return
    scores = dict(best)
    chosen = state.get(Key.CLASS)
    target = chosen if chosen in scores else best[0][0]
    widget = f"{key}_class_{t.language}_{result.name}"
    state.put(widget, target)

    def choose() -> None:
        picked = state.get(widget)
        state.put(Key.CLASS, None if picked == best[0][0] else picked)

    with st.container(horizontal=True, vertical_alignment="center", key=f"{key}_bar"):
        st.markdown(f"### {t('reasons.title')}", width="content")
        st.selectbox(
            t("reasons.class"),
            list(scores),
            key=widget,
            format_func=lambda number: f"{plain(class_name(result, number), 80)} · {percent(scores[number])}",
            on_change=choose,
            label_visibility="collapsed",
        )
    cards(state.CachedValue(result), target, key)


@st.fragment
def cards(cached_result: state.CachedValue, target: int, key: str) -> None:
    """The cards and the answers to their messages; nothing else on the page runs for them."""
    state.rerun_if_choice_changed()
    result, outputs = cached_result(), cache.outputs()
    name = (result.name, "reasons", result.digest, target)
    of = outputs.get(name, lambda: cache.run(Reasons, result, target))
    asked = (state.get(key) or {}).get("ask") or {}
    answer = None
    if asked.get("of") == of.id:
        step = asked.get("step")
        answer = {"of": of.id, "step": step} | derived(result, cache.run_idle, of.step, step)
    reasons_view(payload(result, of), answer, key=key, on_ask=lambda: None)


def payload(result: Result, of: Reasons) -> bytes:
    """The picture, the words and the methods, packed for the browser."""
    language = state.t().language
    words = {"en": why_words.EN, "ko": why_words.KO}[language]
    needed = ("computing", *METHODS, *(name for name in words if name.startswith("compare_")))
    header = {
        "of": of.id,
        "grid": result.grid,
        "aspect": result.patch_aspect,
        "words": {name: words[name] for name in needed} | CARDS[language],
        **METHOD_FACTS,
    }
    return pack(header, result.region)
