"""The page of mistakes, See why and the report for models whose logits are not a softmax's."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import vit_core as vc
from app import text
from app.components.binary import header_of
from app.mistakes import cached, requests, why_panel
from app.mistakes.find import Evaluation, GalleryView
from app.mistakes.report import build_report
from app.mistakes.requests import EvaluationRequest
from app.mistakes.sources.preview import preview
from app.mistakes.why import FIRST_CURVE, Why
from app.text import report as report_words
from tests.app.mistakes.test_find import home, page, words  # noqa: F401  (home is a fixture)
from tests.app.test_pages import read
from vit_core import InputError
from vit_core import attribution as at
from vit_core.data import open_dataset
from vit_core.evaluation import evaluate
from vit_core.evaluation.multi_label import multi_label

LABELS = {"0": ["cat"], "1": ["dog", "cat"], "2": ["tree"], "3": ["dog"], "4": ["tree", "cat"]}


@pytest.fixture
def evaluated(build, tmp_path):
    """evaluated(problem_type, names) -> the request of a real evaluation of five pictures by a small model."""

    def make(problem_type: str, names: list[str], classes: int) -> EvaluationRequest:
        model = build(problem_type=problem_type, classes=classes)
        model.labels = names
        vc.save(model, tmp_path / "model.safetensors")
        draw = np.random.default_rng(0)
        for i in LABELS:
            Image.fromarray(draw.integers(0, 256, (15, 21, 3), np.uint8)).save(tmp_path / f"{i}.png")
        several = problem_type == "multi_label"
        rows = [f"{i}.png,{name}" for i, all_names in LABELS.items() for name in all_names[: 2 if several else 1]]
        (tmp_path / "labels.csv").write_text("path,label\n" + "\n".join(rows))
        request = EvaluationRequest(f"file:{tmp_path / 'model.safetensors'}", str(tmp_path / "labels.csv"))
        out = requests.run_folder(request.id)
        out.mkdir(parents=True)
        (out / "request.json").write_text(json.dumps(asdict(request)))
        evaluate(request.model, open_dataset(request.source), out, workers=0, device="cpu")
        return request

    return make


@pytest.mark.parametrize("language", text.LANGUAGES)
def test_the_page_of_a_multi_label_model(language, evaluated):
    request, t = evaluated("multi_label", ["cat", "dog", "tree"], 3), text.Text(language)
    app = page(run=request.id, lang=language)
    assert not app.exception
    of = multi_label(Evaluation(requests.run_folder(request.id)).rows)
    shown = {m.label: m.value for m in app.metric}
    assert shown[t("mistakes.several.map")] == f"{100 * of.mean_average_precision:.1f} %"
    assert t("mistakes.several.top") in shown
    assert t("mistakes.ece") not in shown
    said = words(app)
    assert t("mistakes.several.hidden") in said
    assert t("mistakes.matrix.title") not in said
    table = app.dataframe[0].value.set_index("name")
    assert table["support"].to_dict() == {"cat": 3, "dog": 2, "tree": 2}
    assert table["ap"].tolist() == pytest.approx((100 * of.average_precision).tolist())
    assert table["half.f1"].tolist() == pytest.approx((100 * of.f1_half).tolist())
    lists = next(w for w in app.get("button_group") if w.label == t("mistakes.list"))
    assert t("mistakes.list.labels") not in [str(option) for option in lists.options]


@pytest.mark.parametrize("language", text.LANGUAGES)
@pytest.mark.parametrize("path", ["1.png", "2.png"])
def test_see_why_of_a_multi_label_model(path, language, evaluated, monkeypatch):
    ahead = []
    monkeypatch.setattr(cached, "explain_ahead", lambda runs, paths, method: ahead.extend(paths))
    request, table = evaluated("multi_label", ["cat", "dog", "tree"], 3), why_panel.WORDS[language]
    app = page(run=request.id, lang=language, list="all", sort="path", open=path)
    assert not app.exception
    assert not app.error
    run = Evaluation(requests.run_folder(request.id))
    assert ahead == [at for at in run.position(GalleryView("all"), path)[:0:-1] if at]  # the next one first
    said = read(words(app))
    assert {"en": "so they do not add up to 100 %", "ko": "합이 100 %가 되지 않습니다"}[language] in said.replace(
        "\u00a0", " "
    )
    assert read(table["about"][:20]) not in said


def test_the_numbers_of_see_why_are_sigmoids(evaluated):
    request = evaluated("multi_label", ["cat", "dog", "tree"], 3)
    run, model = Evaluation(requests.run_folder(request.id)), vc.load(request.model, "cpu")
    why = Why(model, run, "1.png")  # a picture with two labels can be opened
    with torch.no_grad():
        logits = model(why.images)[0]
    assert why.probabilities == pytest.approx(logits.sigmoid().numpy(), abs=1e-5)
    assert not why.retrained
    header = header_of(why.payload("here", why_panel.WORDS["en"], dict(enumerate(model.labels)), {}))
    assert header["threshold"] == 0.5
    after = why.answer({"erased": list(range(why.patches))})
    gone = at.intervene(model, why.images, erased=range(why.patches)).sigmoid()
    assert after["p"] == pytest.approx(gone[list(why.shown)].tolist(), abs=1e-5)
    if (first := why.curve(*FIRST_CURVE).first) is not None:
        place = why.curve(*FIRST_CURVE).counts.index(first)
        column = why.pair.index(why.curve(*FIRST_CURVE).becomes)
        p = why.curve(*FIRST_CURVE).probabilities[:, column]
        assert (p[0] >= 0.5) != (p[place] >= 0.5)
    assert [run.class_name(n) for n in run.rows.row("1.png")["labels"]] == ["cat", "dog"]


@pytest.mark.parametrize("labels", [["not cat", "cat"], ["cat"]], ids=str)
def test_a_binary_model_has_two_classes_everywhere(labels, evaluated):
    request = evaluated("binary", labels, 1)
    app = page(run=request.id)
    assert not app.exception
    run, model = Evaluation(requests.run_folder(request.id)), vc.load(request.model, "cpu")
    assert (run.num_classes, run.labels) == (2, ["not cat", "cat"])
    why = Why(model, run, "0.png")
    with torch.no_grad():
        p = model(why.images)[0].sigmoid().item()
    assert why.probabilities == pytest.approx([1 - p, p], abs=1e-5)
    assert why.maps("gradient_rollout").shape == (2, *why.grid)
    assert header_of(why.payload("here", why_panel.WORDS["en"], {0: "not cat", 1: "cat"}, {}))["threshold"] is None
    opened = page(run=request.id, open="0.png")
    assert not opened.exception
    assert "not cat" in read(words(opened))


@pytest.mark.parametrize(("language", "table"), [("en", report_words.EN), ("ko", report_words.KO)])
def test_the_report_states_the_problem_type(language, table, evaluated):
    request = evaluated("multi_label", ["cat", "dog", "tree"], 3)
    run = Evaluation(requests.run_folder(request.id))
    made = build_report(run, GalleryView().full_filter(), 2, language, model=vc.load(request.model, "cpu")).decode()
    assert table["multi_label"] in made
    assert 'id="thresholds"' in made
    assert 'id="confusion"' not in made
    assert table["ece"] not in made
    assert f'data-value="{run.multi_label.mean_average_precision}"' in made


def test_a_regression_is_refused_with_a_reason(build, tmp_path, evaluated):
    request = evaluated("binary", ["not cat", "cat"], 1)
    run = Evaluation(requests.run_folder(request.id))
    for refuse in (
        lambda model: Why(model, run, "0.png"),
        lambda model: preview(request, model),
    ):
        with pytest.raises(InputError) as caught:
            refuse(build(problem_type="regression", classes=1))
        assert caught.value.code == "evaluate-regression"
    assert Path(request.source).exists()


def test_the_class_that_crosses_the_threshold_is_named(evaluated, monkeypatch):
    request = evaluated("multi_label", ["cat", "dog", "tree"], 3)
    why = Why(vc.load(request.model, "cpu"), Evaluation(requests.run_folder(request.id)), "0.png")
    scores = torch.tensor([[0.9, 0.6], [0.9, 0.4]])
    curve = at.DeletionCurve((0, 1), scores, torch.tensor([why.pair[0]] * 2), 1)
    monkeypatch.setattr(at, "deletion_curve", lambda *_, **__: curve)
    assert why.curve("lrp", "blur").becomes == why.pair[1]
