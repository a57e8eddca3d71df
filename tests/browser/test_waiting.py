"""What a page shows while it waits."""

import fcntl
from pathlib import Path

import pytest

from tests.browser.conftest import new_page, serving_page


@pytest.fixture
def page(chromium, tmp_path):
    (tmp_path / "hold").touch()
    with serving_page(tmp_path, Path(__file__).with_name("waiting_page.py")) as server:
        page = new_page(chromium)
        page.goto(f"{server.url}/?hold={tmp_path / 'hold'}")
        yield page
        page.close()


def opacity(page, text: str, value: int) -> None:
    """Wait until the text is drawn with that opacity."""
    page.get_by_text(text, exact=True).wait_for()
    page.wait_for_function(
        """([text, value]) => {
            const all = [...document.querySelectorAll('.stText')].filter(one => one.innerText === text);
            const shown = (one) => one ? getComputedStyle(one).opacity * shown(one.parentElement) : 1;
            return all.length === 1 && shown(all[0]) === value;
        }""",
        arg=[text, value],
    )


def test_the_shape_of_what_comes_stands_in_place_of_what_was_there(page, tmp_path):
    opacity(page, "below 0", 1)
    assert page.locator(".waiting").count() == 0
    with (tmp_path / "hold").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        page.get_by_role("button", name="Next").click()
        page.locator(".waiting-workbench").get_by_text("Loading <b>it</b> …", exact=True).wait_for()
        assert page.locator(".waiting i").count() == 2
        opacity(page, "below 0", 0)
        opacity(page, "above", 1)
    opacity(page, "below 1", 1)
    page.locator(".waiting").wait_for(state="detached")
    assert page.get_by_text("below 0").count() == 0
