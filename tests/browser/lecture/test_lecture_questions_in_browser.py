"""The answers to the audience's questions, after the last scene."""

import math

import pytest

from app.lecture import QUESTIONS, SCENES
from app.text.lecture import scene_text


@pytest.mark.parametrize(("lang", "number"), [("en", "11 of 11"), ("ko", "11개 중 11번째")])
def test_they_follow_the_last_scene_and_have_no_number(lecture, shoot, lang, number):
    shown = lecture("summary", lang)
    kicker = shown.page.locator(".slide .kicker")
    assert kicker.inner_text().endswith(number)
    for scene in QUESTIONS:
        shown.page.keyboard.press("PageDown")
        shown.ready(scene)
        assert kicker.inner_text() == getattr(scene_text(scene), lang.upper())["kicker"]
        assert shown.misfits() == []
        shoot(shown.page, f"lecture_question_{scene}_{lang}")
    assert shown.page.locator(".slide .next").is_disabled()
    assert shown.page.locator(".slide .dots button").count() == len(SCENES)


def test_the_top_patch_and_its_share(lecture):
    shown = lecture("outliers", address="model=embedded:fashion")
    shown.set({"show": "attention", "layer": 4})
    rows, cols = shown.run("return stage.data.grid")
    N = rows * cols + 1
    received = shown.array("received")[3 * N + 1 : 4 * N]
    share = f"{100 * max(received):.1f}\u00a0%"
    assert share.replace("\u00a0", " ") in shown.prose().replace("\u00a0", " ")
    at = received.index(max(received))
    note = shown.page.locator(".figure.outliers .map .note").inner_text()
    assert note.startswith(f"row {at // cols + 1}, column {at % cols + 1}:")
    largest, median = shown.numbers()["largest"][4], shown.numbers()["median"][4]
    assert f"{largest / median:.1f} times" in shown.prose()
    shown.page.locator(".figure.outliers .chart").first.click(position={"x": 60, "y": 60})
    shown.until("stage.view.layer < 4")


def test_another_right_class_has_another_loss(lecture):
    shown = lecture("training", address="model=embedded:fashion")
    losses = shown.numbers()["losses"]
    said = shown.page.locator(".figure.training .chosen")
    assert said.inner_text().endswith(f"= {losses[0]['loss']:.2f}")
    assert math.isclose(losses[0]["loss"], -math.log(losses[0]["p"]), rel_tol=1e-6)
    shown.page.locator(".figure.training .bar-row").last.click()
    shown.until("stage.view.of === 4")
    assert said.inner_text().endswith(f"= {losses[4]['loss']:.2f}")
    boxes = shown.page.locator(".figure.training .boxes").inner_text()
    assert "58,000" in boxes
    assert "93 %" in boxes.replace("\u00a0", " ")
