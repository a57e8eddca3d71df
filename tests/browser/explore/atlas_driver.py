"""Drives a tab with the atlas, and reads its pixels."""

import json
import re
import urllib.parse
from pathlib import Path

import numpy as np

from app.components.binary import colour_tables
from tests.browser.conftest import new_page
from vit_core.images.draw import scale_end

ATLAS_PAGE = Path(__file__).with_name("atlas_page.py")  # for `serving_page`


class Atlas:
    """One tab with the test page, and what a test does to it."""

    def __init__(self, context, address, **query):
        self.page = new_page(context)
        self.errors, self.hosts, self.frames = [], set(), []
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on("request", lambda request: self.hosts.add(re.sub(r"^blob:", "", request.url).split("/")[2]))
        self.page.on("websocket", lambda ws: ws.on("framereceived", lambda data: self.frames.append(len(data))))
        self.address = address
        self.go(**query)

    def go(self, **query):
        view = query.pop("view", None)
        query |= {"view": json.dumps(view)} if view else {}
        self.page.goto(self.address + "?" + urllib.parse.urlencode(query))
        self.ready()

    def ready(self):
        self.page.wait_for_selector('.atlas[data-state="ready"]')
        self.wait("a.model.table || !a.model.whole")

    def js(self, expression, argument=None):
        """`expression`, of `a` (the view) and `x` (the argument), evaluated in the page."""
        body = f"(root, x) => {{ const a = root.atlas; return {expression} }}"
        return self.page.locator(".atlas").evaluate(body, argument)

    def wait(self, expression):
        """Until `expression`, of `a` (the view), holds."""
        self.page.wait_for_function(
            f"""() => [...document.querySelectorAll('[data-testid=stBidiComponentIsolated]')]
            .some(e => {{ const a = e.shadowRoot?.querySelector('.atlas')?.atlas;
                          return a?.model && ({expression}) }})""",
        )

    def box(self, selector):
        return self.page.locator(selector).bounding_box()

    def place(self, row, col):
        box, (rows, cols) = self.box(".frame"), self.js("a.model.header.grid")
        return box["x"] + (col + 0.5) / cols * box["width"], box["y"] + (row + 0.5) / rows * box["height"]

    def hover(self, row, col):
        self.page.mouse.move(*self.place(row, col))

    def click(self, row, col):
        self.page.mouse.click(*self.place(row, col))

    def cell(self, layer, column):
        box = self.box(".sheet canvas")
        x, y, w, h = self.js("a.sheet.box(...x)", [layer, column])
        return box["x"] + x + w / 2, box["y"] + y + h / 2

    def overlay(self):
        """The picture's overlay, as positions 0..255 on the colour scale, (rows, cols)."""
        width, height, data = self.js("""(() => { const c = a.overlay.canvas;
            return [c.width, c.height, [...c.getContext('2d').getImageData(0, 0, c.width, c.height).data]] })()""")
        return on_scale(np.array(data).reshape(height, width, 4))

    def small(self, layer, column):
        """One map of the atlas, read off its canvas at each patch's first pixel, likewise."""
        width, height, data = self.js(
            """(() => { const s = a.sheet, c = s.canvas;
            const box = [s.left(x[1]), x[0] * (s.h + s.gap), s.w, s.h];
            return [s.w, s.h, [...c.getContext('2d').getImageData(...box).data]] })()""",
            [layer, column],
        )
        pixels = np.array(data).reshape(height, width, 4)
        rows, cols = self.js("a.model.header.grid")
        y, x = (np.ceil(np.arange(n) * s / n).astype(int) for n, s in ((rows, height), (cols, width)))
        return on_scale(pixels[y][:, x])

    def map(self):
        """The weights that the shown map holds, one a token."""
        return np.array(self.js("[...Array(a.model.N).keys()].map(k => a.map.a[a.map.at + k] ** 2)"))

    def received(self, **expected):
        """The view that Python has received, once it has what is expected."""
        self.page.wait_for_function(
            """expected => { const view = JSON.parse(document.querySelector('code')?.innerText || '{}');
                return Object.entries(expected).every(([name, value]) =>
                    JSON.stringify(view[name]) === JSON.stringify(value)) }""",
            arg=expected,
        )
        return json.loads(self.page.locator("code").first.inner_text())


def on_scale(pixels):
    """RGBA pixels (..., 4) to the nearest positions on viridis."""
    far = np.abs(pixels[..., None, :3].astype(int) - colour_tables()[0][:, :3].astype(int)).sum(-1)
    assert far.min(-1).max() <= 12, "a colour that is not on the scale"
    return far.argmin(-1)


def ranks(values):
    values = np.asarray(values, float).ravel()
    _, index, count = np.unique(values, return_inverse=True, return_counts=True)
    return (np.cumsum(count) - (count - 1) / 2)[index]


def rank_correlation(a, b):
    return np.corrcoef(ranks(a), ranks(b))[0, 1]


def agrees(shown, truth, least=0.99):
    """The same strongest patch, and the same order, up to where the colours end."""
    truth = np.asarray(truth)
    truth = truth.clip(max=scale_end(truth))
    assert truth.ravel()[shown.argmax()] >= 0.99 * truth.max()
    # a scale of 256 colours has ties where the truth has none: compare at the scale's own resolution
    assert rank_correlation(shown, np.round(255 * truth / truth.max())) >= least
