"""The views of Explore beside the picture: each fits the window, and the picture stays where it is."""

import numpy as np
import pytest

import vit_core as vc
from app import text
from app.explore.address import VIEWS
from app.text import WORDS
from tests.browser.conftest import addressed, idle, new_page, settled, still
from tests.browser.explore.test_explore import ENGLISH, FIGURES, FIRST, SAMPLES, Looking, Rolled, show, upload
from vit_core.images import draw
from vit_core.percentage import percent


@pytest.fixture(scope="module")
def model():
    return vc.load("embedded:photo", "cpu")


def go(page, address: str) -> None:
    page.goto(f"{page.url.split('?')[0]}?{address}")
    settled(page)
    Looking(page)
    still(page)


def box(page, selector: str) -> dict:
    return page.locator(selector).bounding_box()


@pytest.mark.parametrize(
    ("lang", "theme", "width", "height"),
    [("en", "light", 1280, 720), ("ko", "dark", 1280, 720), ("ko", "light", 1920, 1080)],
)
def test_each_view_fits_the_window_and_the_picture_stays(visit, shoot, lang, theme, width, height):
    page, places = visit(f"lang={lang}", width, height, theme), []
    for name, address in FIGURES.items():
        go(page, f"lang={lang}&{address}")
        main = page.get_by_test_id("stMain")
        assert main.evaluate("e => e.scrollHeight - e.clientHeight") <= 0, name
        assert main.evaluate("e => e.scrollWidth - e.clientWidth") <= 0, name
        frame, places = box(page, ".atlas .frame"), [*places, box(page, ".atlas .frame")]
        fold = box(page, "[data-testid=stMain] details")
        assert fold["y"] + fold["height"] <= height, name
        if name not in ("attention", "like"):  # whose fold is beneath the picture
            assert fold["x"] > frame["x"] + frame["width"], name
        for plot in page.locator(".js-plotly-plot").all():
            assert plot.evaluate("e => e.getBoundingClientRect().right - window.innerWidth") <= 0
        sizes = page.evaluate("""() => [...document.querySelectorAll('.js-plotly-plot svg text')]
            .filter(t => t.textContent.trim()).map(t => parseFloat(getComputedStyle(t).fontSize))""")
        assert min(sizes, default=14) >= 14
        shoot(page, f"{name}-{lang}-{theme}-{width}")
    assert places == places[:1] * len(FIGURES)


@pytest.mark.parametrize(("lang", "theme"), [("en", "light"), ("ko", "dark")])
def test_on_a_phone_the_view_is_beneath_the_picture(visit, shoot, lang, theme):
    page = visit(f"lang={lang}", 390, 844, theme)
    for name, address in FIGURES.items():
        go(page, f"lang={lang}&{address}")
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        assert page.get_by_test_id("stMain").evaluate("e => e.scrollWidth - e.clientWidth") <= 0, name
        assert page.locator(".atlas .view").evaluate("e => e.scrollWidth - e.clientWidth") <= 0
        choice, frame = box(page, ".atlas .view"), box(page, ".atlas .frame")
        fold = box(page, "[data-testid=stMain] details")
        assert frame["y"] + frame["height"] <= choice["y"] <= 844 - choice["height"], name
        assert choice["y"] + choice["height"] < fold["y"], name
        shoot(page, f"{name}-{lang}-{theme}-390")


def test_words_in_figures_have_the_pages_colour(visit):
    page = visit("lang=en&view=inside&inside=norms", theme="dark")
    colours = page.evaluate("""() => [getComputedStyle(document.querySelector('.st-key-norms_chart .ytick text')).fill,
                                      getComputedStyle(document.querySelector('.stApp')).color]""")
    assert colours[0] == colours[1]


def test_the_digits_choose_the_view_and_it_is_in_the_address_and_the_history(visit, server):
    page = visit("lang=en")
    Looking(page)
    ran = server.forwards()
    for digit, view in (*zip("2345", VIEWS[1:], strict=True), ("1", "heads")):
        page.keyboard.press(digit)
        addressed(page, f"view={view}")
        page.locator(f".st-key-view_{view}").wait_for(state="attached")
        assert page.locator(".atlas .view input:checked").get_attribute("value") == view
        assert page.locator(".sheet canvas").is_visible() == (view == "heads")
    idle(page)
    page.go_back(wait_until="commit")
    addressed(page, "view=features")
    page.locator(".st-key-view_features").wait_for(state="attached")
    assert page.locator(".atlas .view input:checked").get_attribute("value") == "features"
    assert server.forwards() == ran
    page.locator(".st-key-model_en input").click()
    page.keyboard.press("2")  # typed, not chosen
    page.keyboard.press("Escape")
    assert page.locator(".atlas .view input:checked").get_attribute("value") == "features"


