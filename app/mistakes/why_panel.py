"""See why: one picture of an evaluation, its attribution maps, and what changes the prediction. Widgets only."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping

import streamlit as st

from app import state
from app.components import panel
from app.components.why.component import first_curve, why_view
from app.figures import two_digits
from app.mistakes import cached
from app.mistakes.why import FIRST_CURVE, METHODS, NEAREST_SIDE, Why, labels_of, model_name
from app.runtime import cache
from app.state import Key
from app.text.class_names import translated, translations
from app.text.plain import escaped, plain
from app.text.why import EN, EQUATION, KO, MULTI_LABEL
from vit_core.attribution import FILLS
from vit_core.percentage import percent

WORDS = {"en": EN, "ko": KO}
LONG_WAIT_SECONDS = 2  # from here on the spinner says how long it takes


def class_names(why: Why, words: Mapping[str, str]) -> dict[int, str]:
    """The names of the classes shown, in the page's language."""
    return {c: class_name(why, c, words) for c in why.shown}


def class_name(why: Why, number: int, words: Mapping[str, str]) -> str:
    """The name of a class, in the page's language if the model has one."""
    name = why.class_name(number)
    if name is None:
        return words["class"].format(number=number)
    return translated(model_name(why.run), name, state.t().language, labels_of(why.run, why.model))


def about(why: Why, words: Mapping[str, str]) -> str:
    """The prediction and the label, as Markdown."""
    names = {c: escaped(name) for c, name in class_names(why, words).items()}
    first, second = why.pair
    p, q = (percent(why.probabilities[c]) for c in why.pair)
    if why.labelled:
        return words["about"].format(predicted=names[first], p=p, label=names[second], q=q)
    if why.label >= 0:
        return words["about_right"].format(predicted=names[first], p=p, second=names[second], q=q)
    label = escaped(why.source_label_name)
    return words["about_unknown"].format(predicted=names[first], p=p, label=label, second=names[second], q=q)


def about_change(why: Why, words: Mapping[str, str], first: tuple[str, str] = FIRST_CURVE) -> str:
    """After how many erased patches the prediction changes, or how far that is computed, as Markdown.

    `first`: the method and the fill of the curve.
    """
    if missing := why.missing_parts(*first):
        return words["about_erasing"].format(k=missing[0], steps=len(why.counts))
    curve = why.curve(*first)
    if curve.first is None:
        return words["about_no_change"]
    becomes = escaped(class_name(why, curve.becomes, words))
    return words["about_first_change"].format(k=curve.first, patches=why.patches, name=becomes)


@st.fragment
def _live(cached_why: state.CachedValue, payload: bytes, of: str, key: str, keep: Callable[[], None] | None) -> None:
    """The view and the answers to its messages; nothing else on the page runs for them."""
    message = (state.get(key) or {}).get("off")
    answer = None
    if message and message.get("of") == of:
        answer = {"of": of, "seq": message.get("seq")} | cache.run(cached_why().answer, message)
    why_view(payload, answer, key=key, on_change=lambda: _remember((state.get(key) or {}).get("off")))
    if keep:
        keep()


def _remember(message: object) -> None:
    """Put the view's method and fill, which a message brings along, into the session."""
    message = message if isinstance(message, dict) else {}
    for name, options in ((Key.METHOD, METHODS), (Key.FILL, FILLS)):
        if message.get(name) in [*options]:
            state.put(name, message[name])


def busy_sentence(why: Why, words: Mapping[str, str]) -> str:
    """The spinner's words while the first maps are computed; if that is long, with the time it takes."""
    seconds = why.passes * why.seconds
    sentence = words["computing_why"].format(passes=why.passes)
    if seconds < LONG_WAIT_SECONDS:
        return sentence
    return f"{sentence} {words['computing_long'].format(seconds=two_digits(seconds))}"


def nearest(why: Why, words: Mapping[str, str]) -> None:
    """The correctly classified pictures of both classes, nearest first."""
    names = class_names(why, words)
    st.subheader(words["nearest_title"], anchor=False)
    columns = st.container(key="nearest").columns(2, gap="large")
    for column, number, rows in zip(columns, why.pair, why.nearest, strict=True):
        column.markdown(words["nearest" if rows else "nearest_none"].format(name=escaped(names[number])))
        if rows:
            similarities = [f"{row['similarity']:.3f}".replace("-", "−") for row, _ in rows]
            column.image(
                [thumbnail for _, thumbnail in rows],
                [words["nearest_one"].format(similarity=each) for each in similarities],
                NEAREST_SIDE,
                alt=[f"{names[number]}: {plain(row['path'])}" for row, _ in rows],
            )


def explain_picture(run, path: str, *, key: str, keep: Callable[[], None] | None = None) -> None:
    """One picture of an evaluation, explained. `run` has `rows`, `source`, `labels` and the model's name.

    `keep` is called when the session's METHOD or FILL may have changed.
    Raises InputError if the picture or the model cannot be read.
    """
    t = state.t()
    words = WORDS[t.language]
    first = (state.one_of(Key.METHOD, list(METHODS), FIRST_CURVE[0]), state.one_of(Key.FILL, FILLS, FIRST_CURVE[1]))
    with panel.waiting(words["reading_file"], "maps"):
        why = cached.explanation(run, path)
    if why.problem_type == "multi_label":
        words = words | MULTI_LABEL[t.language]
    with panel.waiting(busy_sentence(why, words), "maps"):
        of = hashlib.blake2b(f"{model_name(run)}\n{run.rows.path}\n{path}".encode(), digest_size=8).hexdigest()
        other_names = translations(model_name(run), t.language, labels_of(run, why.model))
        payload = cache.run(why.payload, of, words, class_names(why, words), other_names, first)
    prediction, (sentence, note) = about(why, words), (st.empty(), st.empty())

    def say(more: str) -> None:
        sentence.markdown(f"{prediction} {more}")
        if computed_on := panel.cpu_note(why.model, why.fell_back):
            note.caption(computed_on)

    say(about_change(why, words, first))
    for name in ("changed", "retrained"):
        if getattr(why, name):
            st.warning(words[name])
    _live(state.CachedValue(why), payload, of, key, keep)
    nearest(why, words)
    panel.fold(t("fold"), EQUATION, words["not"])
    for start in why.missing_parts(*first):
        cache.run(why.curve_part, *first, start)
        say(about_change(why, words, first))  # here a click ends this run
    first_curve(of, why.curve_values(*first), key=key)
