"""The README's pictures, of the app as it is: `python tests/browser/shots.py` writes assets/screenshots/*.webp."""

from __future__ import annotations

import io
import shutil
import sys
import tempfile
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page, sync_playwright

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from tests.browser.conftest import FLAGS, Server, settled  # noqa: E402

OUT = ROOT / "assets/screenshots"
SIZE = {"width": 1440, "height": 900}
LONG = 900_000  # ms; the first visit to the mistakes evaluates 10,000 pictures


def explore(page: Page, url: str) -> None:
    page.goto(f"{url}/?lang=en&layer=4&from=patch&row=4&col=4")
    settled(page)


def lecture(page: Page, url: str) -> None:
    page.goto(f"{url}/lecture?lang=en&scene=attention")
    page.locator(".slide").first.wait_for()


def mistakes(page: Page, url: str) -> None:
    page.goto(f"{url}/mistakes?lang=en")
    page.locator(".gallery button").first.wait_for(timeout=LONG)
    page.locator(".confusion canvas").first.wait_for()


def why(page: Page, url: str) -> None:
    mistakes(page, url)
    page.locator(".gallery button").first.click()
    page.locator("[data-testid=stImage] img").nth(7).wait_for()  # the nearest pictures, which come last


def main() -> None:
    OUT.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        server = Server(Path(folder) / "log.txt")
        try:
            server.wait()
            browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=FLAGS)
            for show in explore, lecture, mistakes, why:
                page = browser.new_page(viewport=SIZE, color_scheme="light")
                page.set_default_timeout(60_000)
                show(page, server.url)
                page.wait_for_timeout(4_000)  # for what fades in, and what is drawn last
                page.wait_for_function("() => document.querySelector('.stApp').dataset.testScriptState !== 'running'")
                Image.open(io.BytesIO(page.screenshot())).save(OUT / f"{show.__name__}.webp", quality=82, method=6)
                page.close()
        finally:
            server.stop()


if __name__ == "__main__":
    main()
