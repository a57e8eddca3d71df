"""The lecture: ten scenes from pixels to prediction, on the picture and the model in hand."""

from __future__ import annotations

import json

import streamlit as st

from app import cache, sidebar, state
from app.components.lecture import lecture
from app.lecture import SCENES

ADDRESS = (*state.CHOSEN, "scene")


def placed() -> None:
    """The stage shows another scene, or asks its scene something else."""
    place = state.get("stage")["place"]
    state.put("scene", place["scene"])
    state.put("want", place["want"])


def ordered() -> None:
    """The stage asks for what the sidebar decides: the other language, or the next sample picture."""
    order = state.get("stage")["order"]
    if order == "language":
        state.put("lang", "en" if state.get("lang") == "ko" else "ko")
    elif order == "picture":
        files = list(cache.samples())
        state.put("sample", files[(files.index(state.get("sample")) + 1) % len(files)])
    state.put("ordered", True)


@st.fragment(key="lecture")
def stage(result):
    if state.get("ordered"):
        state.put("ordered", None)
        st.rerun()
    scene = state.one_of("scene", SCENES)
    data = cache.scene(result, state.picture()[0], scene, json.dumps(state.get("want") or {}), state.get("lang"),
                       state.get("source") == "sample")
    lecture(data, key="stage", on_place=placed, on_order=ordered)
    state.write_address(ADDRESS)


found = sidebar.result()
if found is not None:
    stage(found)
state.write_address(ADDRESS)
