"""The list of all evaluations in a window of its own: show, name, note and delete. Widgets only."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from app import state
from app.mistakes import requests, start
from app.mistakes.earlier import kept
from app.mistakes.earlier.kept import MAX_NAME, MAX_NOTE, KeptEvaluation
from app.mistakes.requests import EvaluationRequest
from app.mistakes.view import display_names, error_markdown, local_time
from app.runtime import cache
from app.runtime.guard import is_public
from app.state import Key
from app.text.plain import escaped, plain
from vit_core import InputError


def open_list(shown: EvaluationRequest) -> None:
    """Open the window; `shown` is the evaluation on the page."""
    state.put(Key.DELETING, None)  # asked, but the window was closed
    st.dialog(state.t()("mistakes.earlier"), width="large")(_list)(shown)


def _list(shown: EvaluationRequest) -> None:
    t = state.t()
    if state.get(Key.RUNS_CHANGED):  # by a click in this window
        state.put(Key.RUNS_CHANGED, None)
        st.rerun()
    listed = [kept.read_kept(request) for request in requests.list_runs(cache.upload().folder)]
    names = [display_names(one.request, one.title) for one in listed]
    st.caption(t("mistakes.earlier.text"))
    table = {
        "name": [plain(one.name) or source for one, (_, source) in zip(listed, names, strict=True)],
        "model": [model for model, _ in names],
        "date": [one.finished and local_time(one.finished) for one in listed],
        "accuracy": [None if one.accuracy is None else 100 * one.accuracy for one in listed],
        "pictures": [one.pictures or None for one in listed],
        "digest": [one.digest for one in listed],
    }
    columns = {name: st.column_config.Column(t(f"mistakes.earlier.{name}")) for name in table}
    columns["name"] = st.column_config.Column(t("mistakes.earlier.name"), pinned=True)
    columns["accuracy"] = st.column_config.NumberColumn(t("mistakes.earlier.accuracy"), format="%.1f")
    columns["pictures"] = st.column_config.NumberColumn(t("mistakes.earlier.pictures"), format="localized")
    picked = st.dataframe(
        pd.DataFrame(table),
        key=f"earlier_{t.language}",
        hide_index=True,
        height=min(38 + 35 * len(listed), 300),
        placeholder="–",
        on_select="rerun",
        selection_mode="single-row",
        column_config=columns,
    )["selection"]["rows"]
    ids = [one.request.id for one in listed]
    place = picked[0] if picked and picked[0] < len(ids) else ids.index(shown.id) if shown.id in ids else 0
    _details(listed[place], names[place], shown)


def _details(one: KeptEvaluation, names: tuple[str, str], shown: EvaluationRequest) -> None:
    """The chosen evaluation with its fields and buttons."""
    t, chosen = state.t(), one.request.id
    model, source = map(escaped, names)
    st.markdown(t("mistakes.of", model=model, source=source))
    may_change = kept.is_own(one) and (not is_public() or one.out.parent == cache.upload().folder)
    name = note = ""
    if may_change:
        left, right = st.columns([2, 3])
        name = left.text_input(t("mistakes.earlier.own"), one.name, MAX_NAME, key=f"earlier_name_{chosen}")
        note = right.text_input(t("mistakes.earlier.note"), one.note, MAX_NOTE, key=f"earlier_note_{chosen}")
    with st.container(horizontal=True):
        st.button(
            t("mistakes.earlier.show"),
            type="primary",
            icon=":material/visibility:",
            key="earlier_show",
            disabled=chosen == shown.id,
            on_click=_show,
            args=(one.request,),
        )
        if may_change and st.button(
            t("mistakes.earlier.save"),
            icon=":material/save:",
            key="earlier_save",
            disabled=(name.strip(), note.strip()) == (one.name, one.note),
        ):
            _save(one, name, note)
        st.space("stretch")
        if may_change:
            st.button(
                t("mistakes.earlier.delete"),
                icon=":material/delete:",
                type="tertiary",
                key="earlier_delete",
                disabled=one.state in ("starting", "running"),
                help=t("mistakes.earlier.running") if one.state in ("starting", "running") else None,
                on_click=state.put,
                args=(Key.DELETING, chosen),
            )
    if may_change and state.get(Key.DELETING) == chosen:
        _confirm(one, shown)


def _show(request: EvaluationRequest) -> None:
    start.show_run(None if request == requests.PHOTOS else request.id)
    state.put(Key.RUNS_CHANGED, True)


def _save(one: KeptEvaluation, name: str, note: str) -> None:
    try:
        kept.write_note(one, name, note)
    except InputError as error:
        st.error(error_markdown(error), icon=":material/error:")
    else:
        st.rerun()


def _confirm(one: KeptEvaluation, shown: EvaluationRequest) -> None:
    """Ask before an evaluation is deleted."""
    t, size = state.t(), f"{max(kept.megabytes(one), 0.1):,.1f}"
    st.warning(t("mistakes.earlier.sure", size=size), icon=":material/delete:")

    def delete() -> None:
        state.put(Key.DELETING, None)
        if kept.delete(one) and one.request.id == shown.id:
            start.show_run(None)
        state.put(Key.RUNS_CHANGED, True)

    with st.container(horizontal=True):
        st.button(t("mistakes.earlier.yes", size=size), type="primary", key="earlier_yes", on_click=delete)
        st.button(t("mistakes.earlier.no"), key="earlier_no", on_click=state.put, args=(Key.DELETING, None))
