"""The scene "cnn": what stands on the slide against the models themselves."""

import json
import math

import numpy as np
import pytest
import torch
from PIL import Image

import vit_core as vc
from app import lecture
from app.explore.result import Result
from app.lecture import Stage
from app.lecture.scenes import cnn
from vit_core.attention import statistics
from vit_core.checkpoints import embedded
from vit_core.images import Preprocess, read_image
from vit_core.lecture import receptive_fields

SAMPLES = embedded.ASSETS / "samples"


def stage_of(model, picture) -> Stage:
    if isinstance(picture, str):
        picture = read_image(SAMPLES / picture)
    return Stage(Result("test", picture, model, vc.record(model, picture), 0.0))


@pytest.fixture(scope="module")
def photo():
    return stage_of(vc.load("embedded:tiny", "cpu"), "kitten.jpg")


@pytest.fixture(scope="module")
def fashion():
    return stage_of(vc.load("embedded:fashion", "cpu"), "fashion-bag.png")


@pytest.fixture
def noise():
    return Image.fromarray(np.random.default_rng(0).integers(0, 255, (40, 56, 3), np.uint8))


def test_fields_are_the_embedded_cnns_own(photo):
    scene, net = lecture.build("cnn", photo, {"at": 8 * 2 + 5}), embedded.load_cnn("tiny-cnn")
    inputs = net.transform(photo.result.picture)[0]
    maps, units, logits = receptive_fields.effective_fields(net.net, inputs, (2.5 * 4 - 0.5, 5.5 * 4 - 0.5))
    np.testing.assert_allclose(scene.arrays["field0"], maps / maps.sum((1, 2), keepdim=True), rtol=1e-5)
    np.testing.assert_allclose(scene.arrays["field0"].sum((1, 2)), 1, rtol=1e-5)
    shown = scene.numbers["pictures"][0]
    assert [layer["size"] for layer in shown["layers"]] == [3, 5, 9, 13, 17, 25, 33, 41]
    assert [layer["theoretical_share"] for layer in shown["layers"]] == [s / 32 for s in (3, 5, 9, 13, 17, 25, 33, 41)]
    for field, unit, layer in zip(receptive_fields.theoretical_fields(net.net), units, shown["layers"], strict=True):
        assert layer["span"] == [field.span(i) for i in unit]
    best = logits.softmax(-1).max(-1)
    assert (shown["answers"][0]["label"], shown["answers"][0]["p"]) == (net.labels[best.indices], float(best.values))


def test_attention_is_the_patchs_row_meaned_over_heads(photo):
    scene, trace = lecture.build("cnn", photo, {"at": 21}), photo.result.trace
    assert scene.numbers["at"] == 21
    for layer in range(trace.depth):
        row = trace.attention(layer)[:, trace.num_prefix_tokens + 21].mean(0)
        np.testing.assert_allclose(scene.arrays["attention0"][layer], row, atol=1e-6)
    np.testing.assert_allclose(scene.arrays["attention1"].sum(1), 1, rtol=1e-5)
    expected = [float(statistics.attention_distance(trace, i, "pixels").mean()) / 32 for i in range(trace.depth)]
    assert scene.numbers["distance"] == pytest.approx(expected)
    shown = scene.numbers["pictures"][0]
    assert (shown["reach"], shown["seen"]) == ([1.0] * 6, [64] * 6)
    assert shown["vit"] == photo.answers(trace.logits, 2)


def test_the_other_picture_changes_attention_and_predictions_but_no_filter(photo):
    scene = lecture.build("cnn", photo, {})
    alone = lecture.build("cnn", stage_of(photo.model, "red-panda.jpg"), {})
    assert scene.numbers["title"]["en"] == "Red panda on a branch"
    assert np.array_equal(scene.arrays["attention1"], alone.arrays["attention0"])
    assert np.array_equal(scene.arrays["field1"], alone.arrays["field0"])
    assert scene.numbers["pictures"][1]["answers"] == alone.numbers["pictures"][0]["answers"]
    assert np.abs(scene.arrays["attention0"] - scene.arrays["attention1"]).sum(1).min() > 0.01
    assert np.array_equal(scene.arrays["kernel0"], scene.arrays["kernel1"])
    weight = embedded.load_cnn("tiny-cnn").net.stages[0][0].weight[scene.numbers["filter"]]
    np.testing.assert_array_equal(scene.arrays["kernel0"], weight.permute(1, 2, 0))
    assert alone.numbers["title"]["en"] == "German shepherd", "never the picture in hand"


def test_the_vit_is_compared_with_the_cnn_of_the_same_data(photo, fashion, build_stage):
    assert cnn.companion(photo)[1]
    assert cnn.companion(photo)[0].labels[0] == "airplane"
    assert cnn.companion(fashion)[1]
    assert cnn.companion(fashion)[0].labels[0] == "T-shirt/top"
    assert lecture.build("cnn", fashion, {}).numbers["title"]["en"] == "Ankle boot"
    for channels, first in ((3, "airplane"), (1, "T-shirt/top")):
        net, same = cnn.companion(build_stage(channels=channels))
        assert not same
        assert net.labels[0] == first


