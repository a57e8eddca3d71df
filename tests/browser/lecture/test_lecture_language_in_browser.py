"""The scene "language" in a browser: sentence and picture, computed by one piece of code."""

import numpy as np
import pytest

from vit_core.lecture import sentence as language

SIDE = """const s = stage.made.sides[argument];
return s.N ? { weights: Array.from(s.weights), sum: Array.from(s.sum) } : null;"""


def typed(shown, text: str) -> None:
    shown.page.get_by_role("textbox").fill(text)
    shown.until("stage.view.sentence === argument", text)  # a pause after the last keystroke
    shown.rest()


def test_a_typed_sentence_is_computed_as_the_core_does(lecture):
    shown = lecture("language")
    typed(shown, "the cat sees the dog")
    words = ["the", "cat", "sees", "the", "dog"]
    assert shown.numbers()["words"] == words
    found = language.attend(words)
    shown.page.locator(".slide .queries button").nth(1).click()
    side = shown.run(SIDE, "words")
    assert np.allclose(side["weights"], found.weights[1].numpy(), atol=1e-5)
    assert np.allclose(side["sum"], found.mixed[1].numpy(), atol=1e-5)
    best = words[int(found.weights[1].argmax())]
    assert f"cat gives most weight to {best}" in shown.prose()


def test_a_click_that_leaves_the_field_is_not_lost(lecture):
    shown = lecture("language")
    typed(shown, "the cat sees the dog")
    for name, picked in (("queries", "words"), ("keys", "words_key")):
        shown.page.get_by_role("textbox").focus()
        shown.page.keyboard.type(" now")
        shown.page.keyboard.press("Control+Z")
        shown.rest()
        shown.page.locator(f".slide .{name} button").nth(3).hover()
        shown.page.mouse.down()
        shown.rest()  # the field was left: its sentence is read and drawn before the release
        shown.page.mouse.up()
        assert shown.view()[picked] == 3


def test_the_pictures_side_is_the_models_head(lecture):
    shown = lecture("language")
    shown.run("stage.set({ layer: 1, head: 2, patches: 20 })")
    shown.ready()
    matrix = np.reshape(shown.array("matrix"), (66, 66))
    assert np.allclose(shown.run(SIDE, "patches")["weights"], matrix[20], atol=1e-5)
    assert "layer 2, head 3" in shown.prose()


def test_typing_leaves_the_scene_and_keeps_every_letter(lecture):
    shown = lecture("language")
    field = shown.page.get_by_role("textbox")
    field.fill("")
    field.press_sequentially("of people", delay=60)  # o, f, l, p are the stage's own keys
    field.press("ArrowLeft")
    shown.until("stage.view.sentence === argument", "of people")
    shown.rest()
    assert shown.scene() == "language"
    assert field.input_value() == "of people"
    assert shown.numbers()["words"] == ["of", "people"]


def test_a_step_is_marked_on_both_sides(lecture):
    shown = lecture("language")
    for term, step in enumerate(("tokens", "query", "keys", "weights", "sum")):
        shown.term(term)
        assert shown.view()["step"] == step
        for side in ("words", "patches"):
            assert shown.page.locator(f".slide .side.{side} .now").count() > 0


def test_any_sentence_is_shown(lecture):
    shown = lecture("language", "ko")
    for sentence in (
        "",
        "!!!!!!!!!!!!!!!!!",
        "<img src=x onerror=alert(1)>",
        " \t",
        "W" * 300,
        "고양이는 배가 고팠고, 그래서 그것은 크게 울었다 정말로 아주 매우 많이",
    ):
        typed(shown, sentence)
        assert len(shown.numbers()["words"]) <= 12, sentence
        assert shown.page.locator(".slide .side img:not(.picture img)").count() == 0, sentence
        assert shown.misfits() == [], sentence
        assert (shown.run(SIDE, "words") is None) == (not sentence.strip()), sentence


@pytest.mark.parametrize("lang", ["en", "ko"])
def test_the_examples_and_their_box_fit(lecture, lang):
    shown = lecture("language", lang)
    for example in range(1, 5):
        shown.page.locator(".slide select").select_option(index=example)
        shown.ready()
        assert len(shown.numbers()["words"]) >= 3
        assert shown.misfits() == []
    for width in (390, 1024, 1280, 1920):
        shown.resize(width, 720)
        cut = shown.run("""
            const box = stage.made.parts.words.presets, { font, opacity } = getComputedStyle(box);
            const place = box.parentElement;
            const context = Object.assign(document.createElement('canvas').getContext('2d'), { font });
            const wide = context.measureText(box.selectedOptions[0].text).width;
            return [opacity > 0 && wide > box.clientWidth, place.scrollWidth > place.clientWidth + 1];""")
        assert cut == [False, False], width
