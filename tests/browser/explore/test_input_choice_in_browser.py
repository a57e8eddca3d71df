"""Choosing an input size and the whole picture in Explore: grid, maps and address follow."""

import numpy as np
import pytest

import vit_core as vc
from app import text
from app.explore import input_choice
from tests.browser.conftest import ROOT, addressed, settled
from tests.browser.explore.atlas_driver import agrees
from tests.browser.explore.test_explore import Looking

KITTEN = ROOT / "assets" / "samples" / "kitten.jpg"  # wider than high
T = text.Text("en")


@pytest.fixture(scope="module")
def model():
    return vc.load("embedded:photo", "cpu")


def choose(page, label: str, of: str) -> None:
    """Open the choice, and choose this radio button ("radio") or button ("button")."""
    page.locator(".st-key-input_choice button").first.click()
    body = page.get_by_test_id("stPopoverBody")
    (body.locator("label", has_text=label) if of == "radio" else body.get_by_text(label, exact=True)).first.click()


def test_size_and_framing_change_the_grid(visit, model, shoot):
    page = visit("lang=en&sample=kitten.jpg&from=class&layer=2&head=1")
    atlas = Looking(page)
    assert atlas.js("a.model.header.grid") == list(vc.record(model, KITTEN).grid)
    size = input_choice.offered(model)[1]
    choose(page, T("input.size", width=size, height=size), "radio")
    square = vc.record(model, KITTEN, size=size)
    atlas.wait(f"JSON.stringify(a.model.header.grid) === '{list(square.grid)}'.replaceAll(' ', '')")
    addressed(page, f"size={size}", lacks=("framing",))
    choose(page, T("input.framing.whole"), "button")
    trace = vc.record(model, KITTEN, size=size, framing="whole")
    rows, cols = trace.grid
    assert rows < cols
    atlas.wait(f"a.model.rows === {rows} && a.model.cols === {cols}")
    addressed(page, f"size={size}", "framing=whole")
    atlas.shows(trace.attention(1, [0])[0, 0])
    row, col = rows - 1, cols - 2
    atlas.hover(row, col)
    atlas.shows(trace.attention(1, [trace.token_at(row, col)])[0, 0])
    agrees(atlas.overlay(), trace.on_grid(trace.attention(1, [trace.token_at(row, col)])[0, 0]).numpy())
    frame = atlas.box(".frame")
    height, width = trace.crop.picture
    assert frame["width"] / frame["height"] == pytest.approx(width / height, rel=0.06)
    settled(page)
    shoot(page, "input-whole")


def test_a_link_opens_the_same_input(visit, model):
    size = input_choice.offered(model)[1]
    page = visit(f"lang=ko&sample=kitten.jpg&size={size}&framing=whole", 390, 844)
    assert tuple(Looking(page).js("a.model.header.grid")) == vc.record(model, KITTEN, size=size, framing="whole").grid
    assert np.diff(page.evaluate("[document.documentElement.scrollWidth, innerWidth]"))[0] >= 0
