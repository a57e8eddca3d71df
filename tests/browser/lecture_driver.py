"""Drives the lecture's stage in a real browser and reads what it shows."""

from __future__ import annotations

_FIND = """const find = (root) => {
  for (const node of root.querySelectorAll('*')) {
    if (node.classList?.contains('lecture')) return node;
    const inner = node.shadowRoot && find(node.shadowRoot);
    if (inner) return inner;
  }
};
const stage = find(document)?.stage;"""

#: What does not fit: parts whose content is larger than the part, and elements outside the slide.
_MISFITS = """
const slide = stage.slide.getBoundingClientRect(), out = [];
for (const e of stage.slide.querySelectorAll('header, .title, .body, .prose, .figure, .panel, footer'))
  if (e.scrollHeight > e.clientHeight + 2 || e.scrollWidth > e.clientWidth + 2)
    out.push(`${e.className || e.tagName}: ${[e.scrollWidth, e.scrollHeight]} in ${[e.clientWidth, e.clientHeight]}`);
for (const e of stage.slide.querySelectorAll('.body *')) {
  const r = e.getBoundingClientRect();
  if (r.width && r.height && (r.bottom > slide.bottom + 1 || r.right > slide.right + 1 || r.top < slide.top - 1))
    out.push(`outside: ${e.tagName} ${e.className.baseVal ?? e.className}`);
}
const body = stage.slide.querySelector('.body').getBoundingClientRect();
for (const e of stage.slide.querySelectorAll('.prose > *, .figure > *')) {
  const r = e.getBoundingClientRect();
  if (r.height && r.bottom > body.bottom + 1) out.push(`under the footer: ${e.tagName} ${e.className}`);
}
return [...new Set(out)].slice(0, 10);"""


class Lecture:
    """One open page on the lecture. Playwright's selectors pierce the shadow root: `page.locator(".slide ...")`."""

    def __init__(self, page):
        self.page = page

    def run(self, script: str, *argument):
        """`script` in the page, with `stage` and (where one is given) `argument`; returns what it returns."""
        return self.page.evaluate(f"(argument) => {{ {_FIND} {script} }}", *argument)

    def ready(self, scene: str | None = None) -> None:
        """Wait until the scene (or `scene`) is drawn and no request to Python is pending."""
        self.page.wait_for_function(
            f"""(scene) => {{ {_FIND}
            return stage && stage.shown && stage.slide.dataset.state === 'ready' && !stage.pending
                && (!scene || stage.shown === scene); }}""",
            arg=scene,
        )

    def rest(self) -> None:
        """Wait until every message is sent and answered."""
        self.page.wait_for_function(f"""() => {{ {_FIND}
            return stage && !stage.waiting && !stage.asking && !stage.due && !stage.orders.length; }}""")
        self.ready()

    def until(self, true: str, argument=None) -> None:
        """Wait until that expression of `stage` and `argument` is true."""
        self.page.wait_for_function(f"(argument) => {{ {_FIND} return stage && {true}; }}", arg=argument)

    def scene(self) -> str:
        return self.run("return stage.scene")

    def view(self) -> dict:
        """The scene's view."""
        return self.run("return stage.view")

    def numbers(self) -> dict:
        """The numbers that came from Python."""
        return self.run("return stage.data.numbers")

    def array(self, name: str) -> list:
        """An array that came from Python, flat."""
        return self.run("return Array.from(stage.section(argument))", name)

    def prose(self) -> str:
        return self.page.locator(".slide .prose").inner_text()

    def term(self, number: int) -> None:
        """Click a term of the prose, by its index from 0, and wait for the scene."""
        self.page.locator(".slide .prose .term").nth(number).click()
        self.ready()

    def misfits(self) -> list[str]:
        """What is clipped, overflows or is outside the slide; empty if everything fits."""
        return self.run(_MISFITS)

    def open(self, scene: str) -> None:
        """Show another scene and wait for it."""
        self.run("stage.open(argument)", scene)
        self.ready(scene)

    def set(self, view: dict) -> None:
        """Change the view and wait for the answer."""
        self.run("stage.set(argument)", view)
        self.ready()

    def resize(self, width: int, height: int) -> None:
        """Resize the window and wait until the slide has its new size."""
        self.page.set_viewport_size({"width": width, "height": height})
        self.until(
            """Math.abs(parseFloat(stage.slide.style.getPropertyValue('--across')) - (stage.root.clientWidth < 700
            ? stage.root.clientWidth
            : Math.min(stage.root.clientWidth, Math.max(360, innerHeight - 96) * 16 / 9))) < 0.1
            && innerWidth === argument""",
            width,
        )

    def full_screen(self) -> None:
        """Enter full screen and wait until the slide fills it."""
        self.page.keyboard.press("f")
        self.until("document.fullscreenElement && stage.slide.getBoundingClientRect().width === innerWidth")
