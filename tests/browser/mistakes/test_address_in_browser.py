"""Every control of Mistakes and See why is in the address: set them all, open it in another browser, see the same."""

import json
import re
from functools import partial
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import expect

from app import state, text
from app.mistakes.requests import EvaluationRequest
from app.state import Key
from app.text.why import BOTH, EN
from tests import tables
from tests.browser.conftest import addressed, idle, opening
from tests.browser.mistakes.test_both_in_browser import two  # noqa: F401
from tests.browser.mistakes.test_mistakes_in_browser import made_up
from tests.browser.mistakes.test_why_in_browser import FIND

T, WORDS = text.Text("en"), EN | BOTH["en"]
LABELS = [f"class {number}" for number in range(6)]


@pytest.fixture
def show(chromium, site):
    with opening(chromium, site) as open_page:
        yield lambda address="": open_page(f"mistakes?lang=en&{address}")


@pytest.fixture(scope="module")
def listed(site):
    """Two evaluations of the same made-up pictures, for the lists."""
    requests = [EvaluationRequest("embedded:photo", "/made/up/list", version=version) for version in "ab"]
    for request in requests:
        out = made_up(request, LABELS, 1000)
        about = json.loads((out / "run.json").read_text("utf-8")) | {"right": 3, "known": 4}
        (out / "run.json").write_text(json.dumps(about), "utf-8")
    return requests


def choose(page, name: str, option: str) -> None:
    """Choose from a select box."""
    page.get_by_role("combobox", name=name, exact=True).locator("visible=true").click()
    page.get_by_role("option", name=re.compile(re.escape(option))).first.click()


def in_filters(page, act) -> None:
    """Do something in the popover of the filters, and close that."""
    button = page.get_by_role("button", name=T("mistakes.filter"), exact=True)
    button.click()
    page.locator(".st-key-filter_boxes").wait_for()
    act(page)
    idle(page)
    page.keyboard.press("Escape")
    page.locator(".st-key-filter_boxes").wait_for(state="hidden")


def write_query(page) -> None:
    field = page.get_by_role("textbox", name=T("mistakes.filter.query"))
    field.fill("class")
    field.press("Enter")


def raise_confidence(page) -> None:
    page.locator(".st-key-filter_boxes input[type=range]").first.focus()
    for _ in range(3):
        page.keyboard.press("ArrowRight")


def radio(page, name: str) -> None:
    page.get_by_role("radio", name=name, exact=True).locator("visible=true").click()


def why_radio(page, name: str) -> None:
    page.locator(".why").get_by_role("radio", name=name, exact=True).click()
    page.wait_for_function(f"() => {FIND}.root.dataset.state === 'ready' && !{FIND}.pending && !{FIND}.dirty")


def filtered(name: str, option: str):
    return lambda page: in_filters(page, lambda page: choose(page, T(f"mistakes.filter.{name}"), option))


#: What is set in the list, in this order, and the address that it makes; {0} and {1} are the two evaluations.
LIST_CONTROLS = {
    Key.RUN: (lambda page: None, "{0}"),  # in the box; a test of its own chooses there
    Key.AGAINST: (lambda page: choose(page, T("mistakes.compared.with"), "ViT"), "{1}"),
    Key.BY: (lambda page: choose(page, T("mistakes.matrix.by"), T("mistakes.matrix.by.count")), "count"),
    Key.SORT: (lambda page: choose(page, T("mistakes.matrix.sort"), T("mistakes.matrix.sort.name")), "name"),
    Key.LIST: (lambda page: radio(page, T("mistakes.list.all")), "all"),
    Key.LABEL: (filtered("label", LABELS[2]), "2"),
    Key.PREDICTED: (filtered("predicted", LABELS[2]), "2"),
    Key.OUTCOME: (filtered("outcome", T("mistakes.filter.outcome.right")), "right"),
    Key.CONFIDENCE: (lambda page: in_filters(page, raise_confidence), "0.03-1.0"),
    Key.QUERY: (lambda page: in_filters(page, write_query), "class"),
    Key.PAGE: (lambda page: page.locator(".st-key-gallery_after button:visible").first.click(), "2"),
}
#: The same for the list of maps.
MAP_CONTROLS = {
    Key.CLUSTER: (lambda page: page.locator(".st-key-common_1_show button").click(), "2"),
    Key.REGION: (lambda page: radio(page, T("mistakes.maps.region.centre")), "centre"),
    Key.SHARE: (lambda page: (page.locator(".st-key-share input").focus(), page.keyboard.press("ArrowRight")), "5"),
}
#: The same for an open picture.
WHY_CONTROLS = {
    Key.OPEN: (lambda page: None, None),  # a click in the list, in a test of its own
    Key.SIDE: (lambda page: radio(page, WORDS["both_show_a"]), "a"),
    Key.METHOD: (lambda page: why_radio(page, WORDS["lrp"]), "lrp"),
    Key.FILL: (lambda page: why_radio(page, WORDS["fill_blur"]), "blur"),
}


