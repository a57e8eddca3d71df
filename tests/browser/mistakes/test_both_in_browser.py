"""See why from a comparison: both models side by side, or one of them; and its address."""

import json

import numpy as np
import pytest
from playwright.sync_api import expect

import vit_core as vc
from app import text
from app.mistakes import requests
from app.mistakes.earlier.compared import Compared
from app.mistakes.earlier.side_by_side import compared_classes, scaled_maps
from app.mistakes.find import Evaluation
from app.mistakes.requests import EvaluationRequest
from app.mistakes.why import Why
from app.text.why import BOTH, EN
from tests import evaluated
from tests.browser.conftest import addressed, idle, opening
from tests.browser.mistakes.test_why_in_browser import FIND
from vit_core.data import open_dataset
from vit_core.evaluation import evaluate

T, WORDS = text.Text("en"), EN | BOTH["en"]
MODELS = (evaluated.MODEL, f"{evaluated.MODEL}?input=42")  # the second one has another grid
VIEW = """(() => { for (const e of document.querySelectorAll('*')) {
    const found = e.shadowRoot?.querySelector('.both'); if (found?.both) return found.both } })()"""
MAPS = f"{VIEW}.sides.map(side => side.values.map(values => values && [...values]))"


@pytest.fixture(scope="module")
def two(site, tmp_path_factory):
    """Evaluations of the same pictures with the same weights at two input sizes."""
    bundled, pictures = open_dataset("bundled:fashion"), tmp_path_factory.mktemp("pictures")
    for i in range(60):
        home = pictures / bundled.classes[bundled.labels[i]].replace("/", "-")
        home.mkdir(exist_ok=True)
        (home / f"{i:03}.png").write_bytes(bundled.data(i))
    found = []
    for name in MODELS:
        asked = EvaluationRequest(name, str(pictures))
        out = requests.run_folder(asked.id)
        evaluate(vc.load(name, "cpu"), open_dataset(pictures), out, name=name, workers=0)
        (out / "request.json").write_text(json.dumps(vars(asked)), "utf-8")
        found.append(Evaluation(out))
    return found


@pytest.fixture
def show(chromium, site):
    with opening(chromium, site) as open_page:
        yield lambda address, *window, **named: open_page(f"mistakes?lang=en&{address}", *window, **named)


def opened(page) -> None:
    page.locator(".both[data-state=ready]").wait_for()
    idle(page)


def maps(page) -> list:
    return page.evaluate(MAPS)


def test_a_picture_of_a_comparison_opens_with_both_models(show, two, shoot):
    a, b = two
    of = Compared(a, b)
    assert len(of.numbers["broken"])
    row = b.rows.at(of.numbers["broken"][:1].tolist())[0]
    page = show(f"run={b.request.id}&against={a.request.id}&list=broken")
    page.locator(f'.gallery button[data-path="{row["path"]}"]').click()
    opened(page)
    both = [Why(vc.load(run.model, "cpu"), run, row["path"]) for run in two]
    for number, why in enumerate(both):
        said = page.locator(".both .prediction").nth(number).inner_text()
        assert WORDS[f"both_{('right', 'wrong')[number]}"].split("{")[0] in said
        assert a.labels[why.predicted] in said.replace("\u2068", "")
        wanted = scaled_maps(why, [pair[number] for pair in compared_classes(*both)], "gradient_rollout")
        for drawn, each in zip(maps(page)[number], wanted, strict=True):
            np.testing.assert_allclose(drawn, each.ravel(), atol=1e-4)
    assert page.get_by_text(WORDS["both_grid"].split("{")[0]).count() == 1
    page.locator(".both .map .picture").first.hover(position={"x": 3, "y": 3})
    reading = page.locator(".both .reading").inner_text()
    assert "A, row 1, column 1:" in reading
    assert "B, row 1, column 1:" in reading  # the same place, on another grid
    shoot(page, "both")
    before = maps(page)
    page.get_by_role("radio", name=WORDS["lrp"]).click()
    addressed(page, "method=lrp", f"against={a.request.id}", f"run={b.request.id}", "list=broken")
    page.wait_for_function(f"before => JSON.stringify({MAPS}) !== JSON.stringify(before)", arg=before)
    other = show(page.url.partition("?")[2])
    opened(other)
    assert maps(other) == maps(page)
    assert other.locator(".both .side h3").all_inner_texts() == page.locator(".both .side h3").all_inner_texts()
    page.locator(".st-key-open_back button").click()
    page.locator(f'.gallery button[data-path="{row["path"]}"]').wait_for()
    addressed(page, f"against={a.request.id}", "list=broken", lacks=("open",))


def test_one_model_of_the_two_can_be_painted_and_the_address_says_which(show, two):
    a, b = two
    path = b.rows.at([0])[0]["path"]
    page = show(f"run={b.request.id}&against={a.request.id}&list=all&open={path}")
    opened(page)
    for side, run in (("a", a), ("b", b)):
        page.get_by_role("radio", name=WORDS[f"both_show_{side}"]).click()
        addressed(page, f"side={side}")
        page.wait_for_function(f"() => {FIND}?.data?.grid[0] === {Why(vc.load(run.model, 'cpu'), run, path).grid[0]}")
        expect(page.locator(".both")).to_have_count(0)
    other = show(page.url.partition("?")[2])
    other.wait_for_function(f"() => {FIND}?.data")
    expect(other.get_by_role("radio", name=WORDS["both_show_b"])).to_be_checked()


def test_explore_opens_the_model_that_is_shown(show, two):
    a, b = two
    page = show(f"run={b.request.id}&against={a.request.id}&list=all&open={b.rows.at([0])[0]['path']}&side=a")
    page.wait_for_function(f"() => {FIND}?.data && {FIND}.curve()")
    idle(page)
    page.locator(".st-key-open_explore button:visible").first.click()
    page.locator(".atlas[data-state=ready]").wait_for()
    addressed(page, lacks=("size", "run"))  # B's model has an input size of 42


@pytest.mark.parametrize(("width", "theme"), [(1280, "light"), (390, "dark")])
def test_both_fit_beside_or_below_each_other(show, two, shoot, width, theme):
    a, b = two
    page = show(f"run={b.request.id}&against={a.request.id}&open={b.rows.at([1])[0]['path']}", width, 720, theme)
    opened(page)
    first, second = (page.locator(".both .side").nth(i).bounding_box() for i in (0, 1))
    assert (first["y"] == second["y"]) == (width > 400)
    root = page.locator(".both").bounding_box()
    assert root["height"] < (500 if width > 400 else 1000)
    beyond = page.evaluate(f"""() => {{
        const root = {VIEW}.root, right = root.getBoundingClientRect().right + 1;
        const all = [...root.querySelectorAll('.side *')];
        return all.filter(e => e.getBoundingClientRect().right > right).map(e => e.outerHTML.slice(0, 200));
    }}""")
    assert not beyond
    shoot(page, f"both-{width}")
