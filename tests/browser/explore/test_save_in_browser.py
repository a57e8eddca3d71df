"""The menu Save: what it gives is what is on screen, and the numbers are the core's."""

import io
import xml.etree.ElementTree as ET
from dataclasses import dataclass

import numpy as np
import pytest
from PIL import Image

import vit_core as vc
from app.mistakes.requests import PHOTOS
from app.text import WORDS
from tests.browser.conftest import addressed, idle, new_page, settled
from tests.browser.explore.atlas_driver import agrees, on_scale
from tests.browser.explore.test_address_in_browser import seen
from tests.browser.explore.test_explore import ENGLISH, FIRST, SAMPLES, Looking, show, upload

SVG = "{http://www.w3.org/2000/svg}"
GRID = (16, 16)
MENU = ".atlas .menu"


@pytest.fixture(scope="module")
def trace():
    return vc.record(vc.load("embedded:photo", "cpu"), str(SAMPLES / FIRST["file"]))


@dataclass
class File:
    name: str
    data: bytes

    @property
    def image(self) -> Image.Image:
        return Image.open(io.BytesIO(self.data))

    @property
    def pixels(self) -> np.ndarray:
        return np.asarray(self.image.convert("RGBA"))

    @property
    def numbers(self) -> np.ndarray:
        return np.load(io.BytesIO(self.data))


class Saving(Looking):
    """The explore page with its menu open."""

    def __init__(self, page):
        super().__init__(page)
        page.locator(".atlas .save").click()
        page.locator(MENU).wait_for()

    def part(self, name: str):
        return self.page.locator(f"{MENU} [data-save={name}]")

    def extent(self, value: str) -> None:
        self.part("extent").locator(f"input[value={value}]").check()

    def take(self, name: str) -> File:
        with self.page.expect_download() as begun:
            self.part(name).click()
        return File(begun.value.suggested_filename, begun.value.path().read_bytes())

    @property
    def caption(self) -> str:
        return self.part("text").inner_text().replace("\u00a0", " ")


def centres(pixels: np.ndarray) -> np.ndarray:
    """The colours in the middle of the patches."""
    y, x = (((np.arange(n) + 0.5) / n * size).astype(int) for n, size in zip(GRID, pixels.shape, strict=False))
    return pixels[y][:, x]


def by_patch(image: Image.Image) -> np.ndarray:
    """The mean colour of each patch, without those in the corners, which are round on the screen."""
    means = np.asarray(image.convert("RGB").resize(GRID, Image.Resampling.BOX)).astype(float)
    means[:: GRID[0] - 1, :: GRID[1] - 1] = 0
    return means


def on_screen(page) -> np.ndarray:
    """The picture as it is shown, without the lines between patches."""
    box = page.locator(".atlas .frame").evaluate("""frame => {
        frame.querySelectorAll('.lines, .intro').forEach(e => (e.style.display = 'none'));
        const {x, y} = frame.getBoundingClientRect();
        return {x: Math.round(x), y: Math.round(y), width: frame.offsetWidth, height: frame.offsetHeight};
    }""")
    return np.asarray(Image.open(io.BytesIO(page.screenshot(clip=box))).convert("RGB"))


VIEWS = {
    "a head of a patch": "layer=8&head=3&from=patch&row=6&col=5",
    "two patches": "layer=7&head=mean&pinned=6-4.3-9",
    "their difference": "layer=7&head=2&pinned=6-4.3-9&compare=difference&direction=column",
    "a rollout": "view=flow&depth=5&residual=0.3&fusion=max",
}


@pytest.mark.parametrize("address", VIEWS.values(), ids=VIEWS.keys())
def test_the_image_is_what_is_on_screen(visit, chromium, address):
    saving = Saving(visit(f"lang=en&{address}"))
    if "flow" in address:
        saving.wait("globalThis[Symbol.for('vitrine.atlas')].flow?.fusion === 'max'")
    shown, small, large, svg = on_screen(saving.page), *map(saving.take, ("screen", "large", "svg"))
    assert small.image.size == shown.shape[1::-1]
    assert max(large.image.size) == 1024
    page = new_page(chromium)
    page.set_content(f"<body style='margin:0'>{svg.data.decode()}</body>")
    drawn = Image.open(io.BytesIO(page.locator("svg").screenshot()))
    page.close()
    assert drawn.size == small.image.size
    for image in (small.image, large.image, drawn):
        off = np.abs(by_patch(image) - by_patch(Image.fromarray(shown)))
        assert off.max() < 8  # without the frame of a query, or with another colour, it is far more


def test_the_map_alone_has_the_scales_own_colours(visit, trace):
    saving = Saving(visit("lang=en&layer=8&head=3&from=patch&row=6&col=5"))
    saving.extent("bare")
    wanted = trace.on_grid(trace.attention(7, [trace.token_at(5, 4)])[2, 0])
    for name in ("screen", "large"):
        file = saving.take(name)
        agrees(on_scale(centres(file.pixels)), wanted)
        assert file.name == "vitrine_ViT-S-14_red-panda_layer-8_head-3_from-r6-c5_map.png"
    root = ET.fromstring(saving.take("svg").data)
    assert root.find(f"{SVG}image") is None
    cells = sum(path.get("d").count("M") for path in root.iter(f"{SVG}path"))
    assert 0 < cells <= wanted.numel()


