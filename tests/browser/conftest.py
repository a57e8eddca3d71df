"""The app's server and Chromium. Without Chromium these tests fail.

With VITRINE_SHOTS=<folder>, `shoot` writes its pictures there.
"""

import contextlib
import functools
import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

from run import BROWSERS

ROOT = Path(__file__).resolve().parents[2]
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
TIMEOUT_MS = 120_000  # for hangs; a busy machine is no failure
POLL_MS = 50  # Playwright's default, at each frame, makes Chromium draw 60 frames a second


def answers(url: str, process: subprocess.Popen, seconds: float = 120) -> bool:
    """Wait until the app at `url` answers; False if `process` ends or the time is over first."""
    until = time.monotonic() + seconds
    while time.monotonic() < until and process.poll() is None:
        try:
            urllib.request.urlopen(f"{url}/_stcore/health", timeout=5).close()
            return True
        except OSError:
            time.sleep(0.2)
    return False


class Server:
    """`python -m app`, or another command of Python's, on a free port; its output is in `log`."""

    def __init__(self, log: Path, *options: str, command: tuple[str, ...] = ("-m", "app")):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self.url, self.log = f"http://127.0.0.1:{port}", log
        command = [sys.executable, *command, "--server.headless", "true", "--server.port", str(port), *options]
        with log.open("wb") as out:
            self.process = subprocess.Popen(
                command, cwd=ROOT, stdout=out, stderr=subprocess.STDOUT, env=os.environ | {"VITRINE_LOG": "info"}
            )

    def wait(self, seconds: float = 120) -> None:
        """Wait until it answers."""
        if not answers(self.url, self.process, seconds):
            pytest.fail(f"the server did not start:\n{self.said()}")

    def said(self) -> str:
        return self.log.read_text(encoding="utf-8", errors="replace")

    def forwards(self) -> int:
        """The number of forward passes so far."""
        return len(re.findall(r"^forward ", self.said(), re.M))

    def stop(self) -> None:
        self.process.terminate()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


@contextlib.contextmanager
def serving(folder: Path, *options: str, **how):
    """A Server that answers, with its log in this folder."""
    started = Server(folder / "log.txt", *options, **how)
    try:
        started.wait()
        yield started
    finally:
        started.stop()


def serving_page(folder: Path, page: Path):
    """As `serving`, for a test's own Streamlit script."""
    options = ("--server.address=127.0.0.1", "--browser.gatherUsageStats=false", "--server.fileWatcherType=none")
    return serving(folder, *options, command=("-m", "streamlit", "run", str(page)))


def new_page(context, **options):
    """A page of that browser or context with the tests' time limit and interval of polling."""
    page = context.new_page(**options)
    page.set_default_timeout(TIMEOUT_MS)
    page.wait_for_function = functools.partial(page.wait_for_function, polling=POLL_MS)
    return page


@contextlib.contextmanager
def opening(chromium, server: Server):
    """open_page(address, width=1280, height=720, theme="light") -> a page of that server, just gone to.

    Afterwards all are closed. An error or a dialog in a page, or a traceback of the server, fails the test. A page's
    `requested` lists the addresses that it requested.
    """
    pages, wrong, before = [], [], len(server.said())

    def open_page(address: str, width: int = 1280, height: int = 720, theme: str = "light"):
        page = new_page(chromium, viewport={"width": width, "height": height}, color_scheme=theme)
        pages.append(page)
        page.requested = []
        page.on("request", lambda request: page.requested.append(request.url))
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("dialog", lambda dialog: wrong.append(f"dialog: {dialog.message}") or dialog.dismiss())
        page.goto(f"{server.url}/{address}")
        return page

    yield open_page
    for page in pages:
        page.close()
    assert not wrong
    assert "Traceback" not in server.said()[before:]


@pytest.fixture(scope="session")
def server(tmp_path_factory):
    """The app, started once."""
    with serving(tmp_path_factory.mktemp("server")) as started:
        yield started


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The app with an empty folder of runs of its own, or the folder VITRINE_RUNS."""
    before = os.environ.get("VITRINE_RUNS")
    home = Path(before) if before else tmp_path_factory.mktemp("runs")
    os.environ["VITRINE_RUNS"] = str(home)
    with serving(tmp_path_factory.mktemp("server")) as started:
        yield started
    if not before:
        del os.environ["VITRINE_RUNS"]


def launch(playwright):
    """Chromium as the system has it."""
    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    assert found, "the browser tests need Chromium: apt-get install chromium-headless-shell fonts-noto-cjk"
    return playwright.chromium.launch(executable_path=found, args=FLAGS)


@pytest.fixture(scope="session")
def chromium():
    """A browser, started once."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = launch(playwright)
        yield browser
        browser.close()


