"""The page of mistakes end to end: evaluate, filter, open, download; and hostile names, which stay text."""

import json
import re
from pathlib import Path
from urllib.parse import quote

import pytest
from playwright.sync_api import expect

from app import text
from app.mistakes import requests
from app.mistakes.find import PAGE_SIZE, Evaluation, GalleryView
from app.mistakes.requests import FASHION, PHOTOS, EvaluationRequest
from tests import tables
from tests.browser.conftest import MISNAMED, addressed, as_shown, opening, still
from vit_core.data import open_dataset
from vit_core.data.archives import PackedDataset
from vit_core.evaluation import evaluate
from vit_core.evaluation.filters import Filter

ENGLISH = text.Text("en")
PICTURES = 4000  # of the 10,000 of Fashion-MNIST: enough for several pages of errors
SHIRT, TEE = 6, 0  # what the model for clothes confuses most
LONG = 900_000  # ms; the bundled set takes seconds on an idle machine
IMG, STARS = "<img src=x onerror=alert(1)>", "**x**"


@pytest.fixture
def show(chromium, site):
    """show(address, width=1280, height=720, theme="light") -> the page, on FASHION unless told. As `opening`."""

    def full(address: str) -> str:
        parts = [part for part in ("lang=en", f"run={FASHION.id}") if part.split("=")[0] + "=" not in address]
        return "mistakes?" + "&".join(filter(None, [*parts, address]))

    with opening(chromium, site) as open_page:
        yield lambda address="", *window, **named: open_page(full(address), *window, **named)


def press(page, key: str) -> None:
    page.locator(f".st-key-{key} button:visible").first.click()


def own_folder(page, language: str = "en") -> None:
    """Open the popover for pictures of one's own, at the fields for a folder."""
    t = text.Text(language)
    page.get_by_role("button", name=t("mistakes.new")).click()
    page.get_by_role("radio", name=t("mistakes.new.way.path"), exact=True).click()
    page.locator(".st-key-new_source input").wait_for()


def settled(page) -> None:
    page.wait_for_function("() => document.querySelector('.stApp')?.dataset.testScriptState === 'notRunning'")


def listed(page) -> list[str]:
    return page.locator(".gallery button").evaluate_all("all => all.map(button => button.dataset.path)")


def cell(page, label: int, predicted: int) -> tuple[float, float]:
    """The middle of a cell of the matrix, in pixels of the window."""
    page.locator(".confusion canvas").first.hover(trial=True)  # waits until it no longer moves
    return page.locator(".confusion").evaluate(
        """(root, [label, predicted]) => {
        const m = root.matrix;
        m.canvas.scrollIntoView({ block: 'center' });
        m.layout();
        const row = m.header.rows.indexOf(label) - m.view.y, column = m.header.columns.indexOf(predicted) - m.view.x;
        const box = m.canvas.getBoundingClientRect();
        return [box.left + m.left + (column + 0.5) * m.cell, box.top + m.head + (row + 0.5) * m.cell];
    }""",
        [label, predicted],
    )


def made_up(request: EvaluationRequest, labels: list[str], n: int) -> Path:
    """A finished evaluation with made-up rows."""
    out = request.folder
    out.mkdir(parents=True, exist_ok=True)
    (out / "request.json").write_text(json.dumps(vars(request)), "utf-8")
    about = {
        "model": request.model,
        "labels": labels,
        "total": n,
        "state": "done",
        "done": n,
        "source": {"title": "made up", "kind": "folder", "root": "/nowhere", "classes": [*labels, "unknown"]},
        "match": {"by": "name", "target": [*range(len(labels)), -1], "unknown": ["unknown"]},
    }
    (out / "run.json").write_text(json.dumps(about), "utf-8")
    tables.evaluation(out / "rows.parquet", n, len(labels))
    return out


@pytest.fixture(scope="module")
def run(site):
    """The evaluation of the first PICTURES of Fashion-MNIST, with the model for clothes."""
    out = FASHION.folder
    if not (out / "rows.parquet").exists():
        source = open_dataset("bundled:fashion")
        first = PackedDataset(
            source.title,
            source.kind,
            source.root,
            source.classes,
            source.names[:PICTURES],
            source.labels[:PICTURES],
            load=lambda: [source.data(i) for i in range(PICTURES)],
            file=lambda: str(source.root / "t10k-labels-idx1-ubyte.gz"),
        )
        evaluate(FASHION.model, first, out, workers=0)
        (out / "request.json").write_text(json.dumps(vars(FASHION)), "utf-8")
    return Evaluation(out)


