"""The view "Features": the patches' features as colours, a map for each layer; the atlas shows one over its picture."""

from __future__ import annotations

import streamlit as st

from app import state
from app.components import panel
from app.components.panel import waiting_for_figure
from app.components.pca.component import pca
from app.explore.address import CHOICES, choice
from app.explore.cached import derived
from app.explore.features.maps import FeatureMaps, feature_maps
from app.explore.panels import computed
from app.explore.result import Result
from app.runtime import cache
from app.text import FEATURE_WORDS, equations
from app.text.plain import escaped
from vit_core import InputError


def features(result: Result, *, key: str) -> None:
    """The maps of all layers with their controls, and what the colours mean."""
    t, facet = state.t(), choice(state.get, "facet")
    panel.title(t("features.title"), t("features.text"))
    try:
        maps = maps_of(result, facet)
    except InputError as error:
        st.info(escaped(t.error(error), 1000))
        pca(computed(result, "atlas"), key=key)
    else:
        draw(result, maps, facet, key=key)
    fold()


def draw(result: Result, maps: FeatureMaps, facet: str, *, key: str) -> None:
    """The maps of a result's picture with their controls."""
    pca(
        computed(result, "atlas"),
        key=key,
        colours=maps.colours,
        projections=maps.projections,
        foreground=maps.foreground,
        explained=maps.explained,
        facet=facet,
        choices={name: CHOICES[name] for name in ("facet", "foreground")},
        words=FEATURE_WORDS[state.t().language],
    )


def fold() -> None:
    """What the colours mean, and common misreadings."""
    t = state.t()
    panel.fold(t("features.fold"), equations.FIXED["features"], t("features.not"))


def maps_of(result: Result, facet: str) -> FeatureMaps:
    """The maps of a result's picture, from the cache of outputs. Raises InputError "features-size"."""
    outputs, key = cache.outputs(), (result.name, "features", result.digest, facet)

    def make() -> FeatureMaps:
        return feature_maps([result.features], facet)[0]

    if key in outputs:
        return outputs.get(key, make)
    task = result.name, "features"
    return derived(result, cache.run_with_waiting, task, waiting_for_figure, outputs.get, key, make)