@pytest.fixture
def visit(chromium, server):
    """visit(address="", width=1280, height=720, theme="light") -> the page, every figure drawn.

    As `opening`.
    """
    with opening(chromium, server) as open_page:

        def drawn(address: str = "lang=en", *window, **named):
            page = open_page(f"?{address}", *window, **named)
            settled(page)
            return page

        yield drawn


@pytest.fixture
def lecture(chromium, server):
    """lecture(scene, lang="en", width=1280, height=720, theme="light", address="") -> lecture_driver.Lecture, drawn.

    As `opening`.
    """
    from tests.browser.lecture_driver import Lecture

    with opening(chromium, server) as open_page:

        def open_scene(scene: str, lang: str = "en", *window, address: str = "", **named) -> Lecture:
            if "model=" not in address:  # the smallest model, whose numbers the tests name
                address += "&model=embedded:tiny"
            shown = Lecture(open_page(f"lecture?scene={scene}&lang={lang}&{address}", *window, **named))
            shown.ready(scene)
            return shown

        yield open_scene


def as_shown(sentence: str) -> re.Pattern:
    """A sentence as the page has it, with the invisible characters that keep names from being markup."""
    return re.compile("[\u2060\u2068\u2069]*".join(["", *map(re.escape, sentence), ""]))


def settled(page) -> None:
    """Wait until every figure of Explore is drawn and no script runs."""
    page.wait_for_function("""() => {
        const places = [...document.querySelectorAll('.stPlotlyChart')];
        const drawn = place => place.querySelector('.js-plotly-plot')?._fullData;
        return document.querySelector('[class*="st-key-view_"]') && places.every(drawn)
            && !document.querySelector('[data-testid=stSkeleton]')
            && document.querySelector('.stApp').dataset.testScriptState !== 'running';
    }""")


def idle(page) -> None:
    """Wait until no script runs on the server for this page."""
    page.wait_for_function("() => document.querySelector('.stApp')?.dataset.testScriptState === 'notRunning'")


def still(page) -> None:
    """Wait until nothing on the page moves or fades: no animation runs, and all places are as they were before."""
    page.evaluate("window.lastPlaces = null")
    page.wait_for_function(
        """() => {
            const moving = document.getAnimations().some(
                a => a.playState === 'running' && a.effect?.getComputedTiming().iterations !== Infinity);
            const all = document.querySelectorAll('.stApp h3, .stElementContainer, .js-plotly-plot .main-svg, details');
            const places = JSON.stringify([...all].map(e => e.getBoundingClientRect()));
            const same = places === window.lastPlaces;
            window.lastPlaces = places;
            return same && !moving;
        }""",
        polling=200,
    )


#: Controls whose accessible name lacks their visible words (WCAG 2.5.3), including those in shadow roots.
MISNAMED = r"""() => {
    const plain = (text) => text.toLowerCase().replace(/[^\p{L}\p{N}\s]+/gu, '').replace(/\s+/g, ' ').trim();
    const seen = (element) => {
        const found = [], walker = document.createTreeWalker(element, NodeFilter.SHOW_TEXT);
        for (let text; (text = walker.nextNode());) {
            const { parentElement: at } = text;
            if (!at.checkVisibility({ visibilityProperty: true }) || at.closest('[aria-hidden=true], output')) continue;
            found.push(at.matches('div, p, text') ? ` ${text.data} ` : text.data);
        }
        return plain(found.join(''));
    };
    const control = 'button, a, input, select, textarea, [role=button], [role=radio], [role=tab], [role=combobox]';
    const misnamed = (root) => [...root.querySelectorAll('*')].flatMap((element) => {
        const within = element.shadowRoot ? misnamed(element.shadowRoot) : [];
        if (!element.ariaLabel || !element.matches(control)) return within;
        const words = element.matches('input, select, textarea') ? [...element.labels].map(seen) : [seen(element)];
        return words.filter((one) => !plain(element.ariaLabel).includes(one)).map((one) => [one, element.ariaLabel]);
    });
    return misnamed(document);
}"""


def addressed(page, *has: str, lacks: tuple[str, ...] = ()) -> None:
    """Wait until the browser's address has these parts and lacks those; it changes a message after the page."""
    page.wait_for_function(
        """([has, lacks]) => {
        const parts = location.search.slice(1).split('&'), named = parts.map(part => part.split('=')[0]);
        return has.every(part => parts.includes(part)) && !lacks.some(name => named.includes(name));
    }""",
        arg=[list(has), list(lacks)],
    )


@pytest.fixture
def shoot(request):
    """shoot(page, name): a picture of the window, if VITRINE_SHOTS names a folder."""
    folder = os.environ.get("VITRINE_SHOTS")

    def save(page, name: str) -> None:
        if folder:
            Path(folder).mkdir(parents=True, exist_ok=True)
            still(page)
            page.screenshot(path=str(Path(folder) / f"{name}.png"))

    return save


def scroll(page, top: int) -> None:
    """Scroll the page's main part."""
    page.evaluate("top => document.querySelector('[data-testid=stMain]').scrollTo(0, top)", top)
