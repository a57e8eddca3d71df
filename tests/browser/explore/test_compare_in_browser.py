"""Explore's comparison: both atlases show the same place, layer and head, and the address holds it."""

import io

import numpy as np
import pytest
from PIL import Image

import vit_core as vc
from app import text
from app.text.compare import EN
from tests.browser.conftest import ROOT, addressed, as_shown, idle
from tests.browser.explore.pair_driver import Compared
from tests.browser.explore.test_explore import FIRST, SAMPLES, Looking

T = text.Text("en")
PARTNER = (ROOT / "app/components/pair/partner.js").read_text("utf-8")
CLASS, REGISTERS = ["class"], ["class", *(f"register {i}" for i in range(1, 5))]


@pytest.fixture(scope="module")
def models():
    return {name: vc.load(f"embedded:{name}", "cpu") for name in ("photo", "tiny")}


def looked_at(model, file: str, row: int, col: int, layer: int, head: int):
    """What the patch at (row, col) looks at, a weight for each token."""
    trace = vc.record(model, str(SAMPLES / file))
    return trace.attention(layer, [trace.token_at(row, col)])[head, 0]


def outline(prefix: list[str], rows: int, cols: int, layers: int = 12, heads: int = 6) -> dict:
    return {"p": len(prefix), "rows": rows, "cols": cols, "L": layers, "H": heads, "header": {"prefix": prefix}}


@pytest.mark.parametrize(
    ("call", "wanted"),
    [
        # patches by their centre: (0, 0) of 2 x 2 lies at 1/4, the patch (1, 1) of 4 x 4
        (f"tokenIn(1, {outline(CLASS, 2, 2)}, {outline(CLASS, 4, 4)}, null)", 1 + 1 * 4 + 1),
        (f"tokenIn(4, {outline(CLASS, 2, 2)}, {outline([], 4, 4)}, null)", 3 * 4 + 3),
        (f"tokenIn(16, {outline(CLASS, 4, 4)}, {outline(CLASS, 2, 2)}, null)", 4),
        (f"tokenIn(5, {outline([], 2, 3)}, {outline(REGISTERS, 3, 2)}, null)", 5 + 2 * 2 + 1),
        # the first sees the whole picture, the second its middle half: the corner lies outside, at its corner
        (f"tokenIn(0, {outline([], 4, 4)}, {outline([], 4, 4)}, [[0, 0, 80, 80], [20, 20, 60, 60]])", 0),
        (f"tokenIn(6, {outline([], 4, 4)}, {outline([], 4, 4)}, [[0, 0, 80, 80], [20, 20, 60, 60]])", 7),
        (f"tokenIn(15, {outline([], 4, 4)}, {outline([], 4, 4)}, [[20, 20, 60, 60], [0, 0, 80, 80]])", 10),
        # a hair before the middle, where four patches meet: the one behind the edges
        (f"tokenIn(0, {outline([], 1, 1)}, {outline([], 2, 2)}, [[0, 0, 80, 80], [0.2, 0.2, 80.2, 80.2]])", 3),
        # prefix tokens by name
        (f"tokenIn(2, {outline(REGISTERS, 2, 2)}, {outline(REGISTERS, 3, 3)}, null)", 2),
        (f"tokenIn(4, {outline(REGISTERS, 2, 2)}, {outline(REGISTERS[:3], 3, 3)}, null)", 2),
        (f"tokenIn(4, {outline(REGISTERS, 2, 2)}, {outline(CLASS, 3, 3)}, null)", 0),
        (f"tokenIn(0, {outline(CLASS, 2, 2)}, {outline([], 3, 3)}, null)", 4),
        # layers by depth
        (f"layerIn(5, {outline(CLASS, 2, 2)}, {outline(CLASS, 2, 2)})", 5),
        (f"layerIn(11, {outline(CLASS, 2, 2)}, {outline(CLASS, 2, 2, 6)})", 5),
        (f"layerIn(0, {outline(CLASS, 2, 2)}, {outline(CLASS, 2, 2, 6)})", 0),
        (f"layerIn(4, {outline(CLASS, 2, 2)}, {outline(CLASS, 2, 2, 6)})", 2),
        (f"layerIn(3, {outline(CLASS, 2, 2)}, {outline(CLASS, 2, 2, 1)})", 0),
        (f"layerIn(0, {outline(CLASS, 2, 2, 1)}, {outline(CLASS, 2, 2)})", 11),
        # heads by number; -1 is their mean, -2 rollout
        *((f"headIn({head}, {outline(CLASS, 2, 2, 12, 4)})", wanted) for head, wanted in ((3, 3), (4, -1), (-2, -2))),
    ],
)
def test_what_follows_from_a_place_a_layer_and_a_head(chromium, call, wanted):
    page = chromium.new_page()
    assert page.evaluate(f"() => {{ {PARTNER}; return {call}; }}") == wanted
    page.close()


