"""The panel of attention rollout: its settings, and a map for each depth; the chosen one is shown over the picture."""

from __future__ import annotations

import streamlit as st

from app import state
from app.components import panel
from app.components.panel import waiting_for_figure
from app.components.rollout.component import rollout as rollout_component
from app.explore.address import CHOICES, share
from app.explore.cached import derived
from app.explore.panels import VIEW_FRAGMENTS, computed, fold, query_place
from app.explore.result import Result, Rollout
from app.runtime import cache
from app.state import Key
from app.text import WORDS
from vit_core.percentage import percent

FUSIONS = ("mean", "max", "min")
SCALES = ("map", "shared")
CLIP_WORDS = ("clip", "clip_title", "clipped_one", "clipped_many", "clipped_none")


def rollout(result: Result, *, key: str) -> None:
    """Attention rollout with its controls: a map for each depth."""
    t, trace = state.t(), result.trace
    token, _, origin = query_place(result)
    first, last = state.bound_pair(Key.SPAN, 1, trace.depth, Key.DEPTH)
    for name, most in ((Key.RESIDUAL, 1.0), (Key.DISCARD, 0.95)):
        state.put(name, share(state.get(name), most, state.DEFAULTS[name]))
    state.one_of(Key.FUSION, FUSIONS)
    fits = result.all_depths_fit
    panel.title(
        t("rollout.title"),
        t("rollout.text") if fits else t("rollout.text.one", origin=origin, first=first, last=last),
    )
    with st.container(key=f"{key}_controls"):  # style.css puts them in rows
        if trace.depth > 1:
            st.slider(t("rollout.span"), 1, trace.depth, key=Key.SPAN, persist_state="session")
        residual = st.slider(
            t("rollout.residual"),
            0.0,
            1.0,
            step=0.05,
            key=Key.RESIDUAL,
            help=t("rollout.residual.help"),
            persist_state="session",
        )
        discard = st.slider(
            t("rollout.discard"),
            0.0,
            0.95,
            step=0.05,
            format="percent",
            key=Key.DISCARD,
            help=t("rollout.discard.help"),
            persist_state="session",
        )
        fusion = st.segmented_control(
            t("rollout.fusion"),
            FUSIONS,
            required=True,
            key=Key.FUSION,
            format_func=lambda f: t(f"rollout.fusion.{f}"),
            persist_state="session",
        )
    depth = state.bound(Key.DEPTH, first, last, last)
    if not fits and last > first:  # else all depths are sent, and are chosen among the maps
        depth = st.slider(t("rollout.depth"), first, last, key=Key.DEPTH, persist_state="session")
    options = Rollout(fusion, residual, discard, first - 1, (last if fits else depth) - 1, token)
    rows = result.recent_rollouts.get(options)
    if rows is None:
        rows = derived(
            result,
            cache.run_with_waiting,
            (result.name, "rollout", fusion, discard > 0),
            waiting_for_figure,
            result.rollouts,
            options,
        )
    layers = range(options.last + 2 - len(rows), options.last + 2)
    peaks = result.on_grid(rows).max((1, 2))
    maps = f"{key}_maps"

    def choose() -> None:
        chosen = state.get(maps)["chosen"]
        state.put(Key.DEPTH, chosen["depth"])
        state.put(Key.FLOW_SCALE, SCALES[bool(chosen["shared"])])
        if state.get(Key.CLIP) != (clip := "on" if chosen["clip"] else "off"):
            state.put(Key.CLIP, clip)
            state.rerun(*VIEW_FRAGMENTS)  # the atlas has the same choice

    rollout_component(
        computed(result, "atlas"),
        rows,
        key=maps,
        on_change=choose,
        first=layers[0],
        token=token,
        settings={
            "first": first,
            "residual": residual,
            "fusion": fusion,
            "discard": discard,
            "plain": (fusion, discard, first) == ("mean", 0.0, 1),
        },
        chosen={
            "depth": depth,
            "shared": state.one_of(Key.FLOW_SCALE, SCALES) == "shared",
            "clip": state.one_of(Key.CLIP, CHOICES["clip"]) == "on",
        },
        labels=[t("rollout.label", layer=layer, peak=percent(peak)) for layer, peak in zip(layers, peaks, strict=True)],
        words={
            "depths": t("rollout.depth"),
            "shared": t("map.shared"),
            "shared_title": t("map.shared.help"),
            **{name: WORDS[t.language][name] for name in CLIP_WORDS},
        },
    )
    fold(t, "rollout")
