"""The lecture: ten scenes from pixels to prediction, on the picture and the model in hand."""

from __future__ import annotations

import json

import streamlit as st

from app import sidebar, state
from app.components.lecture.component import lecture
from app.lecture import SCENES
from app.runtime import cache

ADDRESS = (*state.CHOSEN, "scene")


def said() -> None:
    """The stage shows another scene, asks its scene something else, or asks for what the sidebar decides: the other
    language, or the next sample picture."""
    told = state.get("stage")["said"]
    done = told["number"] == state.get("heard")  # said again, because the answer was lost
    state.put("scene", told["scene"])
    state.put("want", told["want"])
    state.put("heard", told["number"])
    for order in () if done else told["orders"]:
        if order == "language":
            state.put("lang", "en" if state.get("lang") == "ko" else "ko")
        elif order == "picture":
            files = list(cache.samples())
            state.put("sample", files[(files.index(state.get("sample")) + 1) % len(files)])


@st.fragment(key="lecture")
def stage(shown):
    sidebar.catch_up()
    result = shown()
    scene = state.one_of("scene", SCENES)
    data = cache.scene(
        result,
        state.picture()[0],
        scene,
        json.dumps(state.get("want") or {}),
        state.get("lang"),
        state.get("source") == "sample",
    )
    state.write_address(ADDRESS)  # first: once the stage has its answer, it may say the next thing
    lecture(data, state.get("heard", 0), key="stage", on_said=said)


def page() -> None:
    """Not at the top: a result named there is kept by the file's functions, and they by it, until a collection."""
    result = sidebar.result()
    if result is not None:
        stage(state.Loose(result))
    state.write_address(ADDRESS)


page()
