"""Choosing an evaluation, starting one, and watching it run. Widgets only."""

from __future__ import annotations

import os.path
from pathlib import Path

import streamlit as st

from app import state
from app.explore import input_choice
from app.figures import two_digits
from app.mistakes import find
from app.mistakes.find import BUNDLED, Evaluation, EvaluationPreview, EvaluationRequest
from app.mistakes.view import display_names, left_out
from app.runtime import cache
from app.state import Key
from app.text import LISTED
from app.text.plain import escaped
from vit_core import InputError
from vit_core.checkpoints import with_input
from vit_core.evaluation import folder


def top_bar(request: EvaluationRequest, run: Evaluation | None) -> None:
    """What is shown, in one line, and a popover to show or start something else."""
    t = state.t()
    model, source = display_names(request, run.title if run else None)
    with st.container(horizontal=True, vertical_alignment="center", key="top_bar"):
        st.markdown(t("mistakes.of", model=escaped(model), source=escaped(source)), width="content")
        st.space("stretch")
        # Each evaluation has a popover of its own, so that choosing another one closes it.
        with st.popover(t("mistakes.new"), icon=":material/add:", key=f"new_{request.id}"):
            _choose_run(request)
            _new_evaluation()


def show_run(name: str | None) -> None:
    """Show the evaluation of that name, with no filter and no picture open."""
    state.put(Key.RUN, name)
    for key in (*state.FILTER_KEYS, Key.PAGE, Key.OPEN, Key.RETURN_TO, Key.LIST, Key.CHECKED):
        state.put(key, None)


def _choose_run(shown: EvaluationRequest) -> None:
    names = [out.name for out in find.list_runs()]
    if len(names) < 2:
        return
    t = state.t()
    key = f"runs_{t.language}_{shown.id}"  # of its own: the browser keeps the value of a box in a closed popover
    state.put(key, shown.id)
    st.selectbox(
        t("mistakes.new.run"), names, key=key, format_func=_run_title, on_change=lambda: show_run(state.get(key))
    )


def _run_title(name: str) -> str:
    out = find.run_folder(name)
    title = folder.read_run(out).get("source", {}).get("title")
    return " · ".join(display_names(find.read_request(out) or BUNDLED, title))


def _new_evaluation() -> None:
    t, model = state.t(), state.get(Key.CHOSEN_MODEL)
    st.markdown(t("mistakes.new.text", model=escaped(display_names(EvaluationRequest(model or "–", ""))[0])))
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
    model = model and with_input(model, *input_choice.fields(key="new_input"))
    request = EvaluationRequest(model or "", _absolute(source), _absolute(labels) or None, _absolute(table) or None)
    if st.button(t("mistakes.new.check"), key="new_check", disabled=not source):
        state.put(Key.CHECKED, _preview(request) if model else t("mistakes.new.no.model"))
    checked = state.get(Key.CHECKED)
    if isinstance(checked, str):
        st.error(checked, icon=":material/error:")
    elif checked and checked.request == request:
        _show_preview(checked)


def _absolute(name: str) -> str:
    return name if not name or name.startswith("bundled:") else os.path.abspath(os.path.expanduser(name))


def _preview(request: EvaluationRequest) -> EvaluationPreview | str:
    """What would be evaluated, or the error as Markdown."""
    try:
        with st.spinner(state.t()("mistakes.new.busy")):
            return find.preview(request, cache.model(request.model))
    except InputError as error:
        return error_markdown(error)


def error_markdown(error: InputError) -> str:
    """An error as Markdown: it may quote names."""
    return escaped(state.t().error(error), 1000)


def _show_preview(preview: EvaluationPreview) -> None:
    t, known = state.t(), preview.classes - len(preview.unknown)
    st.markdown(
        t(
            "mistakes.check.found",
            source=escaped(preview.title),
            count=f"{preview.pictures:,}",
            classes=f"{preview.classes:,}",
            known=f"{known:,}",
            by=t(f"mistakes.check.by.{preview.by}"),
        )
    )
    if preview.outdated:
        st.info(t("mistakes.check.outdated"), icon=":material/history:")
    st.button(
        t("mistakes.new.go", count=f"{preview.pictures:,}"),
        type="primary",
        key="new_go",
        on_click=begin,
        args=(preview.request, preview.outdated),
    )
    if not known:
        st.warning(t("mistakes.check.none"), icon=":material/warning:")
    if unknown := [name for name in preview.unknown if name not in preview.ambiguous]:
        st.warning(t("mistakes.check.unknown", names=_listed(unknown)), icon=":material/help:")
    if preview.ambiguous:
        st.warning(t("mistakes.check.ambiguous", names=_listed(preview.ambiguous)), icon=":material/help:")
    if preview.unused and known:
        st.caption(t("mistakes.check.unused", names=_listed(preview.unused)))
    if preview.left_out:
        st.caption(left_out(preview.left_out, preview.formats))
    for how, count in preview.respelled.items():
        st.caption(t(f"mistakes.check.respelled.{how}", count=f"{count:,}"))


