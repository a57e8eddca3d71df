"""Makes the README's pictures from the running app: `python tests/browser/shots.py [NAME ...]`.

Writes assets/screenshots/NAME.webp for explore, lecture, mistakes, why and explore-moving, by default for all. The last
is an animation: the mouse moves over the picture, and the atlas follows.
"""

from __future__ import annotations

import io
import sys
import tempfile
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page, sync_playwright

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from tests.browser.conftest import Server, idle, launch, settled, still  # noqa: E402

OUT = ROOT / "assets/screenshots"
SIZE = {"width": 1440, "height": 900}
ANIMATION_SIZE = (1080, 675)  # pixels, of the same shape as SIZE
FRAME_MS = 320
GRID = 16  # patches a side
#: Patches (row, column) that the mouse visits: the red panda's ear, eyes, nose and cheek, the leaves, the branch.
PATH = [(3, 3), (5, 3), (7, 5), (8, 5), (8, 8), (9, 9), (11, 8), (11, 6), (10, 5), (7, 11), (4, 13), (3, 12), (2, 9),
        (1, 4), (12, 2), (13, 3)]  # fmt: skip


def explore(page: Page, url: str, view: str = "layer=12&head=mean") -> None:
    page.add_init_script("localStorage.setItem('vitrine.used', '1')")  # no introduction over the picture
    page.goto(f"{url}/?lang=en&{view}")
    settled(page)


def explore_moving(page: Page, url: str) -> None:
    explore(page, url, "layer=6&head=mean")


def lecture(page: Page, url: str) -> None:
    page.goto(f"{url}/lecture?lang=en&scene=attention")
    page.locator(".slide").first.wait_for()


def mistakes(page: Page, url: str) -> None:
    page.goto(f"{url}/mistakes?lang=en")
    page.locator(".gallery button").first.wait_for()
    page.locator(".confusion canvas").first.wait_for()


def why(page: Page, url: str) -> None:
    mistakes(page, url)
    page.locator(".gallery button").first.click()
    page.locator('.why[data-state="ready"]').wait_for()


PAGES = {show.__name__.replace("_", "-"): show for show in (explore, lecture, mistakes, why, explore_moving)}


def picture_of(page: Page) -> Image.Image:
    return Image.open(io.BytesIO(page.screenshot())).convert("RGB")


def animation(page: Page) -> list[Image.Image]:
    """Frames of the mouse moving along PATH over the picture of the page "Explore"."""
    box = page.locator(".frame").bounding_box()
    frames = []
    for row, col in PATH:
        page.mouse.move(box["x"] + (col + 0.5) / GRID * box["width"], box["y"] + (row + 0.5) / GRID * box["height"])
        page.evaluate("() => new Promise(drawn => requestAnimationFrame(() => requestAnimationFrame(drawn)))")
        frames.append(picture_of(page).resize(ANIMATION_SIZE, Image.Resampling.LANCZOS))
    return frames


def shoot(page: Page, url: str, name: str) -> None:
    """Write the picture called `name`."""
    PAGES[name](page, url)
    page.wait_for_load_state("networkidle")
    idle(page)
    still(page)
    if name.endswith("-moving"):
        first, *others = animation(page)
        first.save(
            OUT / f"{name}.webp", save_all=True, append_images=others, duration=FRAME_MS, loop=0, quality=70, method=6
        )
    else:
        picture_of(page).save(OUT / f"{name}.webp", quality=82, method=6)


def main(names: list[str]) -> None:
    OUT.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        server = Server(Path(folder) / "log.txt")
        try:
            server.wait()
            browser = launch(playwright)
            for name in names or PAGES:
                page = browser.new_page(viewport=SIZE, color_scheme="light")
                page.set_default_timeout(60_000)
                shoot(page, server.url, name)
                page.close()
        finally:
            server.stop()


if __name__ == "__main__":
    main(sys.argv[1:])
