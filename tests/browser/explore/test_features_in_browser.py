"""The view Features: its colours are the core's, in every layer, for each choice, and in what is saved."""

import io
import json

import numpy as np
import pytest
from PIL import Image

import vit_core as vc
from app.text import FEATURE_WORDS, WORDS
from tests.browser.conftest import MISNAMED, addressed, settled
from tests.browser.explore.test_explore import FIRST, SAMPLES, Looking, show, upload
from tests.browser.explore.test_save_in_browser import Saving
from vit_core.images import Preprocess
from vit_core.percentage import percent

GREY = (96, 96, 96)


@pytest.fixture(scope="module")
def model():
    return vc.load("embedded:photo", "cpu")


@pytest.fixture(scope="module")
def trace(model):
    return vc.record(model, str(SAMPLES / FIRST["file"]), features=True)


def projection(trace, layer: int, facet: str = "token"):
    return vc.features.pca(trace, layer, facet).project(trace)


def colours(trace, layer: int, facet: str = "token") -> np.ndarray:
    return vc.features.as_rgb([projection(trace, layer, facet)])[0].numpy()


class Coloured(Looking):
    """The explore page with the view Features."""

    def __init__(self, page):
        super().__init__(page)
        self.root = page.locator(".pca[data-state=ready]")
        self.root.wait_for()

    def pixels(self, canvas) -> np.ndarray:
        shape, pixels = canvas.evaluate("""c => [[c.height, c.width, 4],
            [...c.getContext('2d').getImageData(0, 0, c.width, c.height).data]]""")
        return np.array(pixels, np.uint8).reshape(shape)

    def small(self, layer: int):
        return self.root.locator(".strip label").nth(layer)

    def strip(self, layer: int) -> np.ndarray:
        return self.pixels(self.small(layer).locator("canvas"))

    @property
    def over(self) -> np.ndarray:
        return self.pixels(self.page.locator(".atlas .overlay"))

    @property
    def title(self) -> str:
        return self.page.locator(".atlas .title").inner_text()

    def choose(self, name: str, value: str) -> None:
        self.root.locator(f".{name} input[value={value}]").click()


def test_the_colours_of_every_layer_are_the_cores(visit, trace):
    page = visit("lang=en&view=features&layer=3")
    shown = Coloured(page)
    for layer in range(trace.depth):
        wanted = colours(trace, layer)
        assert (shown.strip(layer)[..., :3] == wanted).all()
        shown.small(layer).click()
        assert (shown.over[..., :3] == wanted).all()
        assert (shown.over[..., 3] == 255).all()
        assert f"layer {layer + 1}?" in shown.title
        addressed(page, f"layer={layer + 1}")
        a, b, c = map(percent, vc.features.pca(trace, layer).explained.tolist())
        said = shown.root.locator(".explained").inner_text()
        assert said == f"Layer {layer + 1}: {FEATURE_WORDS['en']['holds'].format(a=a, b=b, c=c)}"


@pytest.mark.parametrize("lang", ["en", "ko"])
def test_each_kind_of_feature_has_its_colours_and_its_question(visit, trace, lang):
    page = visit(f"lang={lang}&view=features&layer=7")
    shown = Coloured(page)
    for facet in ("query", "key", "value", "token"):
        shown.choose("facet", facet)
        title = FEATURE_WORDS[lang][f"title_{facet}"].format(layer=7)
        page.locator(".atlas .title", has_text=title).wait_for()
        assert (shown.over[..., :3] == colours(trace, 6, facet)).all()
        if facet != "token":
            addressed(page, f"facet={facet}")
    addressed(page, lacks=("facet",))
    assert page.evaluate(MISNAMED) == []


