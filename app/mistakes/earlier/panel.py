"""The comparison with another evaluation: its choice, its numbers, and the changes of the matrix. Widgets only."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import streamlit as st

from app import state
from app.components.panel import chart
from app.figures import Finished
from app.mistakes import cached, requests
from app.mistakes.earlier.compared import Compared, candidates
from app.mistakes.earlier.kept import KeptEvaluation
from app.mistakes.find import COMPARED_LISTS, Evaluation, GalleryView
from app.mistakes.overview import figures
from app.mistakes.overview.panels import gallery_drawn
from app.mistakes.view import (
    FILTERED,
    class_name,
    current_view,
    display_names,
    distinct,
    filter_by_cell,
    first_page,
    local_time,
)
from app.runtime import cache
from app.state import Key
from app.text.plain import plain
from vit_core import InputError
from vit_core.evaluation import folder

MAX_CLASSES = 20  # of the matrix of changes: those with the most changes
CELL_WIDTH = 50  # pixels of a column of that matrix
ICONS = {
    "fixed": ":material/check_circle:",
    "broken": ":material/cancel:",
    "both_wrong": ":material/close:",
    "both_right": ":material/done_all:",
}


def compared_with(run: Evaluation) -> Compared | None:
    """The comparison that the address or the box asks for; None without one, or where there is nothing to compare."""
    name = state.get(Key.AGAINST)
    out = requests.run_folder(name, cache.upload().folder) if name else run.out
    if out == run.out or folder.read_progress(out).state != "done":
        return None
    try:
        found = cached.compared(out, run)
    except InputError:  # its table is damaged
        return None
    return found if found.common else None


def view_of(run: Evaluation) -> GalleryView:
    """The view that the session asks for, with the lists of the comparison."""
    found = compared_with(run)
    return replace(current_view(), compared=found.numbers if found else None)


def show(run: Evaluation) -> None:
    """The box, if there is another evaluation of these pictures; and the comparison, if one is chosen."""
    t, others = state.t(), candidates(run.request, requests.list_runs(cache.upload().folder))
    if not others:
        return
    titles = distinct({one.request.id: _title(one) for one in others})
    chosen = state.get(Key.AGAINST)
    key = f"against_{t.language}_{run.request.id}"
    state.put(key, chosen if chosen in titles else None)

    def choose() -> None:
        state.put(Key.AGAINST, state.get(key))
        if state.get(Key.LIST) in COMPARED_LISTS:
            state.put(Key.LIST, None)
        first_page()

    with st.container(horizontal=True, vertical_alignment="center", key="compare_bar"):
        st.markdown(t("mistakes.compared.with"), width="content")
        st.selectbox(
            t("mistakes.compared.with"),
            list(titles),
            index=None,
            key=key,
            format_func=titles.get,
            placeholder=t("mistakes.compared.none"),
            on_change=choose,
            label_visibility="collapsed",
            width=440,
        )
    if found := compared_with(run):
        _numbers(found)


def _title(one: KeptEvaluation) -> str:
    model, source = display_names(one.request, one.title)
    when = one.finished and local_time(one.finished)
    share = one.accuracy is not None and f"{100 * one.accuracy:.1f} %"
    return " · ".join(filter(None, (plain(one.name) or model, when, one.digest, share)))


def _numbers(found: Compared) -> None:
    """The difference of the accuracies, and the four lists with their numbers, which open in the gallery."""
    t, of = state.t(), found.paired
    interval = t("mistakes.compared.nothing")
    difference = "–"
    if found.counted:
        difference = t("mistakes.compared.points", value=_signed(100 * of.difference))
        interval = t("mistakes.compared.interval", low=_signed(100 * of.low), high=_signed(100 * of.high), p=_p(of.p))
    with st.container(horizontal=True, vertical_alignment="center", key="compared_numbers"):
        st.metric(
            t("mistakes.compared.difference"),
            difference,
            interval,
            delta_color="off",
            delta_arrow="off",
            help=t("mistakes.compared.help"),
            width="content",
        )
        for name in COMPARED_LISTS:
            count = len(found.numbers[name])
            st.button(
                f"**{count:,}** {t(f'mistakes.compared.{name}')}",
                icon=ICONS[name],
                key=f"compared_{name}",
                type="primary" if state.get(Key.LIST) == name else "secondary",
                on_click=_open_list,
                args=(name,),
                disabled=not count,
                help=t(f"mistakes.text.{name}"),
            )
    said = t("mistakes.compared.sum", count=f"{found.counted:,}")
    if rest := found.common - found.counted:
        said += " " + t("mistakes.compared.rest", count=f"{rest:,}")
    if missing := len(found.run.columns.number) - found.common:
        said += " " + t("mistakes.compared.missing", count=f"{missing:,}")
    st.caption(said)


def _signed(value: float) -> str:
    return f"{value:+.1f}".replace("-", "−")


def _p(value: float) -> str:
    return "< 0.001" if value < 0.001 else f"= {value:.3f}"


def _open_list(name: str) -> None:
    state.put(Key.LIST, name)
    first_page()


def changes(run: Evaluation, *, key: str) -> None:
    """The cells of the matrix that have more or fewer pictures than in the other evaluation; a click lists them."""
    t, found = state.t(), compared_with(run)
    if found is None:
        return
    st.subheader(t("mistakes.compared.matrix"), anchor=False)
    if found.matrix is None or not found.matrix.any():
        st.info(t("mistakes.compared.classes" if found.matrix is None else "mistakes.compared.same"))
        return
    amount = np.abs(found.matrix)
    order = np.argsort(-(amount.sum(0) + amount.sum(1)), kind="stable")
    changed = [int(c) for c in order if amount[c].any() or amount[:, c].any()]
    shown = sorted(changed[:MAX_CLASSES])
    left_out = len(changed) - len(shown)
    text = t("mistakes.compared.matrix.text")
    st.caption(f"{text} {t('mistakes.compared.matrix.some', count=f'{left_out:,}')}" if left_out else text)

    def chosen() -> None:
        cell = state.selected(key)
        if cell is not None:
            filter_by_cell(*divmod(int(cell[0] if isinstance(cell, list) else cell), run.num_classes))
            state.rerun(*FILTERED)

    axes = (t("mistakes.filter.predicted"), t("mistakes.filter.label"))
    names = [class_name(run, c) for c in shown]
    figure = figures.changes(found.matrix, shown, names, axes)
    if gallery_drawn(run, figure["layout"]["height"]):
        with st.container(width=180 + CELL_WIDTH * len(shown)):
            chart(Finished(figure), key, chosen)
