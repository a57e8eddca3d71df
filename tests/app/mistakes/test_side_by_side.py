"""One picture as two models explain it: which classes are compared, and on what scale."""

import copy
import json

import numpy as np
import pytest

import vit_core as vc
from app.components.binary import header_of, section
from app.mistakes.earlier import side_by_side
from app.mistakes.earlier.both_panel import METHODS
from app.mistakes.why import Why
from app.text.why import BOTH, EN, KO
from tests import evaluated
from vit_core.data import open_dataset
from vit_core.evaluation import evaluate
from vit_core.evaluation.filters import Filter

WORDS = EN | BOTH["en"]


@pytest.fixture(scope="module")
def a(evaluation, model):
    return Why(model, evaluation, evaluation.rows.page(Filter(outcome="wrong"), 0, 1)[0]["path"])


@pytest.fixture
def b(a):
    """The same, to be given another prediction."""
    return copy.copy(a)


@pytest.fixture(scope="module")
def wide(tmp_path_factory, evaluation, a):
    """The same picture, twice as wide, as the model sees all of it: another grid and another part."""
    home = tmp_path_factory.mktemp("wide")
    file = home / "pictures" / a.path
    file.parent.mkdir(parents=True)
    evaluation.source.read(a.row["number"]).resize((56, 28)).save(file)
    name = f"{evaluated.MODEL}?input=whole"
    evaluate(vc.load(name, "cpu"), open_dataset(home / "pictures"), home / "run", name=name, workers=0)
    return Why(vc.load(name, "cpu"), evaluated.opened(home / "run"), a.path)


def predicting(why: Why, number: int) -> Why:
    """The explanation if the model predicted that class."""
    why.predicted, why.labelled = number, why.label >= 0 and why.label != number
    why.pair = number, why.label if why.labelled else why.pair[1]
    return why


def test_the_label_and_both_predictions_are_compared_once_each(a, b):
    label, wrong = a.label, a.predicted
    other = next(n for n in range(10) if n not in (label, wrong))
    assert side_by_side.compared_classes(a, b) == [(label, label), (wrong, wrong)]
    assert side_by_side.compared_classes(a, predicting(b, other)) == [(label,) * 2, (wrong,) * 2, (other,) * 2]
    assert side_by_side.compared_classes(a, predicting(b, label)) == [(label, label), (wrong, wrong)]


def test_one_class_alone_gets_the_second_one_beside_it(a, b):
    right, second = predicting(copy.copy(a), a.label), predicting(b, a.label)
    second.pair = a.label, a.predicted
    assert side_by_side.compared_classes(right, second) == [(a.label,) * 2, (a.predicted,) * 2]


def test_classes_are_the_same_by_their_names(a, b):
    b.run = copy.copy(b.run)
    b.run.labels = [*b.run.labels[1:], "another"]
    assert side_by_side.same_class(a, b, 3) == 2
    assert side_by_side.same_class(a, b, 0) is None  # that name is gone
    assert side_by_side.same_class(b, a, 9) is None
    b.run.labels = None
    b.model = type("Unnamed", (), {"labels": None, "config": a.model.config})()
    assert side_by_side.same_class(a, b, 3) is None


@pytest.mark.parametrize("method", METHODS)
def test_the_maps_are_shares_of_each_models_strongest_patch(a, method):
    maps = side_by_side.scaled_maps(a, [a.label, None, a.predicted], method)
    most = max(a.map_of(method, n).max() for n in (a.label, a.predicted))
    assert maps[1] is None
    np.testing.assert_allclose(maps[0], a.map_of(method, a.label) / most, rtol=1e-6)
    np.testing.assert_allclose(maps[2], a.map_of(method, a.predicted) / most, rtol=1e-6)
    assert max(maps[0].max(), maps[2].max()) == 1


def test_other_grids_and_parts_are_noticed(a, b, wide):
    assert side_by_side.see_same_part(a, b)
    assert a.grid != wide.grid
    assert not side_by_side.see_same_part(a, wide)


def test_the_browser_gets_both(a, wide):
    bars = side_by_side.shown_classes(a, wide)
    names = tuple({n: f"<b>{n}" for n in numbers} for numbers in bars)
    payload = side_by_side.pack(a, wide, "lrp", WORDS, ("A", "B"), ("says", "says too"), names)
    header = header_of(payload)
    assert [tuple(side["grid"]) for side in header["sides"]] == [a.grid, wide.grid]
    assert header["rows"][0]["name"] == f"<b>{a.label}"
    assert header["rows"][0]["tag"].startswith("label")
    assert header["same"] is False
    for i, why in enumerate((a, wide)):
        assert [value for _, value, _ in header["sides"][i]["bars"]] == pytest.approx(
            [float(why.probabilities[n]) for n in bars[i]], abs=1e-6
        )
        assert section(payload, f"map {i} 0").shape == why.grid
    assert len(json.dumps(header)) < 20_000


def test_a_class_has_another_number_in_each_model(a, b):
    b.run = copy.copy(b.run)
    b.run.labels = [*b.run.labels[1:], b.run.labels[0]]
    b.label, b.predicted = (a.label - 1) % 10, (a.predicted - 1) % 10
    names = tuple({n: str(n) for n in numbers} for numbers in side_by_side.shown_classes(a, b))
    payload = side_by_side.pack(a, b, "lrp", WORDS, ("A", "B"), ("", ""), names)
    for i, why in enumerate((a, b)):
        maps = side_by_side.scaled_maps(why, [why.label, why.predicted], "lrp")
        for row in range(2):
            np.testing.assert_array_equal(section(payload, f"map {i} {row}"), maps[row])


def test_an_outcome_is_right_wrong_or_unknown(a, b):
    assert side_by_side.outcome(a) == "wrong"
    assert side_by_side.outcome(predicting(b, a.label)) == "right"
    b.label = -1
    assert side_by_side.outcome(b) == "unknown"


def test_both_languages_say_the_same():
    assert BOTH["ko"].keys() == BOTH["en"].keys()
    assert not BOTH["en"].keys() & (EN.keys() | KO.keys())
