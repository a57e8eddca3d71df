"""The scene "positions": the sum is the model's own, the slide's numbers are checked, nothing is left changed."""

import math

import numpy as np
import pytest
import torch

from app.lecture import build
from app.lecture.scenes import positions as scene
from app.lecture.stage import every_nth
from app.text.lecture import positions as text
from vit_core.lecture import final_vector
from vit_core.lecture.patches import random_order
from vit_core.models.embeddings import position_similarity
from vit_core.models.positions import sinusoidal_positions

KINDS = {
    "plain": {},
    "no class token": dict(class_token=False, pool="avg"),
    "registers": dict(registers=4),
    "distillation": dict(distillation_token=True, distillation_head=True),
    "no head": dict(classes=0),
    "positions for patches alone": dict(position_prefix=False),
    "gated": dict(mlp="glu"),
    "norm after": dict(block="res_post"),
    "one channel": dict(channels=1),
    "width of four": dict(dim=16),
    "odd width": dict(dim=13),
    "no positions": dict(position="none"),
    "rotary": dict(position="rope", head_dim=8),
    "patch norm": dict(patch_norm=True),
}


@pytest.mark.parametrize("kind", KINDS)
def test_the_sum_is_what_enters_the_first_layer(stage, kind):
    made = stage(**KINDS[kind])
    found = build("positions", made, {"at": 3})
    expected = made.model.embed(made.images)[0].detach().numpy()
    assert found.numbers["shape"] == list(expected.shape)
    np.testing.assert_allclose(found.arrays["sums"], expected, atol=1e-6)
    np.testing.assert_array_equal(found.arrays["sums"], found.arrays["tokens"] + found.arrays["positions"])
    np.testing.assert_allclose(found.arrays["row"][2], expected[3], atol=1e-6)
    for i, name in enumerate(("tokens", "positions", "sums")):
        np.testing.assert_array_equal(found.arrays["row"][i], found.arrays[name][3])
    assert found.numbers["position"] == made.config.position
    if made.config.position != "learned":
        assert not found.numbers["learned"]
        assert not found.arrays["positions"].any()


def test_a_norm_after_the_sum_is_reported(stage):
    made = stage(embed_norm=True)
    found = build("positions", made, {})
    assert found.numbers["embed_norm"]
    normed = made.model.embed_norm(torch.from_numpy(found.arrays["sums"])).detach()
    torch.testing.assert_close(normed, made.model.embed(made.images)[0].detach())


def test_the_decks_example_by_hand():
    example = scene.worked_example()
    expected = [[f(pos / rate) for rate in (1, 100) for f in (math.sin, math.cos)] for pos in range(3)]
    np.testing.assert_allclose(example["formula"], expected, atol=1e-6)
    assert [round(v, 2) for v in example["formula"][example["word"]]] == [0.84, 0.54, 0.01, 1.0]
    assert set(example) == {"formula", "word", "embedding", "sum"}  # what the deck prints wrongly is not on the slide
    np.testing.assert_allclose(example["sum"], [1.14, 3.64, 3.11, 4.10], atol=5e-3)


@pytest.mark.parametrize("words", [text.EN, text.KO])
def test_the_speakers_notes_alone_name_the_decks_row(words):
    row = ", ".join(f"{v:.2f}" for v in scene.worked_example()["formula"][1])
    assert [key for key in words if row in words[key]] == ["outline"]
    assert [key for key in words if "0.25, 0.99, 0.01, 0.99" in words[key]] == ["outline"]


@pytest.mark.parametrize("kind", KINDS)
def test_formula(stage, kind):
    found = build("positions", stage(**KINDS[kind]), {"tab": "formula"})
    assert found.arrays["waves"].shape == (35, found.numbers["dim"])
    even = found.numbers["dim"] + found.numbers["dim"] % 2
    np.testing.assert_array_equal(
        found.arrays["waves"], sinusoidal_positions(35, even)[:, : found.numbers["dim"]].numpy()
    )


@pytest.mark.parametrize("kind", KINDS)
def test_compare(stage, kind):
    made = stage(**KINDS[kind])
    prefix = made.config.num_prefix_tokens
    found = build("positions", made, {"tab": "compare", "at": prefix + 9})
    assert found.numbers["patch"] == 9
    learned = made.config.position == "learned"
    assert ("learned" in found.arrays) == learned
    assert ("one" in found.arrays) == (made.config.dim % 2 == 0)
    assert ("two" in found.arrays) == (made.config.dim % 4 == 0)
    if learned:
        own = position_similarity(made.model)[1, 2].flatten().numpy()
        np.testing.assert_allclose(found.arrays["learned"], own, atol=1e-6)
    for name in {"learned", "one", "two"} & set(found.arrays):
        assert found.arrays[name][9] == pytest.approx(1, abs=1e-6)
    assert sorted(found.arrays["order"].tolist()) == list(range(35))


