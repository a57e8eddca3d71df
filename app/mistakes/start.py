"""Starting an evaluation, and watching it run. Widgets only."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from app import state
from app.figures import two_digits
from app.mistakes import requests
from app.mistakes.requests import PHOTOS, SHIPPED, EvaluationRequest
from app.mistakes.view import display_names, error_markdown
from app.runtime import cache
from app.state import Key
from app.text.plain import escaped
from vit_core import InputError
from vit_core.evaluation import folder


def show_run(name: str | None) -> None:
    """Show the evaluation of that name, with no filter and no picture open."""
    state.put(Key.RUN, name)
    for key in (
        *state.FILTER_KEYS,
        *state.MAP_KEYS,
        Key.AGAINST,
        Key.PAGE,
        Key.OPEN,
        Key.RETURN_TO,
        Key.LIST,
        Key.CHECKED,
    ):
        state.put(key, None)


def begin(request: EvaluationRequest, restart: bool = False) -> None:
    """Start or continue an evaluation and show it. An error appears where the page shows this evaluation."""
    state.put(Key.START_ERROR, None)
    state.put(Key.STARTED_COUNT, state.get(Key.STARTED_COUNT, 0) + 1)
    show_run(request.id if request != PHOTOS else None)
    if requests.shown_folder(request) == SHIPPED and not restart:
        return
    try:
        process = requests.start_evaluation(request, restart)
        if requests.upload_home(request.source):
            cache.upload().add_process(process)
    except InputError as error:
        if error.code != "evaluate-running":  # another tab has already started it
            state.put(Key.START_ERROR, error)


def restart_button(request: EvaluationRequest) -> None:
    """A button that discards the result and starts over."""
    st.button(state.t()("mistakes.state.restart"), key="restart", on_click=begin, args=(request, True))


def unfinished(request: EvaluationRequest, out: Path) -> None:
    """An evaluation without a result yet. None starts unless somebody presses the button."""
    t, progress = state.t(), folder.read_progress(out)
    model, source = map(escaped, display_names(request))
    st.subheader(t("mistakes.wait.title"), anchor=False)
    if error := state.get(Key.START_ERROR):
        st.error(error_markdown(error), icon=":material/error:")
    if progress.state in ("starting", "running"):
        st.markdown(t("mistakes.wait.text", model=model, source=source))
        running(str(out))
        return
    counts = dict(done=f"{progress.done:,}", total=f"{progress.total:,}")
    if progress.state == "failed":
        reason = escaped(t.error(progress.error), 1000) if progress.error else ""
        st.error(t("mistakes.state.failed", **counts, reason=reason), icon=":material/error:")
    elif progress.state in ("cancelled", "interrupted") and progress.total:
        st.info(t(f"mistakes.state.{progress.state}", **counts))
    else:
        st.markdown(t("mistakes.state.none", model=model, source=source))
    if progress.total:
        st.progress(progress.done / progress.total)
    action = "continue" if progress.total else "begin"
    with st.container(horizontal=True):
        st.button(t(f"mistakes.state.{action}"), type="primary", key="continue", on_click=begin, args=(request,))
        if progress.done:
            restart_button(request)


@st.fragment(run_every=1.0, key="running")
def running(out: str) -> None:
    """The progress bar and rate, updated every second while it runs."""
    t, progress = state.t(), folder.read_progress(out)
    if progress.state not in ("starting", "running"):
        st.rerun()
    show_progress(progress)
    st.caption(t("mistakes.wait.unreadable", count=f"{progress.errors:,}") if progress.errors else "\u00a0")
    stop_button(out, "mistakes.wait.cancelling", key="cancel")


def show_progress(progress: folder.EvaluationProgress) -> None:
    """A bar, and a sentence with the rate and the time left."""
    t = state.t()
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


def stop_button(out: str, stopping: str, *, key: str) -> None:
    """A button that stops what runs in the folder `out`; once pressed, it has the sentence `stopping`."""
    t, cancelling = state.t(), (Path(out) / "cancel").exists()
    st.button(
        t(stopping if cancelling else "mistakes.wait.cancel"),
        icon=":material/stop:",
        key=key,
        disabled=cancelling,
        on_click=folder.cancel,
        args=(out,),
    )
