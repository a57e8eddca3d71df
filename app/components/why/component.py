"""See why: paint over patches, switch heads off, and see the probabilities move at once.

One piece of the browser's, mounted three times: for what is seen, for the picture's binary payload (words, maps,
pictures), and for the last answer. A mount whose data changes is sent anew with its script, so what changes at each
stroke has a mount of its own, of a few lines. What the person does comes back as the state "off": {"of", "seq",
"erased", "heads", "layers", "fill", "curve"}; the fragment around answers.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from pathlib import Path

import streamlit as st
from PIL import Image

from app.components.atlas.payload import assemble, colour_tables, header_of
from app.mistakes.why import METHODS, Why, curve_numbers

HERE = Path(__file__).parent
#: Joined in this order into one module; drawing and controls are the lecture's.
SCRIPTS = ("shelf", "../lecture/text", "../lecture/figures", "../lecture/controls", "parts", "why")
STYLES = ("../lecture/lecture", "why")


def _joined(names: tuple[str, ...], ending: str) -> str:
    return "\n".join((HERE / f"{name}.{ending}").read_text(encoding="utf-8") for name in names)


def script() -> str:
    """The scripts as the one module that the browser gets."""
    return _joined(SCRIPTS, "js")


_piece = st.components.v2.component(
    "vitrine_why", html='<div class="lecture why"></div>', css=_joined(STYLES, "css"), js=script()
)
_data = st.components.v2.component("vitrine_why_data", js=_joined(("shelf", "../atlas/payload", "data"), "js"))
_answer = st.components.v2.component("vitrine_why_answer", js=_joined(("shelf", "answer"), "js"))


def _webp(picture: Image.Image, **options) -> bytes:
    out = io.BytesIO()
    picture.convert("RGB").save(out, "WEBP", method=0, **options)
    return out.getvalue()


def pack(why: Why, of: str, words: Mapping[str, str], names: Mapping[int, str]) -> bytes:
    """One picture as one binary. `of`: its name in this run, which later questions bear; `words`:
    `app.text.why.EN` or `KO`; `names`: what the classes of `why.shown` are called."""
    viridis, diverging = colour_tables()
    config, (ph, pw) = why.model.config, why.model.config.patch_size
    header = {
        "of": of,
        "words": dict(words),
        "grid": why.grid,
        "aspect": ph / pw,
        "layers": config.depth,
        "heads": config.heads,
        "pair": why.pair,
        "labelled": why.labelled,
        "mean": why.mean_colour,
        "shown": [{"class": c, "name": names[c], "p": round(float(why.probabilities[c]), 6)} for c in why.shown],
        "methods": list(METHODS),
        "curve": {"method": next(iter(METHODS)), "fill": "mean"} | curve_numbers(why, why.curve()),
    }
    return assemble(
        header,
        {
            "picture": _webp(why.region(), quality=90),
            "blur": _webp(why.blurred, lossless=True),
            "viridis": viridis,
            "diverging": diverging,
            **{name: why.maps(name) for name in METHODS},
        },
    )


def why_view(payload: bytes, answer: Mapping | None, *, key: str, on_change: Callable[[], None]) -> None:
    """Mount the piece. `answer`: `Why.answer` with the "of" and "seq" of its question. `on_change` is called before
    the rerun that a question causes; what is asked then stands in the session under `key`, as "off"."""
    with st.container(gap=None):
        _piece(key=key, data={"id": header_of(payload)["id"]}, on_off_change=on_change)
        _data(key=f"{key}-data", data=payload)
        _answer(key=f"{key}-answer", data=dict(answer or {}))
