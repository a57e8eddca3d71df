"""Two results side by side: two atlases that follow each other, each with its name and its answer."""

from __future__ import annotations

import functools
import json

import streamlit as st

from app import state
from app.components import panel
from app.components.pair import component
from app.explore import panels
from app.explore.about import about
from app.explore.cached import derived
from app.explore.compare import choice
from app.explore.compare.colours import colours
from app.explore.compare.matches import best_matches
from app.explore.result import Result
from app.runtime import cache, known_models
from app.state import Key
from app.text import PAIR_WORDS, WORDS
from app.text.plain import escaped, plain
from vit_core import InputError
from vit_core.checkpoints import split_input
from vit_core.images import patch_box

#: The views of a comparison. Another view of the page comes back with the single atlas.
VIEWS = ("heads", "features")


def line(first: Result) -> None:
    """What the two have in common, in place of the answer."""
    t = state.t()
    if choice.kind() == "model":
        name = choice.picture_title(state.picture())
        st.markdown(t("compare.models", name=escaped(name, 60)))
    else:
        st.markdown(t("compare.pictures", name=escaped(_model_title(first), 60)))


def pair(first: Result, second: Result, *, key: str) -> None:
    """Both atlases. Call it in the fragment "pair"."""
    t, models = state.t(), choice.kind() == "model"
    view, on_view_change = panels.agreed_view(first.outline, key, lambda sent: state.rerun("pair"), VIEWS)
    pictures = state.picture(), state.picture() if models else choice.picture()
    linked = about(first)["linked"] and (models or pictures[1].sample is not None)
    halves = [
        component.Half(
            panels.computed(result, "atlas"),
            name=plain(_model_title(result) if models else choice.picture_title(picture), 60),
            answer=panels.answer(result, plain, short=True).replace("**", ""),
            about=about(result, picture) | {"linked": linked},
            ask=functools.partial(derived, result),
            features_of=functools.partial(panels.features_of, result),
        )
        for result, picture in zip((first, second), pictures, strict=True)
    ]
    component.pair(
        *halves,
        words=WORDS[t.language] | PAIR_WORDS[t.language],
        view=view | {"seq": state.get(Key.ATLAS_VERSION, 0)},
        boxes=[_covered(first), _covered(second)] if models else None,
        matches=None if models or state.get(Key.MATCHES) != "on" else _matches(first, second, view),
        known=state.get(key),
        key=key,
        on_change=on_view_change,
        on_lines=functools.partial(_draw_lines, key),
    )
    with st.container(key="view_compared"):
        if view["view"] == "features":
            colours(first, second, key="pair_pca")
        else:
            panels.attention_fold(first)


def _draw_lines(key: str) -> None:
    """From the browser: draw the lines between matching patches, or no longer."""
    state.put(Key.MATCHES, "on" if state.get(key)["lines"] == "on" else None)
    state.rerun("pair")


def _matches(first: Result, second: Result, view: dict) -> dict:
    """The lines for the shown layer and kind of features; none, and a sentence, if these cannot be computed."""
    layer, facet = view["layer"], view["facet"]
    key = first.name, "matches", first.digest, second.digest, layer, facet
    common = {"layer": layer, "facet": facet, "ids": [panels.computed(one, "atlas").id for one in (first, second)]}

    def make() -> bytes:
        return json.dumps(best_matches(first.features, second.features, layer, facet)).encode()

    task = first.name, "matches"
    outputs = cache.outputs()
    try:
        found = derived(first, cache.run_with_waiting, task, panel.waiting_for_figure, outputs.get, key, make)
    except InputError as error:
        st.info(escaped(state.t().error(error), 1000))
        return common | {"count": 0, "pairs": []}
    return common | json.loads(found)


def _model_title(result: Result) -> str:
    return known_models.title_of(split_input(result.name)[0], state.t())


def _covered(result: Result) -> tuple[float, ...]:
    """What the patches cover of the picture, (left, top, right, bottom), pixels."""
    (rows, cols), patch = result.grid, result.config.patch_size
    first, last = (patch_box(place, result.trace.crop, patch) for place in ((0, 0), (rows - 1, cols - 1)))
    return *first[:2], *last[2:]