def test_answers_are_the_models_own_and_change_without_positions(stage):
    made = stage()
    found = build("positions", made, {"tab": "compare", "seed": 4}).numbers["answers"]
    own = made.result.trace.logits.softmax(-1)
    for one in found:
        assert one["p"][0] == pytest.approx(float(own[int(one["label"][1:])]), abs=1e-5)
    assert found[0]["p"][0] == pytest.approx(float(own.max()), abs=1e-5)
    assert all(len(one["p"]) == 3 and one["p"][0] != one["p"][1] != one["p"][2] for one in found)
    other = build("positions", made, {"tab": "compare", "seed": 5}).numbers["answers"]
    same = {one["label"]: one["p"] for one in found}
    for one in other:
        if one["label"] in same:
            assert one["p"][:2] == same[one["label"]][:2]
            assert one["p"][2] != same[one["label"]][2]
    again = build("positions", made, {"tab": "compare", "seed": 4}).numbers["answers"]
    assert again == found


def test_whatever_becomes_the_best_guess_is_shown(stage, monkeypatch):
    made = stage()
    lists = torch.tensor([[9.0, 8, 7, 6, 5, 4, 3], [0, 1, 2, 3, 4, 9, 5], [0, 1, 2, 3, 4, 5, 9]])
    monkeypatch.setattr(scene, "_outputs", lambda *_: lists)
    assert [one["label"] for one in scene.answers(made, 0)] == ["#0", "#1", "#2", "#5", "#6"]


def test_rotary_positions_are_measured_too(stage):
    made = stage(position="rope", head_dim=8)
    found = build("positions", made, {"tab": "compare", "seed": 4}).numbers
    assert not found["learned"]
    own = made.result.trace.logits.softmax(-1)
    for one in found["answers"]:
        assert one["p"][0] == pytest.approx(float(own[int(one["label"][1:])]), abs=1e-5)
        assert len(set(one["p"])) == 3
    unchanged, removed, shuffled = build("positions", stage(position="rope", head_dim=8, classes=0), {}).numbers[
        "changes"
    ]
    assert unchanged["relative"] == 0
    assert removed["relative"] > 0
    assert shuffled["relative"] > 0


def test_without_a_head_or_positions(stage):
    assert build("positions", stage(classes=0), {"tab": "compare"}).numbers["answers"] == []
    found = build("positions", stage(position="none"), {"tab": "compare"}).numbers["answers"]
    assert all(len(one["p"]) == 1 for one in found)


@pytest.mark.parametrize("fields", [{}, dict(class_token=False, pool="avg"), dict(registers=2)], ids=str)
def test_without_a_head_the_final_vectors_change_is_measured(stage, fields):
    made = stage(classes=0, **fields)
    model, prefix = made.model, made.config.num_prefix_tokens
    unchanged, removed, shuffled = build("positions", made, {"seed": 4}).numbers["changes"]
    assert (unchanged["cosine"], unchanged["relative"]) == (pytest.approx(1), 0)
    first = final_vector(model, made.images)[0]
    patches = slice(prefix, None)
    for found, order in ((removed, None), (shuffled, random_order(35, 4))):
        with torch.no_grad():
            changed = model.positions.clone()
            changed[:, patches] = 0 if order is None else model.positions[:, patches][:, order]
            own, model.positions.data = model.positions.data, changed
            after = final_vector(model, made.images)[0]
            model.positions.data = own
        assert found["cosine"] == pytest.approx(float(torch.cosine_similarity(first, after, dim=0)), abs=1e-5)
        assert found["relative"] == pytest.approx(float((after - first).norm() / first.norm()), rel=1e-4)


@pytest.mark.parametrize("tab", scene.TABS)
@pytest.mark.parametrize(
    "want",
    [
        {"at": "1"},
        {"at": -4},
        {"at": 1e12},
        {"at": float("nan")},
        {"at": True},
        {"seed": -1},
        {"seed": 1e9},
        {"seed": None},
        {"seed": [1]},
        {"tab": "../etc"},
        {"tab": ["sum"]},
        {"tab": None},
    ],
)
def test_hostile_requests(stage, tab, want):
    n = build("positions", stage(), {"tab": tab, **want}).numbers
    assert n["tab"] in scene.TABS
    assert 0 <= n["at"] < n["tokens"]
    assert 0 <= n["seed"] <= 9999


def test_large_matrices_are_thinned_out():
    thin = every_nth(torch.arange(1370.0 * 768).view(1370, 768), 256)
    assert thin.shape == (229, 256)
    assert thin[1, 1] == 6 * 768 + 3
