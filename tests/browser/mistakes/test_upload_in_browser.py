"""A ZIP of class folders that is dropped into the browser: evaluated, shown to this tab alone, and deleted."""

import time
import zipfile

import pytest
from playwright.sync_api import expect

from app import text
from app.runtime.uploads import uploads_folder
from tests.browser.conftest import as_shown, idle, opening
from vit_core.data import open_dataset

LONG = 600_000  # ms, for an evaluation on a busy machine
IMG = "<img src=x onerror=alert(1)>"


@pytest.fixture
def archive(tmp_path):
    """A ZIP of three classes, one of them with a hostile name."""
    source, file = open_dataset("bundled:fashion"), tmp_path / "내 옷 <b>.zip"
    with zipfile.ZipFile(file, "w") as made:
        for number, name in enumerate(("Bag", "Trouser", IMG)):
            for i in range(3):
                made.writestr(f"clothes/{name}/{i}.png", source.data(3 * number + i))
    return file


@pytest.fixture
def show(chromium, site):
    with opening(chromium, site) as open_page:
        yield open_page


def kept() -> list:
    """What is stored of all uploads."""
    return [file for file in uploads_folder().glob("*/*/*") if file.is_file()]


def drop(page, file, language: str = "en") -> None:
    """Open the popover and choose the file in its field."""
    page.locator(".gallery button").first.wait_for()
    page.get_by_role("button", name=text.Text(language)("mistakes.new")).click()
    page.locator(".st-key-archive_place input[type=file]").set_input_files(file)


@pytest.mark.parametrize("language", text.LANGUAGES)
def test_an_archive_is_evaluated_for_this_tab_alone_and_deleted(show, archive, language, shoot):
    t = text.Text(language)
    page = show(f"mistakes?lang={language}&model=embedded:fashion")
    drop(page, archive, language)
    page.locator(".st-key-new_go button").wait_for()
    idle(page)
    shoot(page, f"mistakes_zip_{language}")
    assert page.locator("img[src='x']").count() == 0
    assert len(kept()) == 1
    page.locator(".st-key-new_go button").click()
    bar = page.locator(".st-key-top_bar")
    expect(bar).to_contain_text(as_shown("내 옷 b"), timeout=LONG)
    page.locator(".gallery button").first.wait_for(timeout=LONG)
    idle(page)
    assert page.get_by_text(t("mistakes.zip.notice")).first.is_visible()
    shoot(page, f"mistakes_uploaded_{language}")
    other = show(f"mistakes?{page.url.partition('?')[2]}")  # somebody else with the same address
    other.get_by_text(t("mistakes.gone")).wait_for()
    other.locator(".gallery button").first.wait_for()
    other.locator(".st-key-top_bar .react-aria-ComboBox input, .st-key-top_bar [role=combobox]").first.click()
    other.get_by_role("option").first.wait_for()
    assert not other.get_by_role("option", name=as_shown("내 옷 b")).count()
    page.locator(".st-key-upload_delete button").click()
    expect(bar).not_to_contain_text(as_shown("내 옷 b"), timeout=LONG)
    page.locator(".gallery button").first.wait_for()
    assert kept() == []


def test_closing_the_tab_deletes_the_pictures(show, archive):
    page = show("mistakes?lang=en&model=embedded:fashion")
    drop(page, archive)
    page.locator(".st-key-new_go button").wait_for()
    assert len(kept()) == 1
    page.close()
    while kept():  # the time limit of the test ends this
        time.sleep(0.05)


def test_what_is_no_archive_of_pictures_is_refused_and_not_kept(show, tmp_path):
    page = show("mistakes?lang=en&model=embedded:fashion")
    (tmp_path / "broken.zip").write_bytes(b"PK\3\4 no archive")
    drop(page, tmp_path / "broken.zip")
    error = page.get_by_test_id("stPopoverBody").get_by_test_id("stAlert")
    error.wait_for()
    assert "broken.zip" in error.inner_text()
    assert str(uploads_folder()) not in error.inner_text()
    idle(page)
    assert kept() == []
    with zipfile.ZipFile(tmp_path / "empty.zip", "w") as made:
        made.writestr("notes/read me.txt", "no pictures")
    page.locator(".st-key-archive_place input[type=file]").set_input_files(tmp_path / "empty.zip")
    expect(error).to_contain_text("empty.zip", timeout=LONG)
    idle(page)
    assert kept() == []
