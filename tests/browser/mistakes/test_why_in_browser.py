"""See why and the report in Chromium: erasing patches moves the bars to the model's new probabilities."""

import fcntl
import re
import urllib.parse
from pathlib import Path

import numpy as np
import pytest

import vit_core as vc
from app.explore.reasons.methods import FIRST_METHODS, METHODS
from app.mistakes.report import build_report
from app.mistakes.why import FIRST_CURVE, Why
from app.text import why as words
from tests import evaluated
from tests.browser.conftest import new_page, serving_page
from vit_core import attribution as at
from vit_core.attribution.faithfulness import RANDOM_ORDERS
from vit_core.data import open_dataset
from vit_core.evaluation import evaluate
from vit_core.evaluation.filters import Filter

pytestmark = pytest.mark.timeout(600)
FIND = """(() => { for (const e of document.querySelectorAll('*')) {
    const found = e.shadowRoot?.querySelector('.why'); if (found?.why) return found.why } })()"""


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return evaluated.make(tmp_path_factory.mktemp("evaluated"), each=8)


@pytest.fixture(scope="module")
def model():
    return vc.load(evaluated.MODEL, "cpu")


@pytest.fixture(scope="module")
def path(run):
    return run.rows.page(Filter(outcome="wrong"), 0, 1)[0]["path"]


@pytest.fixture(scope="module")
def found(run, model, path):
    return Why(model, run, path)


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    """The address of a server with why_page.py."""
    page = Path(__file__).with_name("why_page.py")
    with serving_page(tmp_path_factory.mktemp("server"), page) as server:
        yield f"{server.url}/"
        assert "Traceback" not in server.said()


