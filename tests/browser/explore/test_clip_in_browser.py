"""A colour scale that a few patches would turn dark is clipped: what is drawn, what is said, and the switch."""

import json

import numpy as np
import pytest
import torch

import vit_core as vc
from app.text.atlas import EN, KO
from tests.browser.conftest import serving_page
from tests.browser.explore import atlas_models
from tests.browser.explore.atlas_driver import ATLAS_PAGE, Atlas
from vit_core.attention.attention_rollout import rollout
from vit_core.images import draw
from vit_core.percentage import percent

ROLLOUT = -2
pytestmark = pytest.mark.timeout(300)


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    with serving_page(tmp_path_factory.mktemp("clip"), ATLAS_PAGE) as server:
        yield f"{server.url}/"


@pytest.fixture(scope="module")
def trace():
    return atlas_models.trace("outliers", "coffee")[0]


@pytest.fixture
def tab(chromium, address):
    context, opened = chromium.new_context(viewport={"width": 1280, "height": 720}), []

    def open_tab(lang="en", **view):
        opened.append(Atlas(context, address, narrow=1, model="outliers", lang=lang, view=view))
        return opened[-1]

    yield open_tab
    context.close()
    assert all(one.errors == [] for one in opened)


def scale_end(values) -> float:
    """Where the colours of a map of the model "outliers" end."""
    return draw.scale_end(values, outliers=2)


def number(said: str) -> float:
    return float(said.rstrip("%").split()[-1])


@pytest.mark.parametrize(("lang", "words"), [("en", EN), ("ko", KO)])
def test_the_legend_says_where_the_colours_end_and_how_many_patches_are_above(tab, trace, lang, words):
    token = trace.token_at(4, 3)
    atlas = tab(lang, layer=2, head=ROLLOUT, query=token)
    truth = rollout(trace, last=2, token=token)[trace.num_prefix_tokens :].numpy()
    end, above = scale_end(truth), int((truth > scale_end(truth)).sum())
    assert above == 4  # one in a hundred of 196, and two outlier tokens
    sentence = words["clipped_many"].format(end=percent(end), above=above)
    said = atlas.page.locator(".range").inner_text()
    assert said == f"{sentence} {words['clipped_most'].format(most=percent(truth.max()))}"
    assert atlas.page.locator(".ticks span").nth(2).inner_text() == f"≥\u00a0{percent(end)}"
    drawn = atlas.overlay().ravel()
    assert np.abs(drawn - 255 * truth.clip(max=end) / end).max() <= 4
    assert np.median(drawn) > 60, "what is below the end can be seen"


def test_the_switch_gives_all_colours_back_and_python_gets_it(tab, trace):
    token = trace.token_at(4, 3)
    atlas = tab(layer=2, head=ROLLOUT, query=token)
    before = atlas.map()
    atlas.page.locator(".clip input").focus()
    atlas.page.keyboard.press("Space")
    atlas.received(clip="off")
    truth = trace.on_grid(rollout(trace, last=2, token=token)).numpy()
    assert np.abs(atlas.overlay() - 255 * truth / truth.max()).max() <= 4
    assert atlas.page.locator(".range").inner_text() == EN["legend_rollout_map"]
    assert number(atlas.page.locator(".ticks span").nth(2).inner_text()) == pytest.approx(100 * truth.max(), rel=0.06)
    np.testing.assert_array_equal(atlas.map(), before)
    again = tab(layer=2, head=ROLLOUT, query=token, clip="off")
    assert not again.page.locator(".clip input").is_checked()


def test_a_head_that_looks_at_one_patch_alone_stays_dark_elsewhere(tab, trace):
    """Layer 5 gives almost everything to the outliers; what is left is no map."""
    for layer, head in ((4, 1), (4, 2)):
        weights = trace.attention(layer, [60])[head, 0, trace.num_prefix_tokens :].numpy()
        assert weights.max() > 3 * np.sort(weights)[-5]
        assert scale_end(weights) == weights.max()
        atlas = tab(layer=layer, head=head, query=60)
        assert np.median(atlas.overlay()) <= 5
        assert atlas.page.locator(".range").inner_text() == EN["legend_map"]


@pytest.mark.parametrize("compare", ["both", "difference"])
def test_two_queries_have_one_end(tab, trace, compare):
    pinned = [trace.token_at(4, 3), trace.token_at(10, 6)]
    atlas = tab(layer=2, head=ROLLOUT, pinned=pinned, compare=compare)
    a, b = (rollout(trace, last=2, token=token)[trace.num_prefix_tokens :].numpy() for token in pinned)
    if compare == "both":
        end, values = max(scale_end(a), scale_end(b)), np.maximum(a, b)
    else:
        end, values = scale_end(abs(a - b)), abs(a - b)
    said = atlas.page.locator(".range").inner_text()
    assert said.startswith(EN["clipped_many"].format(end=percent(end), above=int((values > end).sum())))
    assert atlas.page.locator(".ticks span").nth(2).inner_text().endswith(percent(end))


def test_maps_that_share_a_scale_are_clipped_one_by_one(tab, trace):
    atlas = tab(layer=4, head=0, query=60, scale="layer")
    layer = torch.cat([trace.attention(4, [60])[:, 0], trace.attention(4, [60])[:, 0].mean(0)[None]])
    end = max(map(scale_end, layer[:, trace.num_prefix_tokens :].numpy()))
    assert number(atlas.page.locator(".ticks span").nth(2).inner_text()) == pytest.approx(100 * end, rel=0.06)


@pytest.mark.parametrize(("lang", "words"), [("en", EN), ("ko", KO)])
def test_outlier_tokens_are_marked_and_named(tab, trace, lang, words):
    assert vc.features.outlier_tokens(trace).nonzero()[:, 0].tolist() == [r * 14 + c for r, c in atlas_models.OUTLIERS]
    atlas = tab(lang, layer=3, head=0, query=60)
    key = atlas.page.locator(".key")
    assert key.inner_text().strip().startswith(words["outliers_many"].format(n=2))
    assert key.get_attribute("title") == words["outliers_title"]
    marks = atlas.page.locator(".outliers i").evaluate_all("""all => all.map(mark => {
        const patch = mark.getBoundingClientRect(), ring = getComputedStyle(mark, '::after');
        return [patch.x + patch.width / 2, patch.y + patch.height / 2, parseFloat(ring.width) / patch.width];
    })""")
    for (x, y, share), (row, col) in zip(marks, atlas_models.OUTLIERS, strict=True):
        assert (x, y) == pytest.approx(atlas.place(row, col), abs=1)
        assert share <= 0.4, "the map stays in sight"
    norms = trace.token_norms[-1, trace.num_prefix_tokens :]
    norm = norms[3 * 14 + 4].item()
    said = words["outlier"].format(norm=f"{norm:.0f}", ratio=f"{norm / norms.median().item():.1f}")
    atlas.hover(3, 4)
    assert atlas.page.locator(".more").inner_text().startswith(said)
    atlas.wait(f"a.parts('.spoken').textContent.includes({json.dumps(said)})")
    atlas.hover(7, 7)
    assert said not in atlas.page.locator(".more").inner_text()
    atlas.click(7, 7)
    atlas.hover(3, 4)
    assert said in atlas.page.locator(".more").inner_text()


def test_without_outliers_nothing_is_marked(chromium, address):
    page = chromium.new_context()
    atlas = Atlas(page, address, narrow=1, model="small")
    assert atlas.page.locator(".outliers i, .key").count() == 0
    page.close()