def test_the_cnn_sees_what_the_patches_cover(photo, build_stage, noise):
    net = cnn.companion(photo)[0]
    assert torch.equal(cnn.cnn_input(net, photo.result), photo.images), "the same crop, the same scale, the same pixels"
    wide = build_stage(image_size=(15, 60))  # five rows of twenty patches
    assert cnn.cnn_input(net, wide.result).shape == (1, 3, 32, 128)
    tall = build_stage(image_size=(60, 21))
    assert cnn.cnn_input(net, tall.result).shape == (1, 3, round(32 * 20 / 7), 32)
    # a region that is the left half of the picture red, and the rest blue, arrives as such
    picture = Image.new("RGB", (64, 64), "red")
    picture.paste("blue", (32, 0, 64, 64))
    split = build_stage(picture=picture, image_size=(30, 30))
    seen = cnn.cnn_input(net, split.result)[0] * torch.tensor(net.transform.std).view(3, 1, 1) + torch.tensor(
        net.transform.mean
    ).view(3, 1, 1)
    assert seen[:, :, :14].mean((1, 2)).tolist() == pytest.approx([1, 0, 0], abs=0.05)
    assert seen[:, :, 18:].mean((1, 2)).tolist() == pytest.approx([0, 0, 1], abs=0.05)


def test_the_span_by_hand():
    row = np.zeros((4, 6))
    row[1, 2] = row[3, 2] = 0.5
    assert cnn.span(row, (10, 10)) == 30 / 60
    row[0, 5] = 1e-30
    assert cnn.span(row, (10, 10)) == 40 / 60
    assert cnn.span(row, (10, 5)) == 40 / 40
    assert cnn.span(np.zeros((4, 6)), (10, 10)) == 0


@pytest.fixture
def build_stage(build, noise):
    def make(picture=None, **fields) -> Stage:
        return stage_of(build(**fields), picture or noise)

    return make


KINDS = {
    "plain": {},
    "grey": {"channels": 1},
    "no class token": {"class_token": False, "pool": "avg"},
    "registers": {"registers": 3},
    "distilled": {"distillation_token": True, "distillation_head": True},
    "headless": {"classes": 0},
    "gated": {"mlp": "glu"},
    "post-norm": {"block": "res_post"},
    "no positions": {"position": "none"},
    "oblong patches": {"patch_size": (3, 7)},
    "two patches": {"image_size": (3, 6)},
}


@pytest.mark.parametrize("fields", KINDS.values(), ids=KINDS)
def test_any_model(build_stage, fields):
    stage = build_stage(**fields)
    scene, (rows, cols) = lecture.build("cnn", stage, {}), stage.result.grid
    json.dumps(scene.numbers, allow_nan=False)
    for i in range(2):
        shown = scene.numbers["pictures"][i]
        assert scene.arrays[f"attention{i}"].shape == (3, stage.result.trace.num_tokens)
        assert scene.arrays[f"field{i}"].shape == (8, shown["height"], shown["width"])
        assert scene.arrays[f"kernel{i}"].shape == (3, 3, stage.config.channels)
        assert shown["seen"] == [rows * cols] * 3
        assert len(shown["vit"]) == (0 if fields.get("classes") == 0 else 2)
    side = max(rows * stage.config.patch_size[0], cols * stage.config.patch_size[1])
    expected = [float(statistics.attention_distance(stage.result.trace, i, "pixels").mean()) / side for i in range(3)]
    assert scene.numbers["distance"] == pytest.approx(expected, rel=1e-5)
    assert scene.numbers["same"] is False


@pytest.mark.parametrize(
    ("at", "shown"),
    [(-5, 0), (10**9, 63), (3.9, 3), *[(odd, 36) for odd in (math.inf, math.nan, "3", None, [], {"x": 1}, True)]],
)
def test_hostile_wants(photo, at, shown):
    assert lecture.build("cnn", photo, {"at": at, "scene": "mlp", "layer": [[]]}).numbers["at"] == shown


def test_a_dead_unit_has_no_width(photo, monkeypatch):
    """Where no gradient comes through there is no effective field, and nothing is divided by zero."""
    net = embedded.load_cnn("tiny-cnn")
    with torch.no_grad():
        net.net.stages[0][1].bias.fill_(-1e6)
    numbers, maps = cnn._convolutions(net, photo.images, (16, 16))
    assert not maps.any()
    assert {layer[key] for layer in numbers["layers"] for key in ("effective", "effective_share", "distance")} == {None}


def test_preprocessing_that_squashes(build, noise):
    model = build()
    model.transform = Preprocess((15, 21), (0.5,) * 3, (0.5,) * 3, crop_pct=1.0, crop_mode="squash")
    ours, other = lecture.build("cnn", stage_of(model, noise), {}).numbers["pictures"]
    assert ours["aspect"] == pytest.approx((40 / 15) / (56 / 21))
    assert (ours["width"], ours["height"]) == (round(32 * 56 / 40), 32)
    assert other["aspect"] != ours["aspect"]
