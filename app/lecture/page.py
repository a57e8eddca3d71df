"""The lecture: eleven scenes from pixels to prediction, on the current picture and model."""

from __future__ import annotations

import json

import streamlit as st

from app import state
from app.components.lecture.component import lecture
from app.explore import current, input_choice
from app.lecture import SCENES, address, cached
from app.runtime import cache

ADDRESS = (*state.CHOICE_KEYS, *state.EVALUATED_KEYS, *state.INPUT_KEYS, state.Key.SCENE, state.Key.SLIDE)


def receive() -> None:
    """Take a message of the stage: its scene, what the scene asks for, and orders to change the language or picture."""
    message = state.get(state.Key.STAGE)["message"]
    repeated = message["number"] == state.get(state.Key.LAST_MESSAGE)  # its answer was lost
    state.put(state.Key.SCENE, message["scene"])
    state.put(state.Key.SLIDE, address.checked(message.get("slide")))
    state.put(state.Key.SCENE_REQUEST, message["want"])
    state.put(state.Key.LAST_MESSAGE, message["number"])
    for order in () if repeated else message["orders"]:
        if order == "language":
            state.put(state.Key.LANGUAGE, "en" if state.get(state.Key.LANGUAGE) == "ko" else "ko")
        elif order == "picture":
            files = list(cache.samples())
            state.put(state.Key.SAMPLE, files[(files.index(state.get(state.Key.SAMPLE)) + 1) % len(files)])


@st.fragment(key="lecture")
def stage(shown):
    state.rerun_if_choice_changed()
    result = shown()
    scene = state.one_of(state.Key.SCENE, SCENES)
    data = cached.scene(
        result,
        state.picture().digest,
        scene,
        json.dumps(state.get(state.Key.SCENE_REQUEST) or {}),
        state.get(state.Key.LANGUAGE),
        state.picture().sample if state.get(state.Key.SOURCE) == "sample" else None,
    )
    state.write_address(ADDRESS)  # first: the stage may send its next message as soon as it has the answer
    lecture(data, state.get(state.Key.LAST_MESSAGE, 0), key=state.Key.STAGE, on_message=receive)


def page() -> None:
    """The page. A result in a global would be kept alive by the module's functions."""
    with current.result("slide") as result:
        if result is not None:
            input_choice.control(result, key="lecture_input")
            stage(state.CachedValue(result))
    state.write_address(ADDRESS)


page()