def test_two_pictures_show_the_same_place_layer_and_head(visit, models):
    page = visit("lang=en&with=kitten.jpg&layer=6&head=2")
    both, model = Compared(page), models["photo"]
    assert both.js("[a.name, b.name]") == [FIRST["title_en"], "Kitten with a ball of wool"]
    for half, (row, col) in (("first", (3, 6)), ("second", (12, 1))):
        both.hover(half, row, col)
        both.shows("first", looked_at(model, FIRST["file"], row, col, 5, 1))
        both.shows("second", looked_at(model, "kitten.jpg", row, col, 5, 1))
    both.choose_map("second", 8, 3)
    both.shows("first", looked_at(model, FIRST["file"], 12, 1, 8, 3))
    both.shows("second", looked_at(model, "kitten.jpg", 12, 1, 8, 3))
    addressed(page, "with=kitten.jpg", "layer=9", "head=4", "row=13", "col=2")
    both.click("second", 4, 4)
    page.locator(".pair .first .direction input[value=column]").check()
    both.wait("b.state.direction === 'column' && String(a.state.pinned) === String(b.state.pinned)")
    addressed(page, "pinned=5-5", "direction=column")
    answers = page.locator(".pair .who span").all_inner_texts()
    kitten = vc.record(model, str(SAMPLES / "kitten.jpg"))
    assert answers[1].startswith(model.labels[int(kitten.logits.argmax())])


def test_two_models_show_the_same_place_at_their_own_depth(visit, models):
    page = visit("lang=en&with_model=embedded:tiny&layer=12&head=2")
    both = Compared(page)
    both.hover("first", 5, 10)  # of 16 x 16; the other model has 8 x 8 patches and 6 layers
    both.shows("first", looked_at(models["photo"], FIRST["file"], 5, 10, 11, 1))
    both.shows("second", looked_at(models["tiny"], FIRST["file"], 2, 5, 5, 1))
    both.hover("second", 7, 0)
    both.shows("second", looked_at(models["tiny"], FIRST["file"], 7, 0, 5, 1))
    # Its crop begins further left: the patch's centre is in the first column of 16.
    both.shows("first", looked_at(models["photo"], FIRST["file"], 15, 0, 11, 1))
    both.choose_map("first", 3, 5)  # the second has no sixth head
    both.wait("b.state.layer === 1 && b.state.head === -1")
    addressed(page, "with_model=embedded%3Atiny", "layer=4", "head=6")


@pytest.mark.parametrize("kind", ["with=lake-sherburne.jpg&framing=whole", "with_model=embedded:tiny"])
def test_the_address_opens_the_same_comparison(visit, kind):
    page = visit(f"lang=en&{kind}")
    both = Compared(page)
    both.click("second", 3, 5)
    both.choose_map("first", 4, 3)
    page.locator(".pair .first .scale input[value=shared]").check()
    addressed(page, "layer=5", "head=4", "scale=shared", *kind.replace(":", "%3A").split("&"))
    idle(page)
    other = Compared(visit(page.url.partition("?")[2]))
    shown = (
        "[a, b].map(({state, model}) => [state.layer, state.head, state.query, state.pinned, state.scale, model.id])"
    )
    assert other.js(shown) == both.js(shown)


def test_a_comparison_is_chosen_stopped_and_found_again_in_the_history(visit):
    page = visit("lang=en&view=flow")
    Looking(page)
    page.locator(".st-key-compare_choice button").first.click()
    page.get_by_text(EN["compare.what.model"], exact=True).click()
    page.get_by_test_id("stPopoverBody").get_by_role("combobox", name=EN["compare.model"], exact=True).click()
    page.get_by_role("option", name=T("model.fashion")).click()
    Compared(page)
    addressed(page, "with_model=embedded%3Afashion", "view=flow")
    page.locator(".st-key-compare_choice button").first.click()
    page.get_by_role("button", name=EN["compare.stop"]).click()
    addressed(page, "view=flow", lacks=("with_model",))
    page.locator(".st-key-view_flow").wait_for(state="attached")
    page.locator(".pair").wait_for(state="detached")
    Looking(page)
    assert page.locator(".atlas .view input:checked").get_attribute("value") == "flow"
    idle(page)
    page.go_back(wait_until="commit")
    Compared(page)
    addressed(page, "with_model=embedded%3Afashion")
    page.go_back(wait_until="commit")
    page.locator(".pair").wait_for(state="detached")


