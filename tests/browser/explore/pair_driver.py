"""Drives Explore's comparison, two atlases that follow each other."""

import numpy as np

from tests.browser.conftest import settled

READY = "[a, b].every(({ model }) => model && (model.table || !model.whole))"


class Compared:
    """One page with both atlases. In expressions, `a` is the first atlas, `b` the second, and `x` the argument."""

    def __init__(self, page):
        self.page = page
        self.ready()

    def ready(self):
        self.page.locator(".pair").wait_for()
        self.wait(READY)
        settled(self.page)

    def js(self, expression, argument=None):
        body = f"(root, x) => {{ const [a, b] = root.pair.halves; return {expression} }}"
        return self.page.locator(".pair").evaluate(body, argument)

    def wait(self, expression, argument=None):
        self.page.wait_for_function(
            f"""x => [...document.querySelectorAll('[data-testid=stBidiComponentIsolated]')].some(e => {{
                const [a, b] = e.shadowRoot?.querySelector('.pair')?.pair?.halves ?? [];
                return a && b && ({expression}) }})""",
            arg=argument,
        )

    def box(self, half: str, selector: str) -> dict:
        return self.page.locator(f".pair .atlas.{half} {selector}").bounding_box()

    def place(self, half: str, row: int, col: int):
        self.page.locator(f".pair .atlas.{half} .frame").scroll_into_view_if_needed()
        box = self.box(half, ".frame")
        rows, cols = self.js("[a, b].find(one => one.root.classList.contains(x)).model.header.grid", half)
        return box["x"] + (col + 0.5) / cols * box["width"], box["y"] + (row + 0.5) / rows * box["height"]

    def hover(self, half: str, row: int, col: int):
        self.page.mouse.move(*self.place(half, row, col))

    def click(self, half: str, row: int, col: int):
        self.page.mouse.click(*self.place(half, row, col))

    def choose_map(self, half: str, layer: int, head: int):
        """Click a map, counted from 0; it may have to be scrolled to."""
        canvas = self.page.locator(f".pair .atlas.{half} .sheet canvas")
        x, y, w, h = self.js(
            "[a, b].find(one => one.root.classList.contains(x[0])).sheet.box(x[1], x[2])", [half, layer, head]
        )
        canvas.click(position={"x": x + w / 2, "y": y + h / 2})

    def shows(self, half: str, wanted) -> None:
        """Wait until the map over that picture holds these weights, a token each, to what bytes can tell."""
        wanted = np.asarray(wanted, float).ravel().tolist()
        self.wait(
            """(() => {
                const one = [a, b].find(half => half.root.classList.contains(x.half)), top = Math.max(...x.wanted);
                if (one.model?.N !== x.wanted.length || !one.map) return false;
                return x.wanted.every((w, k) => Math.abs(one.map.a[one.map.at + k] ** 2 - w) < 0.012 * top) })()""",
            {"half": half, "wanted": wanted},
        )
