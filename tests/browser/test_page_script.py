"""A link to any page finds the server at once."""

import pytest

from tests.browser.conftest import TIMEOUT_MS, new_page


@pytest.mark.parametrize("place", ["lecture", "lecture/"])
def test_a_deep_link_asks_for_nothing_that_is_not_there(chromium, server, place):
    page, wrong = new_page(chromium), []
    page.on("response", lambda answer: wrong.append((answer.status, answer.url)) if answer.status >= 400 else None)
    page.on("console", lambda message: wrong.append(message.text) if message.type == "error" else None)
    page.goto(f"{server.url}/{place}?lang=en&scene=patches&model=embedded:tiny")
    page.locator(".lecture .slide .title").first.wait_for(timeout=TIMEOUT_MS)
    assert page.evaluate("window.__streamlit.BACKEND_BASE_URL") == f"{server.url}/"
    page.close()
    assert wrong == []


def test_an_address_of_no_page_still_finds_the_server(chromium, server):
    page = new_page(chromium)
    page.goto(f"{server.url}/nowhere?lang=en")
    page.locator(".stApp [data-testid=stSidebar]").first.wait_for(timeout=TIMEOUT_MS)
    page.close()
