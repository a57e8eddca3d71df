"""Attribution targets and deletion curves of heads whose logits are not a softmax's."""

from __future__ import annotations

import pytest
import torch

from vit_core import InputError
from vit_core import attribution as at


@pytest.mark.parametrize("method", [at.gradient_rollout, at.lrp])
def test_both_classes_of_a_binary_head_are_explained_as_by_a_head_of_two_logits(method, build, pictures):
    model, twin = build(classes=1, problem_type="binary").double(), build(classes=2).double()
    head, images = model.head, pictures().double()
    twin.load_state_dict(model.state_dict() | {
        "head.weight": torch.cat([-head.weight, head.weight]), "head.bias": torch.cat([-head.bias, head.bias]),
    })  # fmt: skip
    maps = [method(model, images, target) for target in (0, 1)]
    for target, found in enumerate(maps):
        torch.testing.assert_close(found, method(twin, images, target))
    assert (maps[0] - maps[1]).abs().max() > 1e-3
    with pytest.raises(InputError) as caught:
        method(model, images, 2)
    assert (caught.value.code, caught.value.values["last"]) == ("attribution-target", 1)


@pytest.mark.parametrize("problem_type", ["multi_label", "regression"])
def test_other_heads_are_explained_by_their_own_output(problem_type, build, pictures):
    model, plain = build(problem_type=problem_type), build()
    for method in (at.gradient_rollout, at.lrp):
        assert torch.equal(method(model, pictures(), 4), method(plain, pictures(), 4))


def curve(build, images, bias, of=None, **fields):
    """A deletion curve of four steps, and the logits at each of them."""
    model = build(**fields)
    with torch.no_grad():
        model.head.bias += bias
    changes = [at.Change(range(k)) for k in (0, 12, 24, 35)]
    found = at.deletion_curve(model, images, range(35), counts=(0, 12, 24, 35), classes=of)
    return found, at.interventions(model, images, changes)


def test_a_curve_of_a_binary_head(build, pictures):
    found, logits = curve(build, pictures(), 0, classes=1, problem_type="binary")
    p = logits[:, 0].sigmoid()
    torch.testing.assert_close(found.scores, torch.stack([1 - p, p], 1), atol=1e-5, rtol=1e-4)
    assert found.predicted.tolist() == (p > 0.5).int().tolist()


def test_a_curve_of_a_multi_label_head_changes_where_a_class_crosses_a_half(build, pictures):
    fields = dict(classes=3, problem_type="multi_label")
    _, logits = curve(build, pictures(), 0, **fields)
    between = -(logits[0] + logits[1]) / 2  # with this bias every class crosses zero between the first two steps
    far = torch.tensor([0.0, 100.0, 100.0])
    found, moved = curve(build, pictures(), between + far, **fields)
    torch.testing.assert_close(found.scores, moved.sigmoid(), atol=1e-5, rtol=1e-4)
    assert found.first == 12
    assert curve(build, pictures(), between + far, [1, 2], **fields)[0].first is None
    assert curve(build, pictures(), between + far, [0, 1], **fields)[0].first == 12


def test_a_curve_of_a_regression_holds_its_outputs(build, pictures):
    found, logits = curve(build, pictures(), 0, classes=2, problem_type="regression")
    torch.testing.assert_close(found.scores, logits, atol=1e-5, rtol=1e-4)
    assert found.first is None
