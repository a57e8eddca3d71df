"""The table of what a slide's address keeps, and what is taken from the browser for it."""

import pytest

from app.lecture import SCENES
from app.lecture.address import KEPT, NO_CONTROL, checked


def test_every_scene_has_its_controls_in_the_table():
    assert tuple(KEPT) == SCENES
    assert set(NO_CONTROL) <= set(SCENES)
    assert not any(set(KEPT[scene]) & set(names) for scene, names in NO_CONTROL.items())


@pytest.mark.parametrize("text", ["layer.5", "layer.5--tab.heads", "shift.-2--x.0.25", "sentence.0xec95"])
def test_what_the_browser_writes_is_taken(text):
    assert checked(text) == text


@pytest.mark.parametrize("text", [None, "", 5, ["layer.5"], "a b", "a&b=c", "<script>", "x" * 5000, "layer.5\n"])
def test_anything_else_is_not(text):
    assert checked(text) is None