def test_each_depth_of_the_rollout_is_shown_over_the_picture(visit, model, server):
    page = visit("lang=en&view=flow")
    trace, rolled, atlas = vc.record(model, str(SAMPLES / FIRST["file"])), Rolled(page), Looking(page)
    rows = [np.asarray(vc.rollout(trace, last=last)) for last in range(trace.depth)]
    maps = [np.asarray(trace.on_grid(vc.rollout(trace, last=last))) for last in range(trace.depth)]
    ends = [draw.scale_end(one) for one in maps]
    assert all(end < one.max() for end, one in zip(ends, maps, strict=True))  # the class token looks at few patches
    ran = server.forwards()
    for layer in (2, 5):
        rolled.small(layer).click()
        rolled.shows(maps[layer - 1], layer)
        atlas.shows(rows[layer - 1])
        assert f"layers 1 to {layer}?" in page.locator(".title").inner_text()
        addressed(page, f"depth={layer}")
    rolled.small(5).locator("input").focus()
    page.keyboard.press("ArrowLeft")
    rolled.shows(maps[3], 4)
    for layer in (1, trace.depth):
        shown = rolled.colours(f".strip label:nth-child({layer}) .map")
        assert np.abs(shown.astype(int) - draw.colour_map(maps[layer - 1], 0.0, ends[layer - 1])).max() <= 5
    rolled.root.get_by_label(ENGLISH("map.shared")).check()
    top = max(ends)
    assert rolled.root.locator(".ticks").inner_text().split("\n")[-1] == f"≥\u00a0{percent(top)}"
    for layer in (1, trace.depth):
        shown = rolled.colours(f".strip label:nth-child({layer}) .map")
        assert np.abs(shown.astype(int) - draw.colour_map(maps[layer - 1], 0.0, top)).max() <= 5
    addressed(page, "depth=4", "flow_scale=shared")
    upload(page, "coffee.jpg", (SAMPLES / "coffee.jpg").read_bytes())  # what was chosen stays for another picture
    other = vc.record(model, str(SAMPLES / "coffee.jpg"))
    rolled.shows(other.on_grid(vc.rollout(other, last=3)), 4)
    atlas.shows(vc.rollout(other, last=3))
    assert server.forwards() <= ran + 1  # none if another test has shown this picture


def test_rollout_follows_the_pointer_at_once_and_with_any_settings(visit, model):
    page = visit("lang=en&view=flow&layer=3&head=2")
    trace, atlas, rolled = vc.record(model, str(SAMPLES / FIRST["file"])), Looking(page), Rolled(page)
    for row, col in ((3, 6), (12, 1)):
        atlas.hover(row, col)
        atlas.shows(vc.rollout(trace, token=trace.token_at(row, col)))
    page.locator(".st-key-fusion").get_by_text(ENGLISH("rollout.fusion.max"), exact=True).click()
    wanted = vc.rollout(trace, "max", token=trace.token_at(12, 1))
    rolled.shows(trace.on_grid(wanted), trace.depth)
    atlas.shows(wanted)
    atlas.hover(4, 4)  # the browser cannot compute this one: it shows the last until the page sends it
    atlas.shows(vc.rollout(trace, "max", token=trace.token_at(4, 4)))
    show(page, "heads")
    atlas.shows(trace.attention(2, [trace.token_at(4, 4)])[1, 0])


@pytest.mark.parametrize("lang", ["en", "ko"])
def test_the_first_screen_says_what_this_is_until_it_is_used(visit, lang):
    page = visit(f"lang={lang}&layer=6&from=class")
    intro, atlas = page.locator(".atlas .intro"), Looking(page)
    assert intro.inner_text() == WORDS[lang]["intro"]
    header = page.get_by_test_id("stSidebarHeader")
    assert header.evaluate("e => getComputedStyle(e, '::before').content") == '"Vitrine"'
    title = {
        "en": "What does the class token attend to in layer 6, mean of heads?",
        "ko": "클래스 토큰은 6번 레이어 헤드 평균에서 어디를 볼까?",
    }
    assert page.locator(".atlas .title").inner_text() == title[lang]
    atlas.hover(3, 4)
    intro.wait_for(state="hidden")
    page.reload()
    settled(page)
    Looking(page)
    assert not intro.is_visible()


@pytest.mark.parametrize("lang", ["en", "ko"])
def test_on_a_phone_one_is_told_to_tap_and_the_pages_are_in_sight(chromium, server, lang):
    context = chromium.new_context(viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
    try:
        page = new_page(context)
        page.goto(f"{server.url}/?lang={lang}")
        settled(page)
        atlas, words = Looking(page), WORDS[lang]
        assert page.locator(".atlas .intro").inner_text() == words["intro_touch"]
        assert page.locator(".atlas .note").inner_text() == words["hint_touch"]
        page.touchscreen.tap(*atlas.place(5, 4))
        page.locator(".atlas .intro").wait_for(state="hidden")
        pages = page.locator(".st-key-phone_pages a")
        assert pages.all_inner_texts() == [
            text.Text(lang)(f"page.{name}") for name in ("explore", "lecture", "mistakes")
        ]
        menu = box(page, "[data-testid=stMainMenu]")
        places = [one.bounding_box() for one in pages.all()]
        assert all(one["y"] + one["height"] < 60 and one["x"] + one["width"] <= menu["x"] for one in places)
        pages.nth(2).tap()
        page.wait_for_url("**/mistakes?*")
        page.set_viewport_size({"width": 1280, "height": 720})
        pages.first.wait_for(state="hidden")  # Streamlit shows its own
    finally:
        context.close()
