"""A model whose class names are hostile, opened on all three pages, in both languages: they are text, and short."""

import dataclasses
import html
import json
import re

import pytest
import torch

import vit_core as vc
from app.mistakes import find, requests
from app.mistakes.report import build_report
from app.mistakes.requests import EvaluationRequest
from tests.browser.conftest import opening, settled
from tests.browser.lecture_driver import Lecture
from vit_core.checkpoints import embedded
from vit_core.data import open_dataset
from vit_core.evaluation.run import evaluate
from vit_core.images import Preprocess
from vit_core.models.config import ViTConfig
from vit_core.models.vit import VisionTransformer

#: The more probable, the earlier: each page shows the first five.
LABELS = [
    "<img src=x onerror='window.__hit=1'><script>window.__hit=2</script>",
    "**bold** :red[red] $x^2$ :material/home: [link](javascript:window.__hit=3) ![picture](http://evil.example/a.png)",
    "\u202eright to left\u202c \u05e9\u05dc\u05d5\u05dd \u200b\nsecond line",
    "<b>bold</b> <a href='javascript:window.__hit=4'>link</a> {name} {0} %{x}",
    "long" * 250,  # 1,000 letters, the most that are read
    "plain",
]
SEEN = ["onerror='window.__hit=1'", "**bold** :red[red] $x^2$", "right to left", "<b>bold</b>", "longlong"]
#: What no name may become.
MADE = "img[src='x'], img[src*=evil], a[href^=javascript], a[href*=evil], script:text('__hit')"
UNSEEN = re.compile("[\u200b\u2060\u2068\u2069]")


@pytest.fixture(scope="module")
def hostile(site, tmp_path_factory):
    """(model name, run name, run folder) of a model with hostile labels, saved and evaluated for real."""
    home = tmp_path_factory.mktemp("hostile")
    torch.manual_seed(0)
    model = VisionTransformer(
        ViTConfig(image_size=32, patch_size=8, classes=len(LABELS), dim=16, depth=2, heads=2, head_dim=8, mlp_dim=32),
        LABELS,
        Preprocess((32, 32), (0.5,) * 3, (0.5,) * 3),
    )
    with torch.no_grad():
        model.head.bias.copy_(torch.linspace(3, 0, len(LABELS)))
    embedded.save(model, home / "a.safetensors", {"title": "hostile"})
    bundled, pictures = open_dataset("bundled:fashion"), home / "pictures"
    for number, folder in enumerate(("0", "1", "4", "5")):
        (pictures / folder).mkdir(parents=True)
        for i in range(2):
            (pictures / folder / f"{i}.png").write_bytes(bundled.data(2 * number + i))
    asked = EvaluationRequest(f"file:{home / 'a.safetensors'}", str(pictures))
    out = requests.run_folder(asked.id)
    evaluate(
        vc.load(asked.model, "cpu"),
        open_dataset(pictures),
        out,
        name=asked.model,
        table={n: LABELS[int(n)] for n in "0145"},
        workers=0,
    )
    (out / "request.json").write_text(json.dumps(dataclasses.asdict(asked)))
    return asked.model, asked.id, out


@pytest.fixture
def look(chromium, site):
    """look(address) -> a page; the test fails if a name runs, opens something or becomes an element."""
    opened = []
    with opening(chromium, site) as open_page:

        def open_watched(address: str, *window):
            opened.append(open_page(address, *window))
            opened[-1].on("popup", lambda popup: opened[-1].requested.append(f"evil popup: {popup.url}"))
            return opened[-1]

        yield open_watched
    assert not [url for page in opened for url in page.requested if "evil" in url]


def text_alone(page) -> str:
    """All visible text, shadow roots and SVG included. Fails if a name made an element."""
    assert page.evaluate("window.__hit") is None
    assert page.locator(MADE).count() == 0  # Playwright's selectors look into shadow roots
    said = page.evaluate("""() => {
        const read = root => [...root.querySelectorAll('*')].filter(e => !e.matches('style, script'))
            .flatMap(e => [...e.childNodes].filter(n => n.nodeType === 3).map(n => n.data)
                .concat(e.title || [], e.ariaLabel || [], e.shadowRoot ? read(e.shadowRoot) : []));
        return read(document.body).join('\\n');
    }""")
    assert "\u202e" not in said  # or the text around it would run the other way
    return UNSEEN.sub("", said)


def nothing_wide(page) -> None:
    assert (
        page.evaluate("""() => {
        const main = document.querySelector('[data-testid=stMain]');
        return main.scrollWidth - main.clientWidth;
    }""")
        <= 1
    )


