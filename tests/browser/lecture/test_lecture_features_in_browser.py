"""The scene "features" in a real browser: pointing at a patch draws the core's map; steps, keys, large inputs."""

import numpy as np
import pytest
from scipy.stats import spearmanr

import vit_core as vc
from app.text.lecture import features as text
from tests.browser.conftest import ROOT

FILE = "red-panda.jpg"  # the first picture
FIGURE = ".figure.features"
#: The steps of the colour table that the large map shows, from 0 to 255, and the marks over it by row and column.
DRAWN = """const { canvas, marks, rows, cols } = stage.made.picture;
const table = stage.section('viridis'), pixels = canvas.getContext('2d').getImageData(0, 0, cols, rows).data;
const step = (i) => {
  let best = 0, least = Infinity;
  for (let s = 0; s < 256; s++) {
    const far = [0, 1, 2].reduce((sum, c) => sum + (pixels[4 * i + c] - table[4 * s + c]) ** 2, 0);
    if (far < least) [best, least] = [s, far];
  }
  return best;
};
return {
  steps: Array.from({ length: rows * cols }, (_, i) => step(i)),
  marks: [...marks.children].map((mark) => [mark.classList.contains('b'),
    Math.round(parseFloat(mark.style.top) * rows / 100) * cols + Math.round(parseFloat(mark.style.left) * cols / 100)]),
};"""


@pytest.fixture(scope="module")
def trace():
    model = vc.load("embedded:photo", "cpu")
    return vc.record(model, ROOT / "assets/samples" / FILE, features=True)


def said(shown) -> str:
    return shown.page.locator(f"{FIGURE} .best").inner_text()


