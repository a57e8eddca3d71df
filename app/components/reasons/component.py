"""Attribution methods compared for one class: a card for each, filled in step by step.

The view of "See why" (why/methods.js), mounted twice: for the picture with the words, and for the latest answer, so
that an answer does not send the picture again. What the browser asks for comes back as the state "ask":
{"of", "step", "at"}.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import streamlit as st

from app.components.assets import joined

HERE = Path(__file__).parent
SCRIPTS = (
    "shared",
    "../binary",
    "../percent",
    "../lecture/text",
    "../lecture/figures",
    "../lecture/controls",
    "../why/methods",
    "reasons",
)

_view = st.components.v2.component(
    "vitrine_reasons",
    html='<div class="lecture why reasons"></div>',
    css=joined(HERE, ["../lecture/lecture", "../why/why", "reasons"], "css"),
    js=joined(HERE, SCRIPTS, "js"),
)
_answer = st.components.v2.component("vitrine_reasons_answer", js=joined(HERE, ["shared", "answer"], "js"))


def reasons_view(payload: bytes, answer: Mapping | None, *, key: str, on_ask: Callable[[], None]) -> None:
    """Mount the view.

    `payload`: what `payload.pack` made; `answer`: a step's values, with the "of" and "step" that were asked for.
    """
    with st.container(gap=None):
        _view(key=key, data=payload, on_ask_change=on_ask)
        _answer(key=f"{key}-answer", data=dict(answer or {}))
