"""How long the three journeys take with the embedded photo model: `python -m tests.bench.journeys`.

Needs Chromium. Prints a line for each wait, with the bound that was set for two idle cores; other work on the machine
adds to the times. The first start compiles the product's own modules, as after an installation; pip has compiled the
others.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import sync_playwright

from app.lecture import SCENES
from tests.browser.conftest import ROOT, Server, launch, new_page, serving, settled
from tests.browser.explore.test_explore import upload
from tests.browser.lecture_driver import Lecture
from tests.browser.mistakes.test_why_in_browser import FIND, Seen

SAMPLES = ROOT / "assets" / "samples"
SIZES = (224, 518)  # pixels of the input
ATLAS_IS_DRAWN = """() => [...document.querySelectorAll('[data-testid=stBidiComponentIsolated]')].some(
    (e) => e.shadowRoot?.querySelector('.atlas')?.atlas)"""

#: A number in a figure of Explore, which differs between pictures.
NORM = "() => document.querySelector('.st-key-norms_chart .js-plotly-plot')?._fullData?.[1]?.y?.at(-1) ?? null"


def row(what: str, seconds: float, bound: float | None = None) -> None:
    """Print one wait, with its bound if one was set."""
    print(f"{what:<66} {seconds:6.2f} s" + (f"   bound {bound:g} s" if bound else ""), flush=True)


def timed(action: Callable[[], object]) -> float:
    """Seconds that `action` takes."""
    begun = time.perf_counter()
    action()
    return time.perf_counter() - begun


def resident_mb(pid: int) -> float:
    """Peak resident memory of a process, MB (Linux)."""
    lines = Path(f"/proc/{pid}/status").read_text("utf-8").splitlines()
    return int(next(line for line in lines if line.startswith("VmHWM")).split()[1]) / 1024


def starts(browser, folder: Path) -> None:
    """From the command to the first drawn figure, twice."""
    for package in ("app", "vit_core"):
        for compiled in list((ROOT / package).rglob("__pycache__")):
            shutil.rmtree(compiled)
    for what, bound in (("first start to the first figure", 10), ("second start to the first figure", 6)):
        begun = time.perf_counter()
        server = Server(folder / "log.txt")
        try:
            server.wait()
            page = new_page(browser, viewport={"width": 1280, "height": 720})
            page.goto(f"{server.url}/?lang=en")
            page.wait_for_function(ATLAS_IS_DRAWN)
            row(what, time.perf_counter() - begun, bound)
            page.close()
        finally:
            server.stop()


def uploads(browser, url: str) -> None:
    """From an upload to the figure of norms in Explore, at two input sizes."""
    for size, bound in zip(SIZES, (2, 5), strict=True):
        page = new_page(browser, viewport={"width": 1280, "height": 720})
        page.goto(f"{url}/?lang=en&size={size}&sample=coffee.jpg&view=inside&inside=norms")
        settled(page)

        def last_figure(page=page) -> None:
            before = page.evaluate(f"({NORM})()")
            upload(page, "rocket.jpg", (SAMPLES / "rocket.jpg").read_bytes())
            page.wait_for_function(
                f"""before => ![null, before].includes(({NORM})())
                    && document.querySelector('.stApp').dataset.testScriptState === 'notRunning'""",
                arg=before,
            )

        row(f"upload to the figure of norms at {size} pixels", timed(last_figure), bound)
        page.close()


def scenes(browser, url: str) -> None:
    """Each scene of the lecture to its numbers, and its answer to another patch."""
    page = new_page(browser, viewport={"width": 1280, "height": 720})
    page.goto(f"{url}/lecture?scene={SCENES[0]}&lang=en")
    shown = Lecture(page)
    shown.ready(SCENES[0])
    for scene in SCENES[1:] + SCENES[:1]:
        row(f"lecture, {scene}: to its numbers", timed(lambda scene=scene: shown.open(scene)), 1)
    for scene, control in (("attention", {"layer": 3}), ("cnn", {"at": 40}), ("head", {"top": 8})):
        shown.open(scene)
        row(f"lecture, {scene}: after a control", timed(lambda control=control: shown.set(control)), 0.4)
    page.close()


def see_why(browser, url: str) -> None:
    """From a picture of Mistakes to its maps, and from a stroke to the bars."""
    page = new_page(browser, viewport={"width": 1280, "height": 720})
    page.goto(f"{url}/mistakes?lang=en")
    page.locator(".gallery button").first.wait_for()

    def first_maps() -> None:
        page.locator(".gallery button").first.click()
        page.locator('.why[data-state="ready"]').wait_for()

    row("See why: first maps", timed(first_maps), 1.5)
    seen = Seen(page)
    row("See why: from the maps to the deletion curve", timed(lambda: page.wait_for_function(f"() => {FIND}.curve()")))
    page.wait_for_function("() => document.querySelector('.stApp').dataset.testScriptState !== 'running'")
    widths = f"{FIND}.probabilities.rows.map((row) => row.now.style.width).join()"
    before = page.evaluate(f"() => {widths}")

    def bars() -> None:
        seen.drag(100, 101)
        page.wait_for_function(f"(before) => {widths} !== before", arg=before)

    row("See why: stroke to bars, while the next picture is computed", timed(bars), 0.25)
    page.close()


def main() -> None:
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        browser, home = launch(playwright), Path(folder)
        os.environ["VITRINE_RUNS"] = str(home / "runs")
        starts(browser, home)
        with serving(home) as server:
            uploads(browser, server.url)
            scenes(browser, server.url)
            see_why(browser, server.url)
            print(f"peak memory of the server: {resident_mb(server.process.pid):.0f} MB   bound 1500 MB", flush=True)


if __name__ == "__main__":
    main()
