"""The result for the model and picture chosen in the sidebar, with what is said while it is computed or impossible."""

from __future__ import annotations

import streamlit as st

from app import state
from app.components.panel import busy_model, cpu_note
from app.explore import cached
from app.explore.result import Result
from app.figures import two_digits
from app.runtime import cache
from app.state import Key
from app.text.plain import escaped
from vit_core import InputError


def result() -> Result | None:
    """The result for the chosen model and picture; if one of them cannot be used, the last one that could.

    Returns None, and says why, if there is none or too many pictures wait for the model.
    """
    t = state.t()
    try:
        found = _compute(state.get(Key.CHOSEN_MODEL))
    except InputError as busy:
        st.warning(escaped(t.error(busy), 1000), icon=":material/hourglass_top:")
        st.button(t("busy.again"), key="busy_again", type="primary")
        return None
    if found is None:
        st.info(t("none.model" if state.picture() else "none.picture"))
    else:
        _facts(found)
    return found


def _compute(name: str | None) -> Result | None:
    """Raises InputError "busy" and "serve-gone"; other errors stand in the sidebar."""
    t, picture = state.t(), state.picture()
    if picture is None:
        return None
    if name:
        try:
            if not cached.has_result(name, picture.digest):
                with st.spinner(t("busy.model", name=escaped(name))):
                    cache.await_model(name)
                with st.spinner(busy_model(cache.last_durations().get(name, 0))):
                    cached.result(name, picture.digest, picture.image)
            found = cached.result(name, picture.digest, picture.image)
            state.put(Key.WORKING_MODEL, name)
            return found
        except InputError as error:
            if error.code in ("busy", "serve-gone"):
                raise
            with st.sidebar:
                st.error(escaped(t.error(error), 2000), icon=":material/error:")
                if state.get(Key.WORKING_MODEL):
                    st.caption(t("last.model", name=escaped(state.get(Key.WORKING_MODEL))))
    if state.get(Key.WORKING_MODEL):
        return cached.result(state.get(Key.WORKING_MODEL), picture.digest, picture.image)
    return None


def _facts(result: Result) -> None:
    """In the sidebar, beneath the model: its size, its device, and settings that its file lacks."""
    t = state.t()
    config = result.trace.config
    if result.seconds >= 1:
        duration = t("time.s", value=two_digits(result.seconds))
    else:
        duration = t("time.ms", value=two_digits(result.seconds * 1e3))
    facts = [
        t(
            "side.model.facts",
            layers=config.depth,
            heads=config.heads,
            dim=config.dim,
            parameters=f"{two_digits(result.parameters / 1e6)} M",
        ),
        t("side.model.device", device=t(f"device.{result.device.type}"), time=duration),
    ]
    if note := cpu_note(result.model, result.fell_back):
        facts.append(note)
    with st.sidebar:
        st.caption("\n\n".join(facts))
        if assumed := result.model.assumed:
            transform = result.model.transform
            values = {
                "width": config.head_dim,
                "activation": config.activation,
                "fit": t(f"side.assumed.fit.{transform.crop_mode}", **transform.facts()),
                **transform.facts(),
            }
            settings = ", ".join(t(f"side.assumed.{fact}", **values) for fact in assumed)
            st.warning(t("side.assumed", settings=settings), icon=":material/help:")
