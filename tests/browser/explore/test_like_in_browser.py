"""The atlas' direction "is like" in Chromium: the core's cosines over the picture and in every layer, by every hand."""

import re

import numpy as np
import pytest
from playwright.sync_api import expect

import vit_core as vc
from app.text.atlas import EN
from tests.browser.conftest import TIMEOUT_MS, serving_page
from tests.browser.explore import atlas_models
from tests.browser.explore.atlas_driver import ATLAS_PAGE, Atlas, on_scale, rank_correlation
from vit_core.images.draw import scale_end

pytestmark = pytest.mark.timeout(300)


class Likeness(Atlas):
    """The atlas in the direction "is like"."""

    def ready(self):
        self.page.wait_for_selector('.atlas[data-state="ready"]')
        self.complete()

    def complete(self):
        """Wait until all small maps are drawn, or cannot be."""
        self.wait("(a.like.features.tooLarge || (a.map?.exact && a.like.complete))")

    def over(self, layer):
        """Move the pointer over the small map of a layer."""
        box = self.box(".mosaic canvas")
        x, y, w, h = self.js("a.like.mosaic.box(x)", layer)
        self.page.mouse.move(box["x"] + x + w / 2, box["y"] + y + h / 2)

    def small(self, layer):
        """One small map, read off its canvas at the middle of each patch, as positions 0..255 on the colour scale."""
        pixels = self.js(
            """(() => { const m = a.like.mosaic, c = m.canvas, {rows, cols} = a.model;
            const [left, top, w, h] = m.box(x).map(v => v * m.ratio);
            const data = c.getContext('2d').getImageData(0, 0, c.width, c.height).data;
            return Array.from({length: rows * cols}, (_, k) => {
                const y = Math.floor(top + (Math.floor(k / cols) + 0.5) / rows * h);
                const at = 4 * (y * c.width + Math.floor(left + (k % cols + 0.5) / cols * w));
                return [...data.slice(at, at + 4)] }) })()""",
            layer,
        )
        return on_scale(np.array(pixels)).reshape(self.js("a.model.header.grid"))

    @property
    def said(self):
        return " ".join(self.page.locator(f".{name}").inner_text() for name in ("readout", "more"))


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    """The test page on a server of its own."""
    with serving_page(tmp_path_factory.mktemp("atlas"), ATLAS_PAGE) as server:
        yield f"{server.url}/"


@pytest.fixture(scope="module")
def traces():
    kept = {}

    def get(model):
        if model not in kept:
            kept[model] = atlas_models.trace(model, "coffee", features=True)[0]
        return kept[model]

    return get


@pytest.fixture(scope="module")
def context(chromium):
    context = chromium.new_context(viewport={"width": 1280, "height": 720}, reduced_motion="reduce")
    yield context
    context.close()


@pytest.fixture
def tab(context, address):
    opened = []

    def open_tab(view=None, **query):
        opened.append(Likeness(context, address, narrow=1, view={"direction": "like", **(view or {})}, **query))
        return opened[-1]

    yield open_tab
    for one in opened:
        one.page.close()
        assert one.errors == []


def similar(trace, layer, token, facet="token"):
    """The core's cosines to the patches, (P,)."""
    return vc.features.similarity(trace, layer, token, facet).numpy()


def within_colours(cosines):
    """The cosines without the query, up to where the colours end at both sides."""
    lowest, highest = cosines.min(), cosines.max()
    high = lowest + scale_end(np.append(cosines - lowest, 0))
    return cosines.clip(highest - scale_end(np.append(highest - cosines, 0)), high)


def agrees(shown, truth, *queries):
    """Apart from the queries, the same most similar patch and the same order."""
    shown, others = shown.ravel(), np.ones(shown.size, bool)
    others[[query for query in queries if query >= 0]] = False
    assert (shown[~others] == 255).all()
    shown, truth = shown[others], within_colours(truth[others])
    assert truth[shown.argmax()] >= truth.max() - 0.01
    assert shown.max() == 255
    # a scale of 256 colours has ties where the truth has none: compare at the scale's own resolution
    assert rank_correlation(shown, np.round(255 * (truth - truth.min()) / np.ptp(truth))) >= 0.99


