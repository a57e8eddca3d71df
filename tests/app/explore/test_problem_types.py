"""Explore says what the head's numbers mean: shares of one, independent probabilities, or numbers."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
import torch
from streamlit.testing.v1 import AppTest

import vit_core as vc
from app import state, text
from app.explore import figures
from app.figures import output
from app.runtime import cache
from tests.app.test_pages import home, page, read, small, words  # noqa: F401  (home is a fixture)
from vit_core.images import read_image
from vit_core.models.vit import VisionTransformer
from vit_core.percentage import percent


def model_of(problem_type: str, classes: int, bias: float | None = None) -> VisionTransformer:
    """A small model of that type; with `bias`, one whose logits hardly depend on the picture."""
    base = small("photo")
    config = dataclasses.replace(base.config, problem_type=problem_type, classes=classes)
    torch.manual_seed(1)
    model = VisionTransformer(config, None, base.transform)
    shared = {n: w for n, w in base.state_dict().items() if not n.startswith("head.")}
    model.load_state_dict(model.state_dict() | shared)
    if bias is not None:
        with torch.no_grad():
            model.head.weight.mul_(1e-3)
            model.head.bias.copy_(torch.linspace(bias, -bias, classes))
    return model.eval()


def opened(tmp_path: Path, model: VisionTransformer, language: str = "en", labels=None) -> tuple[AppTest, list]:
    """The page with that model, and the panel's bars: (values, threshold) of each chart of predictions drawn."""
    model.labels = labels
    vc.save(model, tmp_path / "mine.safetensors")
    drawn, bars = [], figures.bars
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(figures, "bars", lambda n, v, h, t=None: drawn.append((v, t)) or bars(n, v, h, t))
        app = page(lang=language, model=f"file:{tmp_path / 'mine.safetensors'}", view="answer")
    assert not app.exception
    assert not app.error
    return app, drawn


def logits_of(model: VisionTransformer) -> torch.Tensor:
    """The logits of the picture that the page opens with."""
    return vc.record(model, read_image(cache.SAMPLES / next(iter(cache.samples())))).logits


@pytest.mark.parametrize("language", text.LANGUAGES)
def test_a_multi_label_model(language, tmp_path):
    t, model = text.Text(language), model_of("multi_label", 3, bias=3.0)
    app, [(shown, threshold)] = opened(tmp_path, model, language, ["cat", "dog", "tree"])
    expected = logits_of(model).sigmoid()
    assert shown == pytest.approx(expected.sort(descending=True).values.tolist(), abs=1e-5)
    assert threshold == 0.5
    said = words(app)
    first = t("atlas.class", name="cat", percent=percent(expected[0]))
    assert (
        read(
            t(
                "predictions.multi_label.text",
                count=3,
                classes=3,
                above=int((expected >= 0.5).sum()),
                threshold=percent(0.5),
            )
        )
        in said
    )
    assert t("side.problem_type.multi_label") in said
    assert first.replace("**", "") in said.replace("**", "")
    assert "tree" not in said.split("\n")[0]  # its probability is below the threshold


def test_a_multi_label_model_that_finds_nothing(tmp_path):
    model = model_of("multi_label", 2)
    with torch.no_grad():
        model.head.bias.fill_(-50)
    app, _ = opened(tmp_path, model)
    assert "No class reaches 50" in words(app)


@pytest.mark.parametrize("language", text.LANGUAGES)
def test_a_binary_model_with_one_name_and_with_two(language, tmp_path):
    t, model = text.Text(language), model_of("binary", 1, bias=1.5)
    logit = logits_of(model).item()
    p = 1 / (1 + 2.718281828459045**-logit)
    app, [(shown, threshold)] = opened(tmp_path, model, language)
    assert (shown, threshold) == ([pytest.approx(p, abs=1e-5)], 0.5)
    name = t("predictions.class", number=1)
    assert read(t("predictions.binary.text", logit=output(logit), name=name, percent=percent(p))) in words(app)
    app, [(shown, threshold)] = opened(tmp_path, model, language, ["dog", "cat"])
    assert (shown, threshold) == ([pytest.approx(p, abs=1e-5), pytest.approx(1 - p, abs=1e-5)], None)


@pytest.mark.parametrize("language", text.LANGUAGES)
def test_a_regression_shows_numbers_and_no_per_cent(language, tmp_path):
    t, model = text.Text(language), model_of("regression", 2, bias=37.4)
    app, bars = opened(tmp_path, model, language, ["age", "height"])
    assert bars == []
    shown = [(read(m.label), m.value) for m in app.metric]
    assert shown == [(n, output(v)) for n, v in zip(("age", "height"), logits_of(model).tolist(), strict=True)]
    said = words(app)
    assert t("predictions.regression.text", count=2) in said
    line = next(m.value for m in app.markdown if "age" in m.value)
    assert "%" not in line


def test_the_user_says_what_one_logit_means(tmp_path):
    model = model_of("binary", 1, bias=1.5)
    torch.save(model.state_dict(), tmp_path / "bare.pth")
    app = page(model=f"file:{tmp_path / 'bare.pth'}", view="answer")
    assert text.Text("en")("side.assumed.problem_type") in app.sidebar.warning[0].value
    (box,) = [box for box in app.sidebar.selectbox if box.label == text.Text("en")("side.problem_type")]
    assert box.value == "binary"
    box.set_value("regression").run()
    assert not app.exception
    assert app.query_params["model"] == f"file:{tmp_path / 'bare.pth'}?problem_type=regression"
    assert len(app.metric) == 1
    (box,) = [box for box in app.sidebar.selectbox if box.label == text.Text("en")("side.problem_type")]
    assert box.value == "regression"  # it stays, so that the choice can be changed
    again = page(model=app.query_params["model"], view="answer")
    assert len(again.metric) == 1
    assert again.session_state[state.Key.NAMED_MODEL].endswith("?problem_type=regression")


def test_no_box_where_the_file_tells(tmp_path):
    app, _ = opened(tmp_path, model_of("binary", 1))
    assert [box.label for box in app.sidebar.selectbox].count(text.Text("en")("side.problem_type")) == 0
