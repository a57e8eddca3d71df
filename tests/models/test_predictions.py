"""What logits mean, by hand."""

from __future__ import annotations

import math

import pytest
import torch

import vit_core as vc
from vit_core.models import predictions
from vit_core.models.config import ViTConfig

LOGITS = torch.tensor([0.0, math.log(3), math.log(4)])
SHARES = [1 / 8, 3 / 8, 4 / 8]
SIGMOIDS = [1 / 2, 3 / 4, 4 / 5]


@pytest.mark.parametrize(
    ("problem_type", "logits", "expected"),
    [
        ("single_label", LOGITS, SHARES),
        ("multi_label", LOGITS, SIGMOIDS),
        ("binary", LOGITS[1:2], [1 / 4, 3 / 4]),
        ("regression", LOGITS, LOGITS.tolist()),
    ],
)
def test_scores(problem_type, logits, expected):
    assert predictions.scores(logits, problem_type).tolist() == pytest.approx(expected)
    if problem_type != "regression":
        logs = predictions.log_scores(logits, problem_type)
        assert logs.tolist() == pytest.approx([math.log(p) for p in expected])


def test_a_batch_has_the_scores_of_its_members():
    batch = torch.stack([LOGITS, -LOGITS])
    for kind, logits in (("single_label", batch), ("multi_label", batch), ("binary", batch[:, 1:2])):
        for one, found in zip(logits, predictions.scores(logits, kind), strict=True):
            torch.testing.assert_close(found, predictions.scores(one, kind))


def test_a_binary_target_is_the_logit_or_its_negative():
    logit = torch.tensor([[2.5], [-1.0]])
    assert predictions.target_logit(logit, 1, "binary").tolist() == [2.5, -1.0]
    assert predictions.target_logit(logit, 0, "binary").tolist() == [-2.5, 1.0]
    assert predictions.target_logit(LOGITS, 2, "multi_label") == LOGITS[2]


def test_the_answer_of_a_multi_label_model_is_a_set():
    found = predictions.answer(torch.tensor([0.5, 0.49, 0.8]), "multi_label")
    assert found.tolist() == [True, False, True]
    assert predictions.answer(torch.tensor([0.2, 0.7, 0.1]), "single_label").tolist() == [False, True, False]
    assert not predictions.answer(torch.tensor([9.0]), "regression").any()


def listed(build, pictures, k=5, labels=None, **fields):
    model = build(**fields)
    model.labels = labels
    return vc.predict(model, pictures(), k), model(pictures())[0]


def test_predictions_of_a_binary_model(build, pictures):
    one, logits = listed(build, pictures, problem_type="binary", classes=1)
    p = 1 / (1 + math.exp(-logits.item()))
    assert one == [("class 1", pytest.approx(p))]
    named, _ = listed(build, pictures, labels=["cat"], problem_type="binary", classes=1)
    assert named == [("cat", pytest.approx(p))]
    two, _ = listed(build, pictures, labels=["dog", "cat"], problem_type="binary", classes=1)
    assert dict(two) == {"dog": pytest.approx(1 - p), "cat": pytest.approx(p)}
    assert two[0][1] >= two[1][1]


def test_predictions_of_a_multi_label_model_have_no_sum(build, pictures):
    found, logits = listed(build, pictures, problem_type="multi_label", classes=3)
    expected = torch.tensor([1 / (1 + math.exp(-z)) for z in logits.tolist()])
    assert [name for name, _ in found] == [f"class {i}" for i in expected.argsort(descending=True).tolist()]
    assert [p for _, p in found] == pytest.approx(expected.sort(descending=True).values.tolist())


def test_a_regression_gives_its_outputs_in_order(build, pictures):
    found, logits = listed(build, pictures, 2, problem_type="regression", classes=3)
    assert found == [(f"output {i}", pytest.approx(logits[i].item(), abs=1e-5)) for i in range(2)]
    named, _ = listed(build, pictures, labels=["age"], problem_type="regression", classes=1)
    assert [name for name, _ in named] == ["age"]


@pytest.mark.parametrize(
    "fields",
    [dict(classes=1), dict(classes=2, problem_type="binary"), dict(classes=0, problem_type="binary"),
     dict(problem_type="ordinal")],
    ids=str,
)  # fmt: skip
def test_impossible_combinations_are_refused(fields):
    with pytest.raises(ValueError, match="problem_type"):
        ViTConfig(**fields)


def test_the_digest_covers_the_problem_type_and_is_the_old_one_without(build):
    from vit_core.models.digest import weights_digest

    models = [build(classes=3, problem_type=kind) for kind in ("single_label", "multi_label")]
    assert len({*map(weights_digest, models)}) == 2
    assert "problem_type='single_label'" in repr(models[0].config)  # what the digest leaves out


def test_the_digest_covers_the_rounding_of_a_crop_and_is_the_old_one_without(build):
    from vit_core.images import Preprocess
    from vit_core.models.digest import weights_digest

    model = build(classes=3)
    digests = set()
    for rounding in ("round", "floor"):
        model.transform = Preprocess(crop_rounding=rounding)
        digests.add(weights_digest(model))
    assert len(digests) == 2
    assert ", crop_rounding='round'" in repr(Preprocess())  # what the digest leaves out
