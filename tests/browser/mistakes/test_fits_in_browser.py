"""What has to fit at 1280 x 720 on the page of mistakes: the lists in one line, the titles of evaluations whole."""

import colorsys
import re

import pytest

from app import text
from tests.browser.conftest import idle, opening
from tests.browser.mistakes.test_earlier_in_browser import two  # noqa: F401
from vit_core.images import DIVERGING


@pytest.fixture
def show(chromium, site):
    with opening(chromium, site) as open_page:
        yield lambda address, *window: open_page(f"mistakes?{address}", *window)


@pytest.mark.parametrize("width", [1280, 1920])
@pytest.mark.parametrize("language", text.LANGUAGES)
def test_the_lists_of_a_comparison_stand_in_one_line(show, two, width, language):  # noqa: F811
    first, second = two
    page = show(f"lang={language}&run={second.id}&against={first.id}&list=both_wrong", width, 720)
    page.locator(".gallery button").first.wait_for()
    idle(page)
    tops = page.locator(".st-key-list [role=radio]").evaluate_all(
        "all => all.map(one => Math.round(one.getBoundingClientRect().top))"
    )
    assert len(tops) == 6
    assert len(set(tops)) == 1


@pytest.mark.parametrize("language", text.LANGUAGES)
def test_the_box_of_evaluations_shows_whole_titles(show, two, language):  # noqa: F811
    t = text.Text(language)
    page = show(f"lang={language}&run={two[1].id}")
    page.locator(".gallery button").first.wait_for()
    idle(page)
    bar = page.locator(".st-key-top_bar")
    buttons = [bar.get_by_role("button", name=t(f"mistakes.{name}")) for name in ("earlier.manage", "new")]
    assert len({round(each.bounding_box()["y"]) for each in buttons}) == 1  # in one line
    bar.get_by_role("combobox").click()
    option = page.get_by_role("option").first
    option.wait_for()
    cut = page.get_by_role("option").evaluate_all(
        "all => all.flatMap(one => [one, ...one.children]).filter(one => one.scrollWidth > one.clientWidth + 1).length"
    )
    assert cut == 0


def hue(colour: str) -> float:
    """Of a CSS colour, in degrees."""
    red, green, blue = (int(part) / 255 for part in re.findall(r"\d+", colour)[:3])
    return 360 * colorsys.rgb_to_hsv(red, green, blue)[0]


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_class_has_one_colour_in_see_why(show, theme):
    """That of its bar has the hue of its end of the scale of differences."""
    page = show("lang=en&list=all&open=scissors%2Fscissors1.jpg", 1280, 720, theme)
    page.locator(".why[data-state=ready]").wait_for()
    for kind, end in (("a", DIVERGING[0]), ("b", DIVERGING[-1])):
        bar = page.locator(f".probabilities .{kind} .now").evaluate("one => getComputedStyle(one).backgroundColor")
        assert abs(hue(bar) - hue(str(end.tolist()))) < 15
