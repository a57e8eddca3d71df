"""A page whose server was away: it works again, and says what it has lost."""

from urllib.parse import urlsplit

from app import text
from tests.browser.conftest import ROOT, Server, as_shown, opening, settled
from tests.browser.explore.test_explore import Looking, upload

ENGLISH = text.Text("en")


def test_a_page_is_drawn_anew_by_the_server_that_was_restarted_under_it(chromium, tmp_path):
    server = Server(tmp_path / "first.txt")
    try:
        server.wait()
        with opening(chromium, server) as open_page:
            page = open_page("?lang=en&layer=3&head=2&view=inside&inside=positions")
            settled(page)
            upload(page, "coffee.jpg", (ROOT / "assets/samples/coffee.jpg").read_bytes())
            page.get_by_text(ENGLISH("side.stays")).wait_for()
            settled(page)
            server.stop()
            server.process = Server(tmp_path / "again.txt", "--server.port", str(urlsplit(server.url).port)).process
            server.wait()
            page.get_by_text(as_shown(ENGLISH("side.lost"))).wait_for()
            settled(page)
            assert "layer=3" in page.url
            Looking(page).hover(2, 5)  # what a fragment is told reaches this server too
            page.get_by_text(ENGLISH("positions.one", row=3, col=6)).wait_for()
            page.locator(".st-key-sample_en").click()
            page.get_by_role("option", name="German shepherd", exact=True).click()
            page.get_by_text(as_shown(ENGLISH("side.lost"))).wait_for(state="detached")
    finally:
        server.stop()
