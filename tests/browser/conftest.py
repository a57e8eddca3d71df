"""The real server and a real Chromium. Without Chromium these tests fail: what nobody looked at is not known to work.

VITRINE_SHOTS=<folder> makes `shoot` write its pictures there.
"""

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

ROOT = Path(__file__).resolve().parents[2]
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
         "--disable-component-update", "--disable-sync"]
PATIENCE = 60_000  # ms; a busy machine is no failure


class Server:
    """`python -m app` on a free port; what it says is in `log`."""

    def __init__(self, log: Path, *options: str):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self.url, self.log = f"http://127.0.0.1:{port}", log
        command = [sys.executable, "-m", "app", "--server.headless", "true", "--server.port", str(port), *options]
        with log.open("wb") as out:
            self.process = subprocess.Popen(command, cwd=ROOT, stdout=out, stderr=subprocess.STDOUT,
                                            env=os.environ | {"VITRINE_LOG": "info"})

    def wait(self, seconds: float = 120) -> None:
        """Until it answers."""
        until = time.monotonic() + seconds
        while time.monotonic() < until and self.process.poll() is None:
            try:
                urllib.request.urlopen(f"{self.url}/_stcore/health", timeout=5).close()
                return
            except OSError:
                time.sleep(0.2)
        pytest.fail(f"the server did not start:\n{self.said()}")

    def said(self) -> str:
        return self.log.read_text(encoding="utf-8", errors="replace")

    def forwards(self) -> int:
        """How often a model has run so far."""
        return len(re.findall(r"^forward ", self.said(), re.M))

    def stop(self) -> None:
        self.process.terminate()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def pytest_collection_modifyitems(items):
    """What fails in the browser is tried once more, and the summary names it: a busy machine drops a frame."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.flaky(reruns=1))


@pytest.fixture(scope="session")
def server(tmp_path_factory):
    """The app, started once."""
    started = Server(tmp_path_factory.mktemp("server") / "log.txt")
    try:
        started.wait()
        yield started
    finally:
        started.stop()


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The app with a folder of runs of its own, empty. VITRINE_RUNS names one to go on with."""
    before = os.environ.get("VITRINE_RUNS")
    home = Path(before) if before else tmp_path_factory.mktemp("runs")
    os.environ["VITRINE_RUNS"] = str(home)
    started = Server(tmp_path_factory.mktemp("server") / "log.txt")
    try:
        started.wait()
        yield started
    finally:
        started.stop()
        if not before:
            del os.environ["VITRINE_RUNS"]


@pytest.fixture(scope="session")
def chromium():
    """A browser, started once."""
    from playwright.sync_api import sync_playwright

    found = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    assert found, "the browser tests need Chromium: apt-get install chromium fonts-noto-cjk"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def visit(chromium, server):
    """visit(address="", width=1280, height=720, theme="light") -> the page, every figure drawn.

    The page's `asked` is every address it asked for. A server-side traceback fails the test.
    """
    pages, before = [], len(server.said())

    def open_page(address: str = "lang=en", width: int = 1280, height: int = 720, theme: str = "light"):
        page = chromium.new_page(viewport={"width": width, "height": height}, color_scheme=theme)
        pages.append(page)
        page.set_default_timeout(PATIENCE)
        page.asked = []
        page.on("request", lambda request: page.asked.append(request.url))
        page.goto(f"{server.url}/?{address}")
        settled(page)
        return page

    yield open_page
    for page in pages:
        page.close()
    assert "Traceback" not in server.said()[before:]


@pytest.fixture
def lecture(chromium, server):
    """lecture(scene, lang="en", width=1280, height=720, theme="light", address="") -> lecture_driver.Lecture, drawn.

    An error in the page, or a server-side traceback, fails the test.
    """
    from lecture_driver import Lecture

    pages, errors, before = [], [], len(server.said())

    def open_scene(scene: str, lang: str = "en", width: int = 1280, height: int = 720, theme: str = "light",
                   address: str = "") -> Lecture:
        page = chromium.new_page(viewport={"width": width, "height": height}, color_scheme=theme)
        pages.append(page)
        page.set_default_timeout(PATIENCE)
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.goto(f"{server.url}/lecture?scene={scene}&lang={lang}&{address}")
        shown = Lecture(page)
        shown.ready(scene)
        return shown

    yield open_scene
    for page in pages:
        page.close()
    assert not errors
    assert "Traceback" not in server.said()[before:]


def told(sentence: str) -> re.Pattern:
    """A sentence as the page has it: what keeps names in it from being markup has no width."""
    return re.compile("[\u2060\u2068\u2069]*".join(["", *map(re.escape, sentence), ""]))


def settled(page) -> None:
    """Wait until every figure is drawn and nothing runs any more."""
    page.wait_for_function("""() => {
        const places = [...document.querySelectorAll('.stPlotlyChart')];
        const drawn = place => place.querySelector('.js-plotly-plot')?._fullData;
        return document.querySelector('.st-key-norms_chart') && places.length && places.every(drawn)
            && !document.querySelector('[data-testid=stSkeleton]')
            && document.querySelector('.stApp').dataset.testScriptState !== 'running';
    }""")


def addressed(page, *has: str, lacks: tuple[str, ...] = ()) -> None:
    """Wait until the browser's address has these parts and lacks those: it follows what is drawn, a message later."""
    page.wait_for_function("""([has, lacks]) => {
        const parts = location.search.slice(1).split('&'), named = parts.map(part => part.split('=')[0]);
        return has.every(part => parts.includes(part)) && !lacks.some(name => named.includes(name));
    }""", arg=[list(has), list(lacks)])


@pytest.fixture
def shoot(request):
    """shoot(page, name): a picture of the window, where VITRINE_SHOTS names a folder."""
    folder = os.environ.get("VITRINE_SHOTS")

    def take(page, name: str) -> None:
        if folder:
            Path(folder).mkdir(parents=True, exist_ok=True)
            page.wait_for_timeout(600)  # for what fades in
            page.screenshot(path=str(Path(folder) / f"{name}.png"))

    return take


def scroll(page, top: int) -> None:
    """Scroll the figures; the window itself stands still."""
    page.evaluate("top => document.querySelector('[data-testid=stMain]').scrollTo(0, top)", top)