def point(shown, patch: int, click: bool = False) -> None:
    """Move the mouse to the middle of a patch, and click there if asked to."""
    rows, cols = shown.run("return stage.data.grid")
    box = shown.page.locator(f"{FIGURE} .map .picture").bounding_box()
    x = box["x"] + (patch % cols + 0.5) * box["width"] / cols
    y = box["y"] + (patch // cols + 0.5) * box["height"] / rows
    shown.page.mouse.move(x, y)
    if click:
        shown.page.mouse.click(x, y)


def test_pointing_at_a_patch_draws_the_cores_map(lecture, trace):
    shown = lecture("features", address="model=embedded:photo")
    kept = shown.view()
    for layer in (1, 6, 12):
        shown.set({"layer": layer})
        for patch in (19, 136, 200):
            point(shown, patch)
            shown.until("stage.made.hover === argument", patch)
            core = vc.features.similarity(trace, layer - 1, trace.num_prefix_tokens + patch).numpy()
            others = np.arange(256) != patch
            best = int(np.where(others, core, -2).argmax())
            drawn = shown.run(DRAWN)
            steps = np.array(drawn["steps"])
            assert steps[best] == 255
            assert steps[others].max() == 255
            assert spearmanr(steps[others], core[others]).statistic >= 0.99
            assert drawn["marks"] == [[True, best], [False, patch]]
            assert f"row {best // 16 + 1}, column {best % 16 + 1}" in said(shown)
            cosine = float(said(shown).split()[-1].replace("−", "-"))
            assert cosine == pytest.approx(core[best], abs=0.006)
    shown.page.mouse.move(5, 5)
    shown.until("stage.made.hover === null")
    assert shown.view()["at"] == kept["at"]
    assert shown.run(DRAWN)["marks"][-1] == [False, kept["at"]]


def test_the_steps_go_from_the_first_layer_to_the_last_at_the_samples_patch(lecture):
    shown = lecture("features", address="model=embedded:photo")
    numbers = shown.numbers()
    colour, start = numbers["colour"], numbers["start"]
    for value in (colour[0], colour[5], colour[11]):
        assert f"{value:.2f}" in shown.prose()
    assert colour[11] < colour[0]
    assert text.EN["falls"] in shown.prose()
    terms = shown.page.locator(".slide .prose .term")
    assert terms.all_inner_texts() == ["after layer 1", "after layer 6", "after layer 12"]
    maps = []
    for number, layer in enumerate((1, 6, 12)):
        point(shown, 20, click=True)
        shown.until("stage.view.at === 20 && stage.view.step === 'free'")
        shown.term(number)
        view = shown.view()
        assert (view["layer"], view["at"]) == (layer, start)
        assert terms.nth(number).get_attribute("aria-pressed") == "true"
        shown.page.mouse.move(5, 5)
        shown.until("stage.made.hover === null")
        maps.append(shown.run(DRAWN)["steps"])
    assert maps[0] != maps[1] != maps[2]
    shown.page.locator(f"{FIGURE} .small .cells").nth(8).click()
    shown.until("stage.view.layer === 9")
    shown.page.locator(f"{FIGURE} .chart").click(position={"x": 50, "y": 60})
    shown.until("stage.view.layer < 4")


def test_arrow_keys_move_the_patch_and_the_layer(lecture):
    shown = lecture("features")
    start = shown.view()["at"]
    cols = shown.run("return stage.data.grid")[1]
    picture = shown.page.locator(f"{FIGURE} .map .picture")
    point(shown, 0)  # the pointer stays there, the keys go on
    shown.until("stage.made.hover === 0")
    shown.page.mouse.move(5, 5)
    shown.until("stage.made.hover === null")
    picture.focus()
    for key, by in (("ArrowRight", 1), ("ArrowDown", cols), ("ArrowLeft", -1), ("ArrowUp", -cols)):
        before = shown.view()["at"]
        shown.page.keyboard.press(key)
        shown.until("stage.view.at === argument", before + by)
        assert said(shown).startswith("Most similar: row ")
    assert shown.view()["at"] == start
    point(shown, 0)
    shown.until("stage.made.hover === 0")
    shown.page.keyboard.press("ArrowRight")  # moves on from the patch that is shown
    shown.until("stage.view.at === 1 && stage.made.hover === null")
    shown.page.get_by_role("slider", name=text.EN["layer"]).press("End")
    shown.until("stage.view.layer === stage.data.numbers.layers")


def test_of_too_many_patches_a_click_asks_for_one(lecture):
    shown = lecture("features", address="size=144")  # 36 x 36 patches in 6 layers
    assert not shown.numbers()["every"]
    assert shown.misfits() == []
    assert text.EN["click"].format(patches="1,296") in shown.prose()
    before = said(shown)
    point(shown, 40)
    assert said(shown) == before
    point(shown, 40, click=True)
    shown.until("stage.data.numbers.from === 40 && stage.view.at === 40")
    shown.rest()
    assert said(shown) != before
    shown.term(2)
    shown.until("stage.data.numbers.from === stage.data.numbers.start")
    shown.rest()
    assert shown.numbers()["from"] == shown.numbers()["start"] == shown.view()["at"]
    assert shown.view()["step"] == "last"


def test_it_is_readable_in_both_languages_and_on_a_phone(lecture, shoot):
    for lang, theme in (("en", "light"), ("ko", "dark")):
        shown = lecture("features", lang, theme=theme, address="model=embedded:photo&sample=owl.jpg&slide=step.last")
        shown.until("stage.view.layer === 12")
        assert shown.misfits() == []
        shoot(shown.page, f"lecture_features_{lang}_{theme}")
        with shown.page.expect_popup() as opened:
            shown.page.keyboard.press("n")
        notes = opened.value.locator("#notes li")
        notes.first.wait_for()
        assert notes.all_inner_texts() == getattr(text, lang.upper())["outline"].split("\n")
    phone = lecture("features", "ko", 390, 844)
    assert phone.run("return stage.slide.scrollWidth <= stage.slide.clientWidth + 2")
    shoot(phone.page, "lecture_features_ko_phone")