def weights(trace, layer: int, query: int):
    """(heads, N)"""
    return trace.attention(layer, [query])[:, 0]


def test_the_numbers_are_the_cores(visit, trace):
    a, b = trace.token_at(5, 3), trace.token_at(2, 8)
    rows = {
        "layer=8&head=3&from=patch&row=6&col=5": weights(trace, 7, trace.token_at(5, 4))[2],
        "layer=2&head=mean&from=class": weights(trace, 1, 0).mean(0),
        "layer=4&head=1&from=class&direction=column": trace.attention(3)[0, :, 0],
        "layer=5&head=rollout&from=class": vc.rollout(trace, last=4),
        "layer=7&head=2&pinned=6-4.3-9&compare=difference": weights(trace, 6, a)[1] - weights(trace, 6, b)[1],
        "view=flow&depth=5&residual=0.3&fusion=max&discard=0.2&span=2-9": vc.rollout(trace, "max", 0.3, 0.2, 1, 4),
    }
    page = visit("lang=en")
    for address, row in rows.items():
        page.goto(f"{page.url.split('?')[0]}?lang=en&{address}")
        settled(page)
        saving = Saving(page)
        wanted = np.asarray(trace.on_grid(row))
        array = saving.take("npy").numbers
        assert array.dtype == np.float32
        np.testing.assert_allclose(array, wanted, rtol=1e-4, atol=1e-8, err_msg=address)  # bytes would be off by 1 %
        table = saving.take("csv")
        np.testing.assert_array_equal(np.loadtxt(io.BytesIO(table.data), delimiter=",", dtype=np.float32), array)
        said = [line.removeprefix("# ") for line in table.data.decode().splitlines() if line.startswith("# ")]
        assert " ".join(said[:-1]).replace("\u00a0", " ") == saving.caption
    saving.extent("bare")
    assert saving.take("npy").name == "vitrine_ViT-S-14_red-panda_rollout-layers-2-5_from-class.npy"


def test_all_maps_are_one_image_and_one_array(visit, trace):
    saving = Saving(visit("lang=en&layer=8&head=3&pinned=6-4.3-9"))
    saving.extent("all")
    array = saving.take("npy").numbers
    assert array.shape == (2, 12, 8, *GRID)
    query = trace.token_at(2, 8)
    np.testing.assert_allclose(array[1, 4, 2], trace.on_grid(weights(trace, 4, query)[2]), rtol=1e-4, atol=1e-8)
    np.testing.assert_allclose(array[1, 4, 6], trace.on_grid(weights(trace, 4, query).mean(0)), rtol=1e-4, atol=1e-8)
    rolled = trace.on_grid(vc.rollout(trace, last=4, token=query))
    np.testing.assert_allclose(array[1, 4, 7], rolled, rtol=1e-4, atol=1e-8)
    large = saving.take("large")
    assert max(large.image.size) == 1024
    assert large.name == "vitrine_ViT-S-14_red-panda_all-maps_A-r6-c4_B-r3-c9.png"
    root = ET.fromstring(saving.take("svg").data)
    assert len(root.findall(f"{SVG}g")) == 12 * 8
    assert [text.text for text in root.findall(f"{SVG}text")][:8] == [*"123456", "mean", "rollout"]
    show(saving.page, "answer")
    saving = Saving(saving.page)  # the maps are not in sight: only the picture's is offered
    assert not saving.part("extent").locator("input[value=all]").is_visible()
    assert saving.part("extent").locator("input:checked").get_attribute("value") == "over"


def test_the_caption_says_what_is_shown_and_stands_in_the_files(visit):
    saving = Saving(visit("lang=en&layer=8&head=3&from=class"))
    caption = saving.caption
    for said in ("the class token", "layer 8, head 3", "after the softmax", "ViT-S/14 (embedded:photo)",
                 FIRST["title_en"], "224 × 224", f"Vitrine {vc.__version__}"):  # fmt: skip
        assert said in caption, said
    assert saving.take("screen").image.info["Description"].replace("\u00a0", " ") == caption
    root = ET.fromstring(saving.take("svg").data)
    assert root.find(f"{SVG}desc").text.replace("\u00a0", " ") == caption
    assert root.find(f"{SVG}title").text == "What does the class token attend to in layer 8, head 3?"
    page = visit("lang=ko&view=flow&residual=0.3&fusion=max&discard=0.1&span=2-9")
    saving = Saving(page)
    for said in ("2번부터 9번 레이어까지", "최댓값", "0.30", "10 %", FIRST["title_ko"]):
        assert said in saving.caption, said
    assert saving.take("screen").image.info["Description"].replace("\u00a0", " ") == saving.caption


