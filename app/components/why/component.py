"""See why: erase patches, switch off heads, and watch the probabilities change.

One view in the browser, mounted four times: for the view itself, for the image's binary payload (words, maps,
pictures), for the latest answer, and for the first deletion curve, which comes later. Streamlit sends a mount again,
script included, whenever its data changes, so what changes with each stroke has a mount of its own, of a few lines.
What the person does comes back as the state "off": {"of", "seq", "erased", "heads", "layers", "method", "fill", "maps",
"curve", "compare"}. The fragment around the view answers it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import streamlit as st

from app.components.assets import joined
from app.components.binary import header_of

HERE = Path(__file__).parent
#: Drawing and controls are the lecture's.
SCRIPTS = (
    "shared",
    "../percent",
    "../lecture/text",
    "../lecture/figures",
    "../lecture/controls",
    "parts",
    "methods",
    "why",
)

_view = st.components.v2.component(
    "vitrine_why",
    html='<div class="lecture why"></div>',
    css=joined(HERE, ["../lecture/lecture", "why"], "css"),
    js=joined(HERE, SCRIPTS, "js"),
)
_data = st.components.v2.component("vitrine_why_data", js=joined(HERE, ["shared", "../binary", "data"], "js"))
_answer = st.components.v2.component("vitrine_why_answer", js=joined(HERE, ["shared", "answer"], "js"))
_curve = st.components.v2.component("vitrine_why_curve", js=joined(HERE, ["shared", "curve"], "js"))


def why_view(payload: bytes, answer: Mapping | None, *, key: str, on_change: Callable[[], None]) -> None:
    """Mount the view.

    `payload`: what `payload.pack` made; `answer`: the probabilities after the latest change, with the "of" and "seq" of
    the message they answer. `on_change` is called before the rerun that a message causes; the message then is in the
    session under `key`, as "off".
    """
    with st.container(gap=None):
        _view(key=key, data={"id": header_of(payload)["id"]}, on_off_change=on_change)
        _data(key=f"{key}-data", data=payload)
        _answer(key=f"{key}-answer", data=dict(answer or {}))


def first_curve(of: str, curve: Mapping, *, key: str) -> None:
    """Send the view its first deletion curve. `of` and `key`: as in the payload and for `why_view`."""
    _curve(key=f"{key}-curve", data={"of": of, "curve": dict(curve)})
