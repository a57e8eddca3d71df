"""Labelled pictures on the server's computer, by their path, which is typed or chosen from its folders."""

from __future__ import annotations

import streamlit as st

from app import state
from app.mistakes import requests
from app.mistakes.requests import EvaluationRequest
from app.mistakes.sources import check, folders, picker
from app.state import Key

#: The fields, and an example for each.
FIELDS = {"source": "/home/me/pictures", "labels": "labels.csv", "table": "classes.csv"}


def show(model: str | None) -> None:
    """Fields for a folder or file and two tables, and what was found there."""
    t = state.t()
    st.caption(t("mistakes.path.text"))
    browsed = bool(picker.roots())
    source, labels, table = (_field(name, example, browsed) for name, example in FIELDS.items())
    request = EvaluationRequest(model or "", source, labels or None, table or None)
    if st.button(t("mistakes.new.check"), key="new_check", disabled=not source):
        state.put(Key.CHECKED, _preview(request))
    check.show(request)


def _field(name: str, example: str, browsed: bool) -> str:
    """One field, its button "Browse", and below them the picker while it is open for this field. Returns its path."""
    t = state.t()
    with st.container(key=f"field_{name}", horizontal=True, vertical_alignment="bottom", gap="small"):
        st.text_input(
            t(f"mistakes.new.{name}"),
            key=f"new_{name}",
            help=t(f"mistakes.new.{name}.help"),
            placeholder=example,
            persist_state="session",
        )
        if browsed:
            picker.button(name)
    if browsed and state.get(Key.BROWSING) == name:
        picker.show(name)
    return picker.typed_path(name)


def _preview(request: EvaluationRequest):
    """As `check.preview`, if the server opens these paths."""
    try:
        folders.check_allowed(
            *(p for p in (request.source, request.labels, request.table) if p and not requests.is_named(p))
        )
    except folders.FolderError as error:
        return request, picker.error_markdown(error)
    return check.preview(request)
