"""The first line of the page: what is shown, what else was evaluated, and how to evaluate pictures of one's own."""

from __future__ import annotations

from collections import Counter

import streamlit as st

from app import state
from app.explore import input_choice
from app.mistakes import requests, start
from app.mistakes.earlier import dialog
from app.mistakes.earlier.kept import read_kept
from app.mistakes.find import Evaluation
from app.mistakes.requests import EvaluationRequest
from app.mistakes.sources import fetched, typed, uploaded
from app.mistakes.view import display_names, distinct, local_time
from app.runtime import cache
from app.state import Key
from app.text.plain import escaped, plain
from vit_core.checkpoints import with_input

WAYS = {"zip": uploaded.show, "path": typed.show, "catalogue": fetched.show}


def top_bar(request: EvaluationRequest, run: Evaluation | None) -> None:
    """What is shown, a box with the other evaluations, and a popover to start one."""
    t = state.t()
    with st.container(horizontal=True, vertical_alignment="center", key="top_bar"):
        st.markdown(_what_is_shown(request, run), width="content")
        st.space("stretch")
        _choose_run(request)
        if st.button(t("mistakes.earlier.manage"), icon=":material/list:", key="earlier_open"):
            dialog.open_list(request)
        # Each start of an evaluation has a popover of its own, so that starting or choosing another one closes it.
        icon, key = ":material/add_photo_alternate:", f"new_{request.id}_{state.get(Key.STARTED_COUNT, 0)}"
        popover = st.popover(t("mistakes.new"), icon=icon, type="primary", key=key)
    with popover, st.container(key="own_pictures"):
        _own_pictures()
    if requests.upload_home(request.source):
        uploaded.notice()


def _what_is_shown(request: EvaluationRequest, run: Evaluation | None) -> str:
    """Model and pictures; on a second line date, number of pictures and the digest of the weights, as Markdown."""
    t, one = state.t(), read_kept(request)
    model, source = map(escaped, display_names(request, run.title if run else one.title))
    shown = t("mistakes.of", model=model, source=source)
    if one.name:
        shown = f"**{escaped(one.name)}** · {shown}"
    if one.finished is None:
        return shown
    facts = [local_time(one.finished), t("mistakes.earlier.count", count=f"{one.pictures:,}")]
    facts += [t("mistakes.earlier.weights", digest=one.digest)] if one.digest else []
    facts += [escaped(one.note, 300)] if one.note else []
    return f"{shown}\\\n:small[{' · '.join(facts)}]"


def _choose_run(shown: EvaluationRequest) -> None:
    """A box with all evaluations."""
    t = state.t()
    by_id = {request.id: request for request in requests.list_runs(cache.upload().folder)}
    by_id.setdefault(shown.id, shown)
    titles = _run_titles(by_id)
    key = f"runs_{t.language}_{shown.id}"  # of its own, as the popover
    state.put(key, shown.id)
    st.selectbox(
        t("mistakes.new.run"),
        list(by_id),
        key=key,
        format_func=titles.get,
        on_change=lambda: _choose(by_id.get(state.get(key)), shown),
        label_visibility="collapsed",
        width=264,
    )


def _choose(request: EvaluationRequest | None, shown: EvaluationRequest) -> None:
    """Show another evaluation. None: the browser sent a title from before the evaluation had ended, which is no choice.

    Neither is the one that is shown, which would lose its list, page and filters.
    """
    if request and request != shown:
        start.show_run(None if request == requests.PHOTOS else request.id)


def _run_titles(by_id: dict[str, EvaluationRequest]) -> dict[str, str]:
    """The title of each evaluation: its name if it was given one. Those of one title have their dates beside it."""
    t, found = state.t(), {name: read_kept(request) for name, request in by_id.items()}
    titles = {}
    for name, one in found.items():
        model, source = display_names(one.request, one.title)
        titles[name] = plain(one.name) or t("mistakes.new.run.one", model=model, source=source)
    count = Counter(titles.values())
    for name, one in found.items():
        if count[titles[name]] > 1:
            when = one.finished and local_time(one.finished)
            titles[name] = " · ".join(filter(None, (when, one.digest, titles[name])))
    return distinct(titles)


def _own_pictures() -> None:
    """Three ways to labelled pictures, one at a time."""
    t, model = state.t(), state.get(Key.CHOSEN_MODEL)
    st.markdown(t("mistakes.new.text", model=escaped(display_names(EvaluationRequest(model or "–", ""))[0])))
    state.one_of(Key.OWN, list(WAYS))
    way = st.segmented_control(
        t("mistakes.new.way"),
        list(WAYS),
        key=Key.OWN,
        required=True,
        format_func=lambda way: t(f"mistakes.new.way.{way}"),
        label_visibility="collapsed",
        width="stretch",
        persist_state="session",
    )
    place = st.container()  # the fold stands below it, and decides how the model is named in it
    with st.expander(t("mistakes.new.input")):
        chosen = input_choice.fields(key="new_input")
    with place:
        WAYS[way](model and with_input(model, *chosen))
