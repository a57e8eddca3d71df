"""Driving the lecture's stage in a real browser: through its own controls, and by asking the page what it shows."""

from __future__ import annotations

_FIND = """const find = (root) => {
  for (const node of root.querySelectorAll('*')) {
    if (node.classList?.contains('lecture')) return node;
    const inner = node.shadowRoot && find(node.shadowRoot);
    if (inner) return inner;
  }
};
const stage = find(document)?.stage;"""

#: What does not fit: parts whose content is larger than they are, and marks of the figure outside the slide.
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
        """Wait until the scene (or `scene`) is drawn and nothing is asked of Python any more."""
        self.page.wait_for_function(
            f"""(scene) => {{ {_FIND}
            return stage && stage.shown && stage.slide.dataset.state === 'ready' && stage.asked === undefined
                && (!scene || stage.shown === scene); }}""",
            arg=scene,
        )

    def rest(self) -> None:
        """Wait until the stage has said all it has to say, and has its answer."""
        self.page.wait_for_function(f"""() => {{ {_FIND}
            return stage && !stage.waiting && !stage.asking && !stage.due && !stage.orders.length; }}""")
        self.ready()

    def until(self, true: str, argument=None) -> None:
        """Wait until that expression of `stage` and `argument` is true."""
        self.page.wait_for_function(f"(argument) => {{ {_FIND} return stage && {true}; }}", arg=argument)

    def scene(self) -> str:
        return self.run("return stage.scene")

    def view(self) -> dict:
        """What the scene shows: its view."""
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
        """Click the prose's term of that number (from 0) and wait for what it shows."""
        self.page.locator(".slide .prose .term").nth(number).click()
        self.ready()

    def misfits(self) -> list[str]:
        """What is clipped, overflows or stands outside the slide; empty where everything fits."""
        return self.run(_MISFITS)

    def waits(self) -> list[float]:
        """Milliseconds from each change so far to its figure, Python's part included; and forget them."""
        return self.run("return stage.waits.splice(0)")

    def best(self, name: str, values) -> float:
        """Milliseconds of the quickest of several changes of one value of the view: CI shares its cores."""
        self.waits()
        for value in values:
            self.run("stage.set(argument)", {name: value})
            self.ready()
        return min(self.waits())