@pytest.mark.parametrize(
    ("model", "facet"), [("base", "token"), ("base", "key"), ("small", "value"), ("bare", "query")]
)
def test_hovering_shows_the_cosines_of_the_core_in_every_layer(tab, traces, model, facet, measured):
    atlas, trace = tab(model=model, view={"layer": 1, "facet": facet}), traces(model)
    rows, cols = trace.grid
    worst = 0
    for row, col in ((0, 0), (rows // 2, cols - 1), (rows - 1, cols // 3)):
        atlas.hover(row, col)
        atlas.complete()
        token, patch = trace.token_at(row, col), row * cols + col
        agrees(atlas.overlay(), similar(trace, 1, token, facet), patch)
        for layer in range(0, trace.depth, 2):
            agrees(atlas.small(layer), similar(trace, layer, token, facet), patch)
        cosines = np.array(atlas.js("[...a.map.cosines[0]]"))
        assert cosines[token] == 1
        worst = max(worst, np.abs(cosines[trace.num_prefix_tokens :] - similar(trace, 1, token, facet)).max())
    measured(f"cosine in the browser against the core, {model}, {facet}: {worst:.4f}")
    assert worst <= 0.01


def test_any_vector_of_the_model_can_be_compared(tab, traces):
    atlas, trace = tab(view={"layer": 3}), traces("base")
    same = atlas.js("[...a.like.features.cosines('token', 3, a.like.features.vector('token', 3, 60).map(v => -v))]")
    np.testing.assert_allclose(same[1:], -similar(trace, 3, 60), atol=0.01)


def test_tokens_without_a_position_are_queries_too(tab, traces):
    atlas, trace = tab(model="small", view={"layer": 2}), traces("small")
    chips = atlas.page.locator(".chip")
    for token in (0, 3):
        chips.nth(token).hover()
        agrees(atlas.overlay(), similar(trace, 2, token))
    assert chips.nth(3).locator("span").inner_text() == "1.00"


def test_the_layer_on_screen_comes_first_and_other_facets_only_when_chosen(tab):
    atlas = tab(view={"layer": 7})
    assert atlas.js("[...a.like.features.layers.keys()].slice(0, 3)") == ["token 7", "token 6", "token 8"]
    assert atlas.js("a.like.features.layers.size") == 12
    asked = atlas.js("a.like.requests")
    atlas.hover(3, 3)
    atlas.over(2)
    atlas.complete()
    assert atlas.js("a.like.requests") == asked
    atlas.page.locator(".facet input[value=key]").click()
    atlas.wait("a.like.complete && a.like.features.layers.size === 24")
    atlas.received(facet="key")
    assert "keys of layer 8" in atlas.page.locator(".title").inner_text()


def test_small_maps_preview_a_layer_and_a_click_keeps_it(tab, traces):
    atlas, trace = tab(view={"layer": 4}), traces("base")
    atlas.hover(5, 9)
    token, patch = trace.token_at(5, 9), 5 * 14 + 9
    atlas.over(8)
    agrees(atlas.overlay(), similar(trace, 8, token), patch)
    title = atlas.page.locator(".title")
    assert title.inner_text() == "What is the patch in row 6, column 10 like in layer 9?"
    assert atlas.page.locator(".names [data-on]").inner_text() == "layer 9"
    atlas.page.mouse.move(5, 5)
    assert "layer 5" in title.inner_text()
    atlas.over(8)
    atlas.page.mouse.down()
    atlas.page.mouse.up()
    atlas.page.mouse.move(5, 5)
    assert "layer 9" in title.inner_text()
    atlas.received(layer=8, direction="like")
    agrees(atlas.overlay(), similar(trace, 8, token), patch)


def test_the_readout_names_the_most_similar_patch(tab, traces):
    atlas, trace = tab(view={"layer": 4, "scale": "shared"}), traces("base")
    atlas.hover(5, 9)
    cosines = similar(trace, 4, trace.token_at(5, 9))
    cosines[5 * 14 + 9] = -1
    row, col = divmod(cosines.argmax(), 14)
    assert f"row 6, column 10 is most like row {row + 1}, column {col + 1}" in atlas.said
    assert float(re.search(r"cosine (\S+)", atlas.said)[1]) == pytest.approx(cosines.max(), abs=0.015)
    atlas.click(5, 9)
    atlas.hover(2, 2)
    assert "row 3, column 3: cosine" in atlas.said
    assert float(re.search(r"cosine (\S+)", atlas.said)[1]) == pytest.approx(cosines[2 * 14 + 2], abs=0.015)


def test_the_range_is_the_maps_own_without_the_query_or_0_to_1(tab, traces):
    atlas, trace = tab(view={"layer": 4, "query": 80, "clip": "off"}), traces("base")
    others = np.delete(similar(trace, 4, 80), 79)
    ticks = atlas.page.locator(".ticks span")
    low, middle, high = (float(text.replace("−", "-")) for text in ticks.all_inner_texts())
    assert (low, high) == pytest.approx((others.min(), others.max()), abs=0.015)
    assert middle == pytest.approx((low + high) / 2, abs=0.006)
    atlas.page.locator(".scale input[value=shared]").click()
    atlas.complete()
    assert ticks.all_inner_texts() == ["0.00", "0.50", "1.00"]
    shown = np.delete(atlas.overlay().ravel(), 79)
    np.testing.assert_allclose(shown, 255 * others.clip(0, 1), atol=4)
    assert not atlas.page.locator(".scale input[value=layer]").is_visible()  # each layer has one map


@pytest.mark.parametrize("scale", ["map", "shared"])
def test_two_pinned_patches_are_compared(tab, traces, scale):
    a, b = 60, 190
    view = {"layer": 4, "pinned": [a, b], "compare": "difference", "scale": scale, "clip": "off"}
    atlas, trace = tab(view=view), traces("base")
    truth = similar(trace, 4, a) - similar(trace, 4, b)
    others = np.delete(np.arange(196), [a - 1, b - 1])
    pixels = np.array(atlas.js("[...a.overlay.pixels]"), np.uint32)
    red, blue = (pixels >> shift & 255 for shift in (np.uint32(0), np.uint32(16)))
    shown = (red.astype(int) - blue.astype(int))[others]  # A is orange, B blue
    assert rank_correlation(shown, np.round(127 * truth[others] / np.abs(truth[others]).max())) >= 0.99
    far = float(atlas.page.locator(".ticks span").nth(2).inner_text().removeprefix("A +"))
    assert far == pytest.approx(1 if scale == "shared" else np.abs(truth[others]).max(), abs=0.015)
    assert f"cosine of A and B: {similar(trace, 4, a)[b - 1]:.1f}" in atlas.said
    atlas.page.locator(".compare input[value=both]").click()
    assert len(atlas.js("a.map.cosines")) == 2
    assert atlas.page.locator(".title").inner_text() == "What are A and B like in layer 5?"


def test_the_keyboard_alone_can_do_it_all(tab, traces):
    atlas, trace = tab(view={"layer": 4, "query": 80}), traces("base")
    page = atlas.page
    page.mouse.move(5, 5)
    page.locator(".maps").focus()
    assert page.locator(".maps").get_attribute("aria-label") == EN["like_maps"]
    columns = atlas.js("a.like.mosaic.columns")
    page.keyboard.press("ArrowDown")
    atlas.received(layer=4 + columns)
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("]")  # heads: there is none to choose
    atlas.received(layer=3 + columns, head=-1)
    page.keyboard.press("Home")
    page.keyboard.press("PageDown")
    atlas.received(layer=1)
    page.keyboard.press(" ")
    atlas.received(layer=11)
    page.locator(".stage").focus()
    page.keyboard.press("ArrowUp")
    page.keyboard.press("Enter")
    atlas.received(query=80 - 14, pinned=[80 - 14])
    agrees(atlas.overlay(), similar(trace, 11, 66), 65)
    expect(page.locator(".spoken")).to_have_text(
        re.compile(r"^layer 12, patch row 5, column 10: most like patch row \d+, column \d+, cosine 0\.\d+; mean "),
        timeout=TIMEOUT_MS,
    )
    page.locator(".facet input").first.focus()
    page.keyboard.press("ArrowRight")
    atlas.received(facet="query")


def test_a_tap_and_other_directions_still_show_attention(tab, traces):
    atlas, trace = tab(view={"layer": 4, "head": 7, "query": 80}), traces("base")
    atlas.page.locator(".direction input[value=row]").click()
    assert not atlas.page.locator(".mosaic").is_visible()
    assert not atlas.page.locator(".facet").is_visible()
    truth = trace.attention(4, [80])[7, 0].numpy()
    np.testing.assert_allclose(atlas.map(), truth, atol=0.01 * truth.max())
    picture = atlas.box(".frame")
    atlas.page.locator(".direction input[value=like]").click()
    atlas.complete()
    agrees(atlas.overlay(), similar(trace, 4, 80), 79)
    assert atlas.box(".frame") == picture  # it keeps its place and size


def test_a_single_patch_is_like_no_other(tab):
    atlas = tab(model="one", view={"query": 1})
    assert atlas.page.locator(".readout").inner_text() == EN["like_alone"]
    assert atlas.js("a.map.cosines[0][1]") == 1


def test_equal_features_give_one_colour_and_no_noise(tab):
    atlas = tab(view={"layer": 4, "query": 80})
    atlas.js(
        "a.like.features.layers.forEach(({ rows, scale }) => { rows.fill(3); scale.fill(1 / Math.sqrt(9 * 192)) })"
    )
    atlas.js("a.redraw()")
    assert (atlas.overlay() >= 254).all()
    assert atlas.page.locator(".ticks span").all_inner_texts() == ["0.990", "0.995", "1.000"]


@pytest.mark.parametrize(("outlier", "tick"), [(-0.9, 0), (0.99, 2)])
def test_colours_do_not_end_at_one_outlier(tab, outlier, tick):
    """All cosines but the query's and the outlier's lie between 0.5 and 0.6."""
    atlas = tab(view={"layer": 4, "query": 80})
    atlas.js(
        """(() => { a.like.features.similarity = (facet, layer, token, out) => {
            for (let k = 0; k < a.model.N; k++) out[k] = 0.5 + 0.1 * k / a.model.N;
            out[150] = x; out[token] = 1; return out } })()""",
        outlier,
    )
    atlas.js("((a.like.drawn = null), a.redraw())")
    ticks = atlas.page.locator(".ticks span")
    said = atlas.page.locator(".range").inner_text()
    assert "clipped" in said
    assert f"{outlier:.2f}".replace("-", "−") in said
    assert ticks.nth(tick).inner_text()[0] == "≤ ≥"[tick]
    assert abs(float(ticks.nth(tick).inner_text()[2:]) - (0.5, 0, 0.6)[tick]) < 0.011
    shown = atlas.overlay().ravel()
    assert np.ptp(np.delete(shown, [79, 149])) > 230
    assert shown[149] == (0 if tick == 0 else 255)
    assert np.ptp(np.delete(atlas.small(2).ravel(), [79, 149])) > 230
    atlas.page.locator(".clip input").uncheck()
    assert ticks.nth(tick).inner_text() == f"{outlier:.2f}".replace("-", "−")
    assert np.ptp(np.delete(atlas.overlay().ravel(), [79, 149])) < 60
    assert np.ptp(np.delete(atlas.small(2).ravel(), [79, 149])) < 60


def test_too_many_tokens_are_refused_with_a_sentence(tab):
    atlas = tab(view={"layer": 4})
    atlas.js("(() => { a.like.begin(a.model); a.arrived({ of: a.model.id, section: () => null,"
             " like: { facet: 'token', layers: [], too_large: true } }) })()")  # fmt: skip
    assert "197 tokens are too many" in atlas.page.locator(".note").inner_text()
    assert "197 tokens are too many" in atlas.page.locator(".readout").inner_text()
    assert atlas.js("a.overlay.context.getImageData(0, 0, 14, 14).data.every((value) => value === 0)")
