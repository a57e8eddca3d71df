"""The scene "attention": what the browser computes with is what the model computed with."""

import math

import numpy as np
import pytest
import torch

from app.lecture.scenes import attention

KINDS = {
    "plain": {}, "no class token": dict(class_token=False, pool="avg"), "registers": dict(registers=3),
    "distilled": dict(distillation_token=True), "no head": dict(classes=0), "gated": dict(mlp="glu"),
    "norms after": dict(block="res_post"), "no positions": dict(position="none"),
    "rotary": dict(position="rope", head_dim=8), "one channel": dict(channels=1),
    "normed": dict(attention_norm=True, qk_norm=True, layer_scale=True), "parallel": dict(block="parallel"),
}  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
def test_the_arrays_give_the_models_attention_and_output(stage, kind):
    shown = stage(**KINDS[kind])
    scene = attention.build(shown, {"layer": 1})
    arrays = {name: torch.from_numpy(values) for name, values in scene.arrays.items()}
    q, k, v = (arrays[name] for name in ("query", "key", "value"))
    assert scene.numbers["whole"]
    d = shown.config.head_dim
    assert q.shape == (2, shown.result.trace.num_tokens, d)
    weights = torch.softmax(q @ k.transpose(1, 2) / math.sqrt(d), -1)
    torch.testing.assert_close(weights, shown.result.trace.attention(1), atol=1e-5, rtol=0)
    attn, step = shown.model.blocks[1].attn, shown.block_steps(1)
    joined = (weights @ v).transpose(0, 1).flatten(1)
    torch.testing.assert_close(joined, step.joined, atol=1e-4, rtol=1e-4)
    with torch.no_grad():
        torch.testing.assert_close(arrays["projected"], attn(step.attention_input[None])[0], atol=1e-4, rtol=1e-4)
    assert scene.numbers["normed"] == (kind == "normed")


def test_a_large_model_sends_one_head_and_one_query(stage, monkeypatch):
    monkeypatch.setattr(attention, "ALL_HEADS_BYTES", 100)
    shown = stage()
    scene, every = attention.build(shown, {"layer": 2, "head": 1, "at": 9}), shown.block_steps(2)
    assert not scene.numbers["whole"]
    assert (scene.numbers["head"], scene.numbers["at"]) == (1, 9)
    for name in ("query", "key", "value"):
        assert np.array_equal(scene.arrays[name], getattr(every, name)[1:2].numpy())
    assert np.allclose(scene.arrays["maps"], shown.result.trace.attention(2)[:, 9].numpy(), atol=1e-6)
    assert np.allclose(scene.arrays["joined"], every.joined[9:10].numpy(), atol=1e-6)
    assert scene.arrays["projected"].shape == (1, 14)


def test_the_variance_is_that_of_every_pair():
    draw = torch.Generator().manual_seed(0)
    q, k = torch.randn(2, 9, 5, generator=draw) + 0.7, torch.randn(2, 9, 5, generator=draw) - 0.2
    expected = (q @ k.transpose(1, 2)).flatten(1).var(dim=1, unbiased=False)
    torch.testing.assert_close(attention.score_variance(q, k).float(), expected)


def test_the_variance_of_independent_normal_queries_and_keys_is_d():
    draw = torch.Generator().manual_seed(0)  # Vaswani et al. 2017, footnote 4
    for d in (4, 64):
        q, k = (torch.randn(2000, d, generator=draw) for _ in range(2))
        assert attention.score_variance(q, k).item() == pytest.approx(d, rel=0.1)


def test_two_tokens_by_hand():
    q, k = torch.tensor([[1.0, 0], [0, 2]]), torch.tensor([[1.0, 1], [3, 0]])
    assert attention.score_variance(q, k).item() == pytest.approx(1.25)  # scores 1, 3, 2, 0


@pytest.mark.parametrize(
    "want",
    [
        {},
        {"layer": 99, "head": -5, "at": 10**9},
        {"layer": "x", "head": None, "at": True},
        {"layer": float("nan"), "head": [1], "at": {}},
        {"layer": 1.9},
    ],
)
def test_any_request_is_answered(stage, want):
    numbers = attention.build(stage(), want).numbers
    assert 0 <= numbers["layer"] < 3
    assert 0 <= numbers["head"] < 2
    assert 0 <= numbers["at"] < numbers["tokens"]


def test_the_first_query_is_the_middle_patch(stage):
    numbers = attention.build(stage(registers=3), {}).numbers
    assert numbers["at"] == numbers["middle"] == 4 + 2 * 7 + 3