def test_the_first_visit_shows_photographs_and_evaluates_nothing(chromium, site, shoot):
    with opening(chromium, site) as open_page:
        page = open_page("mistakes?lang=en")
        shipped = Evaluation(requests.SHIPPED)
        page.get_by_text(f"{100 * shipped.accuracy.top1:.1f} %", exact=True).first.wait_for()
        page.locator(".gallery button").first.wait_for()
        assert listed(page) == [row["path"] for row in shipped.page_rows(GalleryView())]
        assert page.locator(".gallery img").evaluate_all(
            "async (all) => (await Promise.all(all.map((i) => i.decode()))).length"
        )
        shoot(page, "mistakes_first_visit")
        assert not PHOTOS.folder.exists()
        box = page.locator(f".st-key-runs_en_{PHOTOS.id} input")
        box.click()
        assert page.get_by_role("option").count() >= 2
        page.keyboard.press("Escape")


def test_a_click_on_a_cell_lists_its_pictures_and_the_link_lists_them_again(show, run, shoot):
    page = show()
    x, y = cell(page, SHIRT, TEE)
    page.mouse.move(x, y)
    count = int(run.counts[SHIRT, TEE])
    page.wait_for_function(f"""() => [...document.querySelectorAll('*')].some(e =>
        e.shadowRoot?.querySelector('.confusion .read')?.textContent.includes('{count} of the '))""")
    page.mouse.click(x, y)
    wanted = [row["path"] for row in run.page_rows(GalleryView(filter=Filter(label=SHIRT, predicted=TEE)))]
    page.locator(f'.gallery button[data-path="{wanted[-1]}"]').wait_for()
    settled(page)
    assert listed(page) == wanted
    assert page.get_by_text(f"{count} · 1 / {-(-count // PAGE_SIZE)}").count()
    shoot(page, "mistakes_cell")
    addressed(page, "label=6", "predicted=0")
    other = show(page.url.partition("?")[2], theme="dark")
    other.locator(f'.gallery button[data-path="{wanted[-1]}"]').wait_for()
    assert listed(other) == wanted
    shoot(other, "mistakes_dark")
    page.mouse.click(*cell(page, SHIRT, TEE))  # again: it lets go
    page.get_by_text(f"{run.count(GalleryView())} · 1 /").wait_for()


def test_the_matrix_is_used_by_keyboard_alone(show, run):
    page = show()
    page.locator(".confusion canvas").first.focus()
    for key in ("ArrowRight", "ArrowDown", "ArrowDown", "ArrowRight", "Enter"):
        page.keyboard.press(key)
    truth, predicted = run.confusion_order[2], run.confusion_order[1]
    addressed(page, f"label={truth}", f"predicted={predicted}")
    page.locator(".confusion canvas").first.focus()
    page.keyboard.press("Escape")
    page.wait_for_function("() => !location.search.includes('label=')")


def test_a_picture_opens_is_explained_and_leads_back_to_its_place_in_the_list(show, run, shoot):
    page = show("label=6&predicted=0&page=2")
    page.locator(".gallery button").nth(5).wait_for()
    look = GalleryView(filter=Filter(label=SHIRT, predicted=TEE), page=1)
    path = run.page_rows(look)[5]["path"]
    page.locator(f'.gallery button[data-path="{path}"]').click()
    page.get_by_text(f"{PAGE_SIZE + 6} of {run.count(look)}").wait_for()
    page.get_by_text("What if these patches were gone?").wait_for()
    shoot(page, "mistakes_open")
    said = page.get_by_text("What does it predict now?").locator("xpath=..")
    before = said.inner_text()
    erase = page.locator("input[type=range]").first  # erase the strongest evidence for the prediction
    erase.focus()
    for _ in range(12):
        page.keyboard.press("ArrowRight")
    page.wait_for_function(
        """before => [...document.querySelectorAll('*')].some(e => [...(e.shadowRoot
        ?.querySelectorAll('*') ?? [])].some(x => x.textContent === 'What does it predict now?'
        && x.parentElement.innerText !== before))""",
        arg=before,
    )
    press(page, "open_back")
    page.locator(f'.gallery button.focused[data-path="{path}"]').wait_for()
    assert listed(page) == [row["path"] for row in run.page_rows(look)]
    addressed(page, "page=2", lacks=("open",))


