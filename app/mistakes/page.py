"""What a model gets wrong on labelled pictures: found, then looked into one by one. Opens on a finished evaluation."""

from __future__ import annotations

import hashlib

import streamlit as st

from app import state
from app.mistakes import cached, find, panels, start
from app.mistakes.why_panel import why
from app.text.plain import escaped, plain
from vit_core import InputError
from vit_core.evaluation import folder

ADDRESS = (*state.CHOICE_KEYS, *state.MISTAKES_KEYS)


def asked_elsewhere() -> None:
    """What a click in a figure asked of the whole page: a picture is opened."""
    if state.get(state.Key.OPEN_REQUESTED):
        state.put(state.Key.OPEN_REQUESTED, None)
        st.rerun()


@st.fragment(key="matrix")
def matrix(run):
    panels.matrix(run, panels.look(), key="confusion")
    state.write_address(ADDRESS)


@st.fragment(key="pictures")
def pictures(run):
    asked_elsewhere()
    panels.pictures(run, panels.look(), key="gallery")
    state.write_address(ADDRESS)


@st.fragment(key="classes")
def classes(run):
    panels.classes(run, key="classes")


@st.fragment(key="calibration")
def calibration(run):
    panels.calibration(run, key="calibration")


@st.fragment(key="map")
def embedding_map(run):
    asked_elsewhere()
    panels.embedding_map(run, key="map")


def overview(run) -> None:
    """Everything about all pictures."""
    panels.headline(run)
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
    state.put(state.Key.RETURN_TO, state.get(state.Key.OPEN))
    state.put(state.Key.OPEN, None)


def to_explore(run, path: str) -> None:
    """The open picture and the run's model become the chosen ones."""
    try:
        data = run.data(path)
        digest = hashlib.blake2b(data, digest_size=8).hexdigest()  # runs may share paths
        state.put(state.Key.MISTAKE, (path, data, digest))
    except InputError as error:
        state.put(state.Key.OPEN_ERROR, error)
        return
    state.put(state.Key.SOURCE, "mistakes")
    state.put(state.Key.MODEL, run.model)
    state.put(state.Key.GO_TO_EXPLORE, True)


def picture(run, path: str) -> None:
    """One picture, and why."""
    t, look = state.t(), panels.look()
    state.put(state.Key.GALLERY_DRAWN, None)
    row = run.rows.row(path)
    place, before, after = run.around(look, path)
    with st.container(horizontal=True, vertical_alignment="center", key="open_bar"):
        st.button(t("mistakes.open.back"), icon=":material/arrow_back:", on_click=leave, key="open_back")
        if place is not None:
            turn = panels.open_picture
            st.button(
                t("mistakes.open.before"),
                icon=":material/chevron_left:",
                type="tertiary",
                key="open_before",
                on_click=turn,
                args=(before,),
                disabled=before is None,
            )
            st.text(t("mistakes.open.place", number=f"{place + 1:,}", count=f"{run.count_of(look):,}"))
            st.button(
                t("mistakes.open.after"),
                icon=":material/chevron_right:",
                type="tertiary",
                key="open_after",
                on_click=turn,
                args=(after,),
                disabled=after is None,
            )
            state.put(state.Key.PAGE, str(place // find.PAGE + 1))  # where the list is opened again
        st.space("stretch")
        if row and row["error"] is None:
            st.button(
                t("mistakes.open.explore"),
                icon=":material/search:",
                on_click=to_explore,
                args=(run, path),
                key="open_explore",
            )
    if row is None:
        st.info(t("mistakes.open.gone"))
        return
    st.text(plain(path, 300))
    refused = state.get(state.Key.OPEN_ERROR)
    if refused:
        state.put(state.Key.OPEN_ERROR, None)
        st.error(escaped(t.error(refused), 2000), icon=":material/broken_image:")
    if row["error"] is not None:
        panels.unreadable(row)
        return
    try:
        why(run, path, key="why")
    except InputError as error:
        st.error(escaped(t.error(error), 2000), icon=":material/broken_image:")


if state.get(state.Key.GO_TO_EXPLORE):
    state.put(state.Key.GO_TO_EXPLORE, None)
    st.switch_page("explore/page.py")
out = find.folder(state.get(state.Key.RUN))
what = find.asked(out)
if what is None:  # of another computer, or removed
    st.info(state.t()("mistakes.gone"))
    out, what = find.folder(find.BUNDLED.id), find.BUNDLED
    state.put(state.Key.RUN, None)
progress = folder.progress(out)
if progress.state == "done":
    try:
        run = cached.evaluation(out)
        if state.get(state.Key.OPEN):
            picture(run, state.get(state.Key.OPEN))
        else:
            start.top(what, run)
            overview(run)
    except InputError as error:  # the table is damaged: it can only be made again
        st.error(escaped(state.t().error(error), 2000), icon=":material/error:")
        start.again(what)
else:
    start.top(what, None)
    start.waiting(what, out)
state.write_address(ADDRESS)
