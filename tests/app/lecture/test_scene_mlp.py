"""The MLP's scene: one token's way through it."""

import numpy as np
import pytest
import torch

from app import lecture
from app.text.lecture import mlp as words
from vit_core.models.config import ACTIVATIONS

MODELS = {
    "plain": {}, "post": {"block": "res_post"}, "parallel": {"block": "parallel", "layer_scale": True},
    "bare": {"class_token": False, "position": "none", "pool": "avg", "classes": 0},
    "tokens": {"registers": 4, "distillation_token": True, "distillation_head": True},
    "glu": {"mlp": "glu", "mlp_norm": True, "activation": "silu"}, "quick": {"activation": "quick_gelu"},
    "grey": {"channels": 1, "norm": "rms", "mlp_bias": False},
    "one patch": {"image_size": (3, 3), "classes": 1, "problem_type": "binary"},
}  # fmt: skip


@pytest.mark.parametrize("name", MODELS)
def test_one_tokens_way_through_the_models_own_mlp(stage, name):
    made = stage(**MODELS[name])
    N, block = made.streams.shape[1], made.model.blocks[1]
    at = N - 1
    scene = lecture.build("mlp", made, {"layer": 1, "at": at, "unit": 7})
    said, arrays = scene.numbers, scene.arrays
    assert (said["layer"], said["at"], said["unit"], said["dim"], said["hidden"]) == (1, at, 7, 14, 23)
    assert {name: a.shape for name, a in arrays.items()} == {
        "read": (14,), "hidden": (23,), "curved": (23,), "activated": (23,), "written": (14,), "curve": (161, 2),
        "fires": (N,)}  # fmt: skip
    read = torch.from_numpy(arrays["read"])
    with torch.no_grad():
        out = block.mlp(read[None])
        out = block.ls2(block.norm2(out) if block.wiring == "res_post" else out)[0]
        hidden = block.mlp.fc1(read)[:23]
        curved = block.mlp.act(hidden)
    np.testing.assert_allclose(arrays["written"], out, atol=1e-5)
    np.testing.assert_allclose(arrays["hidden"], hidden, atol=1e-5)
    np.testing.assert_allclose(arrays["curved"], curved, atol=1e-5)
    assert said["positive"] == int((arrays["hidden"] > 0).sum())
    assert 0 <= said["alone"] < 1e-4
    activated = arrays["activated"]
    assert arrays["fires"][at] == activated[7]
    if not MODELS[name].get("mlp_norm"):
        np.testing.assert_allclose(activated, curved, atol=1e-5)
    assert said["most"] == np.argsort(-np.abs(activated))[:5].tolist()
    low, high = arrays["curve"][[0, -1], 0]
    assert low <= min(-3, arrays["hidden"].min())
    assert high >= max(3, arrays["hidden"].max())
    with torch.no_grad():
        np.testing.assert_allclose(
            arrays["curve"][:, 1], block.mlp.act(torch.from_numpy(arrays["curve"][:, 0])), atol=1e-5
        )


def test_a_unit_on_every_token(stage):
    made = stage()
    step = made.block_steps(2)
    for unit in (0, 22):
        fires = lecture.build("mlp", made, {"layer": 2, "unit": unit}).arrays["fires"]
        np.testing.assert_array_equal(fires, step.activated[:, unit])


def test_the_shares_are_counted_from_the_weights(stage):
    made = stage(mlp_bias=False)
    said = lecture.build("mlp", made, {}).numbers
    one = 14 * 23 + 23 * 14 + 14
    assert said["parameters"] == one
    block = one + 2 * 2 * 14 + (14 * 42 + 42) + (14 * 14 + 14)
    assert said["of_block"] == pytest.approx(one / block)
    assert said["of_model"] == pytest.approx(3 * one / sum(p.numel() for p in made.model.parameters()))
    assert 0 < said["of_model"] < said["of_block"] < 1


def test_what_a_unit_adds_and_says(stage):
    made = stage()
    scene = lecture.build("mlp", made, {"layer": 2, "at": 3, "unit": 4})
    column = made.model.blocks[2].mlp.fc2.weight[:, 4].detach()
    assert scene.numbers["adds"] == pytest.approx(abs(scene.arrays["activated"][4]) * float(column.norm()), rel=1e-4)
    logits = made.model.head.weight.detach() @ (made.model.norm.weight.detach() * (column - column.mean()))
    says = scene.numbers["says"]
    assert (says["for"], says["against"]) == (f"#{int(logits.argmax())}", f"#{int(logits.argmin())}")
    assert says["up"] == pytest.approx(float(logits.max()), rel=1e-4)
    for fields in ({"classes": 0}, {"classes": 1, "problem_type": "binary"}, {"block": "res_post"}, {"pool": "map"}):
        assert lecture.build("mlp", stage(**fields), {}).numbers["says"] is None


def test_nothing_that_a_browser_asks_breaks_it(stage):
    made = stage()
    for want in (
        {},
        {"layer": 99, "at": 10**9, "unit": 10**9},
        {"layer": -1, "at": -7, "unit": -3},
        {"layer": "x", "at": None, "unit": {}},
        {"layer": float("inf"), "unit": False},
    ):
        said = lecture.build("mlp", made, want).numbers
        assert 0 <= said["layer"] < 3
        assert 0 <= said["at"] < 36
        assert 0 <= said["unit"] < 23
    assert lecture.build("mlp", made, {"unit": 99}).numbers["unit"] == 22


def test_every_activation_has_its_name_and_formula():
    for name in ACTIVATIONS:
        assert {name} <= words.EN.keys() & words.KO.keys() & words.MATH.keys()