@pytest.mark.parametrize("lang", ["en", "ko"])
def test_the_accessible_name_of_a_control_has_its_visible_words(show, run, lang):
    page = show(f"lang={lang}")
    page.locator(".gallery button").first.wait_for()
    page.locator(".st-key-map .js-plotly-plot").wait_for()
    settled(page)
    assert page.evaluate(MISNAMED) == []
    page.locator(".gallery button").first.click()
    page.locator(".why[data-state=ready]").wait_for()
    settled(page)
    assert page.evaluate(MISNAMED) == []


def test_back_and_forward_restore_lists_and_pictures(show, run):
    page = show()
    page.locator(".gallery button").first.wait_for()
    addressed(page, "list=confident")
    settled(page)
    begun = page.evaluate("history.length")
    page.get_by_text("Close calls", exact=True).click()
    addressed(page, "list=margin")
    path = run.page_rows(GalleryView("margin"))[2]["path"]
    page.locator(f'.gallery button[data-path="{path}"]').click()
    page.get_by_text("What if these patches were gone?").wait_for()
    page.wait_for_function("() => location.search.includes('&open=')")
    assert page.evaluate("history.length") == begun + 2  # a step each
    page.go_back(wait_until="commit")
    page.locator(f'.gallery button[data-path="{path}"]').wait_for()
    addressed(page, "list=margin", lacks=("open",))
    settled(page)  # Streamlit forgets a step back that comes together with a component's message
    page.go_back(wait_until="commit")
    page.locator(f'.gallery button[data-path="{run.page_rows(GalleryView())[0]["path"]}"]').wait_for()
    addressed(page, "list=confident")
    settled(page)
    page.go_forward(wait_until="commit")
    page.locator(f'.gallery button[data-path="{path}"]').wait_for()


def test_a_rerun_after_back_keeps_the_address_and_forward_still_works(show, run):
    page = show()
    page.locator(".gallery button").first.wait_for()
    addressed(page, "list=confident")
    page.get_by_text("Close calls", exact=True).click()
    addressed(page, "list=margin")
    for _ in range(2):  # to before the page wrote an address
        page.go_back(wait_until="commit")
        settled(page)
    addressed(page, lacks=("list",))
    own_folder(page)
    page.locator(".st-key-new_source input").fill("anything")
    page.locator(".st-key-new_source input").press("Enter")  # the page reruns and shows the same
    page.locator(".st-key-new_check button:enabled").wait_for()
    settled(page)
    addressed(page, lacks=("list",))
    for _ in range(2):
        page.go_forward(wait_until="commit")
    addressed(page, "list=margin")
    page.locator(f'.gallery button[data-path="{run.page_rows(GalleryView("margin"))[0]["path"]}"]').wait_for()


def test_object_urls_of_thumbnails_are_revoked(show):
    page = show()
    page.locator(".gallery button").nth(PAGE_SIZE - 1).wait_for()
    page.evaluate("""() => {
        const held = window.held = new Set(), {createObjectURL, revokeObjectURL} = URL;
        URL.createObjectURL = of => {
            const url = createObjectURL(of);
            if (of.type.startsWith('image/')) held.add(url);
            return url;
        };
        URL.revokeObjectURL = url => { held.delete(url); revokeObjectURL(url); };
    }""")
    for _ in range(3):
        page.locator(".gallery button").first.click()
        page.get_by_text("What if these patches were gone?").wait_for()
        press(page, "open_back")
        page.locator(".gallery button").nth(PAGE_SIZE - 1).wait_for()
    page.wait_for_function("most => held.size <= most", arg=PAGE_SIZE)


def test_the_list_is_gone_as_soon_as_a_picture_is_opened(show, run):
    page = show()
    page.locator(".gallery button").first.wait_for()
    page.get_by_test_id("stDataFrame").first.wait_for()
    settled(page)
    page.evaluate("""() => new MutationObserver(() => {
        if (document.querySelector('.st-key-open_bar'))
            window.left ??= document.querySelectorAll('[data-testid=stDataFrame]').length;
    }).observe(document.body, {childList: true, subtree: true})""")
    page.locator(".gallery button").first.click()
    page.locator(".why[data-state=ready]").wait_for()
    assert page.evaluate("window.left") == 0