def test_the_foreground_keeps_its_colours_and_the_rest_is_grey(visit, trace):
    page = visit("lang=en&view=features&layer=9")
    shown, wanted = Coloured(page), colours(trace, 8)
    above = (projection(trace, 8)[..., 0] > 0).numpy()
    for choice, coloured in (("on", above), ("other", ~above), ("off", above | True)):
        shown.choose("foreground", choice)
        if choice != "off":
            addressed(page, f"foreground={choice}")
            count = f"{coloured.sum()} of {coloured.size} patches"
            assert page.locator(".atlas .numbers").inner_text().endswith(count)
        expected = np.where(coloured[..., None], wanted, GREY)
        assert (shown.over[..., :3] == expected).all()
        assert (shown.strip(8)[..., :3] == expected).all()
    addressed(page, lacks=("foreground",))


def test_the_picture_shows_beneath_colours_that_are_not_opaque(visit):
    page = visit("lang=en&view=features")
    shown, slider = Coloured(page), page.locator(".atlas .opacity input")
    slider.focus()
    page.keyboard.press("ArrowLeft")
    assert (shown.over[..., 3] == round(0.75 * 255)).all()
    assert (shown.strip(2)[..., 3] == 255).all()
    addressed(page, "opacity=0.75")
    slider.press("Home")
    assert not shown.over[..., 3].any()
    addressed(page, "opacity=0")


