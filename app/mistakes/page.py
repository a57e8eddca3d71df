"""The page of mistakes: an evaluation's errors in numbers and lists, and one picture with its explanation."""

from __future__ import annotations

import streamlit as st

from app import state
from app.mistakes import cached, find, gallery, requests, start
from app.mistakes.earlier import both_panel
from app.mistakes.earlier import panel as comparison
from app.mistakes.maps import panel as maps_panel
from app.mistakes.overview import class_tables, panels, unlabelled
from app.mistakes.sources import bar
from app.mistakes.view import current_view, open_picture
from app.mistakes.why import METHODS
from app.mistakes.why_panel import explain_picture
from app.runtime import cache
from app.state import Key
from app.text.plain import escaped, plain
from vit_core import InputError
from vit_core.checkpoints import split_input
from vit_core.data.named import photo_credits
from vit_core.evaluation import folder

ADDRESS = (*state.CHOICE_KEYS, *state.MISTAKES_KEYS)


def rerun_if_opened() -> None:
    """Run the whole page if a click in this fragment opened a picture."""
    if state.get(Key.OPEN_REQUESTED):
        state.put(Key.OPEN_REQUESTED, None)
        st.rerun()


@st.fragment(key="matrix")
def matrix(run):
    panels.matrix(run, current_view(), key="confusion")
    state.write_address(ADDRESS)


@st.fragment(key="pictures")
def pictures(run):
    rerun_if_opened()
    gallery.pictures(run, comparison.view_of(run), key="gallery")
    state.write_address(ADDRESS)


@st.fragment(key="common")
def common(run):
    rerun_if_opened()
    found = comparison.compared_with(run)
    maps_panel.common(run, current_view(), found.other if found else None, key="common")
    state.write_address(ADDRESS)


@st.fragment(key="classes")
def classes(run):
    class_tables.classes(run, key="classes")


@st.fragment(key="thresholds")
def thresholds(run):
    class_tables.thresholds(run, key="thresholds")


@st.fragment(key="matrix")
def predictions(run):
    unlabelled.predictions(run, key="predictions")
    state.write_address(ADDRESS)


@st.fragment(key="calibration")
def calibration(run):
    panels.calibration(run, key="calibration")


@st.fragment(key="changes")
def changes(run):
    comparison.changes(run, key="changed_cells")
    state.write_address(ADDRESS)


@st.fragment(key="map")
def embedding_map(run):
    rerun_if_opened()
    panels.embedding_map(run, key="map")


def overview(run: find.Evaluation) -> None:
    """All pictures: numbers, matrix, list, classes, calibration, map."""
    if run.unlabelled:
        unlabelled.headline(run)
        left, right = st.columns([9, 11], gap="large")
        with left:
            predictions(run)
        with right:
            pictures(run)
        embedding_map(run)
        return
    panels.headline(run)
    comparison.show(run)
    several = run.problem_type == "multi_label"
    left, right = st.columns([9, 11], gap="medium")
    with left:
        if several:
            thresholds(run)
        else:
            with st.container(key="matrix_place"):
                matrix(run)
    with right:
        pictures(run)
    common(run)
    if not several:
        left, right = st.columns([8, 5], gap="large")
        with left:
            classes(run)
        with right:
            calibration(run)
    if comparison.compared_with(run):
        changes(run)
    embedding_map(run)


def close_picture() -> None:
    """Go back to the list, at the picture that was open."""
    state.put(Key.RETURN_TO, state.get(Key.OPEN))
    state.put(Key.OPEN, None)


def open_in_explore(run: find.Evaluation, path: str) -> None:
    """Choose the open picture and the evaluated model, and go to Explore."""
    try:
        run.data(path)
    except InputError as error:
        state.put(Key.OPEN_ERROR, error)
        return
    state.put(Key.EVALUATED_RUN, run.request.id)
    state.put(Key.EVALUATED, path)
    state.put(Key.SOURCE, "mistakes")
    name, size, framing = split_input(run.model)
    state.put(Key.MODEL, name)
    state.put(Key.SIZE, size)
    state.put(Key.FRAMING, None if framing == "crop" else framing)
    state.put(Key.GO_TO_EXPLORE, True)


