"""Which evaluation is looked at, how one is begun, and what is seen while it runs. Widgets only."""

from __future__ import annotations

import os.path
from pathlib import Path

import streamlit as st

from app import state
from app.figures import two_digits as number
from app.mistakes import find
from app.mistakes.find import BUNDLED, Asked, Checked, Run
from app.mistakes.panels import names_of
from app.runtime import cache
from app.text import LISTED
from app.text.plain import escaped
from vit_core import InputError
from vit_core.evaluation import folder


def top(what: Asked, run: Run | None) -> None:
    """What is seen, in a line, and folded away, how to see something else."""
    t = state.t()
    model, source = names_of(what, run.title if run else None)
    with st.container(horizontal=True, vertical_alignment="center", key="top_bar"):
        st.markdown(t("mistakes.of", model=escaped(model), source=escaped(source)), width="content")
        st.space("stretch")
        # A popover of its own for each run, so that it is shut when another one is shown.
        with st.popover(t("mistakes.else"), icon=":material/add:", key=f"else_{what.id}"):
            _else(what)


def show(name: str | None) -> None:
    """Look at the evaluation of that name, from the beginning."""
    state.put(state.Key.RUN, name)
    k = state.Key
    for key in (*state.FILTER_KEYS, k.PAGE, k.OPEN, k.RETURN_TO, k.LIST, k.CHECKED):
        state.put(key, None)


def _else(what: Asked) -> None:
    t = state.t()
    listed = [out.name for out in find.known()]
    if len(listed) > 1:
        key = f"runs_{t.language}_{what.id}"  # its own: a shut popover's browser would go on saying the last one's
        state.put(key, what.id)
        st.selectbox(
            t("mistakes.else.run"), listed, key=key, format_func=_title, on_change=lambda: show(state.get(key))
        )
    model = state.get(state.Key.CHOSEN_MODEL)
    st.markdown(t("mistakes.else.text", model=escaped(names_of(Asked(model or "–", ""))[0])))
    source = st.text_input(
        t("mistakes.else.source"),
        key="else_source",
        help=t("mistakes.else.source.help"),
        placeholder="/home/me/pictures",
        persist_state="session",
    ).strip()
    labels = st.text_input(
        t("mistakes.else.labels"),
        key="else_labels",
        help=t("mistakes.else.labels.help"),
        placeholder="labels.csv",
        persist_state="session",
    ).strip()
    table = st.text_input(
        t("mistakes.else.table"),
        key="else_table",
        help=t("mistakes.else.table.help"),
        placeholder="classes.csv",
        persist_state="session",
    ).strip()
    asked = Asked(model or "", _path(source), _path(labels) or None, _path(table) or None)
    if st.button(t("mistakes.else.check"), key="else_check", disabled=not source):
        state.put(state.Key.CHECKED, _check(asked) if model else t("mistakes.else.no.model"))
    checked = state.get(state.Key.CHECKED)
    if isinstance(checked, str):
        st.error(checked, icon=":material/error:")
    elif checked and checked.asked == asked:
        _say(checked)


def _path(name: str) -> str:
    return name if not name or name.startswith("bundled:") else os.path.abspath(os.path.expanduser(name))


def _title(name: str) -> str:
    out = find.folder(name)
    return " · ".join(names_of(find.asked(out) or BUNDLED, folder.described(out).get("source", {}).get("title")))


def _check(asked: Asked) -> Checked | str:
    """What would be evaluated, or what speaks against it."""
    try:
        with st.spinner(state.t()("mistakes.else.busy")):
            return find.check(asked, cache.model(asked.model))
    except InputError as error:
        return plain_error(error)


def plain_error(error: InputError) -> str:
    """An error as Markdown: it may quote names."""
    return escaped(state.t().error(error), 1000)


