"""See why with both models of a comparison: the choice of models and method, and the view. Widgets only."""

from __future__ import annotations

import streamlit as st

from app import state
from app.components import panel
from app.components.both.component import both_view
from app.mistakes import cached
from app.mistakes.earlier import side_by_side
from app.mistakes.earlier.compared import Compared
from app.mistakes.earlier.kept import read_kept
from app.mistakes.find import Evaluation
from app.mistakes.view import display_names, error_markdown
from app.mistakes.why import Why
from app.mistakes.why_panel import WORDS, class_name
from app.runtime import cache
from app.state import Key
from app.text.plain import escaped, plain
from app.text.why import BOTH, EQUATION, MULTI_LABEL
from vit_core import InputError
from vit_core.percentage import percent

SIDES = ("both", "a", "b")
#: Methods whose maps are never negative, so that both models' can share a scale from 0.
METHODS = ("gradient_rollout", "legrad", "lrp")


def choose_side() -> str:
    """A switch between both models and one of them: "both", "a" or "b"."""
    words = BOTH[state.t().language]
    state.one_of(Key.SIDE, SIDES)
    return st.segmented_control(
        words["both_which"],
        SIDES,
        key=Key.SIDE,
        required=True,
        format_func=lambda side: words[f"both_show_{side}"],
        help=words["both_which_help"],
        label_visibility="collapsed",
        persist_state="session",
    )


def title(run: Evaluation, side: str) -> str:
    """A line for one of the two evaluations: its letter, the name of it or of its model, and the digest."""
    one = read_kept(run.request)
    return " · ".join(filter(None, (side, plain(one.name) or display_names(one.request)[0], one.digest)))


def choose_method() -> str:
    """The attribution method, the same for both."""
    words = WORDS[state.t().language]
    state.one_of(Key.METHOD, METHODS)
    return st.segmented_control(
        words["method"],
        METHODS,
        key=Key.METHOD,
        required=True,
        format_func=words.get,
        label_visibility="collapsed",
        persist_state="session",
    )


def show(found: Compared, path: str, *, key: str) -> None:
    """One picture as both models explain it. An error about one of them is shown in its place."""
    t, method = state.t(), state.one_of(Key.METHOD, METHODS)
    words = WORDS[t.language] | BOTH[t.language]
    both: list[Why] = []
    with panel.waiting(words["reading_file"], "maps"):
        for side, run in zip("AB", (found.other, found.run), strict=True):
            try:
                both.append(cached.explanation(run, path))
            except InputError as error:
                st.error(f"**{escaped(title(run, side))}**: {error_markdown(error)}", icon=":material/error:")
    if len(both) < 2:
        return
    a, b = both
    if b.problem_type == "multi_label":
        words = words | MULTI_LABEL[t.language] | BOTH[t.language]
    with panel.waiting(words["computing_why"].format(passes=a.passes + b.passes), "maps"):
        lines = [
            words[f"both_{side_by_side.outcome(why)}"].format(
                name=class_name(why, why.predicted, words), percent=percent(why.probabilities[why.predicted])
            )
            for why in both
        ]
        titles = (title(found.other, "A"), title(found.run, "B"))
        shown = zip(both, side_by_side.shown_classes(a, b), strict=True)
        names = tuple({n: class_name(why, n, words) for n in numbers} for why, numbers in shown)
        payload = cache.run(side_by_side.pack, a, b, method, words, titles, tuple(lines), names)
    for why, side in zip(both, "AB", strict=True):
        for warning in ("changed", "retrained"):
            if getattr(why, warning):
                st.warning(f"**{side}**: {words[warning]}")
    both_view(payload, key=key)
    if a.grid != b.grid:
        st.caption(words["both_grid"].format(a=_grid(a), b=_grid(b)))
    if not side_by_side.see_same_part(a, b):
        st.caption(words["both_part"])
    panel.fold(t("fold"), EQUATION, f"{words['both_not']}\n\n{words['not']}")


def _grid(why: Why) -> str:
    rows, cols = why.grid
    return f"{rows}\u00a0×\u00a0{cols}"
