"""One picture, one model, and one of five views of what the model does with it; or two of them compared.

Each part is a fragment, so that a change redraws only that; what is not looked at is not computed.
"""

from __future__ import annotations

import streamlit as st

from app import state
from app.explore import current, input_choice, panels
from app.explore.address import view_of
from app.explore.compare import choice, second, workbench
from app.explore.views import VIEWS

ADDRESS = (
    *(*state.CHOICE_KEYS, *state.EVALUATED_KEYS, *state.INPUT_KEYS, *state.COMPARE_KEYS),
    *state.EXPLORE_KEYS,
)


@st.fragment(key="atlas")
def atlas_fragment(cached_result):
    state.rerun_if_choice_changed()
    panels.atlas(cached_result(), key="attention")


@st.fragment(key="view")
def view_fragment(cached_result):
    state.rerun_if_choice_changed()
    view = view_of(state.get)
    with st.container(key=f"view_{view}"):  # style.css puts it beside the picture, or below it
        VIEWS[view](cached_result())
    state.write_address(ADDRESS)


@st.fragment(key="pair")
def pair_fragment(cached_first, cached_second):
    state.rerun_if_choice_changed()
    with st.container(key="comparison"):
        workbench.pair(cached_first(), cached_second(), key="pair_atlas")
    state.write_address(ADDRESS)


def page() -> None:
    """A function, because Streamlit would keep a result that is named at the top of the file alive."""
    with current.result("workbench") as result:
        if result is None:
            state.write_address(ADDRESS)
            return
        with st.container(horizontal=True, vertical_alignment="center", key="answer_bar"):
            answer = st.empty()
            with answer:
                panels.answer_line(result)
            choice.control(key="compare_choice")
            input_choice.control(result, key="input_choice")
        with second.result(result, "workbench") as other:
            cached_result = state.CachedValue(result)
            if other:
                with answer:
                    workbench.line(result)
                pair_fragment(cached_result, state.CachedValue(other))
                panels.atlas_maps(other, key="second")
            else:
                with st.container(key="workbench"):
                    atlas_fragment(cached_result)
                    view_fragment(cached_result)
        panels.atlas_maps(result, key="attention")


page()
