"""The scene of inductive bias: what reaches the browser against vit_core, hostile requests, models of other kinds."""

import numpy as np
import pytest
import torch
from PIL import Image

import vit_core as vc
from app.explore.result import Result
from app.lecture import Stage
from app.lecture import build as make
from app.lecture.scenes import bias
from vit_core.checkpoints import embedded
from vit_core.images import read_image
from vit_core.lecture import inductive_bias, patches


def staged(model, picture=None) -> Stage:
    draw = np.random.default_rng(0)
    picture = picture or Image.fromarray(draw.integers(0, 255, (40, 56, 3), dtype=np.uint8))
    return Stage(Result("file:some", picture, model, vc.record(model, picture), 0.0))


@pytest.fixture
def photo():
    return staged(vc.load("embedded:tiny", "cpu"), read_image("assets/samples/kitten.jpg"))


def answers(scene, name):
    return next(one["answers"] for one in scene.numbers["measure"]["models"] if one["name"] == name)


def test_what_is_drawn_is_the_cores_connectivity(photo):
    scene, grid = make("bias", photo, {}), (8, 8)
    assert scene.numbers["grid"] == grid
    assert scene.numbers["tokens"] == scene.numbers["patches"] == 64
    assert np.array_equal(scene.arrays["full"], inductive_bias.connectivity("full", grid))
    assert np.array_equal(scene.arrays["convolution"], inductive_bias.connectivity("convolution", grid))
    recurrent = scene.arrays["recurrent"].astype(int)
    recurrent[recurrent == 254] = inductive_bias.CARRIED
    assert np.array_equal(recurrent, inductive_bias.connectivity("recurrent", grid))
    assert {k: v["weights"] for k, v in scene.numbers["kinds"].items()} == {
        "full": 4096,
        "convolution": 9,
        "recurrent": 1,
        "attention": 0,
    }


def test_attention_is_the_models_own(photo):
    scene = make("bias", photo, {})
    trace, layer = photo.result.trace, scene.numbers["layer"]
    expected = trace.attention(layer).mean(0)[trace.num_prefix_tokens :, trace.num_prefix_tokens :]
    assert np.allclose(scene.arrays["attention"], expected, atol=1e-6)


def test_costs_are_those_of_this_grid_and_width(photo):
    kinds = make("bias", photo, {}).numbers["kinds"]
    assert kinds["convolution"]["parameters"] == 9 * 128 * 128 + 128
    assert kinds["recurrent"]["multiply_adds"] == 2 * 64 * 128 * 128
    assert kinds["attention"]["parameters"] == sum(p.numel() for p in photo.model.blocks[0].attn.parameters())
    assert {kind: one["path"] for kind, one in kinds.items()} == {
        "full": 1,
        "convolution": 7,
        "recurrent": 63,
        "attention": 1,
    }


def test_a_shuffle_changes_the_vit_and_the_cnn_but_not_the_vit_without_positions(photo):
    scene = make("bias", photo, {"seed": 3})
    assert answers(scene, "bare")[1]["drift"] < 1e-4
    assert answers(scene, "bare")[1]["apart"] < 1e-5
    assert answers(scene, "bare")[2]["drift"] > 1e-3  # new patches, not old ones elsewhere
    assert min(answers(scene, name)[1]["apart"] for name in ("vit", "cnn")) > 0.01


def test_drifts_are_the_logits_moves_by_a_shuffle_with_and_without_position_embedding(photo):
    shuffled = patches.shuffle_patches(photo.images, (4, 4), patches.random_order(64, 3))
    scene = make("bias", photo, {"seed": 3})
    positions = photo.model.positions

    def move() -> float:
        with torch.no_grad():
            return float((photo.model(shuffled) - photo.model(photo.images)).abs().max())

    assert answers(scene, "vit")[1]["drift"] == pytest.approx(move(), rel=1e-4)
    try:
        photo.model.positions = torch.nn.Parameter(torch.zeros_like(positions))
        assert answers(scene, "bare")[1]["drift"] == pytest.approx(move(), abs=1e-4)
    finally:
        photo.model.positions = positions


