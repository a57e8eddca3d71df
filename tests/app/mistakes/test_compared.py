"""Two evaluations of the same pictures: what was fixed, what broke, and whether chance explains it."""

import json

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from app import text
from app.mistakes import find, requests
from app.mistakes.earlier.compared import Compared, candidates
from app.mistakes.find import Evaluation, GalleryView
from app.mistakes.overview import figures
from app.mistakes.requests import EvaluationRequest
from tests.app.mistakes.test_find import home, make, page, words  # noqa: F401
from vit_core.evaluation import metrics
from vit_core.evaluation.filters import Filter

FIRST, SECOND = (EvaluationRequest("m", "p", version=version) for version in ("a", "b"))


@pytest.fixture
def two(home):  # noqa: F811
    """(A, B) of the same 400 made-up pictures; B gets some of them right, and others wrong."""
    for request in (FIRST, SECOND):
        make(request, broken=0.05)
    table = pq.read_table(SECOND.folder / "rows.parquet")
    predicted = table["predicted"].to_pylist()
    for row, label in enumerate(table["label"].to_pylist()):
        if predicted[row] is not None and row % 6 == 0:
            predicted[row] = (predicted[row] + 1) % 10
        elif predicted[row] is not None and row % 7 == 3 and label >= 0:
            predicted[row] = label
    place = table.column_names.index("predicted")
    table = table.set_column(place, table.schema.field(place), pa.array(predicted, pa.int32()))
    pq.write_table(table, SECOND.folder / "rows.parquet")
    return Evaluation(FIRST.folder), Evaluation(SECOND.folder)


def test_the_paired_interval_and_the_exact_test_of_a_hand_worked_example():
    right_a = np.array([True] * 6 + [True] * 1 + [False] * 9 + [False] * 4)
    right_b = np.array([True] * 6 + [False] * 1 + [True] * 9 + [False] * 4)
    of = metrics.paired(right_a, right_b)
    assert (of.both_right, of.fixed, of.broken, of.both_wrong) == (6, 9, 1, 4)
    assert of.difference == 8 / 20
    assert of.p == pytest.approx(2 * (1 + 10) / 2**10)  # none or one broken among ten changes, on either side
    # (9.5 - 1.5) / 22 = 4/11; variance (11/22 - (4/11)^2) / 22
    half = 1.959964 * ((0.5 - (4 / 11) ** 2) / 22) ** 0.5
    assert (of.low, of.high) == pytest.approx((4 / 11 - half, 4 / 11 + half), abs=1e-6)


def test_the_exact_test_is_scipys_binomial_test():
    from scipy.stats import binomtest

    for fixed, broken in ((0, 0), (3, 3), (5, 0), (40, 61), (700, 800)):
        right_a = np.array([False] * fixed + [True] * broken + [True] * 50)
        right_b = np.array([True] * fixed + [False] * broken + [True] * 50)
        wanted = binomtest(fixed, fixed + broken, 0.5).pvalue if fixed + broken else 1.0
        assert metrics.paired(right_a, right_b).p == pytest.approx(wanted)
    assert np.isnan(metrics.paired(np.zeros(0, bool), np.zeros(0, bool)).difference)


def test_the_lists_reconcile_with_the_pictures_and_with_both_accuracies(two):
    a, b = two
    of = Compared(a, b)
    sizes = {name: len(numbers) for name, numbers in of.numbers.items()}
    assert sum(sizes.values()) == of.counted
    assert of.common == 400
    left_out = (b.columns.predicted < 0) | (b.columns.label < 0)
    assert of.counted == 400 - left_out.sum()
    assert sizes["fixed"] + sizes["both_right"] == b.accuracy.right
    assert sizes["broken"] + sizes["both_right"] == a.accuracy.right
    assert of.paired.difference == pytest.approx(b.accuracy.top1 - a.accuracy.top1)
    assert min(sizes.values()) > 0
    assert (of.matrix == b.counts[:-1] - a.counts[:-1]).all()
    assert of.matrix.sum() == 0
    for name, numbers in of.numbers.items():
        for row in b.rows.at(numbers):
            before = a.rows.row(row["path"])
            was, now = before["predicted"] == before["label"], row["predicted"] == row["label"]
            assert (was, now) == {
                "fixed": (False, True),
                "broken": (True, False),
                "both_wrong": (False, False),
                "both_right": (True, True),
            }[name]


