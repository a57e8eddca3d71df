"""The logit lens ends with the model's prediction; a unit's logits are the derivative of the head."""

import pytest
import torch

from tests.attribution.test_forward_steps import KINDS, close, noise
from vit_core.attribution import residual_streams
from vit_core.lecture import final_vector, logit_lens, unit_logits, vector_change


@pytest.fixture
def make(build):
    """make(**fields) -> a small model in float64."""
    return lambda **fields: build(**fields).double()


@pytest.mark.parametrize("kind", KINDS)
def test_the_streams_and_the_last_logits_are_the_models_own(make, pictures, kind):
    model, images = make(**KINDS[kind], distillation_token=True, distillation_head=True), pictures().double()
    streams = residual_streams(model, images)
    assert streams.shape == (4, 37, 14)
    for stream, expected in zip(streams, model.layers(model.embed(images)), strict=True):
        close(stream, expected[0])
    logits = logit_lens(model, streams)
    assert logits.shape == (4, 11)
    close(logits[-1], model(images)[0])
    assert not torch.allclose(logits[-2], logits[-1])
    assert logit_lens(make(classes=0), noise(2, 36, 14)) is None


def test_the_logits_of_a_units_direction(make):
    """Against the derivative of the logits, for a token on which the norm's own spread does not change."""
    model = make(layer_scale=True)
    block, unit = model.blocks[-1], 5
    direction = block.ls2.gamma * block.mlp.fc2.weight[:, unit]
    x = noise(14)
    x, away = x - x.mean(), direction - direction.mean()
    x = x - away * (x @ away) / (away @ away)
    x = x / x.square().mean().sqrt()
    step = 1e-5
    logits = [model.head(model.norm(x + s * direction)) for s in (step, -step)]
    found = unit_logits(model, 2, unit)
    torch.testing.assert_close(found, (logits[0] - logits[1]) / (2 * step), atol=1e-4, rtol=1e-4)
    assert found.abs().max() > 0.01
    for fields in ({"classes": 0}, {"block": "res_post"}, {"pool": "map"}, {"pool": "token_avg"}):
        assert unit_logits(make(**fields), 0, 0) is None
    assert unit_logits(make(norm="rms", pool="avg", final_norm=False, pool_norm=True), 0, 0).shape == (11,)


@pytest.mark.parametrize(
    "fields",
    [
        {},
        dict(classes=0),
        dict(class_token=False, pool="avg", pool_norm=True),
        dict(pool="map"),
        dict(pool="token_avg"),
    ],
    ids=str,
)
def test_the_final_vector_is_what_the_head_reads(build, pictures, fields):
    model, images = build(**fields), pictures()
    vector = final_vector(model, images)
    expected = model.pooled(model.norm(list(model.layers(model.embed(images)))[-1]))
    assert torch.allclose(vector, expected, atol=1e-6)
    if model.head is not None:
        assert torch.allclose(model.head(vector), model(images), atol=1e-5)


def test_a_vectors_change_by_hand():
    assert vector_change(torch.tensor([3.0, 0]), torch.tensor([0.0, 4])) == pytest.approx((0, 5 / 3))
    assert vector_change(torch.tensor([1.0, 2]), torch.tensor([2.0, 4])) == pytest.approx((1, 1))
    assert vector_change(torch.zeros(2), torch.ones(2)) is None
    assert vector_change(torch.ones(2), torch.tensor([torch.nan, 1])) is None