def test_answers_are_those_of_the_models_themselves(photo):
    scene = make("bias", photo, {"seed": 0, "shift": -3})
    order = patches.random_order(64, 0)
    with torch.no_grad():
        before, after = (
            photo.model(x)[0].softmax(-1) for x in (photo.images, patches.shuffle_patches(photo.images, (4, 4), order))
        )
        moved = photo.model(inductive_bias.shift_pixels(photo.images, -3, 0))[0].softmax(-1)
    found = answers(scene, "vit")
    winner = before.argmax()
    assert not found[1]["same"]  # else the next line could not tell the first answer from the new one
    assert found[1]["change"] == pytest.approx(float(after[winner] - before[winner]), abs=1e-6)
    assert found[1]["apart"] == pytest.approx(0.5 * float((before - after).abs().sum()), abs=1e-6)
    assert found[2]["label"] == photo.model.labels[moved.argmax()]
    assert found[0] == {
        "label": photo.model.labels[winner],
        "p": pytest.approx(float(before.max())),
        "same": True,
        "change": 0.0,
        "apart": 0.0,
        "drift": 0.0,
    }


def test_the_cnn_sees_the_picture_as_its_own_preprocessing_gives_it(photo):
    other = embedded.load_cnn("tiny-cnn")
    with torch.no_grad():
        own = other.net(other.transform(photo.result.picture)[0])[0].softmax(-1)
    found = answers(make("bias", photo, {}), "cnn")[0]
    assert found["label"] == other.labels[own.argmax()]
    assert found["p"] == pytest.approx(float(own.max()), abs=1e-3)


def test_pictures_are_what_the_models_saw(photo):
    scene = make("bias", photo, {"shift": 2})
    seen = np.asarray(photo.result.model_input)
    assert np.array_equal(scene.arrays["original"], seen)
    assert np.array_equal(scene.arrays["shifted"][:, 2:], seen[:, :-2])
    order = patches.random_order(64, 0)
    row, col = divmod(int(order[9]), 8)
    assert np.array_equal(scene.arrays["shuffled"][4:8, 4:8], seen[4 * row : 4 * row + 4, 4 * col : 4 * col + 4])


def test_symmetries_are_measured_on_the_pictures_patches(photo):
    layers = make("bias", photo, {}).numbers["measure"]["layers"]
    assert max(layers["attention"]) < 1e-5
    assert layers["convolution"][1] < 1e-5 < 0.05 < layers["convolution"][0]
    assert min(layers["full"]) > 0.1
    assert min(layers["recurrent"]) > 1e-3


@pytest.mark.parametrize(
    "want",
    [
        {"seed": "x", "shift": None, "show": 7},
        {"seed": 1e99, "shift": -1e99},
        {"seed": float("nan"), "shift": True},
        {"seed": [1], "shift": {}, "show": [1]},
    ],
)
def test_hostile_wants(photo, want):
    numbers = make("bias", photo, want).numbers
    assert 0 <= numbers["seed"] <= 9999
    assert -8 <= numbers["shift"] <= 8


OTHERS = [
    {"class_token": False, "pool": "avg"},
    {"registers": 2},
    {"classes": 0},
    {"classes": 0, "class_token": False, "pool": "avg"},
    {"classes": 0, "position": "rope", "head_dim": 8},
    {"mlp": "glu", "block": "res_post"},
    {"distillation_token": True, "distillation_head": True},
    {"position": "none"},
    {"qkv_bias": False},
    {"channels": 1},
    {"heads": 3, "head_dim": 5},
    {"image_size": (3, 3)},
    {"image_size": (3, 30)},
    {"image_size": (17, 22)},
]


