"""Classes that the model does not know: mapped by hand before an evaluation, or evaluated without labels."""

import csv
import io

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

import vit_core as vc
from app import text
from app.mistakes import requests
from app.mistakes.find import Evaluation
from app.mistakes.requests import EvaluationRequest
from app.mistakes.sources.preview import keep_mapping, mapping_text, preview
from app.text.plain import escaped
from tests.app.mistakes.test_find import home, make, page, words  # noqa: F401
from vit_core.data import open_dataset
from vit_core.data.arrays import FASHION_LABELS


@pytest.fixture
def pictures(home):  # noqa: F811
    """A folder of classes of which the model for clothes knows none by name."""
    make(requests.PHOTOS)
    data = open_dataset("bundled:fashion").data(0)
    for name in ("slacks", "ankle boots", "zzz", "a", "b", "c"):
        (home / "pictures" / name).mkdir(parents=True)
        (home / "pictures" / name / "1.png").write_bytes(data)
    return home / "pictures"


@pytest.fixture
def begun(monkeypatch):
    found = []
    monkeypatch.setattr(requests, "start_evaluation", lambda asked, restart: found.append(asked))
    return found


def checked(source, language: str = "en") -> AppTest:
    """The form, after "Check"."""
    app = page(model="embedded:fashion", lang=language)
    app.segmented_control(key="own").set_value("path").run()
    app.text_input(key="new_source").set_value(str(source)).run()
    return app.button(key="new_check").click().run()


def box(app: AppTest, name: str):
    return next(found for found in app.selectbox if found.label == name)


@pytest.mark.parametrize("language", text.LANGUAGES)
def test_a_mapping_is_chosen_before_the_first_button_can_be_pressed(pictures, begun, language):
    app, t = checked(pictures, language), text.Text(language)
    assert not app.exception
    assert t("mistakes.check.none") in [warning.value for warning in app.warning]
    assert app.button(key="new_go").disabled
    keys = [button.key for button in app.button]
    assert keys.index("new_go") < keys.index("new_without")
    boots = box(app, "ankle boots")
    assert boots.value is None  # nothing is guessed
    assert boots.options[0].startswith("★")
    boots.set_value(FASHION_LABELS.index("Ankle boot")).run()
    assert not app.button(key="new_go").disabled
    app.button(key="new_go").click().run()
    assert not app.exception
    model = vc.load("embedded:fashion", "cpu")
    found = preview(begun[0], model)
    number = found.names.index("ankle boots")
    assert [n for n in found.target if n >= 0] == [found.target[number]] == [FASHION_LABELS.index("Ankle boot")]
    assert begun[0].version is not None


def test_suggestions_are_accepted_at_once_and_the_table_is_used_again(pictures, begun):
    app = checked(pictures)
    app.button(key="mapping_accept").click().run()
    assert box(app, "ankle boots").value == FASHION_LABELS.index("Ankle boot")
    app.button(key="new_go").click().run()
    table = begun[0].table
    with open(table, encoding="utf-8") as file:
        assert dict(csv.reader(file))["ankle boots"] == "Ankle boot"
    again = checked(pictures)
    assert text.Text("en")("mistakes.check.reused") in words(again)
    assert not again.button(key="new_go").disabled
    again.button(key="new_go").click().run()
    assert begun[1] == begun[0]


def test_a_mapping_of_other_classes_is_not_applied(pictures, home):  # noqa: F811
    model, request = vc.load("embedded:fashion", "cpu"), EvaluationRequest("embedded:fashion", str(pictures))
    found = preview(request, model)
    keep_mapping(found, dict.fromkeys(found.names, -1) | {"zzz": 3})
    assert preview(request, model).target[found.names.index("zzz")] == 3
    (home / "others" / "y").mkdir(parents=True)
    (home / "others" / "y" / "1.png").write_bytes((pictures / "a" / "1.png").read_bytes())
    assert not preview(EvaluationRequest("embedded:fashion", str(home / "others")), model).reused


def test_a_saved_table_holds_what_was_chosen(pictures):
    found = preview(EvaluationRequest("embedded:fashion", str(pictures)), vc.load("embedded:fashion", "cpu"))
    rows = list(csv.reader(io.StringIO(mapping_text(found, dict.fromkeys(found.names, -1) | {"slacks": 1, "a": 0}))))
    assert rows == [["source", "model"], ["a", "T-shirt/top"], ["slacks", "Trouser"]]


def test_running_without_a_known_class_is_the_second_button(pictures, begun):
    app = checked(pictures)
    app.button(key="new_without").click().run()
    assert not app.exception
    assert (begun[0].source, begun[0].table) == (str(pictures), None)


@pytest.mark.parametrize("language", text.LANGUAGES)
def test_a_result_without_a_known_class_says_what_can_be_seen(home, language):  # noqa: F811
    run, t = Evaluation(make(requests.PHOTOS, n=60, unknown=1)), text.Text(language)
    app = page(lang=language)
    assert not app.exception
    assert t("mistakes.unlabelled.text", count=f"{len(run.classes):,}") in words(app)
    assert t("mistakes.matrix.title") not in words(app)
    assert t("mistakes.count.none") not in words(app)
    assert app.segmented_control(key="list").options == [
        t(f"mistakes.list.{n}") for n in ("all", "margin", "duplicates")
    ]
    assert "**60**" in words(app)
    table = app.dataframe[0].value
    predicted, labels = run.columns.predicted, run.rows.columns(["source_label"])["source_label"].to_numpy()
    for row in table.to_dict("records"):
        number = [escaped(name) for name in run.classes].index(escaped(row["name"]))
        counts = np.bincount(predicted[(labels == number) & (predicted >= 0)])
        assert row["support"] == counts.sum()
        assert row["first"] == run.labels[counts.argmax()]
        assert row["share"] == pytest.approx(100 * counts.max() / counts.sum())


def test_an_empty_list_without_a_filter_blames_no_filter(home):  # noqa: F811
    assert not len(Evaluation(make(requests.PHOTOS, n=3)).label_issues)
    app = page(list="labels")
    assert text.Text("en")("mistakes.count.empty") in words(app)
