""" "Is like" on the explore page: in the address, and as files whose numbers are the core's."""

import io
import xml.etree.ElementTree as ET

import numpy as np
import pytest

import vit_core as vc
from app.text import WORDS
from tests.browser.conftest import addressed, settled
from tests.browser.explore.atlas_driver import on_scale
from tests.browser.explore.test_explore import FIRST, SAMPLES, Looking
from tests.browser.explore.test_like_in_browser import agrees
from tests.browser.explore.test_save_in_browser import GRID, SVG, Saving, centres

LIKE = "lang=en&direction=like"
COMPLETE = "a.like.on && a.map?.exact && a.like.complete"


@pytest.fixture(scope="module")
def trace():
    return vc.record(vc.load("embedded:photo", "cpu"), str(SAMPLES / FIRST["file"]), features=True)


def similar(trace, layer: int, row: int, col: int, facet: str = "token") -> np.ndarray:
    """(P,); row and column from 0."""
    return vc.features.similarity(trace, layer, trace.token_at(row, col), facet).numpy()


def test_the_address_opens_the_same_similarity(visit, trace):
    page = visit("lang=en&layer=9&from=patch&row=9&col=6")
    atlas = Looking(page)
    assert atlas.js("a.like.requests") < atlas.js("Date.now()")
    assert atlas.js("a.like.features.layers.size") == 0  # nobody has asked for them
    page.locator(".atlas .direction input[value=like]").click()
    page.locator(".atlas .facet input[value=key]").click()
    addressed(page, "direction=like", "facet=key", "layer=9", "row=9", "col=6")
    atlas.wait(COMPLETE)
    agrees(atlas.overlay(), similar(trace, 8, 8, 5, "key"), 8 * 16 + 5)
    settled(page)
    other = Looking(visit(page.url.partition("?")[2]))
    other.wait(COMPLETE)
    assert other.js("a.view()") == atlas.js("a.view()")
    assert (other.overlay() == atlas.overlay()).all()
    page.locator(".atlas .facet input[value=token]").click()
    addressed(page, "direction=like", lacks=("facet=",))


def test_the_numbers_are_the_cores(visit, trace):
    a, b = similar(trace, 6, 5, 3, "value"), similar(trace, 6, 2, 8, "value")
    rows = {
        "layer=8&from=patch&row=6&col=5": similar(trace, 7, 5, 4),
        "layer=2&from=class&facet=query": vc.features.similarity(trace, 1, 0, "query").numpy(),
        "layer=7&pinned=6-4.3-9&facet=value&compare=difference": a - b,
        "layer=7&pinned=6-4.3-9&facet=value": np.stack([a, b]),
    }
    page = visit("lang=en")
    for address, wanted in rows.items():
        page.goto(f"{page.url.split('?')[0]}?{LIKE}&{address}")
        settled(page)
        Looking(page).wait(COMPLETE)
        saving = Saving(page)
        array = saving.take("npy").numbers
        assert array.dtype == np.float32
        np.testing.assert_allclose(array, wanted.reshape(-1, *GRID).squeeze(), rtol=1e-4, atol=1e-5, err_msg=address)
        table = saving.take("csv").data
        read = np.loadtxt(io.BytesIO(table), delimiter=",", dtype=np.float32).reshape(array.shape)
        np.testing.assert_array_equal(read, array)


def test_image_caption_and_link_say_what_is_compared(visit, trace):
    page = visit(f"{LIKE}&layer=8&facet=key&from=patch&row=6&col=5")
    Looking(page).wait(COMPLETE)
    saving = Saving(page)
    for said in ("What is the patch in row 6, column 5 like in the keys of layer 8?", WORDS["en"]["facet_key_title"],
                 "Cosine similarity", FIRST["title_en"], f"Vitrine {vc.__version__}"):  # fmt: skip
        assert said in saving.caption, said
    saving.extent("bare")
    file = saving.take("large")
    assert file.name == "vitrine_ViT-S-14_red-panda_layer-8_like-key_from-r6-c5_map.png"
    assert file.image.info["Description"].replace("\u00a0", " ") == saving.caption
    agrees(on_scale(centres(file.pixels)), similar(trace, 7, 5, 4, "key"), 5 * 16 + 4)
    assert ET.fromstring(saving.take("svg").data).find(f"{SVG}desc").text.replace("\u00a0", " ") == saving.caption
    saving.extent("all")
    array = saving.take("npy").numbers
    assert array.shape == (12, *GRID)
    np.testing.assert_allclose(array[2].ravel(), similar(trace, 2, 5, 4, "key"), rtol=1e-4, atol=1e-5)
    root = ET.fromstring(saving.take("svg").data)
    assert [text.text for text in root.findall(f"{SVG}text")] == [str(layer) for layer in range(1, 13)]
    assert "the keys of each layer" in saving.caption
    assert "facet=key" in saving.js("a.save.link()")