def picture_bar(run: find.Evaluation, row: dict | None, path: str) -> list[str]:
    """The buttons above an open picture: back, previous, next, Explore. Returns the paths of next and previous."""
    t, view = state.t(), comparison.view_of(run)
    index, before, after = run.position(view, path)
    with st.container(horizontal=True, vertical_alignment="center", key="open_bar"):
        st.button(t("mistakes.open.back"), icon=":material/arrow_back:", on_click=close_picture, key="open_back")

        def step(name: str, side: str, to: str | None) -> None:
            st.button(
                t(f"mistakes.open.{name}"),
                icon=f":material/chevron_{side}:",
                type="tertiary",
                key=f"open_{name}",
                on_click=open_picture,
                args=(to,),
                disabled=to is None,
            )

        if index is not None:
            step("before", "left", before)
            st.text(t("mistakes.open.place", number=f"{index + 1:,}", count=f"{run.count(view):,}"))
            step("after", "right", after)
            state.put(Key.PAGE, str(index // find.PAGE_SIZE + 1))  # the page that Back to the list shows
        st.space("stretch")
        if row and row["error"] is None:
            found = comparison.compared_with(run)
            st.button(
                t("mistakes.open.explore"),
                icon=":material/search:",
                on_click=open_in_explore,
                args=(found.other if found and state.get(Key.SIDE) == "a" else run, path),
                key="open_explore",
            )
    return [beside for beside in (after, before) if beside is not None]


def picture(run: find.Evaluation, path: str) -> None:
    """One picture, and why it was classified so."""
    t = state.t()
    state.put(Key.GALLERY_DRAWN, None)
    row = run.rows.row(path)
    beside = picture_bar(run, row, path)
    if row is None:
        st.info(t("mistakes.open.gone"))
        return
    st.text(plain(path, 300))
    if run.request.source == requests.PHOTOS.source and (credit := photo_credits().get(path)):
        st.caption(t("side.credit", author=escaped(credit["author"]), licence=escaped(credit["licence"])))
    if error := state.get(Key.OPEN_ERROR):
        state.put(Key.OPEN_ERROR, None)
        show_error(error)
    if row["error"] is not None:
        reason = escaped(t.error(row["error"]), 500)
        st.error(t("mistakes.open.unreadable", reason=reason), icon=":material/broken_image:")
        return
    state.write_address(ADDRESS)  # not only after the picture is explained
    try:
        explain(run, path, beside)
    except InputError as error:
        show_error(error)


def explain(run: find.Evaluation, path: str, beside: list[str]) -> None:
    """Why the picture was classified so: by the evaluation's model, or by both of a comparison, or by one of these."""
    method, found, shown = state.one_of(Key.METHOD, list(METHODS)), comparison.compared_with(run), [run]
    if found:
        with st.container(horizontal=True, key="why_bar"):
            side = both_panel.choose_side()
            if side == "both":
                method, shown = both_panel.choose_method(), [found.other, run]
            else:
                shown = [found.other if side == "a" else run]
                st.text(both_panel.title(shown[0], side.upper()))
        if side == "both":
            both_panel.show(found, path, key="both")
    if len(shown) == 1:
        explain_picture(shown[0], path, key="why", keep=lambda: state.write_address(ADDRESS))
    cached.explain_ahead(shown, beside, method)


def show_error(error: InputError) -> None:
    st.error(escaped(state.t().error(error), 2000), icon=":material/broken_image:")


def show() -> None:
    """The evaluation in the address, or the one of the bundled photographs."""
    out = requests.run_folder(state.get(Key.RUN), cache.upload().folder)
    request = requests.read_request(out)
    if request is None:  # of another computer, or deleted
        st.info(state.t()("mistakes.gone"))
        out, request = requests.run_folder(None), requests.PHOTOS
        state.put(Key.RUN, None)
    if folder.read_progress(out).state != "done":
        with st.container():  # as for a finished one
            bar.top_bar(request, None)
            start.unfinished(request, out)
        return
    try:
        run = cached.evaluation(out)
        if state.get(Key.OPEN):
            st.empty()  # in the list's place, so that the list does not stay below until the picture is explained
            picture(run, state.get(Key.OPEN))
        else:
            with st.container():
                bar.top_bar(request, run)
                overview(run)
    except InputError as error:  # the table is damaged
        show_error(error)
        start.restart_button(request)


if state.get(Key.GO_TO_EXPLORE):
    state.put(Key.GO_TO_EXPLORE, None)
    st.switch_page("explore/page.py")
show()
state.write_address(ADDRESS)