def values(page) -> dict[str, str]:
    return {name: found[0] for name, found in parse_qs(urlsplit(page.url).query).items()}


def in_list(page) -> dict:
    """What the list's controls and pictures show."""
    page.locator(".gallery button").first.wait_for()
    idle(page)
    return {
        "boxes": page.locator("[data-testid=stSelectbox] input").evaluate_all("all => all.map(one => one.value)"),
        "lists": page.locator(".st-key-list [aria-checked=true]").all_inner_texts(),
        "pictures": page.locator(".gallery button").evaluate_all("all => all.map(one => one.dataset.path)"),
        "metrics": page.locator(".stMetric").all_inner_texts(),
        "bar": page.locator(".st-key-gallery_bar").inner_text(),
    }


def test_the_tables_have_every_key_of_the_page():
    assert {*LIST_CONTROLS, *MAP_CONTROLS, *WHY_CONTROLS} == {*state.MISTAKES_KEYS}
    assert {*state.MISTAKES_KEYS} <= {*state.ADDRESS_KEYS}


def test_an_address_opens_the_list_as_it_was_set(show, listed):
    ids = [request.id for request in listed]
    page = show(f"run={ids[0]}")
    page.locator(".gallery button").first.wait_for()
    for key, (act, value) in LIST_CONTROLS.items():
        act(page)
        page.wait_for_function(
            "([key, value]) => new URL(location).searchParams.get(key) === value", arg=[key, value.format(*ids)]
        )
        idle(page)
    other, shown = show(page.url.partition("?")[2]), in_list(page)
    assert all(shown.values())
    assert in_list(other) == shown
    assert (
        values(other)
        == values(page)
        == values(page) | {key: value.format(*ids) for key, (_, value) in LIST_CONTROLS.items()}
    )


def test_an_address_opens_the_list_of_maps_as_it_was_set(show, listed):
    tables.maps(listed[1].folder)
    page = show(f"run={listed[1].id}")
    page.locator(".gallery button").first.wait_for()
    for key, (act, value) in MAP_CONTROLS.items():
        act(page)
        addressed(page, f"{key}={value}")
        idle(page)
    other, shown = show(page.url.partition("?")[2]), in_list(page)
    assert shown["lists"] == [T("mistakes.list.maps")]
    assert in_list(other) == shown
    assert other.locator(".st-key-share input").input_value() == "5"
    expect(other.locator(".st-key-all_clusters")).to_contain_text("2")
    assert values(other) == values(page)


def test_an_address_opens_see_why_as_it_was_set(show, two):  # noqa: F811
    a, b = two
    path = b.rows.at([0])[0]["path"]
    page = show(f"run={b.request.id}&against={a.request.id}&list=all&open={path}")
    page.locator(".both[data-state=ready]").wait_for()
    ready = partial(page.wait_for_function, f"() => {FIND}?.data && {FIND}.curve()")
    for key, (act, value) in WHY_CONTROLS.items():
        act(page)
        if value:
            addressed(page, f"{key}={value}")
            ready()
        idle(page)
    other = show(page.url.partition("?")[2])
    other.wait_for_function(f"() => {FIND}?.data && {FIND}.curve()")
    shown = f"""() => {{ const w = {FIND};
        return [w.data.of, w.method, w.chosen, w.fill, w.curve().p, w.curve().counts, w.names]; }}"""
    assert other.evaluate(shown) == page.evaluate(shown)
    first, second = (each.evaluate(f"[...{FIND}.map(0)]") for each in (page, other))
    assert first == pytest.approx(second, rel=1e-5)
    expect(other.get_by_role("radio", name=WORDS["both_show_a"])).to_be_checked()
    assert values(other) == values(page)
    page.go_back(wait_until="commit")  # before the fill
    addressed(page, "method=lrp", lacks=("fill",))
    page.wait_for_function(f"() => {FIND}?.data?.fill === 'mean' && {FIND}.fill === 'mean' && {FIND}.curve()")
    page.go_back(wait_until="commit")
    addressed(page, "side=a", lacks=("fill", "method"))
    page.wait_for_function(f"() => {FIND}?.method === 'gradient_rollout' && {FIND}.curve()")


@pytest.mark.parametrize("language", text.LANGUAGES)
def test_what_the_address_does_not_hold_says_so(language):
    t, word = text.Text(language), {"en": "address", "ko": "주소"}[language]
    for key in ("mistakes.classes.text", "mistakes.several.text", "mistakes.unlabelled.table", "mistakes.map.text"):
        assert word in t(key)
    from app.mistakes.why_panel import WORDS as BY_LANGUAGE

    assert word in BY_LANGUAGE[language]["not_kept"]


def test_see_why_says_which_of_its_controls_the_address_does_not_hold(show, two):  # noqa: F811
    _, b = two
    page = show(f"run={b.request.id}&open={b.rows.at([0])[0]['path']}")
    page.locator(".why[data-state=ready]").wait_for()
    assert page.locator(".why .left").get_by_text(WORDS["not_kept"]).count() == 1
