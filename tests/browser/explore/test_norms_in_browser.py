"""The figure Norms: the map is the core's, follows the chosen layer, and has the atlas' switch."""

import numpy as np
import pytest

import vit_core as vc
from app.text import WORDS
from tests.browser.conftest import addressed, idle, settled
from tests.browser.explore import atlas_models
from tests.browser.explore.test_explore import SAMPLES, Looking, await_values, patch_centres, show
from vit_core.images import draw


@pytest.fixture(scope="module")
def planted(tmp_path_factory):
    """The model "outliers" in a file: (address, trace of the coffee, the patches that are outliers)."""
    path = tmp_path_factory.mktemp("model") / "outliers.safetensors"
    vc.save(atlas_models.build("outliers"), path)
    trace = vc.record(vc.load(f"file:{path}", "cpu"), str(SAMPLES / "coffee.jpg"))
    patches = vc.features.outlier_tokens(trace).nonzero()[:, 0].tolist()
    assert patches == [row * 14 + col for row, col in atlas_models.OUTLIERS]
    return f"model=file:{path}&sample=coffee.jpg", trace


def colours(page) -> list[str]:
    """The numbers beneath the map, and the sentence below them."""
    return page.locator(".st-key-norms_map .colorbar text").all_text_contents()


@pytest.mark.parametrize("lang", ["en", "ko"])
def test_the_map_is_the_cores_and_follows_the_layer(visit, planted, lang):
    address, trace = planted
    page = visit(f"lang={lang}&{address}&layer=5&view=inside&inside=norms")
    norms = trace.on_grid(trace.token_norms).numpy()
    await_values(page, "norms_map", 0, "z", norms[5])
    low = norms[5].min()
    end, words = low + draw.scale_end(norms[5] - low, 2), WORDS[lang]
    assert end < norms[5].max() / 2
    above = int((norms[5] > end).sum())
    assert colours(page)[-2:] == [f"≥ {end:.0f}", words["clipped_many"].format(end=f"{end:.0f}", above=above)]
    rings = patch_centres(page, "norms_map", 2)
    cells = patch_centres(page, "norms_map", 0)
    for (x, y), (row, col) in zip(rings, atlas_models.OUTLIERS, strict=True):
        assert cells[row * 14 + col] == pytest.approx((x, y), abs=0.6 * (cells[1][0] - cells[0][0]))
    page.mouse.move(*cells[7 * 14 + 6])
    said = page.locator(".st-key-norms_map .hoverlayer text").first
    said.wait_for()
    assert f"{norms[5][7, 6]:.3g}" in said.text_content()
    page.locator(".atlas .stage").focus()
    page.keyboard.press("PageUp")
    addressed(page, "layer=4")
    await_values(page, "norms_map", 0, "z", norms[4])
    page.mouse.click(*patch_centres(page, "norms_chart", 1)[2])  # the patches' median after layer 2
    addressed(page, "layer=2")
    await_values(page, "norms_map", 0, "z", norms[2])
    assert Looking(page).js("a.state.layer") == 1


def test_one_switch_for_all_maps(visit, planted):
    address, trace = planted
    page = visit(f"lang=en&{address}&layer=5&view=inside&inside=norms")
    norms = trace.on_grid(trace.token_norms).numpy()[5]
    page.locator(".st-key-norms_clip label").click()
    addressed(page, "clip=off")
    page.wait_for_function(
        "end => [...document.querySelectorAll('.st-key-norms_map .colorbar text')].at(-1)?.textContent === end",
        arg=f"{norms.max():.0f}",
    )
    atlas = Looking(page)
    atlas.wait("a.state.clip === 'off'")
    show(page, "flow")
    switch = page.locator(".rollout .clip input")
    assert not switch.is_checked()
    rollout = vc.rollout(trace)[trace.num_prefix_tokens :].numpy()
    assert np.isclose(draw.scale_end(rollout, 2), rollout.max()) or page.locator(".rollout .clipped").inner_text() == ""
    switch.check()
    addressed(page, "view=flow", lacks=("clip",))
    atlas.wait("a.state.clip === 'on'")
    show(page, "heads")
    page.locator(".atlas .clip input").uncheck()
    addressed(page, "clip=off")
    show(page, "inside")
    settled(page)
    idle(page)
    assert not page.locator(".st-key-norms_clip input").is_checked()
