"""A planted shortcut is found in the browser: maps are computed, errors clustered, and the cluster opened."""

import json

import pytest
from playwright.sync_api import expect

import vit_core as vc
from app import text
from app.mistakes.requests import EvaluationRequest
from tests import shortcut
from tests.browser.conftest import addressed, idle, opening
from vit_core.data import open_dataset
from vit_core.evaluation import Rows, evaluate
from vit_core.evaluation.maps import read_maps_progress

T = text.Text("en")


@pytest.fixture(scope="module")
def learned(site, tmp_path_factory):
    """The evaluation of a model that takes a red patch in the corner for a square."""
    home = tmp_path_factory.mktemp("shortcut")
    vc.save(shortcut.train(), home / "model.safetensors")
    shortcut.write_pictures(home / "pictures")
    request = EvaluationRequest(f"file:{home / 'model.safetensors'}", str(home / "pictures"))
    request.folder.mkdir(parents=True)
    (request.folder / "request.json").write_text(json.dumps(vars(request)), "utf-8")
    dataset = open_dataset(request.source)
    evaluate(request.model, dataset, request.folder, name=request.model, workers=0, device="cpu")
    return request


@pytest.fixture
def show(chromium, site):
    with opening(chromium, site) as open_page:
        yield lambda address="": open_page(f"mistakes?lang=en&{address}")


def test_the_planted_shortcut_is_found(show, learned):
    page = show(f"run={learned.id}")
    page.locator(".st-key-common_begin button").click()
    page.locator(".st-key-cluster_1").wait_for()  # the page shows the clusters by itself
    assert read_maps_progress(learned.folder).state == "done"
    idle(page)
    pictures = Rows(learned.folder / "rows.parquet").count()
    corner = page.locator("[class*=st-key-cluster_]").filter(has_text=T("mistakes.maps.place.top left"))
    expect(corner).to_have_count(1)
    expect(corner).to_contain_text("square")
    typical = corner.locator(".gallery button")
    expect(typical).to_have_count(5)
    assert all("patch" in path for path in typical.evaluate_all("all => all.map(one => one.dataset.path)"))
    corner.get_by_role("button", name="List these").click()
    addressed(page, "list=maps")
    idle(page)
    listed = page.locator(".st-key-gallery .gallery button")
    paths = listed.evaluate_all("all => all.map(one => one.dataset.path)")
    assert 20 <= len(paths) < pictures
    assert sum("patch" in path for path in paths) > 0.9 * len(paths)
    assert listed.first.locator(".detail").inner_text().startswith("border")
    typical.first.click()  # opens See why
    page.locator(".why[data-state=ready]").wait_for()


def test_maps_can_be_stopped_and_continued(show, learned):
    for name in ("maps.parquet", "maps.json"):
        (learned.folder / name).unlink(missing_ok=True)
    page = show(f"run={learned.id}")
    page.locator(".st-key-common_begin button").click()
    page.locator(".st-key-cancel_maps button").click()
    begin = page.locator(".st-key-common_begin button")
    begin.wait_for()
    assert read_maps_progress(learned.folder).state == "cancelled"
    begin.click()
    page.locator(".st-key-cluster_1").wait_for()
    assert read_maps_progress(learned.folder).state == "done"
