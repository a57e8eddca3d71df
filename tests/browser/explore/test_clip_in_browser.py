"""A colour scale that a few patches would turn dark is clipped: what is drawn, what is said, and the switch."""

import numpy as np
import pytest
import torch

from app.text.atlas import EN, KO
from tests.browser.conftest import serving_page
from tests.browser.explore import atlas_models
from tests.browser.explore.atlas_driver import ATLAS_PAGE, Atlas
from vit_core.attention.attention_rollout import rollout
from vit_core.images.draw import scale_end
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


def number(said: str) -> float:
    return float(said.rstrip("%").split()[-1])


@pytest.mark.parametrize(("lang", "words"), [("en", EN), ("ko", KO)])
def test_the_legend_says_where_the_colours_end_and_how_many_patches_are_above(tab, trace, lang, words):
    token = trace.token_at(4, 3)
    atlas = tab(lang, layer=2, head=ROLLOUT, query=token)
    truth = rollout(trace, last=2, token=token)[trace.num_prefix_tokens :].numpy()
    end, above = scale_end(truth), int((truth > scale_end(truth)).sum())
    assert above == 2
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
        assert weights.max() > 3 * np.percentile(weights, 99, method="lower") or (weights > weights.max() / 3).sum() > 1
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
