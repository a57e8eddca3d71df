"""The presenter view: a second window that follows the slide and moves it."""

import re

from app.lecture import SCENES
from app.text.lecture import frame, scene_text


def notes(window) -> list[str]:
    return window.locator("#notes li").all_inner_texts()


def outline(scene: str, lang: str) -> list[str]:
    return getattr(scene_text(scene), lang.upper())["outline"].split("\n")


def test_the_second_window_follows_the_slide_and_moves_it(lecture, shoot):
    shown = lecture("patches")
    page = shown.page
    with page.expect_popup() as opened:
        page.keyboard.press("n")
    window = opened.value
    window.get_by_text(scene_text("patches").EN["title"]).wait_for()
    assert notes(window) == outline("patches", "en")
    assert window.locator("#next").inner_text() == f"Next: {scene_text('positions').EN['title']}"
    assert window.title() == frame.EN["presenter_title"]
    assert re.fullmatch(r"\d+:\d\d", window.locator("#elapsed").inner_text())
    shoot(window, "presenter_en")

    page.keyboard.press("PageDown")
    shown.ready("positions")
    window.get_by_role("heading", name=scene_text("positions").EN["title"]).wait_for()
    assert notes(window) == outline("positions", "en")

    window.keyboard.press("ArrowRight")
    shown.ready("encoder")
    window.get_by_role("button", name=frame.EN["presenter_previous"]).click()
    shown.ready("positions")

    page.keyboard.press("l")
    window.get_by_role("heading", name=scene_text("positions").KO["title"]).wait_for()
    assert notes(window) == outline("positions", "ko")
    assert window.evaluate("document.documentElement.lang") == "ko"
    shoot(window, "presenter_ko")

    window.close()
    shown.until("stage.presenter.window.closed")
    with page.expect_popup() as again:
        page.locator(".slide footer .presenter").click()
    again.value.get_by_role("heading", name=scene_text("positions").KO["title"]).wait_for()


def test_the_last_slide_has_no_next_one_and_a_closed_lecture_is_told(lecture):
    shown = lecture(SCENES[-1])
    with shown.page.expect_popup() as opened:
        shown.page.locator(".slide footer .presenter").click()
    window = opened.value
    window.get_by_text(frame.EN["presenter_end"]).wait_for()
    assert window.locator("#forward").is_disabled()
    assert not window.locator("#gone").is_visible()
    shown.page.get_by_role("link", name="Explore").click()
    window.locator("#gone").wait_for()
    shown.page.get_by_role("link", name="Lecture").click()
    shown.ready()
    window.locator("#gone").wait_for(state="hidden")


def test_the_clock_goes_on_in_a_window_opened_again(lecture):
    shown = lecture("cnn")
    page = shown.page
    for again in (False, True):
        with page.expect_popup() as opened:
            page.keyboard.press("n")
        window = opened.value
        window.locator("#notes li").first.wait_for()
        if not again:
            window.evaluate("sessionStorage.setItem('started', Date.now() - 3_725_000)")
            window.reload()
            window.locator("#notes li").first.wait_for()
        assert window.locator("#elapsed").inner_text().startswith("1:02:")
        if not again:
            window.close()
            shown.until("stage.presenter.window.closed")
    window.locator("#restart").click()
    assert window.locator("#elapsed").inner_text().startswith("0:0")