def test_the_next_picture_goes_over_the_edge_of_a_page(show, run):
    last, following = (run.page_rows(GalleryView(page=0))[-1]["path"], run.page_rows(GalleryView(page=1))[0]["path"])
    page = show(f"open={last}")
    page.get_by_text(f"{PAGE_SIZE} of {run.count(GalleryView())}").wait_for()
    press(page, "open_after")
    page.get_by_text(f"{PAGE_SIZE + 1} of").wait_for()
    press(page, "open_back")
    page.locator(f'.gallery button.focused[data-path="{following}"]').wait_for()
    addressed(page, "page=2")


def test_explore_opens_the_picture_with_the_model_and_comes_back(show, run, shoot):
    path = run.page_rows(GalleryView(page=2))[7]["path"]
    page = show("page=3&model=embedded:photo")
    page.locator(f'.gallery button[data-path="{path}"]').click()
    press(page, "open_explore")
    page.get_by_text("from the evaluation").wait_for()
    row = run.rows.row(path)
    page.locator(".st-key-answer_bar").get_by_text(as_shown(run.class_name(row["predicted"]))).first.wait_for()
    addressed(page, "model=embedded%3Afashion")
    shoot(page, "mistakes_explore")
    page.get_by_test_id("stSidebar").get_by_text(ENGLISH("mistakes.side.back")).click()
    page.get_by_text(f"{2 * PAGE_SIZE + 8} of").wait_for()
    press(page, "open_back")
    page.locator(f'.gallery button.focused[data-path="{path}"]').wait_for()
    addressed(page, "page=3")


def test_thumbnails_are_drawn_before_plotly_is_loaded(show, run):
    page = show()
    for chart in ("calibration", "map"):
        page.wait_for_function("c => document.querySelector(`.st-key-${c} .js-plotly-plot`)?._fullData", arg=chart)
    plotly = next(i for i, url in enumerate(page.requested) if "PlotlyChart" in url)
    shown = page.locator(".gallery img").evaluate_all("all => all.map(image => image.src)")
    assert len(shown) == PAGE_SIZE
    assert set(shown) <= set(page.requested[:plotly])


def test_filters_are_set_in_the_popover_and_undone_by_back(show, run):
    page = show("list=all")
    page.locator(".gallery button").first.wait_for()
    addressed(page, "list=all")
    shirt, tee = run.labels[SHIRT], run.labels[TEE]

    def close() -> None:
        """Close the popover: the browser keeps the values of its widgets."""
        page.keyboard.press("Escape")
        page.locator("[data-testid=stPopoverBody]").wait_for(state="hidden")

    def choose(box: str, option: str) -> None:
        page.get_by_role("button", name=ENGLISH("mistakes.filter")).click()
        page.get_by_role("combobox", name=ENGLISH(f"mistakes.filter.{box}"), exact=True).click()
        page.get_by_role("option").filter(has_text=as_shown(option)).click()
        settled(page)
        close()

    def holds(filter: Filter) -> None:
        """The list, the address and the widgets show that filter."""
        wanted = filter.to_address()
        addressed(
            page,
            *(f"{name}={value}" for name, value in wanted.items()),
            lacks=tuple({"label", "predicted", "outcome", "query"} - set(wanted)),
        )
        page.get_by_text(f"{run.count(GalleryView('all', filter)):,} · 1 /").wait_for()
        page.locator(f'.gallery button[data-path="{run.page_rows(GalleryView("all", filter))[0]["path"]}"]').wait_for()
        settled(page)
        assert listed(page) == [row["path"] for row in run.page_rows(GalleryView("all", filter))]
        page.get_by_role("button", name=ENGLISH("mistakes.filter")).click()
        for box, value in (("label", wanted.get("label") and shirt), ("predicted", wanted.get("predicted") and tee)):
            shown = page.get_by_role("combobox", name=ENGLISH(f"mistakes.filter.{box}"), exact=True)
            expect(shown).to_have_value(as_shown(value) if value else "")
        close()

    holds(Filter())
    choose("label", shirt)
    holds(Filter(label=SHIRT))
    choose("predicted", tee)
    holds(Filter(label=SHIRT, predicted=TEE))
    page.go_back(wait_until="commit")
    holds(Filter(label=SHIRT))
    page.go_back(wait_until="commit")
    holds(Filter())
    page.go_forward(wait_until="commit")
    page.go_forward(wait_until="commit")
    holds(Filter(label=SHIRT, predicted=TEE))
    page.get_by_role("button", name=ENGLISH("mistakes.filter")).click()
    press(page, "gallery_clear")
    close()
    holds(Filter())
    for _ in range(3):
        page.go_back(wait_until="commit")
        settled(page)
    holds(Filter())
    choose("predicted", tee)  # and no widget sends its old value
    holds(Filter(predicted=TEE))


