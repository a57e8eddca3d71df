"""The head scene: its numbers are the model's own, for every way a model may read its answer."""

import numpy as np
import pytest
import torch
from PIL import Image

import vit_core as vc
from app.explore.result import Result
from app.lecture import Stage, neighbours
from app.lecture import build as scene_of
from app.lecture.scenes.head import path
from app.text.lecture import head as text
from vit_core.images import read_image
from vit_core.lecture import final_vector, logit_lens
from vit_core.models.config import POOLS, ViTConfig

TWO = dict(distillation_token=True, distillation_head=True)
KINDS = [dict(pool=pool) for pool in POOLS]
KINDS += [
    TWO,
    dict(TWO, pool="token_avg"),
    dict(class_token=False, pool="avg", pool_norm=True, final_norm=False),
    dict(registers=3),
    dict(mlp="glu"),
    dict(block="res_post"),
    dict(block="parallel"),
    dict(position="none"),
    dict(channels=1),
    dict(classes=1, problem_type="binary"),
    dict(classes=2),
    dict(depth=9, classes=300),
]


def staged(model) -> Stage:
    picture = Image.fromarray(np.random.default_rng(0).integers(0, 256, (40, 56, 3), np.uint8))
    return Stage(Result("file:small.safetensors", picture, model, vc.record(model, picture), 0.0))


@pytest.mark.parametrize("fields", KINDS, ids=str)
def test_what_is_sent_sums_to_the_models_logits(build, fields):
    stage = staged(build(**fields))
    scene = scene_of("head", stage, {})
    numbers, arrays = scene.numbers, scene.arrays
    shown = [one["index"] for one in numbers["shown"]]
    assert len(set(shown)) == len(shown)
    outputs = [0] if "problem_type" in fields else shown  # class 1 of a binary head is its only output
    expected = stage.result.trace.logits[outputs].numpy()
    summed = (arrays["weight"] * arrays["vector"]).sum(1) + arrays["bias"]
    assert np.allclose(summed, expected, atol=1e-4)
    assert np.allclose(arrays["logits"], expected, atol=1e-4)
    assert sum(width for _, width in numbers["parts"]) == arrays["vector"].size
    best = stage.result.predictions(4)
    assert shown[: len(best)] == [index for index, _ in best]
    assert np.allclose(arrays["lens"][-1, : len(best)], [p for _, p in best], atol=1e-5)


@pytest.mark.parametrize("fields", [{}, TWO, dict(depth=9, classes=300)], ids=str)
def test_the_lens_has_whoever_leads(build, fields):
    stage = staged(build(**fields))
    scene = scene_of("head", stage, {})
    every = logit_lens(stage.model, stage.streams).softmax(-1)
    leading = [scene.numbers["shown"][k]["index"] for k in scene.numbers["leaders"]]
    assert leading == every.argmax(-1).tolist()
    shown = [one["index"] for one in scene.numbers["shown"]]
    assert np.allclose(scene.arrays["lens"], every[:, shown].numpy(), atol=1e-6)


def test_without_a_head_the_vector_remains(build):
    stage = staged(build(classes=0))
    scene = scene_of("head", stage, {})
    assert list(scene.arrays) == ["vector", "alike"]
    tokens = stage.result.trace.tokens
    expected = torch.cosine_similarity(tokens[1:], tokens[:1], dim=-1)
    assert np.allclose(scene.arrays["alike"][-1], expected, atol=1e-5)
    assert scene.arrays["alike"].shape == (4, 35)
    assert torch.allclose(torch.tensor(scene.arrays["vector"]), stage.result.trace.tokens[0], atol=1e-5)
    assert scene.numbers["shown"] == []
    assert [box["name"] for box in scene.numbers["path"]] == ["class", "norm"]


