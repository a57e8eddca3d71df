"""The panel of attention rollout: its settings, a map for each depth, and each map in a sentence."""

from __future__ import annotations

import numpy as np
import streamlit as st

from app import state
from app.components import panel
from app.components.panel import busy_figure
from app.components.rollout.component import rollout as rollout_component
from app.explore.cached import derived
from app.explore.panels import computed, fold, prefix_token_list, query_place
from app.explore.result import Result, Rollout
from app.runtime import cache
from app.state import Key
from vit_core.percentage import percent


def rollout_sentence(result: Result, values: np.ndarray) -> str:
    """One rollout in numbers. `values`: a share of 1 for each token, (N,)."""
    t, on_grid = state.t(), result.on_grid(values)
    row, col = np.unravel_index(on_grid.argmax(), on_grid.shape)
    facts = dict(row=row + 1, col=col + 1, peak=percent(on_grid.max()))
    if not result.prefix_names:
        return t("rollout.one.all", **facts)
    return t("rollout.one.text", **facts, share=percent(on_grid.sum()), others=prefix_token_list(result))


def rollout(result: Result, *, key: str) -> None:
    """Attention rollout with its controls: a map for each depth, one of them enlarged."""
    t, trace = state.t(), result.trace
    token, patch, origin = query_place(result)
    first, last = state.bound_pair(Key.SPAN, 1, trace.depth, Key.DEPTH)
    fits = result.all_depths_fit
    panel.title(
        t("rollout.title"), t("rollout.text" if fits else "rollout.text.one", origin=origin, first=first, last=last)
    )
    with st.container(key=f"{key}_controls"):  # style.css puts them in a row
        if trace.depth > 1:
            st.slider(t("rollout.span"), 1, trace.depth, key=Key.SPAN, persist_state="session")
        residual = st.slider(
            t("rollout.residual"),
            0.0,
            1.0,
            0.5,
            0.05,
            key=Key.RESIDUAL,
            help=t("rollout.residual.help"),
            persist_state="session",
        )
        discard = st.slider(
            t("rollout.discard"),
            0.0,
            0.95,
            0.0,
            0.05,
            format="percent",
            key=Key.DISCARD,
            help=t("rollout.discard.help"),
            persist_state="session",
        )
        fusion = st.segmented_control(
            t("rollout.fusion"),
            ("mean", "max", "min"),
            default="mean",
            required=True,
            key=Key.FUSION,
            format_func=lambda f: t(f"rollout.fusion.{f}"),
            persist_state="session",
        )
    depth = last
    if not fits and last > first:  # else all depths are sent, and the browser chooses
        state.bound(Key.DEPTH, first, last, last)
        depth = st.slider(t("rollout.depth"), first, last, key=Key.DEPTH, persist_state="session")
    options = Rollout(fusion, residual, discard, first - 1, depth - 1, token)
    rows = result.recent_rollouts.get(options)
    if rows is None:
        rows = derived(
            result,
            cache.run_with_spinner,
            (result.name, "rollout", fusion, discard > 0),
            busy_figure,
            result.rollouts,
            options,
        )
    maps, layers = result.on_grid(rows), range(depth + 1 - len(rows), depth + 1)
    rollout_component(
        computed(result, "atlas"),
        maps,
        key=f"{key}_maps",
        first=layers[0],
        patch=patch,
        labels=[t("rollout.label", layer=layer, peak=percent(m.max())) for layer, m in zip(layers, maps, strict=True)],
        sentences=[
            (t("rollout.one", layer=layer), rollout_sentence(result, row))
            for layer, row in zip(layers, rows, strict=True)
        ],
        words={
            "depths": t("rollout.depth"),
            "stage": t("rollout.stage"),
            "place": t("map.place"),
            "opacity": t("map.opacity"),
            "shared": t("map.shared"),
            "help": t("map.shared.help"),
        },
    )
    fold(t, "rollout")
