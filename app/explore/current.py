"""The result for the model and picture chosen in the sidebar, with what is said while it is computed or impossible."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator

import streamlit as st
from PIL import Image

from app import state
from app.components import panel
from app.components.panel import busy, cpu_note
from app.explore import cached, input_choice
from app.explore.result import Result
from app.figures import two_digits
from app.runtime import cache
from app.state import Key
from app.text.model_names import model_title
from app.text.plain import escaped, plain
from vit_core import InputError, VisionTransformer
from vit_core.checkpoints import possible_problem_types, split_input, split_problem_type, with_input, with_problem_type
from vit_core.checkpoints.report import FACTS, LoadReport


@contextlib.contextmanager
def result(shape: str) -> Iterator[Result | None]:
    """The result for the chosen model and picture; if one of them cannot be used, the last one that could.

    None, with a sentence that says why, if there is none or too many pictures wait for the model. If it takes a moment,
    the page shows that it waits until the end of the block, in the `shape` of what comes.
    """
    with panel.waiting(_waits_for(), shape):
        yield _result()


def _waits_for() -> str | None:
    name, picture = state.get(Key.CHOSEN_MODEL), state.picture()
    if not name or picture is None:
        return None
    return waits_for(name, picture.digest, picture.image, input_choice.corrected)


def waits_for(
    name: str,
    digest: str,
    picture: Image.Image,
    choose: Callable[[VisionTransformer], tuple[int | None, str]],
) -> str | None:
    """The sentence while that model is loaded or runs on the picture with that digest, with how long that takes if it
    is long; None if neither has to happen. `choose(model)`: the input size and framing."""
    t = state.t()
    if not cache.is_loaded(name):
        return busy("model", cache.last_durations().get((name, "load"), 0), name=plain(model_title(name, t)))
    choice = choose(cache.model(name))
    viewed = with_input(name, *choice)
    if cached.has_result(viewed, digest):
        return None
    took, about = cache.last_durations().get(viewed), input_choice.estimated_seconds(name, picture, *choice)
    if took is None and about and about >= 2:
        return t("busy.result.about", time=t("time.s", value=two_digits(about)))
    return busy("result", took or 0)


def _result() -> Result | None:
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
            cache.await_model(name)
            found = _at_chosen_input(name, picture)
            state.put(Key.WORKING_MODEL, name)
            return found
        except InputError as error:
            if error.code in ("busy", "serve-gone"):
                raise
            with st.sidebar:
                st.error(escaped(t.error(error), 2000), icon=":material/error:")
                if state.get(Key.WORKING_MODEL):
                    st.caption(t("last.model", name=escaped(model_title(state.get(Key.WORKING_MODEL), t))))
    if state.get(Key.WORKING_MODEL):
        return _at_chosen_input(state.get(Key.WORKING_MODEL), picture)
    return None


def _at_chosen_input(name: str, picture: state.Picture) -> Result:
    """The result at the input size and framing that the session asks for."""
    choice = input_choice.corrected(cache.model(name))
    return cached.result(with_input(name, *choice), picture.digest, picture.image)


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
    if config.classes and config.problem_type != "single_label":
        facts.append(t("side.head", kind=t(f"side.problem_type.{config.problem_type}")))
    if note := cpu_note(result.model, result.fell_back):
        facts.append(note)
    with st.sidebar:
        st.caption("\n\n".join(facts))
        if assumed := result.model.assumed:
            transform = result.model.transform
            values = {
                "width": config.head_dim,
                "activation": config.activation,
                "fit": t(f"side.assumed.fit.{transform.fit}", **transform.facts()),
                **transform.facts(),
            }
            settings = ", ".join(t(f"side.assumed.{fact}", **values) for fact in assumed)
            st.warning(t("side.assumed", settings=settings), icon=":material/help:")
        if result.model.report:
            with st.expander(t("side.read")):
                st.caption("\n\n".join(_read_lines(result.model.report)))
        if "problem_type" in assumed or split_problem_type(result.name)[1]:
            _choose_problem_type(result)


def _read_lines(report: LoadReport) -> list[str]:
    """What is told of the files that the model was read from."""
    t = state.t()
    told = {fact: t.origin(report.origins[fact]) for fact in FACTS if fact in report.origins}
    told |= {
        "others": ", ".join(report.others),
        "unwrapped": ", ".join(report.unwrapped),
        "ignored": report.ignored_modules(),
    }
    return [t(f"side.read.{fact}", value=escaped(text, 300)) for fact, text in told.items() if text]


def _choose_problem_type(result: Result) -> None:
    """What the head's numbers mean, where the model's file does not say. The choice becomes part of the model's name,
    and so of the address."""
    t, name = (
        state.t(),
        split_input(result.name)[0],
    )  # not the result: Streamlit keeps the callback for as long as the tab is open
    widget = f"{Key.PROBLEM_TYPE}_{t.language}"  # Streamlit keeps showing an option in the words it was chosen in
    state.put(widget, result.config.problem_type)
    st.selectbox(
        t("side.problem_type"),
        possible_problem_types(result.config),
        key=widget,
        format_func=lambda kind: t(f"side.problem_type.{kind}"),
        on_change=lambda: state.put(Key.MODEL, with_problem_type(name, state.get(widget))),
    )
