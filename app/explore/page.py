"""One picture, one model, everything the model shows. Each view is a fragment, so that a change redraws only that."""

from __future__ import annotations

import streamlit as st

from app import state
from app.components.panel import pair
from app.explore import current, input_choice, panels
from app.explore.rollout_panel import rollout
from app.text.class_names import translated

ADDRESS = (*state.CHOICE_KEYS, *state.INPUT_KEYS, *state.EXPLORE_KEYS)


def expected_label(result, expected) -> str | None:
    """What the picture is known to show, in the page's language, if this model knows that class."""
    if not expected or expected[1] not in (result.model.labels or ()):
        return None
    return translated(result.name, expected[1], state.t().language, result.model.labels)


@st.fragment(key="atlas")
def atlas_fragment(cached_result):
    state.rerun_if_choice_changed()
    panels.atlas(cached_result(), key="attention")
    state.write_address(ADDRESS)  # also on a whole run: nothing below changes these values


@st.fragment(key="rollout")
def rollout_fragment(cached_result):
    rollout(cached_result(), key="rollout")


@st.fragment(key="places")
def places_fragment(cached_result):
    result = cached_result()
    panels.positions(result, key="positions")
    with pair("heads"):
        panels.distances(result, key="distances")
        panels.entropies(result, key="entropies")


def page() -> None:
    """A function, because Streamlit would keep a result that is named at the top of the file alive."""
    result = current.result()
    if result is None:
        state.write_address(ADDRESS)
        return
    expected, cached_result = expected_label(result, state.get(state.Key.EXPECTED)), state.CachedValue(result)
    with st.container(horizontal=True, vertical_alignment="center", key="answer_bar"):
        panels.answer_line(result, expected=expected)
        input_choice.control(result, key="input_choice")
    atlas_fragment(cached_result)
    panels.atlas_maps(result, key="attention")
    with pair("answer"):
        panels.predictions(result, expected=expected, key="predictions")
        panels.received(result, key="received")
    rollout_fragment(cached_result)
    places_fragment(cached_result)
    with pair("tokens"):
        panels.filters(result, key="filters")
        panels.norms(result, key="norms")


page()