class Seen:
    """One tab with the view, and what a test does in it."""

    def __init__(self, page):
        self.page, self.errors, self.frames = page, [], []
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("websocket", lambda ws: ws.on("framereceived", lambda data: self.frames.append(len(data))))

    def js(self, expression):
        """The value of a JavaScript expression; `w` is the view."""
        return self.page.evaluate(f"(() => {{ const w = {FIND}; return {expression} }})()")

    def wait(self, expression="true"):
        """Wait until no message is pending and the expression is true."""
        self.page.wait_for_function(f"""(() => {{ const w = {FIND};
            return w?.root.dataset.state === 'ready' && !w.pending && !w.dirty && ({expression}) }})()""")

    def place(self, patch):
        box, cols, rows = self.page.locator(".easel").bounding_box(), *self.js("[w.easel.cols, w.easel.rows]")
        return (
            box["x"] + (patch % cols + 0.5) / cols * box["width"],
            box["y"] + (patch // cols + 0.5) / rows * box["height"],
        )

    def drag(self, *patches):
        mouse = self.page.mouse
        mouse.move(*self.place(patches[0]))
        mouse.down()
        for patch in patches[1:]:
            mouse.move(*self.place(patch), steps=4)
        mouse.up()

    def bars(self):
        """The drawn widths of the bars, relative to their tracks."""
        self.page.wait_for_function(f"{FIND}.root.getAnimations({{ subtree: true }}).length === 0")
        return self.js("""w.probabilities.rows.map(row => row.now.getBoundingClientRect().width /
            row.now.parentElement.getBoundingClientRect().width)""")


@pytest.fixture
def see(chromium, address, run, path):
    """see(width=1280, height=720, lang="en", theme="light") -> Seen, drawn. An error in the page fails the test."""
    opened = []

    def show(width=1280, height=720, lang="en", theme="light", picture=path, run=run, **query):
        seen = Seen(new_page(chromium, viewport={"width": width, "height": height}, color_scheme=theme))
        opened.append(seen)
        query = {"run": str(run.out), "path": picture, "lang": lang, **query}
        seen.page.goto(f"{address}?{urllib.parse.urlencode(query)}")
        seen.page.wait_for_selector('.why[data-state="ready"]')
        if "hold" in query:
            return seen
        seen.wait("w.curve()")  # a message is only kept for the next run after the page's own run has ended
        seen.page.wait_for_function("() => document.querySelector('.stApp').dataset.testScriptState !== 'running'")
        return seen

    yield show
    for seen in opened:
        seen.page.close()
        assert not seen.errors


def locked(path: Path):
    """A file that why_page.py waits for until it is closed."""
    file = path.open("w")
    fcntl.flock(file, fcntl.LOCK_EX)
    return file


def said(found, **change):
    return at.intervene(found.model, found.images, **change).softmax(-1).numpy()[list(found.shown)]


def test_erasing_patches_moves_the_bars_to_the_new_probabilities(see, found, shoot):
    seen = see()
    np.testing.assert_allclose(seen.bars(), found.probabilities[list(found.shown)], atol=0.01)
    before = len(seen.frames)
    seen.drag(15, 19, 47)  # along row 2, then down column 6
    seen.wait("w.erased.size")
    erased = sorted(seen.js("[...w.erased]"))
    assert erased == [15, 16, 17, 18, 19, 33, 47]
    np.testing.assert_allclose(seen.js("w.values"), said(found, erased=erased), atol=1e-5)
    np.testing.assert_allclose(seen.bars(), said(found, erased=erased), atol=0.01)
    outlines = seen.js("w.probabilities.rows.map(row => parseFloat(row.before.style.width) / 100)")
    np.testing.assert_allclose(outlines, found.probabilities[list(found.shown)], atol=1e-4)
    assert max(seen.frames[before:]) < 3_000, "more than the answer was sent"
    shoot(seen.page, "why-painted")
    seen.drag(16, 18)  # a drag that begins on an erased patch restores
    seen.wait("w.erased.size < 7")
    assert sorted(seen.js("[...w.erased]")) == [15, 19, 33, 47]
    np.testing.assert_allclose(seen.js("w.values"), said(found, erased=[15, 19, 33, 47]), atol=1e-5)
    for name in ("blur", "black"):
        seen.page.get_by_role("radio", name=name).click()
        seen.wait(f"w.fill === '{name}' && w.curve()")
        np.testing.assert_allclose(seen.js("w.values"), said(found, erased=[15, 19, 33, 47], fill=name), atol=1e-5)
    seen.page.get_by_role("button", name="Restore all").click()
    seen.wait("!w.erased.size")
    np.testing.assert_allclose(seen.js("w.values"), found.probabilities[list(found.shown)], atol=1e-5)


def test_a_stroke_over_a_grid_that_is_not_square(see, run, tmp_path, shoot):
    """See why of a whole picture, with the model's input size as it was evaluated."""
    source, folder = run.source, tmp_path / "pictures"
    for i in (0, 1, 2):
        home = folder / source.classes[source.labels[i]]
        home.mkdir(parents=True, exist_ok=True)
        source.read(i).resize((56, 28)).save(home / f"{i}.png")
    name = f"{evaluated.MODEL}?input=whole"
    model = vc.load(name, "cpu")
    evaluate(model, open_dataset(folder), tmp_path / "run", name=name, workers=0)
    wide = evaluated.opened(tmp_path / "run")
    found = Why(model, wide, wide.rows.page(Filter(), 0, 1)[0]["path"])
    rows, cols = found.grid
    assert rows < cols
    seen = see(run=wide, picture=found.path)
    assert seen.js("[w.easel.rows, w.easel.cols]") == [rows, cols]
    box = seen.page.locator(".easel").bounding_box()
    assert box["width"] / box["height"] == pytest.approx(cols / rows, rel=0.02)
    seen.drag(cols + 1, cols + 4)
    seen.wait("w.erased.size === 4")
    erased = sorted(seen.js("[...w.erased]"))
    assert erased == [cols + 1, cols + 2, cols + 3, cols + 4]
    np.testing.assert_allclose(seen.js("w.values"), said(found, erased=erased), atol=1e-5)
    shoot(seen.page, "why-whole")


def test_the_arrow_keys_choose_the_fill(see, shoot):
    seen = see(lang="ko", theme="dark")
    group = seen.page.locator(".panels [role=radiogroup]").first
    group.locator("[aria-checked=true]").focus()
    for key, fill in (("ArrowRight", "blur"), ("ArrowDown", "black"), ("ArrowRight", "mean"), ("ArrowLeft", "black")):
        seen.page.keyboard.press(key)
        seen.wait(f"w.fill === '{fill}'")
    assert group.locator("[tabindex='0']").evaluate_all(
        "(all) => all.map(one => one.ariaChecked === 'true' && one.getRootNode().activeElement === one)"
    ) == [True]
    shoot(seen.page, "why-choice")


def test_while_dragging_one_message_is_pending_and_the_last_one_wins(see, found):
    seen = see()
    seen.page.evaluate(f"""(() => {{ const w = {FIND}; w.sent = []; w.open = 0; w.most = 0;
        const ask = w.ask.bind(w), answered = w.answered.bind(w);
        w.ask = () => {{ w.open += 1; w.most = Math.max(w.most, w.open); w.sent.push(w.erased.size); ask() }};
        w.answered = (answer) => {{ const was = w.pending;
            if (was && answer.seq === was.seq) w.open -= 1; answered(answer) }} }})()""")
    seen.drag(0, 13, 27, 14, 28, 41)
    seen.wait("w.erased.size >= 30")
    assert seen.js("w.most") == 1
    assert 1 <= len(seen.js("w.sent")) < 35
    erased = sorted(seen.js("[...w.erased]"))
    assert seen.js("w.sent.at(-1)") == len(erased)
    np.testing.assert_allclose(seen.js("w.values"), said(found, erased=erased), atol=1e-5)


def test_the_maps_are_shown_before_the_curve_and_a_stroke_meanwhile_is_answered(see, run, model, tmp_path, shoot):
    found = Why(model, run, run.rows.page(Filter(outcome="wrong"), 1, 1)[0]["path"])  # not computed by another test
    hold = locked(tmp_path / "hold")
    seen = see(hold=hold.name, picture=found.path)
    assert seen.js("w.map(0).length") == found.patches
    assert seen.js("w.firstChange.textContent") == "Computing…"
    assert f"0 of {len(found.counts)} steps" in seen.page.get_by_test_id("stMarkdown").first.inner_text()
    shoot(seen.page, "why-before-its-curve")
    seen.drag(15, 17)
    assert seen.js("w.erased.size") == 3
    hold.close()
    seen.wait("w.curve()")
    np.testing.assert_allclose(seen.js("w.values"), said(found, erased=[15, 16, 17]), atol=1e-5)
    np.testing.assert_allclose(seen.js("w.curve().p"), found.curve(*FIRST_CURVE).probabilities, atol=1e-3)
    seen.page.get_by_test_id("stMarkdown").first.get_by_text("the prediction").wait_for()


def test_another_picture_chosen_while_the_curve_is_computed_is_shown(see, run, tmp_path):
    first, other = sorted(row["path"] for row in run.rows.page(Filter(outcome="wrong"), 2, 2))
    hold = locked(tmp_path / "hold")
    seen = see(hold=hold.name, picture=first, more=other)
    before = seen.js("w.data.of")
    seen.page.get_by_test_id("stSidebar").get_by_role("combobox").click()
    seen.page.get_by_role("option", name=other).click()
    hold.close()
    seen.page.wait_for_function(f"{FIND}?.data && {FIND}.data.of !== '{before}'")
    seen.wait("w.curve()")


def test_the_top_k_are_erased_for_either_class(see, found, model):
    seen = see()
    slider, most = seen.page.locator("input[type=range]"), found.curve(*FIRST_CURVE).first
    assert slider.input_value() == "0"  # the number of erased patches
    seen.page.get_by_role("button", name=f"for \u2068{model.labels[found.pair[0]]}\u2069").click()
    seen.wait(f"w.erased.size === {most}")  # as many as change the prediction
    assert slider.input_value() == str(most)
    for which, name in enumerate(model.labels[c] for c in found.pair):
        k = 5 + which
        seen.page.evaluate(f"{FIND}.k = {k}")
        seen.page.get_by_role("button", name=f"for \u2068{name}\u2069").click()
        seen.wait(f"w.erased.size === {k}")
        flat = found.maps("gradient_rollout")[which].ravel()
        wanted = np.argsort(-flat, kind="stable")[:k].tolist()
        assert seen.js("[...w.erased]") == wanted
        np.testing.assert_allclose(seen.js("w.values"), said(found, erased=wanted), atol=1e-5)
    seen.page.get_by_role("radio", name="LRP", exact=True).click()
    seen.wait("w.method === 'lrp' && w.curve()")
    curve = found.curve("lrp", "mean")
    np.testing.assert_allclose(seen.js("w.curve().p"), curve.probabilities, atol=1e-3)
    assert seen.js("w.curve().first") == curve.first
    slider.focus()
    slider.evaluate("node => { node.value = 9; node.dispatchEvent(new Event('input')) }")
    seen.wait("w.erased.size === 9")
    assert set(seen.js("[...w.erased]")) == set(np.argsort(-found.maps("lrp")[1].ravel(), kind="stable")[:9].tolist())


def test_painted_patches_are_told_apart_from_the_ranked_ones(see, found):
    """The slider and the curve's marker belong to ranked patches, the marker to the predicted class's order."""
    seen = see()
    slider, marker = seen.page.locator(".slider"), seen.page.locator(".chart .at")
    by_evidence = np.argsort(-found.maps("gradient_rollout")[0].ravel(), kind="stable").tolist()
    for patch in by_evidence[-3:]:  # by hand: the least important ones
        seen.page.mouse.click(*seen.place(patch))
    seen.wait("w.erased.size === 3")
    assert slider.locator("output").inner_text() == "3 painted"
    assert slider.locator("input").input_value() == "0"
    assert slider.locator("input").get_attribute("aria-valuetext") == "3 painted"
    assert marker.count() == 0
    for which, marked in ((0, 1), (1, 0)):
        seen.js(f"w.eraseTop({which}, 3)")
        seen.wait("w.erased.size === 3")
        assert slider.locator("output").inner_text() == f"3 of {len(by_evidence)}"
        assert slider.locator("input").input_value() == "3"
        assert marker.count() == marked


def test_heads_and_layers_are_switched_off(see, found, shoot):
    seen = see()
    head = seen.page.get_by_role("button", name="layer 2, head 3", exact=True)
    head.click()
    seen.wait("w.heads.size === 1")
    np.testing.assert_allclose(seen.js("w.values"), said(found, heads_off=[(1, 2)]), atol=1e-5)
    assert head.get_attribute("aria-pressed") == "false"
    seen.page.get_by_role("button", name="the whole layer 5", exact=True).click()
    seen.wait("w.layers.size === 1")
    np.testing.assert_allclose(seen.js("w.values"), said(found, heads_off=[(1, 2)], layers_off=[4]), atol=1e-5)
    assert "heads 1 · layers 1" in seen.js("w.off.textContent")
    shoot(seen.page, "why-heads")
    head.click()
    seen.wait("!w.heads.size")
    np.testing.assert_allclose(seen.js("w.values"), said(found, layers_off=[4]), atol=1e-5)


def test_it_works_with_the_keyboard_alone(see, found):
    seen = see()
    seen.page.locator(".easel").focus()
    for key in ("ArrowUp", "ArrowLeft", " ", "ArrowRight", " "):
        seen.page.keyboard.press(key)
    seen.wait("w.erased.size === 2")
    assert sorted(seen.js("[...w.erased]")) == [90, 91]  # the middle is (7, 7); up, left, and back
    np.testing.assert_allclose(seen.js("w.values"), said(found, erased=[90, 91]), atol=1e-5)
    seen.page.keyboard.press(" ")
    seen.wait("w.erased.size === 1")
    assert seen.js("[...w.erased]") == [90]
    seen.page.locator(".switches button").first.focus()
    for key in ("ArrowDown", "ArrowRight", " "):
        seen.page.keyboard.press(key)
    seen.wait("w.heads.size === 1")
    assert seen.js("[...w.heads]") == ["1,1"]


@pytest.mark.parametrize(
    ("width", "height", "lang", "theme"),
    [(1280, 720, "en", "light"), (1280, 720, "ko", "dark"), (1920, 1080, "ko", "light"), (390, 800, "en", "dark")],
)
def test_it_fits(see, shoot, width, height, lang, theme):
    seen = see(width, height, lang, theme)
    box = seen.page.locator(".why .panels").bounding_box()
    if width > 700:
        assert box["height"] <= max(600, 0.85 * height)
    beyond = seen.js("""[...w.root.querySelectorAll('.side *')].filter(e => !e.closest('svg, .scroll')
        && e.parentElement.tagName !== 'H3' && e.getBoundingClientRect().width  // a title that is cut ends in dots
        && e.getBoundingClientRect().right > w.root.getBoundingClientRect().right + 1)
        .map(e => e.outerHTML.slice(0, 200))""")
    assert not beyond
    left = re.findall(r"\{\w+\}", seen.js("w.root.textContent"))
    assert not left
    shoot(seen.page, f"why-{lang}-{theme}-{width}")


def test_a_hostile_name_stays_text(see, run):
    strange = run.rows.page(Filter(outcome="unknown"), 0, 1)[0]["path"]
    seen = see(picture=strange)
    assert "alert('1')" in seen.page.locator("[data-testid=stMarkdown]").first.inner_text()
    assert not seen.page.evaluate("[...document.scripts].some(s => s.textContent.includes('alert'))")


def test_the_report_opens_offline_without_a_request_or_an_error(chromium, run, model, tmp_path, shoot):
    file = tmp_path / "report.html"
    file.write_bytes(build_report(run, Filter(), 200, "ko", model=model))
    page = chromium.new_page(viewport={"width": 1280, "height": 720}, color_scheme="dark")
    asked, said = [], []
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("dialog", lambda dialog: said.append(dialog.message))
    page.goto(file.as_uri())
    assert [url for url in asked if not url.startswith("data:")] == [file.as_uri()]
    assert not said
    images = page.evaluate("[...document.images].map(i => i.complete && i.naturalWidth)")
    assert len(images) >= 3 * 80
    assert all(images)
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(12, 17, 19)"
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    shoot(page, "report")
    page.emulate_media(color_scheme="light")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    page.close()


def test_the_nearest_pictures_have_alternative_text(see):
    seen = see()
    seen.page.locator(".stImage img").first.wait_for()
    assert seen.page.locator(".stImage img:not([alt*='/'])").count() == 0


def test_the_differences_title_begins_where_its_picture_does(see):
    words, picture = see().js("""(() => {
        const map = w.root.querySelector('.map:not(.a, .b)'), range = document.createRange();
        range.selectNodeContents(map.querySelector('h3'));
        return [range, map.querySelector('canvas, img')].map((one) => one.getBoundingClientRect().left);
    })()""")
    assert words == pytest.approx(picture, abs=1)  # without a class's mark there is no room for one


@pytest.mark.parametrize(("lang", "width", "theme"), [("en", 1280, "light"), ("ko", 390, "dark")])
def test_methods_are_compared_on_a_click_and_a_card_chooses_one(see, found, lang, width, theme, shoot):
    t = words.EN if lang == "en" else words.KO
    seen = see(width, 844, lang, theme)
    assert seen.js("w.compare.cards.size") == 0  # nothing is computed for those who do not ask
    seen.page.get_by_role("button", name=t["compare_start"]).click()
    seen.wait("w.compare.next() === null")
    assert seen.js("[...w.compare.found.keys()]") == list(FIRST_METHODS)
    for method in FIRST_METHODS:
        scores = found.compared.step(f"scores:{method}")["scores"]
        assert seen.js(f"w.compare.found.get('{method}').scores") == pytest.approx(scores, abs=1e-4)
    chance = [found.compared.step(number) for number in range(RANDOM_ORDERS)][-1]["chance"]
    np.testing.assert_allclose(seen.js("w.compare.chance"), chance, atol=1e-4)
    cards = seen.page.locator(".why .card")
    for card, method in zip(cards.all(), FIRST_METHODS, strict=True):
        deletion, insertion = found.compared.step(f"scores:{method}")["scores"]
        better = [deletion < chance[0][0], insertion > chance[1][1]]
        said = [t["compare_better" if one else "compare_no_better"] for one in better]
        areas = [
            t["compare_deletion"].format(area=f"{deletion:.2f}"),
            t["compare_insertion"].format(area=f"{insertion:.2f}"),
        ]
        assert (
            card.locator(".scores").inner_text().split()
            == " ".join(f"{area} {verdict}" for area, verdict in zip(areas, said, strict=True)).split()
        )
    charts = seen.page.locator(".why .curves .chart")
    assert [charts.nth(i).locator("path.line").count() for i in range(2)] == [len(FIRST_METHODS)] * 2
    assert charts.locator("polygon.band").count() == 2
    lit = "w.compare.charts[0].root.querySelector('path.line.a')?.getAttribute('d')"
    assert seen.js(lit)  # the chosen method's
    before = seen.js(lit)
    cards.nth(FIRST_METHODS.index("lrp")).hover()
    assert seen.js(lit) != before
    ends = seen.js(
        "w.compare.charts.map(c => [...c.root.querySelectorAll('circle.dot.a')].map(d => +d.getAttribute('cy')))"
    )
    curves = found.compared.step("scores:lrp")["curves"]
    for points, values in zip(ends, curves, strict=True):
        assert len(points) == len(values)
        assert np.corrcoef(points, values)[0, 1] == pytest.approx(-1, abs=1e-6)  # higher is further up
    alpha = "w.compare.cards.get('{}').picture.canvas.getContext('2d').getImageData(0, 0, 1, 1).data[3]"
    assert seen.js(alpha.format("lrp")) == round(0.72 * 255)
    assert seen.js(alpha.format("attnlrp")) == round(0.82 * 255)  # the diverging scale's
    seen.page.get_by_role("button", name=t["compare_more"]).click()
    seen.wait("w.compare.next() === null")
    assert cards.count() == len(METHODS)
    assert cards.filter(has_text=t["compare_control"]).count() == 2
    shoot(seen.page, f"why-compare-{lang}")
    seen.page.get_by_role("button", name=t["attnlrp"], exact=True).click()
    seen.wait("w.method === 'attnlrp' && w.curve()")
    np.testing.assert_allclose(seen.js("[...w.map(0)]"), found.maps("attnlrp")[0].ravel(), rtol=1e-4, atol=1e-6)
    assert seen.page.locator(".card.chosen .plain").inner_text() == t["attnlrp"]
    assert seen.page.locator(".card .plain[aria-pressed=true]").count() == 1
    low, high = seen.page.locator(".shared .legend > span:not(.caption)").all_inner_texts()
    assert low.replace("−", "-") == f"-{high}"  # signed: the scale is centred at 0
    assert seen.js("document.documentElement.scrollWidth <= innerWidth")


def test_the_comparison_stays_open_for_the_next_picture(see, run, path):
    other = next(row["path"] for row in run.rows.page(Filter(outcome="wrong"), 0, 2) if row["path"] != path)
    seen = see(more=other)
    seen.page.get_by_role("button", name=words.EN["compare_start"]).click()
    seen.wait("w.compare.next() === null")
    before, first = seen.js("w.data.of"), seen.js("w.compare.found.get('attnlrp').scores")
    seen.page.get_by_test_id("stSidebar").get_by_role("combobox").click()
    seen.page.get_by_role("option", name=other).click()
    seen.wait(f"w.data.of !== '{before}' && w.curve() && w.compare.next() === null")
    assert seen.js("w.compare.found.get('attnlrp').scores") != first


def test_patches_are_painted_while_methods_are_compared(see, found, tmp_path):
    hold = locked(tmp_path / "hold")
    seen = see(measure=hold.name)
    seen.page.get_by_role("button", name=words.EN["compare_start"]).click()
    seen.page.wait_for_function(f"{FIND}.pending")
    seen.page.locator(".easel").scroll_into_view_if_needed()
    seen.drag(15, 19)
    hold.close()
    seen.wait("w.erased.size === 5 && w.compare.next() === null")
    np.testing.assert_allclose(seen.js("w.values"), said(found, erased=[15, 16, 17, 18, 19]), atol=1e-5)