def test_a_picture_of_ones_own_is_compared_and_not_in_the_address(visit):
    page = visit("lang=en")
    page.locator(".st-key-compare_choice button").first.click()
    file = page.locator(".st-key-with_upload input[type=file]")
    file.set_input_files({"name": "mine.png", "mimeType": "image/png", "buffer": b"no picture"})
    page.get_by_test_id("stPopoverBody").locator(".stAlert").wait_for()
    page.locator(".st-key-with_upload .stFileChip").wait_for(state="detached")  # the next one has a box of its own
    out = io.BytesIO()
    Image.fromarray(np.full((50, 90, 3), (200, 30, 90), np.uint8)).save(out, "PNG")
    file.set_input_files({"name": "mine.png", "mimeType": "image/png", "buffer": out.getvalue()})
    both = Compared(page)
    assert both.js("b.name") == "mine.png"
    assert "with" not in page.url.partition("?")[2]
    assert not both.js("b.about.linked")


@pytest.mark.parametrize(
    ("address", "sentence"),
    [
        ("with_model=file:/nowhere/at-all.safetensors", "There is no file that can be read"),
        ("with_model=timm:vit_of_nobody", "is not on this computer"),
    ],
)
def test_a_model_that_cannot_be_compared_leaves_the_first_one(visit, address, sentence):
    page = visit(f"lang=en&{address}")
    page.locator(".stAlert").get_by_text(as_shown(sentence)).wait_for()
    Looking(page)


def test_a_sample_that_does_not_exist_is_not_compared(visit):
    page = visit("lang=en&with=nothing.jpg")
    Looking(page)
    assert not page.locator(".pair, .stAlert").count()


@pytest.mark.parametrize("kind", ["with=machu-picchu.jpg&framing=whole", "with_model=embedded:fashion"])
@pytest.mark.parametrize(
    ("lang", "theme", "width", "height"),
    [("en", "light", 1280, 720), ("ko", "dark", 1280, 720), ("ko", "light", 1920, 1080), ("en", "light", 390, 844)],
)
def test_both_pictures_are_in_sight_and_nothing_scrolls_sideways(visit, shoot, kind, lang, theme, width, height):
    page = visit(f"lang={lang}&{kind}", width, height, theme)
    both = Compared(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.get_by_test_id("stMain").evaluate("e => e.scrollWidth - e.clientWidth") <= 0
    first, second = both.box("first", ".frame"), both.box("second", ".frame")
    if width > 640:
        assert first["x"] + first["width"] < second["x"]
        assert first["y"] == second["y"]
        assert all(frame["y"] + frame["height"] < height for frame in (first, second))
        assert both.box("first", ".maps")["y"] == both.box("second", ".maps")["y"]
    else:
        assert first["y"] + first["height"] < second["y"]
        assert second["y"] + second["height"] < both.box("first", ".maps")["y"]
        assert first["width"] > 300
    shoot(page, f"compare-{kind[:6]}-{lang}-{theme}-{width}")


def test_a_screen_reader_is_told_which_of_the_two_it_is_in(visit):
    page = visit("lang=en&with=kitten.jpg&layer=6")
    both = Compared(page)
    for half, name in (("first", FIRST["title_en"]), ("second", "Kitten with a ball of wool")):
        stage = page.locator(f".pair .atlas.{half} .stage")
        assert stage.get_attribute("aria-label").startswith(f"{name}: picture")
    stage.focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowRight")
    both.wait("a.state.query === b.state.query && a.state.query > 0")
    said = page.locator(".pair .spoken.both")
    both.wait("a.root.parentElement.querySelector('.both').textContent.includes('Kitten with a ball of wool: layer 6')")
    assert said.inner_text().startswith(f"{FIRST['title_en']}: layer 6")
    layer = both.js("a.state.layer")
    page.keyboard.press("PageDown")
    both.wait("a.state.layer === x", layer + 1)
    page.keyboard.press(" ")  # the first one plays, and the second follows
    both.wait("a.stop && a.state.layer === b.state.layer && a.state.layer > x", layer + 1)
    page.keyboard.press(" ")
    both.wait("!a.stop")