def test_the_map_opens_a_picture(show, run):
    page = show()
    page.locator(".st-key-map .js-plotly-plot").wait_for()
    page.locator(".st-key-map").scroll_into_view_if_needed()
    page.wait_for_function("() => document.querySelector('.st-key-map .js-plotly-plot')?._fullData?.length >= 2")
    page.locator(".st-key-map .js-plotly-plot").hover(trial=True)  # waits until it no longer moves
    x, y = page.evaluate("""() => {
        const plot = document.querySelector('.st-key-map .js-plotly-plot'), l = plot._fullLayout;
        const errors = plot._fullData[plot._fullData.length - 1], box = plot.getBoundingClientRect();
        const i = errors.y.indexOf(Math.max(...errors.y));
        return [box.left + l._size.l + l.xaxis.d2p(errors.x[i]), box.top + l._size.t + l.yaxis.d2p(errors.y[i])];
    }""")
    page.mouse.move(x, y)
    page.locator(".st-key-map .hoverlayer .hovertext").first.wait_for()
    page.mouse.click(x, y)
    page.wait_for_url("**open=**")
    page.locator(".st-key-open_bar").wait_for()


def test_the_report_opens_without_a_network(show, run, chromium, tmp_path):
    page = show("label=9&predicted=5")
    page.get_by_text(re.compile("^.?Ankle boot.? → .?Sandal.?$")).first.wait_for()
    page.get_by_role("button", name=ENGLISH("mistakes.download"), exact=True).click()
    with page.expect_download() as got:
        press(page, "gallery_csv")
    got.value.save_as(tmp_path / "list.csv")
    assert len((tmp_path / "list.csv").read_text("utf-8-sig").splitlines()) == 1 + run.counts[9, 5]
    with page.expect_download(timeout=LONG) as got:
        press(page, "gallery_report")
    got.value.save_as(tmp_path / "report.html")
    context = chromium.new_context(offline=True)
    opened, asked = context.new_page(), []
    opened.on("request", lambda request: asked.append(request.url))
    opened.goto((tmp_path / "report.html").as_uri())
    whole = opened.locator("img").evaluate_all("all => all.length && all.every(i => i.complete && i.naturalWidth)")
    assert whole
    assert not [url for url in asked if url.startswith("http")]
    context.close()


