"""Choosing a folder of the server in the browser."""

import pytest

from app import text
from tests.browser.conftest import idle, opening


@pytest.fixture
def show(chromium, site):
    with opening(chromium, site) as open_page:
        yield open_page


@pytest.mark.parametrize(("language", "width", "theme"), [("en", 1280, "light"), ("ko", 390, "dark")])
def test_a_folder_is_found_by_walking_to_it(show, tmp_path, shoot, language, width, theme):
    t = text.Text(language)
    for name in ("cat", "dog", "a folder whose name is much longer than the list is wide, which happens <b>"):
        (tmp_path / "sets" / "animals" / name / "inner").mkdir(parents=True)
        (tmp_path / "sets" / "animals" / name / "1.jpg").touch()
    (tmp_path / "labels.csv").touch()
    page = show(f"mistakes?lang={language}", width, 844, theme)
    page.get_by_role("button", name=t("mistakes.new")).click()
    page.get_by_role("radio", name=t("mistakes.new.way.path")).click()
    field = page.get_by_role("textbox", name=t("mistakes.new.source"))
    field.fill(str(tmp_path))
    field.press("Enter")
    page.locator(".st-key-browse_source button").click()
    names = page.locator(".folders button .name")
    page.locator(".folders [data-name=sets]").wait_for()
    assert names.all_inner_texts() == ["sets", "labels.csv"]
    page.locator(".folders [data-name=sets]").dblclick()  # opens one folder,
    second = "one => one.dispatchEvent(new MouseEvent('click', { detail: 2 }))"
    page.locator(".folders [data-name=animals]").evaluate(second)  # not what has come into its place
    idle(page)
    page.locator(".folders [data-name=animals]").click()
    cat = page.locator(".folders [data-name=cat]")
    cat.wait_for()
    idle(page)
    assert cat.locator(".detail").inner_text() == " · ".join(
        t(f"mistakes.browse.{what}", count="1") for what in ("pictures", "folders")
    )
    box = page.locator(".folders").bounding_box()
    for detail in page.locator(".folders .detail").all():
        part = detail.bounding_box()
        assert part["x"] + part["width"] <= box["x"] + box["width"] <= width
    shoot(page, f"folders-{language}")
    page.locator(".st-key-browse_up button").click()
    page.locator(".folders [data-name=animals]").wait_for()
    page.locator(".st-key-browse_choose button").click()
    page.locator(".folders").wait_for(state="detached")
    idle(page)
    assert field.input_value() == str(tmp_path / "sets")
