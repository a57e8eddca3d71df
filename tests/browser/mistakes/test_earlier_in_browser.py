"""The list of evaluations and the comparison of two, in the browser."""

import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from playwright.sync_api import expect

from app import text
from app.mistakes.earlier.compared import Compared
from app.mistakes.find import Evaluation, GalleryView
from app.mistakes.requests import EvaluationRequest
from tests.browser.conftest import addressed, idle, opening
from tests.browser.mistakes.test_mistakes_in_browser import made_up

T = text.Text("en")
LABELS = [f"class {number}" for number in range(6)]


@pytest.fixture
def two(site):
    """The requests of two finished evaluations of the same pictures; the second one predicts some of them otherwise."""
    requests = [EvaluationRequest("embedded:photo", "/made/up/pair", version=version) for version in ("a", "b")]
    for request in requests:
        out = made_up(request, LABELS, 200)
        about = json.loads((out / "run.json").read_text("utf-8")) | {"right": 3, "known": 4}
        (out / "run.json").write_text(json.dumps(about), "utf-8")
    file = requests[1].folder / "rows.parquet"
    table = pq.read_table(file)
    predicted = [p if p is None or row % 5 else (p + 1) % 6 for row, p in enumerate(table["predicted"].to_pylist())]
    place = table.column_names.index("predicted")
    pq.write_table(table.set_column(place, table.schema.field(place), pa.array(predicted, pa.int32())), file)
    return requests


@pytest.fixture
def show(chromium, site):
    with opening(chromium, site) as open_page:
        yield lambda address: open_page(f"mistakes?lang=en&{address}")


def test_two_evaluations_are_compared_and_a_changed_cell_lists_its_pictures(show, two, shoot):
    first, second = two
    of = Compared(Evaluation(first.folder), Evaluation(second.folder))
    page = show(f"run={second.id}")
    page.locator(".gallery button").first.wait_for()
    page.get_by_role("combobox", name=T("mistakes.compared.with"), exact=True).click()
    page.get_by_role("option").first.click()
    addressed(page, f"against={first.id}")
    page.get_by_role("button", name=f"{len(of.numbers['broken'])} {T('mistakes.compared.broken')}").click()
    page.get_by_text(T("mistakes.text.broken")).first.wait_for()
    wanted = [row["path"] for row in of.run.page_rows(GalleryView("broken", compared=of.numbers))]
    page.locator(f'.gallery button[data-path="{wanted[0]}"]').wait_for()
    idle(page)
    assert page.locator(".gallery button").evaluate_all("all => all.map(b => b.dataset.path)") == wanted
    shoot(page, "mistakes_compared")
    chart = page.locator(".st-key-changed_cells .js-plotly-plot")
    chart.wait_for()
    chart.scroll_into_view_if_needed()
    page.wait_for_function("() => document.querySelector('.st-key-changed_cells .js-plotly-plot')?._fullData?.length")
    chart.hover(trial=True)
    x, y, cell = page.evaluate("""() => {
        const plot = document.querySelector('.st-key-changed_cells .js-plotly-plot'), l = plot._fullLayout;
        const box = plot.getBoundingClientRect(), { x, y, data } = plot.calcdata[0][0];
        return [box.left + l._size.l + l.xaxis.d2p(x), box.top + l._size.t + l.yaxis.d2p(y), data];
    }""")
    page.mouse.click(x, y)
    label, predicted = divmod(int(cell), len(LABELS))
    assert of.matrix[label, predicted]
    addressed(page, f"label={label}", f"predicted={predicted}")
    page.go_back(wait_until="commit")
    addressed(page, "list=broken", f"against={first.id}", lacks=("label",))
    page.locator(f'.gallery button[data-path="{wanted[0]}"]').wait_for()


def test_an_evaluation_is_named_and_deleted_in_its_window(show, two, shoot):
    _, second = two
    page = show(f"run={second.id}")
    page.locator(".gallery button").first.wait_for()

    def open_window() -> None:
        page.get_by_role("button", name=T("mistakes.earlier.manage")).click()
        page.get_by_role("dialog").get_by_role("textbox", name=T("mistakes.earlier.own")).wait_for()

    open_window()
    field = page.get_by_role("dialog").get_by_role("textbox", name=T("mistakes.earlier.own"))
    field.fill("before the fix")
    field.press("Enter")
    page.get_by_role("button", name=T("mistakes.earlier.save")).click()
    page.locator(".st-key-top_bar").get_by_text("before the fix").first.wait_for()
    expect(page.get_by_role("dialog")).to_have_count(0)
    open_window()
    shoot(page, "mistakes_window")
    page.get_by_role("button", name=T("mistakes.earlier.delete"), exact=True).click()
    page.get_by_text("Links to it no longer work").wait_for()
    assert second.folder.exists()
    page.locator(".st-key-earlier_yes button:visible").first.click()
    page.locator(".st-key-top_bar").get_by_text(T("mistakes.source.photos")).first.wait_for()
    assert not second.folder.exists()
    expect(page.get_by_role("dialog")).to_have_count(0)
