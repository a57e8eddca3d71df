"""The lecture: ten scenes from pixels to prediction, on the current picture and model."""

from __future__ import annotations

import json

import streamlit as st

from app import sidebar, state
from app.components.lecture.component import lecture
from app.lecture import SCENES
from app.runtime import cache

ADDRESS = (*state.CHOSEN, "scene")


def receive() -> None:
    """Take a message of the stage: its scene, what the scene asks for, and orders to change the language or picture."""
    message = state.get("stage")["message"]
    repeated = message["number"] == state.get("heard")  # its answer was lost
    state.put("scene", message["scene"])
    state.put("want", message["want"])
    state.put("heard", message["number"])
    for order in () if repeated else message["orders"]:
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
    state.write_address(ADDRESS)  # first: the stage may send its next message as soon as it has the answer
    lecture(data, state.get("heard", 0), key="stage", on_message=receive)


def page() -> None:
    """The page. A result in a global would be kept alive by the module's functions."""
    result = sidebar.result()
    if result is not None:
        stage(state.Loose(result))
    state.write_address(ADDRESS)


page()