@pytest.mark.parametrize("lang", ["en", "ko"])
def test_explore_shows_names_as_text(look, hostile, lang, shoot):
    page = look(f"?lang={lang}&model={hostile[0]}&view=answer")
    settled(page)
    said = text_alone(page)
    for name in SEEN:
        assert name in said, name
    assert "[link](javascript:" in said
    assert "long" * 60 not in said
    nothing_wide(page)
    bars = page.locator(".st-key-predictions_chart")
    bars.scroll_into_view_if_needed()
    shoot(page, f"labels_explore_{lang}")
    ticks = bars.locator(".ytick").all_text_contents()
    assert any(tick.startswith("<img src=x") for tick in ticks)
    assert all(len(tick.strip()) <= 26 for tick in ticks)
    names = page.evaluate("""() => document.querySelector('.st-key-predictions_chart .js-plotly-plot')
                                        ._fullData[0].customdata""")
    for number, name in enumerate(map(html.unescape, names)):
        box = bars.locator(".barlayer .point path").nth(number).bounding_box()
        page.mouse.move(box["x"] + 3, box["y"] + box["height"] / 2)
        page.wait_for_function(
            "name => document.querySelector('.hoverlayer')?.textContent.includes(name)", arg=name[:9]
        )
        assert bars.locator(".hoverlayer b, .hoverlayer a, .hoverlayer [style*=bold]").count() == 0
    shoot(page, f"labels_hover_{lang}")
    text_alone(page)


@pytest.mark.parametrize("lang", ["en", "ko"])
def test_the_lecture_shows_names_as_text(look, hostile, lang, shoot):
    page = look(f"lecture?lang={lang}&scene=head&model={hostile[0]}")
    shown = Lecture(page)
    shown.ready("head")
    found = []
    for scene in ("head", "positions", "summary", "mlp"):
        if scene != "head":
            shown.run("stage.open(argument)", scene)
            shown.ready(scene)
        found.append(text_alone(page))
        assert not shown.misfits(), scene
        shoot(page, f"labels_{scene}_{lang}")
    assert "<img src=x onerror=" in found[0]
    assert "**bold** :red[red] $x^2$" in found[0]
    assert all("**bold** :red" in said for said in found[:3])
    assert "long" * 20 not in "".join(found)


@pytest.mark.parametrize("lang", ["en", "ko"])
def test_mistakes_shows_names_as_text(look, hostile, lang, shoot):
    _, run, _ = hostile
    page = look(f"mistakes?lang={lang}&run={run}&list=all&label=0&predicted=1")
    page.locator(".gallery button").first.wait_for()
    page.locator(".confusion canvas").first.wait_for()
    said = text_alone(page)
    assert SEEN[0] in said
    assert SEEN[1] in said
    nothing_wide(page)
    shoot(page, f"labels_mistakes_{lang}")
    page.locator(".st-key-gallery_bar button").first.click()  # the filters, which list the classes
    chosen = page.get_by_test_id("stPopoverBody").locator(".react-aria-ComboBox input").first
    chosen.click()
    chosen.press("ArrowDown")
    page.get_by_role("option").first.wait_for()
    shoot(page, f"labels_filters_{lang}")
    assert any("<img src=x" in option for option in page.get_by_role("option").all_inner_texts())
    text_alone(page)
    page = look(f"mistakes?lang={lang}&run={run}&list=all&open=1/0.png")
    page.locator(".why[data-state=ready]").wait_for()
    page.wait_for_function("() => document.querySelector('.stApp').dataset.testScriptState === 'notRunning'")
    said = text_alone(page)
    for name in SEEN[:2]:
        assert name in said, name
    nothing_wide(page)
    shoot(page, f"labels_why_{lang}")


@pytest.mark.parametrize("lang", ["en", "ko"])
def test_the_report_shows_names_as_text(chromium, hostile, lang, shoot, tmp_path):
    model, _, out = hostile
    file = tmp_path / "report.html"
    file.write_bytes(
        build_report(find.Evaluation(out), find.GalleryView("all").full_filter(), 8, lang, model=vc.load(model, "cpu"))
    )
    page, wrong = chromium.new_page(viewport={"width": 1280, "height": 720}), []
    try:
        page.on("dialog", lambda dialog: wrong.append(dialog.message) or dialog.dismiss())
        page.on("request", lambda request: wrong.append(request.url) if "evil" in request.url else None)
        page.goto(file.as_uri())
        said = text_alone(page)
        for name in (SEEN[0], SEEN[1], SEEN[4]):
            assert name in said, name
        assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
        shoot(page, f"labels_report_{lang}")
    finally:
        page.close()
    assert not wrong
