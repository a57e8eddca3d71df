"""How long people wait in the browser: `python -m tests.bench.browser` prints a line per measurement.

Needs Chromium. Medians and 95th percentiles, in milliseconds; other work on the machine adds to them.
"""

from __future__ import annotations

import io
import os
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from playwright.sync_api import sync_playwright

import vit_core as vc
from app.components.atlas.payload import pack
from app.explore.views import INSIDE
from tests.browser.conftest import ROOT, Server, launch, serving, serving_page, settled
from tests.browser.explore.atlas_driver import ATLAS_PAGE, Atlas
from tests.browser.explore.test_explore import Looking, Rolled, await_values, upload
from tests.browser.explore.test_like_in_browser import Likeness

COFFEE = ROOT / "assets/samples/coffee.jpg"
HOVERS = 160
ROUNDS = 5


def row(what: str, milliseconds: list[float]) -> None:
    """Print one measurement."""
    median, p95 = np.percentile(milliseconds, [50, 95])
    print(f"{what:<60} median {median:7.1f} ms   95 % {p95:7.1f} ms", flush=True)


def packing() -> None:
    """Packing all attention of a ViT for the browser, on one thread."""
    torch.set_num_threads(1)
    model, picture = vc.load("embedded:photo", "cpu"), Image.open(COFFEE).convert("RGB")
    trace = vc.record(model, picture)
    times = []
    for _ in range(ROUNDS):
        begun = time.perf_counter()
        pack(trace, picture)
        times.append(1e3 * (time.perf_counter() - begun))
    row("packing the attention of embedded:photo", times)


def hovering(browser, address: str, model: str) -> None:
    """From the pointer's event until picture and atlas are drawn."""
    context = browser.new_context(viewport={"width": 1280, "height": 720}, reduced_motion="reduce")
    atlas = Atlas(context, address, model=model, narrow=1, view={"layer": 4, "head": 7})
    box = atlas.box(".frame")
    atlas.js("a.drawTimes.length = 0")
    for i in range(HOVERS):
        atlas.page.mouse.move(box["x"] + (i * 37) % box["width"], box["y"] + (i * 61) % box["height"])
    handler, event = np.array(atlas.js("a.drawTimes")).T
    row(f"hovering, {model}: from the handler's start", handler.tolist())
    row(f"hovering, {model}: from the event", event.tolist())
    context.close()


def hovering_like(browser, address: str, model: str) -> None:
    """In the direction "is like": until the picture's map is drawn, and until all small maps are."""
    context = browser.new_context(viewport={"width": 1280, "height": 720}, reduced_motion="reduce")
    atlas = Likeness(context, address, model=model, narrow=1, view={"layer": 4, "direction": "like"})
    box = atlas.box(".frame")
    atlas.js("a.drawTimes.length = a.like.sheetTimes.length = 0")
    for i in range(HOVERS):
        atlas.page.mouse.move(box["x"] + (i * 37) % box["width"], box["y"] + (i * 61) % box["height"])
    atlas.complete()
    size = atlas.js("`${a.model.N} x ${a.like.features.vector('token', 4, 0).length}, ${a.model.L} layers`")
    row(f"is like, {size}: from the handler's start", np.array(atlas.js("a.drawTimes"))[:, 0].tolist())
    row(f"is like, {size}: from the event", np.array(atlas.js("a.drawTimes"))[:, 1].tolist())
    row(f"is like, {size}: until all small maps are drawn", atlas.js("a.like.sheetTimes"))
    context.close()


def explore(browser, url: str) -> None:
    """A slider and an upload on the page Explore."""
    page = browser.new_page(viewport={"width": 1280, "height": 720})
    page.set_default_timeout(60_000)
    page.goto(f"{url}/?lang=en&view=flow")
    settled(page)
    model, rolled, times = vc.load("embedded:photo", "cpu"), Rolled(page), []
    page.locator(".st-key-residual input[type=range]").focus()
    for _ in range(ROUNDS):
        before = rolled.root.evaluate("r => r.rollout.header.id")
        begun = time.perf_counter()
        page.keyboard.press("ArrowLeft")
        page.wait_for_function(
            """before => [...document.querySelectorAll('[data-testid=stBidiComponentIsolated]')].some(e =>
                (e.shadowRoot?.querySelector('.rollout')?.rollout?.header.id ?? before) !== before)""",
            arg=before,
        )
        times.append(1e3 * (time.perf_counter() - begun))
    row("rollout slider until its maps are drawn", times)
    data = COFFEE.read_bytes()
    trace = vc.record(model, data)
    page.goto(f"{url}/?lang=en&view=inside&inside=norms")
    settled(page)
    begun = time.perf_counter()
    upload(page, "coffee.jpg", data)
    await_values(page, "norms_chart", 1, "y", np.median(trace.token_norms[:, trace.num_prefix_tokens :].numpy(), 1))
    row("upload until the figure of norms is drawn", [1e3 * (time.perf_counter() - begun)])
    page.close()


def new_pictures(browser, server: Server) -> None:
    """The server's CPU time for a new picture, by view (Linux)."""
    for view in ("heads", "flow", "answer", *(f"inside&inside={name}" for name in INSIDE)):
        page, times = browser.new_page(viewport={"width": 1280, "height": 720}), []
        page.set_default_timeout(60_000)
        page.goto(f"{server.url}/?lang=en&view={view}")
        settled(page)
        atlas = Looking(page)
        for path in sorted((ROOT / "assets/samples").glob("*.jpg"))[:ROUNDS]:
            picture = Image.open(path).convert("RGB")
            picture.putpixel((0, 0), tuple(np.random.default_rng().integers(0, 256, 3).tolist()))  # new to the caches
            file = io.BytesIO()
            picture.save(file, "PNG")
            before, begun = atlas.js("a.model.id"), cpu_seconds(server.process.pid)
            upload(page, "new.png", file.getvalue())
            atlas.wait(f"a.model.id !== '{before}' && a.model.table")
            settled(page)
            times.append(1e3 * (cpu_seconds(server.process.pid) - begun))
        row(f"CPU of the server for a new picture, {view}", times)
        page.close()


def cpu_seconds(pid: int) -> float:
    """CPU time that a process has used (Linux)."""
    fields = Path(f"/proc/{pid}/stat").read_text("utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def main() -> None:
    packing()
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        browser = launch(playwright)
        for name in ("atlas", "app"):
            (Path(folder) / name).mkdir()
        with serving_page(Path(folder) / "atlas", ATLAS_PAGE) as server:
            for model in ("base", "large"):
                hovering(browser, f"{server.url}/", model)
            hovering_like(browser, f"{server.url}/", "wide")
        with serving(Path(folder) / "app") as server:
            explore(browser, server.url)
            new_pictures(browser, server)


if __name__ == "__main__":
    main()
