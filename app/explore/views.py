"""What stands beside the picture: one view at a time, `view(result)`."""

from __future__ import annotations

import functools

import streamlit as st

from app import state
from app.explore import panels
from app.explore.features import panel as features_panel
from app.explore.norms.panel import norms
from app.explore.reasons.panel import reasons
from app.explore.result import Result
from app.explore.rollout_panel import rollout
from app.state import Key
from app.text.class_names import translated

INSIDE = ("received", "positions", "filters", "distances", "entropies", "norms")


def heads(result: Result) -> None:
    """The atlas itself is the figure: its fold."""
    panels.attention_fold(result)


def flow(result: Result) -> None:
    """Attention rollout."""
    rollout(result, key="rollout")


def answer(result: Result) -> None:
    """The model's predictions, and the maps of one of them by several methods."""
    panels.predictions(
        result,
        expected=expected_label(result),
        key="predictions",
        beneath=functools.partial(reasons, result, key="reasons"),
        note=state.t()("reasons.not"),
    )


def expected_label(result: Result) -> str | None:
    """What the picture is known to show, in the page's language, if this model knows that class."""
    expected = state.get(Key.EXPECTED)
    if not expected or expected[1] not in (result.model.labels or ()):
        return None
    return translated(result.name, expected[1], state.t().language, result.model.labels)


def inside(result: Result) -> None:
    """One of the figures of the model's parts, and the choice of it."""
    t = state.t()
    state.one_of(Key.INSIDE, INSIDE)
    chosen = st.segmented_control(
        t("inside"),
        INSIDE,
        required=True,
        key=Key.INSIDE,
        format_func=lambda name: t(f"inside.{name}"),
        label_visibility="collapsed",
        width="stretch",
        persist_state="session",
    )
    show = norms if chosen == "norms" else getattr(panels, chosen)
    show(result, key=chosen)


def features(result: Result) -> None:
    """The patches' features as colours."""
    features_panel.features(result, key="pca")


VIEWS = {"heads": heads, "flow": flow, "answer": answer, "inside": inside, "features": features}