def test_what_is_pointed_at_is_saved_by_the_key_and_stays(visit, trace):
    page = visit("lang=en&layer=8&head=3")
    atlas = Looking(page)
    atlas.hover(4, 6)
    page.keyboard.press("s")
    menu = page.locator(MENU)
    menu.wait_for()
    page.mouse.move(*atlas.place(10, 2))
    assert "row 5, column 7" in menu.locator("[data-save=text]").inner_text()
    assert atlas.js("a.state.query") == trace.token_at(4, 6)
    page.keyboard.press("Escape")
    menu.wait_for(state="hidden")
    page.mouse.move(*atlas.cell(1, 4))
    page.keyboard.press("s")
    menu.wait_for()
    page.mouse.move(5, 5)
    assert "layer 2, head 5" in menu.locator("[data-save=text]").inner_text()
    page.keyboard.press("Tab")  # by keyboard alone: from the choice of the image to the first button
    with page.expect_download() as begun:
        page.keyboard.press("Enter")
    assert begun.value.suggested_filename == "vitrine_ViT-S-14_red-panda_layer-2_head-5_from-r5-c7.png"


def test_the_copied_link_opens_the_same_view_elsewhere(chromium, server, visit):
    context = chromium.new_context(permissions=["clipboard-read", "clipboard-write"])
    try:
        page = new_page(context)
        page.goto(f"{server.url}/?lang=en&view=flow&residual=0.3&layer=3&head=2&scale=layer&direction=column")
        settled(page)
        looking = Looking(page)
        looking.hover(4, 6)  # only pointed at: the browser's own address does not have it
        page.keyboard.press("s")
        page.locator(f"{MENU} [data-save=link]").click()
        page.locator(f"{MENU} [data-save=link]").filter(has_text=WORDS["en"]["save_copied"]).wait_for()
        looking.js("a.draw()")
        assert page.locator(f"{MENU} [data-save=link]").inner_text() == WORDS["en"]["save_copied"]  # it stays
        link = page.evaluate("navigator.clipboard.readText()")
        assert "row=5&col=7" in link
        idle(page)
        settled(page)
        other = visit(link.partition("?")[2])
        addressed(other, "row=5", "col=7")
        assert seen(other) == seen(page)
        page.locator(f"{MENU} [data-save=caption]").click()
        page.locator(f"{MENU} [data-save=caption]").filter(has_text=WORDS["en"]["save_copied"]).wait_for()
        copied = page.evaluate("navigator.clipboard.readText()")
        assert copied.replace("\u00a0", " ") in page.locator(f"{MENU} [data-save=text]").inner_text().replace(
            "\u00a0", " "
        )
    finally:
        context.close()


def test_where_the_browser_cannot_copy_the_text_stands_selected(visit):
    page = visit("lang=en")
    page.evaluate("Object.defineProperty(navigator, 'clipboard', { value: undefined })")
    saving = Saving(page)
    field = saving.part("copied")
    assert not field.is_visible()
    saving.part("link").click()
    field.wait_for()
    assert field.locator("span").inner_text() == WORDS["en"]["save_by_hand"]
    selected = field.locator("textarea").evaluate("e => e.value.slice(e.selectionStart, e.selectionEnd)")
    assert selected == saving.js("a.save.link()")
    assert page.evaluate("document.activeElement.shadowRoot.activeElement.localName") == "textarea"  # for Ctrl+C
    upload(page, "my own.jpg", (SAMPLES / "coffee.jpg").read_bytes())
    page.get_by_text(ENGLISH("side.stays")).wait_for()
    settled(page)
    saving = Saving(page)
    assert saving.part("own").inner_text() == WORDS["en"]["save_own"]
    assert "sample=" not in saving.js("a.save.link()")
    assert saving.take("csv").name.startswith("vitrine_ViT-S-14_my-own_layer-")


def test_the_link_opens_a_picture_from_an_evaluation(visit):
    page = visit(f"lang=en&evaluated_run={PHOTOS.id}&evaluated=bird%2Fmarshland-birds-square.jpg")
    page.get_by_text("from the evaluation").wait_for()
    saving = Saving(page)
    assert saving.part("own").inner_text() == ""
    link = saving.js("a.save.link()")
    assert f"evaluated_run={PHOTOS.id}" in link
    assert "sample=" not in link


@pytest.mark.parametrize(("lang", "width", "height"), [("en", 1280, 720), ("ko", 1280, 720), ("ko", 390, 844)])
def test_the_menu_fits_the_window(visit, shoot, lang, width, height):
    saving = Saving(visit(f"lang={lang}&pinned=6-4.3-9&compare=difference", width, height))
    saving.extent("all")
    box = saving.page.locator(MENU).bounding_box()
    assert min(box["x"], box["y"]) >= 0
    assert box["x"] + box["width"] <= width
    assert box["y"] + box["height"] <= height
    assert saving.page.locator(MENU).evaluate("e => e.scrollHeight - e.clientHeight") <= 0
    shoot(saving.page, f"save-{lang}-{width}")