def _listed(names: list[str]) -> str:
    first = ", ".join(escaped(n, 40) for n in names[:LISTED])
    more = len(names) - LISTED
    return state.t()("mistakes.check.more", names=first, count=f"{more:,}") if more > 0 else first


# While it runs


def begin(request: EvaluationRequest, restart: bool = False) -> None:
    """Start or continue an evaluation and show it. An error appears where the page shows this evaluation."""
    state.put(Key.START_ERROR, None)
    show_run(request.id if request != BUNDLED else None)
    try:
        find.start_evaluation(request, restart)
    except InputError as error:
        if error.code != "evaluate-running":  # another tab has already started it
            state.put(Key.START_ERROR, error)


def restart_button(request: EvaluationRequest) -> None:
    """A button that discards the result and starts over."""
    st.button(state.t()("mistakes.state.restart"), key="restart", on_click=begin, args=(request, True))


def unfinished(request: EvaluationRequest, out: Path) -> None:
    """An evaluation without a result yet. The bundled one starts by itself."""
    t, progress = state.t(), folder.read_progress(out)
    if progress.state == "none" and request == BUNDLED and not state.get(Key.START_ERROR):
        begin(request)
        progress = folder.read_progress(out)
    st.subheader(t("mistakes.wait.title"), anchor=False)
    if error := state.get(Key.START_ERROR):
        st.error(error_markdown(error), icon=":material/error:")
    if progress.state in ("starting", "running"):
        model, source = display_names(request)
        st.markdown(t("mistakes.wait.text", model=escaped(model), source=escaped(source)))
        running(str(out))
        return
    counts = dict(done=f"{progress.done:,}", total=f"{progress.total:,}")
    if progress.state == "failed":
        reason = escaped(t.error(progress.error), 1000) if progress.error else ""
        st.error(t("mistakes.state.failed", **counts, reason=reason), icon=":material/error:")
    elif progress.state in ("cancelled", "interrupted") and progress.total:
        st.info(t(f"mistakes.state.{progress.state}", **counts))
    else:
        st.info(t("mistakes.state.none"))
    if progress.total:
        st.progress(progress.done / progress.total)
    with st.container(horizontal=True):
        st.button(t("mistakes.state.continue"), type="primary", key="continue", on_click=begin, args=(request,))
        if progress.done:
            restart_button(request)


@st.fragment(run_every=1.0, key="running")
def running(out: str) -> None:
    """The progress bar and rate, updated every second while it runs."""
    t, progress = state.t(), folder.read_progress(out)
    if progress.state not in ("starting", "running"):
        st.rerun()
    counts = dict(done=f"{progress.done:,}", total=f"{progress.total:,}")
    st.progress(progress.done / progress.total if progress.total else 0.0)
    if not progress.total or progress.state == "starting":  # after a restart, the counts are still the old ones
        st.markdown(t("mistakes.wait.starting"))
    elif progress.rate is None or progress.seconds_left is None:
        st.markdown(t("mistakes.wait.progress", **counts))
    else:
        seconds = progress.seconds_left
        minutes = t("mistakes.left.min", value=two_digits(seconds / 60))
        left = minutes if seconds > 90 else t("mistakes.left.s", value=f"{seconds:.0f}")
        st.markdown(t("mistakes.wait.running", **counts, rate=two_digits(progress.rate), left=left))
    st.caption(t("mistakes.wait.unreadable", count=f"{progress.errors:,}") if progress.errors else "\u00a0")
    cancelling = (Path(out) / "cancel").exists()
    st.button(
        t("mistakes.wait.cancelling" if cancelling else "mistakes.wait.cancel"),
        icon=":material/stop:",
        key="cancel",
        disabled=cancelling,
        on_click=folder.cancel,
        args=(out,),
    )
