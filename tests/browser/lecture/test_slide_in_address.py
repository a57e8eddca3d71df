"""A slide's controls are in the address: made from the one table of what is kept, `app.lecture.address`."""

import re
from urllib.parse import urlsplit

import pytest

from app.lecture import SCENES
from app.lecture.address import KEPT, NO_CONTROL

#: Another value for everything that is kept.
OTHER = {
    "cnn": {"at": 20, "conv": 3, "layer": 2, "swap": True},
    "bias": {"show": "measure", "kind": "recurrent", "at": 20, "seed": 7, "shift": -2},
    "language": {
        "sentence": "한 문장, and a second--one",
        "layer": 2,
        "head": 1,
        "step": "scores",
        "words": 1,
        "words_key": 0,
        "patches": 30,
        "patches_key": 12,
    },
    "patches": {"size": "free", "image": 128, "patch": 8, "x": 0.25, "y": 0.75, "from": 0.75},
    "positions": {"tab": "compare", "at": 20, "seed": 3},
    "encoder": {"layer": 1, "at": 20, "residual": False, "place": "attention"},
    "attention": {"tab": "heads", "layer": 1, "head": 2, "at": 20, "key": 5, "step": "scores", "temperature": "none"},
    "mlp": {"layer": 1, "at": 20, "unit": 7, "map": True},
    "features": {"step": "free", "layer": 2, "at": 20},
    "head": {"of": 1, "compare": True, "layer": 2, "channel": 5, "near": True},
    "summary": {"step": 2},
    "outliers": {"layer": 2, "show": "attention"},
    "training": {"of": 2},
}


def in_address(page) -> None:
    page.wait_for_function("() => new URL(location).searchParams.get('slide')")


@pytest.mark.parametrize("scene", SCENES)
def test_the_address_opens_the_same_slide(lecture, scene):
    shown = lecture(scene)
    page = shown.page
    view = shown.view()
    assert set(view) <= {*KEPT[scene], *NO_CONTROL.get(scene, ())}, "a control that the address does not keep"
    assert set(OTHER[scene]) == set(KEPT[scene])
    assert "slide=" not in page.url
    for name, value in OTHER[scene].items():
        assert view.get(name) != value, name
    shown.set(OTHER[scene])
    in_address(page)
    shown.rest()
    shown.until("new URL(location).searchParams.get('slide') === stage.slideText()")
    assert re.fullmatch(r"[A-Za-z0-9._-]+", shown.run("return stage.slideText()"))
    opened = lecture(scene, address=urlsplit(page.url).query)
    opened.rest()
    kept = {name: value for name, value in opened.view().items() if name in KEPT[scene]}
    assert kept == OTHER[scene]
    assert opened.prose() == shown.prose()
    assert opened.misfits() == []


def test_back_and_forward_bring_each_scenes_view(lecture):
    shown = lecture("mlp")
    page = shown.page
    shown.set({"layer": 1, "map": True})
    in_address(page)
    shown.rest()
    page.keyboard.press("PageDown")
    shown.ready("features")
    page.wait_for_url("**scene=features**")
    assert "slide=" not in page.url
    shown.set({"step": "last"})
    in_address(page)
    page.go_back()
    shown.ready("mlp")
    page.wait_for_url("**scene=mlp**slide=layer.1--map.true**")
    assert (shown.view()["layer"], shown.view()["map"]) == (1, True)
    page.go_forward()
    shown.ready("features")
    page.wait_for_url("**scene=features**slide=step.last**")
    assert shown.view()["step"] == "last"


def test_another_page_has_no_slide_in_its_address(lecture):
    shown = lecture("training")
    shown.set({"of": 2})
    in_address(shown.page)
    shown.page.get_by_role("link", name="Explore").click()
    shown.page.locator(".atlas[data-state=ready]").wait_for()
    assert "slide=" not in shown.page.url


@pytest.mark.parametrize("scene", SCENES)
def test_nonsense_in_the_address_leaves_a_slide_that_works(lecture, scene):
    nonsense = "--".join(f"{name}.{value}" for name in KEPT[scene] for value in ("zzz", "-99999", "0xff"))
    shown = lecture(scene, address=f"slide={nonsense}--constructor.1--.--x")
    shown.rest()
    assert shown.page.locator(".slide .figure > *").count()
    shown.page.keyboard.press("PageDown" if scene != SCENES[-1] else "PageUp")
    shown.ready(SCENES[SCENES.index(scene) + 1] if scene != SCENES[-1] else SCENES[-2])
