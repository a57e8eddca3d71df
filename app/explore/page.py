"""One picture, one model, everything the model shows. Runs anew at each change; figures are fragments."""

from __future__ import annotations

import streamlit as st

from app import sidebar, state
from app.explore import address, panels

ADDRESS = (*state.CHOSEN, *address.KEPT)


def expected_label(result, expected) -> str | None:
    """What the picture is known to show, where this model was taught its name."""
    return expected[1] if expected and expected[1] in (result.model.labels or ()) else None


@st.fragment(key="atlas")
def atlas(shown, expected):
    sidebar.catch_up()
    panels.atlas(shown(), expected=expected, key="attention")
    state.write_address(ADDRESS)  # of the whole page, too: nothing beneath changes what it holds


@st.fragment(key="rollout")
def rollout(shown):
    panels.rollout(shown(), key="rollout")


@st.fragment(key="places")
def places(shown):
    result = shown()
    panels.positions(result, key="positions")
    with panels.pair("heads"):
        panels.distances(result, key="distances")
        panels.entropies(result, key="entropies")


def page() -> None:
    """Not at the top: a result named there is kept by the file's functions, and they by it, until a collection."""
    result = sidebar.result()
    if result is not None:
        shows, shown = expected_label(result, state.get("expected")), state.Loose(result)
        atlas(shown, shows)
        panels.maps(result, key="attention")
        with panels.pair("answer"):
            panels.predictions(result, expected=shows, key="predictions")
            panels.received(result, key="received")
        rollout(shown)
        places(shown)
        with panels.pair("tokens"):
            panels.filters(result, key="filters")
            panels.norms(result, key="norms")
    else:
        state.write_address(ADDRESS)


page()
