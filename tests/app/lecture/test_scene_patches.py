"""The scene "patches": its arithmetic, its pixels and its tokens, for models and wishes of every kind."""

import math

import numpy as np
import pytest
import torch

from app.lecture import build
from app.lecture.scenes import patches as scene
from vit_core.lecture.patches import embed_by_matrix, flatten_patches, resize_kernels

KINDS = {
    "plain": {},
    "one channel": dict(channels=1),
    "no head": dict(classes=0),
    "no bias": dict(patch_bias=False),
    "patch norm": dict(patch_norm=True),
    "upright patches": dict(patch_size=(5, 3)),
    "no positions": dict(position="none"),
    "registers": dict(registers=4, class_token=False, pool="avg"),
}


def test_it_begins_with_the_models_own_sizes_and_knows_the_papers(stage):
    made = stage()
    n = build("patches", made, {}).numbers
    assert n["own"]
    assert [n[k] for k in ("height", "width", "channels", "rows", "cols", "count")] == [15, 21, 3, 5, 7, 35]
    assert n["presets"] == {"vit16": [224, 16], "own": [21, 3]}
    n = build("patches", made, {"image": 224, "patch": 16}).numbers
    line = [n[k] for k in ("height", "width", "channels", "rows", "cols", "count", "values", "dim")]
    assert line == [224, 224, 3, 14, 14, 196, 768, 14]
    assert not n["own"]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("want", [{}, {"image": 21, "patch": 3}, {"image": 64, "patch": 7}, {"image": 48, "patch": 32}])
def test_numbers_and_arrays(stage, kind, want):
    made = stage(**KINDS[kind])
    found = build("patches", made, want)
    n, arrays = found.numbers, found.arrays
    (height, width), C = (n["height"], n["width"]), n["channels"]
    assert arrays["seen"].shape == (height, width, C)
    assert arrays["seen"].dtype == np.uint8
    assert (n["rows"], n["cols"]) == (height // n["ph"], width // n["pw"])
    assert n["over"] == [height - n["rows"] * n["ph"], width - n["cols"] * n["pw"]]
    assert n["values"] == C * n["ph"] * n["pw"]
    assert arrays["tokens"].shape == (n["some"], n["dim"])
    assert n["difference"] < 1e-5
    # From the bytes that the browser gets, by the other way.
    mean, std = (np.array(n[k], np.float32) for k in ("mean", "std"))
    images = torch.from_numpy(((arrays["seen"] / 255 - mean) / std).astype(np.float32)).permute(2, 0, 1)[None]
    conv = made.model.patch_embed
    weight = resize_kernels(conv.weight.detach(), (n["ph"], n["pw"]))
    tokens = embed_by_matrix(images, weight, conv.bias)[0].detach().numpy()
    np.testing.assert_allclose(arrays["tokens"], tokens, atol=2e-5)
    np.testing.assert_allclose(arrays["products"], tokens[:, :4], atol=2e-5)
    thin = math.ceil(n["values"] / scene.MAX_MATRIX_SIDE)  # of 3,072 columns every twelfth is drawn
    np.testing.assert_allclose(arrays["matrix"], weight.flatten(1)[:, ::thin], atol=1e-6)
    assert n["matrix"] == list(arrays["matrix"].shape)


def test_the_models_own_sizes_are_the_models_own_input(stage):
    made = stage()
    found = build("patches", made, {"image": 21, "patch": 3})
    n = found.numbers
    assert (n["own"], n["height"], n["width"], n["rows"], n["cols"]) == (True, 15, 21, 5, 7)
    expected = made.model.patch_embed(made.images).flatten(2)[0].T
    np.testing.assert_allclose(found.arrays["tokens"], expected.detach().numpy(), atol=1e-6)
    assert np.array_equal(found.arrays["seen"], np.array(made.result.model_input))
    assert n["values"] == flatten_patches(made.images, (3, 3)).shape[-1]


def test_every_pair_that_is_offered_holds_and_is_limited(stage):
    made = stage()
    offered = scene.choices(made)
    assert 3 in offered[21]
    for image, patches in offered.items():
        for patch in patches:
            (height, width), (ph, pw) = scene.sizes(made, image, patch)
            assert 1 <= (height // ph) * (width // pw) <= scene.MAX_PATCHES
    assert offered[512] == [8, 14, 16, 28, 32]
    assert offered[21] == [2, 3, 4, 7, 8, 14]  # 15 x 21 pixels


def test_a_large_grid_sends_the_tokens_around_the_pick(stage, monkeypatch):
    monkeypatch.setattr(scene, "MAX_TOKEN_NUMBERS", 14 * 50)
    made = stage()
    whole = build("patches", made, {"image": 224, "patch": 16, "from": 0.5}).numbers
    assert whole["some"] == 50
    for share in (0.0, 0.3, 0.5, 1.0):
        found = build("patches", made, {"image": 224, "patch": 16, "from": share})
        first, some = found.numbers["first"], found.numbers["some"]
        row = min(int(share * 14), 13)
        assert 0 <= first <= row * 14
        assert row * 14 + 13 < first + some <= 196
    monkeypatch.undo()
    everything = build("patches", made, {"image": 224, "patch": 16}).arrays["tokens"]
    np.testing.assert_array_equal(found.arrays["tokens"], everything[first : first + some])


@pytest.mark.parametrize(
    "want",
    [
        {"image": "224; drop", "patch": None},
        {"image": 1e9, "patch": -3},
        {"image": [224], "patch": {}},
        {"image": True, "patch": False},
        {"image": float("nan"), "patch": float("inf")},
        {"from": "x"},
        {"from": float("nan")},
        {"from": -5},
        {"from": 7},
        {"from": True},
        {"image": 512, "patch": 2},
        {"size": "own"},
    ],
)
def test_hostile_requests(stage, want):
    n = build("patches", stage(), want).numbers
    assert n["count"] <= scene.MAX_PATCHES
    assert 0 <= n["first"] <= n["count"] - n["some"]
    assert math.isfinite(n["difference"])