@pytest.mark.parametrize(
    ("fields", "boxes"),
    [
        ({}, [("class", [768]), ("norm", [768]), ("linear", [1000, 768]), ("logits", [1000]), ("softmax", [1000])]),
        (
            dict(TWO, classes=10),
            [
                ("class_two", [2, 768]),
                ("norm", [2, 768]),
                ("linear_two", [10, 768]),
                ("logits", [10]),
                ("softmax", [10]),
            ],
        ),
        (
            dict(pool="avg", final_norm=False, pool_norm=True),
            [
                ("tokens", [197, 768]),
                ("avg", [768]),
                ("norm", [768]),
                ("linear", [1000, 768]),
                ("logits", [1000]),
                ("softmax", [1000]),
            ],
        ),
        (
            dict(pool="token_avg", classes=5),
            [
                ("tokens", [197, 768]),
                ("norm", [197, 768]),
                ("token_avg", [1536]),
                ("linear", [5, 1536]),
                ("logits", [5]),
                ("softmax", [5]),
            ],
        ),
    ],
)
def test_the_path_has_the_models_shapes(fields, boxes):
    assert [(box["name"], box["shape"]) for box in path(ViTConfig(**fields), 197)] == boxes
    assert all(name in text.EN and name in text.KO for name, _ in boxes)


def test_a_thousand_classes_send_few_rows(build):
    scene = scene_of("head", staged(build(classes=1000, depth=6)), {})
    assert len(scene.arrays["weight"]) <= 4 + 7
    assert sum(a.nbytes for a in scene.arrays.values()) < 50_000


@pytest.mark.parametrize("want", [{"of": "x"}, {"of": -3, "layer": None}, {"layer": 1e300}, {"compare": []}], ids=str)
def test_requests_from_the_browser_change_nothing(build, want):
    stage = staged(build())
    assert scene_of("head", stage, want).numbers == scene_of("head", stage, {}).numbers


def test_the_words_are_there_in_both_languages():
    assert text.EN.keys() == text.KO.keys()
    for pool in POOLS:
        assert pool == "token" or pool in text.EN
    assert {"of_class", "of_avg", "of_distillation", "of_max", "of_avgmax", "of_map"} <= text.EN.keys()


def test_without_a_head_the_samples_with_the_nearest_vectors_are_found(stage):
    of = stage(classes=0, pool="avg", class_token=False)
    first = scene_of("head", of, {})
    assert first.numbers["near"] is None  # it takes as many forward passes as there are samples
    assert "near" not in first.arrays
    found = scene_of("head", of, {"near": True, "language": "ko"})
    vector = torch.from_numpy(found.arrays["vector"].copy())
    cosines = {}
    for entry in neighbours.listed():
        image = read_image((neighbours.SAMPLES / entry["file"]).read_bytes())
        with torch.no_grad():
            other = final_vector(of.model, of.model.transform(image)[0])[0]
        cosines[entry["title_ko"]] = float(torch.cosine_similarity(vector, other, dim=0))
    best = sorted(cosines.items(), key=lambda one: -one[1])[: neighbours.SHOWN]
    assert [one["title"] for one in found.numbers["near"]] == [title for title, _ in best]
    assert [one["cosine"] for one in found.numbers["near"]] == pytest.approx([value for _, value in best], abs=1e-5)
    assert found.numbers["near_mean"] == pytest.approx(np.mean(list(cosines.values())), abs=1e-5)
    assert found.arrays["near"].shape == (neighbours.SHOWN, neighbours.SIDE, neighbours.SIDE, 3)
    assert scene_of("head", of, {}).numbers["near"] is not None  # the samples are known now


def test_a_sample_is_no_neighbour_of_itself(build):
    entry = neighbours.listed()[3]
    picture, model = read_image((neighbours.SAMPLES / entry["file"]).read_bytes()), build(classes=0)
    of = Stage(Result("small", picture, model, vc.record(model, picture), 0.0))
    found = scene_of("head", of, {"near": True}).numbers["near"]
    assert entry["title_en"] not in [one["title"] for one in found]
    assert max(one["cosine"] for one in found) < 1 - 1e-6