def test_changed_and_missing_pictures_are_not_compared(two):
    a, _ = two
    table = pq.read_table(SECOND.folder / "rows.parquet")
    hashes = table["hash"].to_pylist()
    hashes[0] = "0" * 32
    table = table.set_column(table.column_names.index("hash"), "hash", pa.array(hashes, pa.string()))
    gone = table["path"][1].as_py()
    pq.write_table(table.filter(pc.not_equal(table["path"], gone)), SECOND.folder / "rows.parquet")
    assert Compared(a, Evaluation(SECOND.folder)).common == 398


def test_matrices_of_different_classes_are_not_subtracted(two):
    a, b = two
    b.labels = [f"other {n}" for n in range(10)]
    assert Compared(a, b).matrix is None


def test_only_finished_evaluations_of_the_same_pictures_are_offered(two):
    for request, digest in ((FIRST, "same"), (SECOND, "same"), (EvaluationRequest("m", "q"), "other")):
        out = request.folder if request.folder.exists() else make(request)
        about = json.loads((out / "run.json").read_text("utf-8")) | {"identity": {"source": digest}}
        (out / "run.json").write_text(json.dumps(about | {"right": 3, "known": 4}), "utf-8")
    assert [one.request for one in candidates(SECOND, requests.list_runs())] == [FIRST]
    about = json.loads((FIRST.folder / "run.json").read_text("utf-8")) | {"state": "cancelled"}
    (FIRST.folder / "run.json").write_text(json.dumps(about), "utf-8")
    assert candidates(SECOND, requests.list_runs()) == []


@pytest.mark.parametrize("language", text.LANGUAGES)
def test_each_list_opens_in_the_gallery_from_its_button_and_from_an_address(two, language):
    for request in (FIRST, SECOND):
        about = json.loads((request.folder / "run.json").read_text("utf-8")) | {"right": 3, "known": 4}
        (request.folder / "run.json").write_text(json.dumps(about), "utf-8")
    of, t = Compared(*two), text.Text(language)
    app = page(run=SECOND.id, lang=language)
    app.selectbox(key=f"against_{language}_{SECOND.id}").set_value(FIRST.id).run()
    assert not app.exception
    assert t("mistakes.compared.sum", count=f"{of.counted:,}") in words(app)
    for name in find.COMPARED_LISTS:
        app.button(key=f"compared_{name}").click().run()
        assert not app.exception
        count = len(of.numbers[name])
        assert f"**{count:,}**" in words(app)
        assert t(f"mistakes.text.{name}") in words(app)
        opened = page(run=SECOND.id, against=FIRST.id, list=name, lang=language, label=3)
        shown = GalleryView(name, Filter(label=3), compared=of.numbers)
        assert f"**{of.run.count(shown):,}** ·" in words(opened)
    app.selectbox(key=f"against_{language}_{SECOND.id}").set_value(None).run()
    assert not app.exception
    assert t("mistakes.text.confident") in words(app)


@pytest.mark.parametrize("other", ["0" * 16, "../..", SECOND.id, "nonsense"])
def test_an_address_that_compares_with_nothing_shows_no_comparison(two, other):
    app = page(run=SECOND.id, against=other, list="fixed")
    assert not app.exception
    assert not [button for button in app.button if (button.key or "").startswith("compared_")]


def test_the_figure_of_changes_has_each_changed_cell():
    matrix = np.zeros((4, 4), int)
    matrix[0, 2], matrix[2, 0], matrix[2, 2] = 3, -2, 2
    (trace,) = figures.changes(matrix, [0, 2], ["a<b>", "c"], ("x", "y"))["data"]
    assert [divmod(cell, 4) for cell in trace["customdata"].tolist()] == [(0, 2), (2, 0), (2, 2)]
    assert trace["text"] == ["+3", "−2", "+2"]
    assert trace["marker"]["color"] == [figures.WORSE, figures.BETTER, figures.BETTER]
    assert trace["hovertext"].tolist()[0] == "a&lt;b> → c"
