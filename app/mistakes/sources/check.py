"""What an evaluation would cover, before it starts. Widgets only."""

from __future__ import annotations

from dataclasses import replace

import streamlit as st

from app import state
from app.components.panel import waiting
from app.mistakes import start
from app.mistakes.requests import EvaluationRequest
from app.mistakes.sources import mapping as classes
from app.mistakes.sources import preview as previews
from app.mistakes.sources.preview import EvaluationPreview
from app.mistakes.view import error_markdown, left_out
from app.runtime import cache
from app.state import Key
from app.text import LISTED
from app.text.plain import escaped
from vit_core import InputError


def preview(request: EvaluationRequest) -> tuple[EvaluationRequest, EvaluationPreview | str]:
    """The request with what it would evaluate, or with the error as Markdown."""
    t = state.t()
    if not request.model:
        return request, t("mistakes.new.no.model")
    try:
        with waiting(t("mistakes.new.busy"), "lines"):
            return request, previews.preview(request, cache.model(request.model))
    except InputError as error:
        return request, error_markdown(error)


def show(request: EvaluationRequest) -> None:
    """The preview of this request, if it is the last that was made."""
    asked, found = state.get(Key.CHECKED) or (None, None)
    if asked != request:
        return
    if isinstance(found, str):
        st.error(found, icon=":material/error:")
    else:
        _show_preview(found)


def _show_preview(preview: EvaluationPreview) -> None:
    t, mapping = state.t(), classes.current(preview)
    known = sum(number >= 0 for number in mapping.values())
    st.markdown(
        t(
            "mistakes.check.found",
            source=escaped(preview.title),
            count=f"{preview.pictures:,}",
            classes=f"{preview.classes:,}",
            known=f"{known:,}",
            by=t(f"mistakes.check.by.{'table' if classes.is_changed(preview) else preview.by}"),
        )
    )
    if preview.reused:
        st.caption(t("mistakes.check.reused"))
    if preview.changed:
        st.info(t("mistakes.check.changed"), icon=":material/history:")
    if preview.unknown and len(preview.unknown) == preview.classes:
        st.warning(t("mistakes.check.none"), icon=":material/warning:")
        classes.show(preview)
        _start_button(preview, known)
        st.caption(t("mistakes.check.without.text"))
        st.button(
            t("mistakes.check.without", count=f"{preview.pictures:,}"),
            key="new_without",
            on_click=start.begin,
            args=(preview.request,),
        )
    else:
        _start_button(preview, known)
        if unknown := [name for name in preview.unknown if name not in preview.ambiguous]:
            st.warning(t("mistakes.check.unknown", names=_listed(unknown)), icon=":material/help:")
        if preview.ambiguous:
            st.warning(t("mistakes.check.ambiguous", names=_listed(preview.ambiguous)), icon=":material/help:")
        with st.expander(t("mistakes.map.classes"), expanded=bool(preview.unknown)):
            classes.show(preview)
        if preview.unused:
            st.caption(t("mistakes.check.unused", names=_listed(preview.unused)))
    if preview.left_out:
        st.caption(left_out(preview.left_out, preview.formats))
    for how, count in preview.respelled.items():
        st.caption(t(f"mistakes.check.respelled.{how}", count=f"{count:,}"))


def _start_button(preview: EvaluationPreview, known: int) -> None:
    st.button(
        state.t()("mistakes.new.go", count=f"{preview.pictures:,}"),
        type="primary",
        key="new_go",
        on_click=_begin,
        args=(preview,),
        disabled=not known,
    )


def _begin(preview: EvaluationPreview) -> None:
    """Start the evaluation; a mapping that was chosen becomes a table first."""
    request = preview.request
    try:
        if classes.is_changed(preview):
            table = previews.keep_mapping(preview, classes.current(preview))
            request = replace(request, table=str(table), version=None)
            request = previews.preview(request, cache.model(request.model)).request
    except InputError as error:
        state.put(Key.CHECKED, (state.get(Key.CHECKED)[0], error_markdown(error)))
    else:
        start.begin(request)


def _listed(names: list[str]) -> str:
    first = ", ".join(escaped(n, 40) for n in names[:LISTED])
    more = len(names) - LISTED
    return state.t()("mistakes.check.more", names=first, count=f"{more:,}") if more > 0 else first