def _say(checked: Checked) -> None:
    t, known = state.t(), checked.classes - len(checked.unknown)
    st.markdown(
        t(
            "mistakes.check.found",
            source=escaped(checked.title),
            count=f"{checked.pictures:,}",
            classes=f"{checked.classes:,}",
            known=f"{known:,}",
            by=t(f"mistakes.check.by.{checked.by}"),
        )
    )
    if checked.outdated:
        st.info(t("mistakes.check.outdated"), icon=":material/history:")
    st.button(
        t("mistakes.else.go", count=f"{checked.pictures:,}"),
        type="primary",
        key="else_go",
        on_click=begin,
        args=(checked.asked, checked.outdated),
    )
    if not known:
        st.warning(t("mistakes.check.none"), icon=":material/warning:")
    if none := [name for name in checked.unknown if name not in checked.ambiguous]:
        st.warning(t("mistakes.check.unknown", names=_names(none)), icon=":material/help:")
    if checked.ambiguous:
        st.warning(t("mistakes.check.ambiguous", names=_names(checked.ambiguous)), icon=":material/help:")
    if checked.unused and known:
        st.caption(t("mistakes.check.unused", names=_names(checked.unused)))
    if checked.left_out:
        what = ", ".join(
            t(f"mistakes.check.left.{reason}", count=f"{count:,}") for reason, count in checked.left_out.items()
        )
        st.caption(t("mistakes.check.left", what=what))


def _names(names: list[str]) -> str:
    first = ", ".join(escaped(n, 40) for n in names[:LISTED])
    more = len(names) - LISTED
    return state.t()("mistakes.check.more", names=first, count=f"{more:,}") if more > 0 else first


# While it runs


def begin(asked: Asked, restart: bool = False) -> None:
    """Start or go on; what speaks against it is said where the page shows this run."""
    state.put(state.Key.START_ERROR, None)
    show(asked.id if asked != BUNDLED else None)
    try:
        find.start(asked, restart)
    except InputError as error:
        if error.code != "evaluate-running":  # another tab was quicker
            state.put(state.Key.START_ERROR, error)


def again(what: Asked) -> None:
    """A button that throws a result away."""
    st.button(state.t()("mistakes.state.begin"), key="again", on_click=begin, args=(what, True))


def waiting(what: Asked, out: Path) -> None:
    """An evaluation that has no result yet. The bundled one begins by itself."""
    t, progress = state.t(), folder.progress(out)
    if progress.state == "none" and what == BUNDLED and not state.get(state.Key.START_ERROR):
        begin(what)
        progress = folder.progress(out)
    st.subheader(t("mistakes.wait.title"), anchor=False)
    if error := state.get(state.Key.START_ERROR):
        st.error(plain_error(error), icon=":material/error:")
    if progress.state in ("starting", "running"):
        model, source = names_of(what)
        st.markdown(t("mistakes.wait.text", model=escaped(model), source=escaped(source)))
        running(str(out))
        return
    facts = dict(done=f"{progress.done:,}", total=f"{progress.total:,}")
    if progress.state == "failed":
        st.error(
            t("mistakes.state.failed", **facts, reason=escaped(t.told(progress.reason or ""), 1000)),
            icon=":material/error:",
        )
    else:
        kind = progress.state if progress.state in ("cancelled", "interrupted") and progress.total else "none"
        st.info(t(f"mistakes.state.{kind}", **facts) if kind != "none" else t("mistakes.state.none"))
    if progress.total:
        st.progress(progress.done / progress.total)
    with st.container(horizontal=True):
        st.button(t("mistakes.state.go"), type="primary", key="go_on", on_click=begin, args=(what,))
        if progress.done:
            again(what)


@st.fragment(run_every=1.0, key="running")
def running(out: str) -> None:
    """How far it is, every second, for as long as it runs."""
    t, progress = state.t(), folder.progress(out)
    if progress.state not in ("starting", "running"):
        st.rerun()
    facts = dict(done=f"{progress.done:,}", total=f"{progress.total:,}")
    st.progress(progress.done / progress.total if progress.total else 0.0)
    if not progress.total or progress.state == "starting":  # begun anew, what is there is still the last one's
        st.markdown(t("mistakes.wait.starting"))
    elif progress.rate is None or progress.seconds_left is None:
        st.markdown(t("mistakes.wait.begun", **facts))
    else:
        left = (
            t("mistakes.left.min", value=number(progress.seconds_left / 60))
            if progress.seconds_left > 90
            else t("mistakes.left.s", value=f"{progress.seconds_left:.0f}")
        )
        st.markdown(t("mistakes.wait.running", **facts, rate=number(progress.rate), left=left))
    st.caption(t("mistakes.wait.unreadable", count=f"{progress.errors:,}") if progress.errors else "\u00a0")
    asked = (Path(out) / "cancel").exists()
    st.button(
        t("mistakes.wait.cancelling" if asked else "mistakes.wait.cancel"),
        icon=":material/stop:",
        key="cancel",
        disabled=asked,
        on_click=folder.cancel,
        args=(out,),
    )