def test_the_keyboard_alone_can_do_it_all(visit, trace):
    page = visit("lang=en&layer=4&from=class")
    Looking(page)
    page.keyboard.press("5")
    addressed(page, "view=features")
    shown = Coloured(page)
    page.locator(".atlas .stage").focus()
    page.keyboard.press("PageDown")
    assert "layer 5?" in shown.title
    assert shown.small(4).locator("input").is_checked()
    page.keyboard.press("[")  # of no head: nothing changes
    page.keyboard.press("ArrowLeft")
    row, col = (n // 2 for n in trace.grid)
    place = WORDS["en"]["patch"].format(row=row + 1, column=col + 1)
    assert page.locator(".atlas .readout").inner_text() == place
    shown.small(4).locator("input").focus()
    page.keyboard.press("ArrowRight")
    assert (shown.over[..., :3] == colours(trace, 5)).all()
    addressed(page, "layer=6", "head=mean")
    spoken = page.locator(".atlas .spoken", has_text="layer 6?")
    spoken.wait_for(state="attached")
    assert place in spoken.inner_text()
    assert "of the variance" in spoken.inner_text()
    page.locator(".atlas .stage").press(" ")  # plays to the last layer
    addressed(page, f"layer={trace.depth}")
    assert shown.small(trace.depth - 1).locator("input").is_checked()
    assert (shown.over[..., :3] == colours(trace, trace.depth - 1)).all()


def test_pointing_previews_a_layer_and_reads_a_patch(visit, trace):
    page = visit("lang=en&view=features&layer=12&head=2")
    shown = Coloured(page)
    shown.small(3).hover()
    assert (shown.over[..., :3] == colours(trace, 3)).all()
    assert shown.root.locator(".explained").inner_text().startswith("Layer 4:")
    assert shown.small(11).locator("input").is_checked()
    shown.hover(4, 9)
    assert "layer 12?" in shown.title
    assert page.locator(".atlas .readout").inner_text() == WORDS["en"]["patch"].format(row=5, column=10)
    values = [float(f"{value:.2g}") for value in projection(trace, 11)[4, 9].tolist()]
    said = page.locator(".atlas .more").inner_text().replace("−", "-")
    assert [float(part.split(" ")[1]) for part in said.split(", ")] == pytest.approx(values, rel=0.02)
    show(page, "heads")
    assert shown.js("[a.state.layer, a.state.head]") == [11, 1]


def test_what_is_saved_are_the_colours_and_the_components(visit, trace):
    page = visit("lang=en&view=features&layer=10&facet=key&foreground=other&opacity=0.5")
    Coloured(page)
    saving = Saving(page)
    assert saving.part("extent").locator("label:visible").count() == 2
    wanted = np.moveaxis(projection(trace, 9, "key").numpy(), -1, 0)
    numbers = saving.take("npy")
    assert numbers.name == f"vitrine_ViT-S-14_{FIRST['file'].split('.')[0]}_layer-10_features-key_other-side.npy"
    assert numbers.numbers.dtype == np.float32
    np.testing.assert_allclose(numbers.numbers, wanted, rtol=1e-4, atol=1e-4)
    table = saving.take("csv")
    read = np.loadtxt(io.BytesIO(table.data), delimiter=",").reshape(wanted.shape)
    np.testing.assert_allclose(read, numbers.numbers, rtol=1e-8)
    assert b"# layer 10, component 3\n" in table.data
    assert "similar keys in layer 10?" in saving.caption
    for said in ("of the variance", "Coloured: other side, ", "Opacity 50 %", "Model: ViT-S/14"):
        assert said in saving.caption
    saving.extent("bare")
    image = saving.take("screen")
    assert image.name.endswith("_other-side_map.png")
    assert saving.caption.split("?")[0].encode() in image.data
    above = (projection(trace, 9, "key")[..., 0] > 0).numpy()
    expected = np.where(above[..., None], GREY, colours(trace, 9, "key"))
    small = image.image.convert("RGB").resize(trace.grid[::-1], Image.Resampling.BOX)
    assert np.abs(np.asarray(small).astype(int) - expected).max() <= 3  # a patch is no whole number of pixels
    assert b"<path" in saving.take("svg").data
    show(page, "heads")
    assert Saving(page).part("npy").get_attribute("title") == WORDS["en"]["save_npy_title"]


def test_an_oblong_picture_has_an_oblong_map(visit, model):
    picture = Image.open(SAMPLES / "coffee.jpg").convert("RGB").crop((0, 0, 400, 150))
    file = io.BytesIO()
    picture.save(file, "PNG")
    page = visit("lang=en&view=features&framing=whole&layer=8")
    upload(page, "wide.png", file.getvalue())
    trace = vc.record(model, picture, framing="whole", features=True)
    assert trace.grid[0] < trace.grid[1]
    page.wait_for_function(
        """shape => [...document.querySelectorAll('[data-testid=stBidiComponentIsolated]')].some(e => {
            const view = e.shadowRoot?.querySelector('.atlas')?.atlas;
            return view?.features?.() && String(view.model?.header.grid) === shape })""",
        arg=",".join(map(str, trace.grid)),
    )
    shown = Coloured(page)
    assert np.abs(shown.over[..., :3].astype(int) - colours(trace, 7)).max() <= 1
    assert (shown.strip(7) == shown.over).all()


@pytest.mark.parametrize("depth", [24, 32])
def test_the_maps_of_a_deep_model_fit_the_window(visit, tmp_path, depth):
    config = vc.ViTConfig(dim=8, depth=depth, heads=2, head_dim=4, mlp_dim=8, image_size=(32, 32), patch_size=(4, 4))
    vc.save(vc.VisionTransformer(config, None, Preprocess(config.image_size)), tmp_path / "deep.safetensors")
    page = visit(f"lang=en&view=features&model=file:{tmp_path}/deep.safetensors")
    shown = Coloured(page)
    assert shown.root.locator(".strip label").count() == depth
    assert page.get_by_test_id("stMain").evaluate("e => e.scrollHeight - e.clientHeight") <= 0
    tops = shown.root.locator(".strip label").evaluate_all("all => all.map(e => e.getBoundingClientRect().top)")
    assert len(set(tops)) == 3


def test_a_link_opens_the_view_as_it_was(visit):
    page = visit("lang=en&view=features")
    shown = Coloured(page)
    shown.choose("facet", "value")
    shown.choose("foreground", "other")
    page.locator(".atlas .opacity input").fill("0.5")
    shown.small(4).click()
    addressed(page, "facet=value", "foreground=other", "opacity=0.5", "layer=5")
    settled(page)
    title = FEATURE_WORDS["en"]["title_value"].format(layer=5)
    page.locator(".atlas .title", has_text=title).wait_for()
    other = visit(page.url.partition("?")[2])
    opened = Coloured(other)
    assert (opened.over == shown.over).all()
    assert opened.title == shown.title
    assert json.dumps(opened.js("[a.state.facet, a.state.foreground]")) == '["value", "other"]'
