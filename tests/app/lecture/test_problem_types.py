"""Scenes with models whose logits are not a softmax's: what they call a probability is one."""

from __future__ import annotations

import pytest
import torch

from app.lecture import SCENES
from app.lecture import build as scene_of
from app.text.lecture import head as words

MODELS = {"multi_label": dict(classes=5), "binary": dict(classes=1), "regression": dict(classes=2)}


@pytest.fixture(params=MODELS)
def problem(stage, request):
    return stage(problem_type=request.param, **MODELS[request.param]), request.param


@pytest.mark.parametrize("name", SCENES)
def test_every_scene_is_built(name, problem):
    assert scene_of(name, problem[0], {}).numbers is not None


def test_answers_are_sigmoids_or_none(problem):
    stage, kind = problem
    logits = stage.result.trace.logits
    found = stage.answers(logits)
    if kind == "regression":
        assert found == []
    elif kind == "binary":
        assert found == [{"index": 1, "label": "#1", "p": pytest.approx(logits.sigmoid().item())}]
    else:
        assert [a["p"] for a in found] == pytest.approx(logits.sigmoid().sort(descending=True).values.tolist())


def test_the_head_names_the_function_that_it_applies(problem):
    stage, kind = problem
    scene = scene_of("head", stage, {})
    names = [box["name"] for box in scene.numbers["path"]]
    assert "softmax" not in names
    assert names[-1] == ("logits" if kind == "regression" else "sigmoid")
    assert scene.numbers["prose"] in words.EN
    assert scene.numbers["prose"] in words.KO
    if kind == "regression":
        assert scene.numbers["shown"] == []
    else:
        logits = torch.from_numpy(scene.arrays["logits"].copy())
        torch.testing.assert_close(torch.from_numpy(scene.arrays["lens"].copy())[-1], logits.sigmoid())


def test_other_scenes_have_no_share_of_a_regression(stage):
    of = stage(problem_type="regression", classes=2)
    assert scene_of("positions", of, {}).numbers["answers"] == []
    assert scene_of("summary", of, {}).numbers["answers"] == []
    assert scene_of("encoder", of, {}).numbers["classed"] is False
