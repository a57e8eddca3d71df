"""Labelled pictures on the server's computer, by their path."""

from __future__ import annotations

import os.path

import streamlit as st

from app import state
from app.mistakes import requests
from app.mistakes.requests import EvaluationRequest
from app.mistakes.sources import check
from app.state import Key


def show(model: str | None) -> None:
    """Fields for a folder or file and two tables, and what was found there."""
    t = state.t()
    st.caption(t("mistakes.path.text"))
    source, labels, table = (
        st.text_input(
            t(f"mistakes.new.{name}"),
            key=f"new_{name}",
            help=t(f"mistakes.new.{name}.help"),
            placeholder=example,
            persist_state="session",
        ).strip()
        for name, example in (("source", "/home/me/pictures"), ("labels", "labels.csv"), ("table", "classes.csv"))
    )
    request = EvaluationRequest(model or "", _absolute(source), _absolute(labels) or None, _absolute(table) or None)
    if st.button(t("mistakes.new.check"), key="new_check", disabled=not source):
        state.put(Key.CHECKED, check.preview(request))
    check.show(request)


def _absolute(name: str) -> str:
    return name if not name or requests.is_named(name) else os.path.abspath(os.path.expanduser(name))
