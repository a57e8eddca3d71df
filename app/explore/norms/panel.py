"""The panel of token norms: all layers as lines, and the chosen layer as a map."""

from __future__ import annotations

import streamlit as st

from app import state
from app.components import panel
from app.components.panel import chart
from app.explore import address
from app.explore.cached import drawn
from app.explore.norms import figure
from app.explore.panels import VIEW_FRAGMENTS, computed, fold, query_place
from app.explore.result import Result
from app.figures import two_digits
from app.state import Key
from app.text import WORDS


def norms(result: Result, *, key: str) -> None:
    """Norms of the tokens' vectors at each depth, and those of the patches after the chosen layer."""
    t, words = state.t(), WORDS[state.t().language]
    values, outliers = computed(result, "norms"), computed(result, "atlas").outliers
    layer = address.chosen_column(result, state.get)[0] + 1
    on_grid = result.on_grid(values[layer])
    clip = state.one_of(Key.CLIP, address.CHOICES["clip"]) == "on"
    shown = figure.range_of(on_grid, len(outliers), clip)
    low, high, end = map(two_digits, (shown.low, shown.high, shown.end))
    sentence = words["clipped_many" if shown.above > 1 else "clipped_one"].format(end=end, above=shown.above)
    panel.title(t("norms.title"), t("norms.text"))
    with st.container(key=f"{key}_pair"):  # style.css puts them side by side
        st.markdown(t("norms.lines"))
        names = [*map(t.token, result.prefix_names), t("norms.median"), t("norms.range")]
        chart(
            drawn(
                result,
                figure.norm_lines,
                (),
                values,
                layer,
                result.prefix_names,
                names,
                t("norms.x"),
                t("norms.y"),
                t("norms.hover"),
            ),
            f"{key}_chart",
            _on_layer_click(f"{key}_chart"),
            height="stretch",
        )
        with st.container(
            horizontal=True, vertical_alignment="center", horizontal_alignment="distribute", key=f"{key}_head"
        ):
            st.markdown(t("norms.map", layer=layer, low=low, high=high), width="content")
            _clip_switch(f"{key}_clip", words)
        chart(
            drawn(
                result,
                figure.norm_map,
                (),
                on_grid,
                shown,
                t("norms.patch"),
                query_place(result)[1],
                [divmod(patch, result.grid[1]) for patch in outliers],
                sentence if shown.above else "",
            ),
            f"{key}_map",
            height="stretch",
            alt=t("norms.alt", layer=layer, low=low, high=high, count=len(outliers)),
        )
    fold(t, "norms")


def _clip_switch(key: str, words: dict[str, str]) -> None:
    """The switch that the atlas has beside its colour scale."""

    def choose() -> None:
        state.put(Key.CLIP, "on" if state.get(key) else "off")
        state.rerun(*VIEW_FRAGMENTS)

    state.put(key, state.get(Key.CLIP) == "on")
    st.checkbox(words["clip"], key=key, on_change=choose, width="content")


def _on_layer_click(key: str):
    """The callback for clicks in the figure with that key: the clicked layer becomes the chosen one."""

    def choose() -> None:
        if point := state.selected(key):
            state.put(Key.LAYER, max(1, int(point[0])))
        state.rerun(*VIEW_FRAGMENTS)

    return choose