@pytest.mark.parametrize("fields", OTHERS)
def test_models_of_other_kinds(build, fields):
    model = build(**fields)
    scene = make("bias", staged(model), {"show": "measure"})
    N = scene.numbers["tokens"]
    assert model.config.grid[0] * model.config.grid[1] == N
    assert scene.arrays["attention"].shape == scene.arrays["full"].shape == (N, N)
    assert 0 <= scene.numbers["start"] < N
    c, attention = model.config, scene.numbers["kinds"]["attention"]
    assert attention["parameters"] == sum(p.numel() for p in model.blocks[0].attn.parameters())
    assert scene.numbers["measure"]["positions"] == (c.position != "none")
    if c.classes:
        assert answers(scene, "bare")[1]["drift"] < 1e-4
    else:
        assert answers(scene, "vit") is answers(scene, "bare") is None
        moved = [one["changes"] for one in scene.numbers["measure"]["models"]]
        assert [one is None for one in moved] == [False, False, True]  # the CNN has classes of its own
        assert moved[0][0] == {"cosine": pytest.approx(1), "relative": 0}
        assert moved[0][1]["relative"] > 0.01
        assert moved[1][1]["relative"] < 1e-4  # without positions the shuffled patches are the same set
    assert len(answers(scene, "cnn")) == 3


def test_a_large_grid_is_drawn_coarser(build):
    assert [bias.drawn_grid(grid) for grid in ((20, 20), (14, 14), (24, 24), (37, 37), (1, 4000))] == [
        (20, 20),
        (14, 14),
        (12, 12),
        (19, 19),
        (1, 400),
    ]
    model = build(image_size=(72, 78))
    stage = staged(model)
    scene = make("bias", stage, {"show": "measure"})
    assert scene.numbers["grid"] == (12, 13)
    assert scene.numbers["patches"] == 24 * 26
    assert scene.numbers["kinds"]["recurrent"]["path"] == 24 * 26 - 1  # of the grid itself
    attention = scene.arrays["attention"]
    trace = stage.result.trace
    expected = trace.attention(1).mean(0)[1:, 1:].sum(1).mean()  # what patches give to patches
    assert attention.shape == (156, 156)
    assert attention.sum(1).mean() == pytest.approx(float(expected), rel=1e-4)


def test_a_heavy_model_is_measured_only_on_request(build, monkeypatch):
    monkeypatch.setattr(bias, "LIGHT_WORK", 0)
    stage = staged(build())
    assert make("bias", stage, {}).numbers["measure"] is None
    assert "shuffled" not in make("bias", stage, {}).arrays
    assert make("bias", stage, {"show": "measure"}).numbers["measure"]


def test_a_model_between_is_measured_for_its_own_ticket(build, monkeypatch):
    monkeypatch.setattr(bias, "LIGHT_WORK", 0)
    stage = staged(build())
    numbers = make("bias", stage, {}).numbers
    assert numbers["soon"]
    assert numbers["measure"] is None
    for other in ("", None, [], {}, numbers["ticket"] + "0"):  # another picture's, or nonsense
        assert make("bias", stage, {"ticket": other}).numbers["measure"] is None
    assert make("bias", stage, {"ticket": numbers["ticket"]}).numbers["measure"]
    monkeypatch.setattr(bias, "MODERATE_WORK", 0)
    assert make("bias", stage, {}).numbers["soon"]  # the first pass took no time
    monkeypatch.setattr(bias, "MAX_UNASKED_SECONDS", 0)
    assert not make("bias", stage, {}).numbers["soon"]


def test_a_result_is_computed_once(build, monkeypatch):
    stage = staged(build())
    make("bias", stage, {"seed": 1})
    monkeypatch.setattr(bias, "run_models", None)  # would raise
    assert make("bias", stage, {"seed": 1}).numbers["seed"] == 1


def test_without_the_cnn_the_scene_says_so(build, monkeypatch):
    monkeypatch.setattr(bias, "cnn", lambda name: None)
    assert answers(make("bias", staged(build()), {}), "cnn") is None
