"""What a model gets wrong on labelled pictures: found, then looked into one by one. Opens on a finished evaluation."""

from __future__ import annotations

import hashlib

import streamlit as st

from app import cache, mistake_evaluate, mistake_panels, mistakes, state
from app.text.plain import escaped, plain
from app.why_panel import why
from vit_core import InputError, runs

ADDRESS = (*state.CHOSEN, *state.MISTAKES)


def asked_elsewhere() -> None:
    """What a click in a figure asked of the whole page: a picture is opened."""
    if state.get("go"):
        state.put("go", None)
        st.rerun()


@st.fragment(key="matrix")
def matrix(run):
    mistake_panels.matrix(run, mistake_panels.look(), key="confusion")
    state.write_address(ADDRESS)


@st.fragment(key="pictures")
def pictures(run):
    asked_elsewhere()
    mistake_panels.pictures(run, mistake_panels.look(), key="gallery")
    state.write_address(ADDRESS)


@st.fragment(key="classes")
def classes(run):
    mistake_panels.classes(run, key="classes")


@st.fragment(key="calibration")
def calibration(run):
    mistake_panels.calibration(run, key="calibration")


@st.fragment(key="map")
def embedding_map(run):
    asked_elsewhere()
    mistake_panels.embedding_map(run, key="map")


def overview(run) -> None:
    """Everything about all pictures."""
    mistake_panels.headline(run)
    left, right = st.columns([9, 11], gap="large")
    with left, st.container(key="matrix_place"):
        matrix(run)
    with right:
        pictures(run)
    left, right = st.columns([8, 5], gap="large")
    with left:
        classes(run)
    with right:
        calibration(run)
    embedding_map(run)


def leave() -> None:
    """Back to the list, at the picture that was open."""
    state.put("came", state.get("open"))
    state.put("open", None)


def to_explore(run, path: str) -> None:
    """The open picture and the run's model become the chosen ones."""
    try:
        data = run.data(path)
        state.put("mistake", (path, data, hashlib.blake2b(data, digest_size=8).hexdigest()))  # runs may share paths
    except InputError as error:
        state.put("mistake_refused", error)
        return
    state.put("source", "mistakes")
    state.put("model", run.model)
    state.put("to_explore", True)


def picture(run, path: str) -> None:
    """One picture, and why."""
    t, look = state.t(), mistake_panels.look()
    state.put("listed", None)
    row = run.rows.row(path)
    place, before, after = run.around(look, path)
    with st.container(horizontal=True, vertical_alignment="center", key="open_bar"):
        st.button(t("mistakes.open.back"), icon=":material/arrow_back:", on_click=leave, key="open_back")
        if place is not None:
            turn = mistake_panels.open_picture
            st.button(t("mistakes.open.before"), icon=":material/chevron_left:", type="tertiary", key="open_before",
                      on_click=turn, args=(before,), disabled=before is None)
            st.text(t("mistakes.open.place", number=f"{place + 1:,}", count=f"{run.count_of(look):,}"))
            st.button(t("mistakes.open.after"), icon=":material/chevron_right:", type="tertiary", key="open_after",
                      on_click=turn, args=(after,), disabled=after is None)
            state.put("page", str(place // mistakes.PAGE + 1))  # where the list is opened again
        st.space("stretch")
        if row and row["error"] is None:
            st.button(t("mistakes.open.explore"), icon=":material/search:", on_click=to_explore, args=(run, path),
                      key="open_explore")
    if row is None:
        st.info(t("mistakes.open.gone"))
        return
    st.text(plain(path, 300))
    refused = state.get("mistake_refused")
    if refused:
        state.put("mistake_refused", None)
        st.error(escaped(t.error(refused), 2000), icon=":material/broken_image:")
    if row["error"] is not None:
        mistake_panels.unreadable(row)
        return
    try:
        why(run, path, key="why")
    except InputError as error:
        st.error(escaped(t.error(error), 2000), icon=":material/broken_image:")


if state.get("to_explore"):
    state.put("to_explore", None)
    st.switch_page("screens/explore.py")
out = mistakes.folder(state.get("run"))
what = mistakes.asked(out)
if what is None:  # of another computer, or removed
    st.info(state.t()("mistakes.gone"))
    out, what = mistakes.folder(mistakes.BUNDLED.id), mistakes.BUNDLED
    state.put("run", None)
progress = runs.progress(out)
if progress.state == "done":
    try:
        run = cache.evaluation(out)
        if state.get("open"):
            picture(run, state.get("open"))
        else:
            mistake_evaluate.top(what, run)
            overview(run)
    except InputError as error:  # the table is damaged: it can only be made again
        st.error(escaped(state.t().error(error), 2000), icon=":material/error:")
        mistake_evaluate.again(what)
else:
    mistake_evaluate.top(what, None)
    mistake_evaluate.waiting(what, out)
state.write_address(ADDRESS)