def test_hostile_names_stay_text_from_preview_to_explanation(show, site, tmp_path, shoot):
    bundled = open_dataset("bundled:fashion")
    for name in ("Bag", IMG, STARS, ":red[a] $x$", "Trouser"):
        (tmp_path / name).mkdir()
        for i in range(3):
            (tmp_path / name / f"{i} <b>.png").write_bytes(bundled.data(i))
    (tmp_path / "Bag" / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\nno picture")
    made_up(FASHION, [IMG, STARS, "c"], 200) if not (FASHION.folder / "rows.parquet").exists() else None
    page = show("model=embedded:fashion")
    page.locator(".gallery button").first.wait_for(timeout=LONG)
    own_folder(page)
    page.locator(".st-key-new_source input").fill(str(tmp_path))
    page.locator(".st-key-new_source input").press("Enter")
    press(page, "new_check")
    page.get_by_text("16 pictures in 5 classes. The model knows 2 of them, by name.").wait_for()
    said = page.get_by_text("Not known to the model").first.inner_text()
    for name in (IMG, STARS, ":red[a] $x$"):
        assert name in re.sub("[\u2060\u2068\u2069]", "", said)
    shoot(page, "mistakes_check")
    press(page, "new_go")
    page.locator(".st-key-top_bar").get_by_text(tmp_path.name).first.wait_for()
    page.get_by_text("16.7 %", exact=True).first.wait_for(timeout=LONG)  # 1 of the 6 that can be right or wrong
    page.locator(".gallery button").first.wait_for()
    own_folder(page)
    press(page, "new_check")
    press(page, "new_go")  # the same again
    page.locator("[data-testid=stPopoverBody]").wait_for(state="hidden")
    page.locator(".gallery button").first.wait_for()
    settled(page)  # the new run sets the list; what it sets comes after a click made before
    page.get_by_text(ENGLISH("mistakes.list.all"), exact=True).click()
    page.locator(".gallery button.unknown .label", has_text="onerror=alert(1)").first.wait_for()
    page.locator(".gallery button.unreadable").wait_for()
    assert page.locator(".gallery button").count() == 16
    shoot(page, "mistakes_hostile")
    page.locator(".gallery button.unknown").first.click()
    page.locator(".st-key-open_bar").wait_for()
    page.locator(".why[data-state=ready]").wait_for()
    settled(page)
    assert page.locator("img[src='x']").count() == 0
    press(page, "open_back")
    page.locator(".gallery button.unreadable").click()
    page.get_by_text(re.compile("This picture could not be read: .+")).wait_for()
    assert not list(tmp_path.glob("**/*.parquet"))
    assert not list(tmp_path.glob("**/*.json"))


@pytest.mark.parametrize("language", text.LANGUAGES)
def test_the_preview_of_an_evaluation_fits_a_projector(show, site, tmp_path, language, shoot):
    for name in ("Bag", "Trouser"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "one.png").write_bytes(open_dataset("bundled:fashion").data(0))
    asked = EvaluationRequest("embedded:photo", "/made/up/few")
    made_up(asked, [f"class {i}" for i in range(12)], 16)
    page = show(f"lang={language}&model=embedded:fashion&run={asked.id}")
    page.locator(".gallery button").first.wait_for()
    own_folder(page, language)
    field = page.locator(".st-key-new_source input")
    field.fill(str(tmp_path))
    field.press("Enter")
    press(page, "new_check")
    go = page.locator(".st-key-new_go button")
    go.wait_for()
    settled(page)
    shoot(page, f"mistakes_checked_{language}")
    box, body = go.bounding_box(), page.locator("[data-testid=stPopoverBody]:visible").bounding_box()
    assert box["y"] + box["height"] <= min(body["y"] + body["height"], 720)


def test_undefined_shares_are_blank_and_have_a_dash(show, site):
    asked = EvaluationRequest("embedded:photo", "/made/up/few")
    run = Evaluation(made_up(asked, [f"class {i}" for i in range(12)], 16))
    predicted, shown = run.counts.sum(0) > 0, [int(c) for c in run.used_classes]
    labelled = [c for c in shown if run.counts[c].any()]
    assert len(labelled) < len(shown)  # some classes were only predicted: they have a column and no row
    assert {bool(predicted[c]) for c in shown} == {True, False}
    for by in ("row", "column", "count"):
        page = show(f"run={asked.id}&by={by}")
        cell(page, labelled[0], shown[0])
        rows = page.locator(".confusion").evaluate("root => root.matrix.header.rows.filter((r) => r >= 0)")
        assert sorted(rows) == labelled
        found = page.locator(".confusion").evaluate(
            """(root, [rows, columns]) => {
            const m = root.matrix, ratio = m.canvas.width / m.canvas.clientWidth, pen = m.canvas.getContext('2d');
            const at = (start, n) => Math.round((start + (n + 0.2) * m.cell) * ratio);
            return rows.map((r) => columns.map((c) => {
                const [y, x] = [m.header.rows.indexOf(r), m.header.columns.indexOf(c)];
                m.point([y, x]);
                const drawn = pen.getImageData(at(m.left, x), at(m.head, y), 1, 1).data[3] > 0;
                return [drawn, m.readout.textContent.includes('–')];
            }));
        }""",
            [labelled, shown],
        )
        for row in found:
            for c, (drawn, dash) in zip(shown, row, strict=True):
                assert drawn == (by != "column" or predicted[c]), (by, c)
                assert dash == (not drawn)


def test_a_cell_among_a_thousand_classes_can_be_clicked(show, site, shoot):
    asked = EvaluationRequest("embedded:photo", "/made/up/thousand")
    run = Evaluation(made_up(asked, [f"class {i}" for i in range(1000)], 20_000))
    page = show(f"run={asked.id}")
    page.locator(".gallery button").first.wait_for()
    page.locator(".confusion canvas").first.wait_for()
    settled(page)
    shoot(page, "mistakes_thousand")
    errors = run.counts[:-1].copy()
    errors[range(1000), range(1000)] = 0
    truth, predicted = divmod(int(errors.argmax()), 1000)
    page.locator(".confusion .in").click()
    page.locator(".confusion").evaluate(
        """(root, [t, p]) => {
        const m = root.matrix; m.at = [m.header.rows.indexOf(t), m.header.columns.indexOf(p)];
        for (let i = 0; i < 5; i++) m.zoom(0.5, m.at); }""",
        [truth, predicted],
    )
    page.mouse.click(*cell(page, truth, predicted))
    page.get_by_text(f"{errors[truth, predicted]} · 1 / 1").wait_for()
    addressed(page, f"label={truth}")


@pytest.mark.parametrize("language", text.LANGUAGES)
def test_the_page_its_numbers_and_its_filters_fit_the_window(show, run, language, shoot):
    page = show(f"list=all&lang={language}")
    page.locator(".gallery button").first.wait_for()
    for width, height, theme, lines in ((1280, 720, "light", 1), (1920, 1080, "dark", 1), (390, 844, "light", 3)):
        page.set_viewport_size({"width": width, "height": height})
        page.emulate_media(color_scheme=theme)
        still(page)
        shoot(page, f"mistakes_{language}_{width}")
        over = page.evaluate("""() => { const m = document.querySelector('[data-testid=stMain]');
            return m.scrollWidth - m.clientWidth; }""")
        assert over <= 0
        numbers = page.locator(".stMetric")
        assert numbers.count() == 5
        assert len({round(one.bounding_box()["y"]) for one in numbers.all()}) == lines  # two by two on a phone
        cut = "all => all.filter(e => e.clientWidth && e.scrollWidth > e.clientWidth + 1).map(e => e.innerText)"
        assert numbers.locator("*").evaluate_all(cut) == []
        filters = page.get_by_role("button", name=text.Text(language)("mistakes.filter"))
        filters.click()
        body = page.locator("[data-testid=stPopoverBody]:visible")
        body.locator(".st-key-gallery_clear").wait_for()
        body.hover(trial=True)  # waits until it no longer moves
        top, bottom, left, right, hidden = body.evaluate("""(body) => {
            const { top, bottom, left, right } = body.getBoundingClientRect();
            return [top, bottom, left, right, body.scrollHeight - body.clientHeight];
        }""")
        assert hidden <= 0
        assert 0 <= top < bottom <= height
        assert 0 <= left < right <= width
        page.keyboard.press("Escape")
        body.wait_for(state="hidden")


def test_back_leads_along_a_path_over_all_pages(show, run):
    """A list with a filter, a picture, Explore, Lecture; back to the beginning, and forth to the picture."""
    path = run.page_rows(GalleryView("margin", Filter(label=SHIRT)))[2]["path"]
    page = show(f"list=margin&label={SHIRT}")
    opened = page.locator(f'.gallery button[data-path="{path}"]')

    def on_list():
        opened.wait_for()
        addressed(page, f"run={FASHION.id}", "list=margin", f"label={SHIRT}", lacks=("open",))

    def on_picture():
        page.locator(".why[data-state=ready]").wait_for()
        addressed(page, f"run={FASHION.id}", "list=margin", f"label={SHIRT}", f"open={quote(path, '')}")

    def in_explore():
        page.get_by_text("from the evaluation").filter(has_text=path).wait_for()
        addressed(page, "model=embedded%3Afashion", f"evaluated_run={FASHION.id}", f"evaluated={quote(path, '')}")

    def in_lecture():
        page.locator(".slide").first.wait_for()
        addressed(page, "scene=cnn", f"evaluated={quote(path, '')}", lacks=("open",))

    steps = [
        (on_list, lambda: None),
        (on_picture, opened.click),
        (in_explore, lambda: press(page, "open_explore")),
        (in_lecture, lambda: page.get_by_role("link", name="Lecture").click()),
    ]
    steps[0][0]()
    settled(page)
    begun = page.evaluate("history.length")
    for seen, do in steps[1:]:
        do()
        seen()
        settled(page)
    assert page.evaluate("history.length") == begun + len(steps) - 1, "a step each"
    for seen, _ in steps[-2::-1]:
        page.go_back(wait_until="commit")
        seen()
        settled(page)
    for seen, _ in steps[1:3]:
        page.go_forward(wait_until="commit")
        seen()
        settled(page)
    page.reload()
    in_explore()
    settled(page)
    # Steps that are quicker than the pages are drawn.
    for direction, count, seen in (("back", 2, on_list), ("forward", 3, in_lecture), ("back", 3, on_list)):
        for _ in range(count):
            page.evaluate(f"history.{direction}()")
        seen()
        settled(page)
