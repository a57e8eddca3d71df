"""One picture of an evaluation, asked why: what was said, what spoke for it, what would change it. Widgets only."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

import streamlit as st

from app import state
from app.components import panel
from app.components.why.component import why_view
from app.figures import percent, two_digits
from app.mistakes import cached
from app.mistakes.why import NEAREST_SIDE, Why, model_name
from app.runtime import cache
from app.text.plain import escaped, plain
from app.text.why import EN, EQUATION, KO

WORDS = {"en": EN, "ko": KO}


def names(found: Why, words: Mapping[str, str]) -> dict[int, str]:
    """What the classes shown are called."""
    return {c: found.class_name(c) or words["class"].format(number=c) for c in found.shown}


def about(found: Why, words: Mapping[str, str]) -> str:
    """What is seen, as Markdown."""
    called = {c: escaped(name) for c, name in names(found, words).items()}
    first, second = found.pair
    p, q = (percent(found.probabilities[c]) for c in found.pair)
    if found.labelled:
        said = words["about"].format(predicted=called[first], p=p, label=called[second], q=q)
    elif found.label >= 0:
        said = words["about_right"].format(predicted=called[first], p=p, second=called[second], q=q)
    else:
        said = words["about_unknown"].format(
            predicted=called[first], p=p, label=escaped(found.source_label_name), second=called[second], q=q
        )
    curve = found.first_curve
    if curve.first is None:
        return f"{said} {words['about_no_change']}"
    becomes = escaped(found.class_name(curve.becomes) or words["class"].format(number=curve.becomes))
    return f"{said} {words['about_first_change'].format(k=curve.first, patches=found.patches, name=becomes)}"


@st.fragment
def _live(shown: state.CachedValue, payload: bytes, of: str, key: str) -> None:
    """The piece, and the answers to it: nothing else on the page runs for them."""
    off = (state.get(key) or {}).get("off")
    answer = None
    if off and off.get("of") == of:
        answer = {"of": of, "seq": off.get("seq")} | cache.run(shown().answer, off)
    why_view(payload, answer, key=key, on_change=_asked)


def _asked() -> None:
    """A state value needs a callback to exist; the rerun that follows does the work."""


def asking(found: Why, words: Mapping[str, str]) -> str:
    """What is said while the maps and the curve are made, and where it is long, about how long that takes."""
    seconds = found.passes * found.seconds
    said = words["computing_why"].format(passes=found.passes)
    return said if seconds < 2 else f"{said} {words['computing_long'].format(seconds=two_digits(seconds))}"


def nearest(found: Why, words: Mapping[str, str]) -> None:
    """The pictures of both classes that the model gets right, nearest first."""
    called = names(found, words)
    st.subheader(words["nearest_title"], anchor=False)
    columns = st.container(key="nearest").columns(2, gap="large")
    for column, number, rows in zip(columns, found.pair, found.nearest, strict=True):
        column.markdown(words["nearest" if rows else "nearest_none"].format(name=escaped(called[number])))
        if rows:
            similar = [f"{row['similarity']:.3f}".replace("-", "−") for row, _ in rows]
            captions = [words["nearest_one"].format(similarity=each) for each in similar]
            column.image(
                [data for _, data in rows],
                captions,
                NEAREST_SIDE,
                alt=[f"{called[number]}: {plain(row['path'])}" for row, _ in rows],
            )


def why(run, path: str, *, key: str) -> None:
    """See why: one picture of an evaluation. `run` has `rows`, `source`, `labels` and the model's name.

    Raises InputError where the picture or the model cannot be read.
    """
    language = state.t().language
    words = WORDS[language]
    with st.spinner(words["reading_file"]):
        found = cached.why(run, path)
    with st.spinner(asking(found, words)):
        of = hashlib.blake2b(f"{model_name(run)}\n{run.rows.path}\n{path}".encode(), digest_size=8).hexdigest()
        payload = cache.run(found.payload, of, words, names(found, words))
    st.markdown(about(found, words))
    if told := panel.cpu_note(found.model, found.fell_back):
        st.caption(told)
    for what in ("changed", "retrained"):
        if getattr(found, what):
            st.warning(words[what])
    _live(state.CachedValue(found), payload, of, key)
    nearest(found, words)
    panel.fold(state.t()("fold"), EQUATION, words["not"])
