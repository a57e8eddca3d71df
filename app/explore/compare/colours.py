"""The view Features of a comparison: two pictures in one basis, or two models, each in its own."""

from __future__ import annotations

import streamlit as st

from app import state
from app.components.panel import waiting_for_figure
from app.components.pca.component import pca
from app.explore.address import choice
from app.explore.cached import derived
from app.explore.features import panel
from app.explore.features.maps import FeatureMaps, feature_maps
from app.explore.panels import computed
from app.explore.result import Result
from app.runtime import cache
from app.text.plain import escaped
from vit_core import InputError


class PairMaps:
    """Both pictures' maps, for the cache of outputs."""

    def __init__(self, both: list[FeatureMaps]):
        self.both = both
        self.nbytes = sum(maps.nbytes for maps in both)


def colours(first: Result, second: Result, *, key: str) -> None:
    """The maps of all layers of both, side by side. The atlases show the chosen one over their pictures."""
    facet = choice(state.get, "facet")
    # A picture compared with itself has one set of maps, which both atlases show.
    shown = [first] if first.name == second.name and first.digest == second.digest else [first, second]
    try:
        maps = _joint(first, second, facet) if first.name == second.name else [panel.maps_of(r, facet) for r in shown]
    except InputError as error:
        st.info(escaped(state.t().error(error), 1000))
        maps = [None] * len(shown)
    columns = dict(zip(("first", "second"), st.columns(2), strict=True))
    for name, result, one in zip([*columns][: len(shown)], shown, maps[: len(shown)], strict=True):
        with columns[name]:
            if one:
                panel.draw(result, one, facet, key=f"{key}_{name}")
            else:
                pca(computed(result, "atlas"), key=f"{key}_{name}")
    panel.fold()


def _joint(first: Result, second: Result, facet: str) -> list[FeatureMaps]:
    """Both pictures' maps in one basis, from the cache of outputs. Raises InputError "features-size"."""
    outputs, key = cache.outputs(), (first.name, "features", first.digest, second.digest, facet)

    def make() -> PairMaps:
        return PairMaps(feature_maps([first.features, second.features], facet))

    if key not in outputs:
        task = first.name, "features"
        return derived(first, cache.run_with_waiting, task, waiting_for_figure, outputs.get, key, make).both
    return outputs.get(key, make).both
