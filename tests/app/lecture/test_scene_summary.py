"""The summary: shapes, counts and pictures of the model at hand, and the paper's table."""

import numpy as np
import pytest
import torch
from PIL import Image

from app.explore.result import Result
from app.lecture import SCENES, Stage
from app.lecture import build as scene_of
from app.lecture.scenes.summary import ORDER, head_steps, thumbnail
from app.text.lecture import summary as text
from tests.conftest import SMALL
from vit_core import record
from vit_core.images import reframed
from vit_core.models.config import BLOCKS, ViTConfig
from vit_core.models.embeddings import position_similarity
from vit_core.models.parameters import ENCODER_PARTS

TWO = dict(distillation_token=True, distillation_head=True)
KINDS = [
    {},
    TWO,
    dict(registers=3),
    dict(class_token=False, pool="avg"),
    dict(pool="map"),
    dict(pool="token_avg"),
    dict(classes=0),
    dict(mlp="glu"),
    dict(position="none"),
    dict(position="rope", head_dim=8),
    dict(channels=1),
    dict(layer_scale=True, norm="rms"),
    dict(layer_scale=True, block="parallel"),
    dict(layer_scale=True, block="res_post"),
    dict(patch_norm=True, embed_norm=True),
    dict(pool="avg", pool_norm=True, final_norm=False),
    dict(image_size=(60, 120)),
] + [dict(block=block) for block in BLOCKS]


@pytest.mark.parametrize("fields", KINDS, ids=str)
def test_the_boxes_counts_sum_to_the_models(stage, fields):
    stage = stage(**fields)
    numbers = scene_of("summary", stage, {}).numbers
    assert sum(numbers["parts"].values()) == numbers["total"] == stage.result.parameters
    assert numbers["table"][-1]["parameters"] == stage.result.parameters
    assert (numbers["tokens"], numbers["dim"]) == tuple(stage.streams.shape[1:])
    assert numbers["tokens"] == numbers["patches"] + stage.config.num_prefix_tokens


@pytest.mark.parametrize("fields", KINDS, ids=str)
def test_the_small_pictures(stage, fields):
    stage = stage(**fields)
    arrays = scene_of("summary", stage, {}).arrays
    trace, prefix = stage.result.trace, stage.config.num_prefix_tokens
    (rows, cols), P = trace.grid, trace.grid[0] * trace.grid[1]
    middle = (rows // 2) * cols + cols // 2
    row = 0 if stage.config.class_token else prefix + middle
    assert np.allclose(arrays["attention"], trace.attention(trace.depth - 1)[:, row, prefix:].mean(0), atol=1e-6)
    assert scene_of("summary", stage, {}).numbers["position"] == stage.config.position
    if stage.config.position != "learned":
        assert "similarity" not in arrays
    else:
        whole = position_similarity(stage.model, trace.grid)[rows // 2, cols // 2].flatten()
        assert np.allclose(arrays["similarity"], whole, atol=1e-5)
        assert arrays["similarity"].argmax() == middle
    assert arrays["patches"].shape == (min(P, 64), 14)
    assert arrays["patches"].nbytes < 20_000


def test_the_papers_table(stage):
    table = scene_of("summary", stage(), {}).numbers["table"]
    found = {one["name"]: (one["layers"], one["dim"], one["mlp"], one["heads"]) for one in table}
    assert found["B/16"] == (12, 768, 3072, 12)
    assert found["L/16"] == (24, 1024, 4096, 16)
    assert found["H/14"] == (32, 1280, 5120, 16)
    assert found["small"] == (3, 14, 23, 2)
    for one in table[:-1]:
        assert one["parameters"] == pytest.approx(one["paper"], rel=0.01)
        assert one["name"] in text.EN
        assert one["name"] in text.KO


def test_every_block_is_drawn_in_the_order_it_computes():
    assert ORDER.keys() == set(BLOCKS)
    assert ORDER["pre"] == ("norm1", "attention", "scale1", "add", "norm2", "mlp", "scale2", "add")


@pytest.mark.parametrize("fields", KINDS, ids=str)
def test_layer_scale_is_drawn_where_the_model_has_it(stage, fields):
    numbers = scene_of("summary", stage(**fields), {}).numbers
    drawn = {part for part in numbers["order"] if part != "add"}
    assert drawn == {part for part in ENCODER_PARTS if numbers["parts"][part]}


def test_the_position_table_keeps_its_size_for_pictures_of_another(build):
    model = reframed(build(), 30)
    picture = Image.new("RGB", (40, 40), "teal")
    numbers = scene_of("summary", Stage(Result("small", picture, model, record(model, picture), 0.0)), {}).numbers
    assert (numbers["tokens"], numbers["resized"]) == (101, True)
    assert numbers["entries"] * numbers["dim"] == numbers["parts"]["positions"] == 36 * 14


def test_the_heads_box_names_what_the_model_computes():
    def steps(**fields):
        return head_steps(ViTConfig(**SMALL | fields))

    assert steps() == ["norm", "linear", "softmax"]
    assert steps(problem_type="multi_label", final_norm=False) == ["linear", "sigmoid"]
    assert steps(problem_type="regression") == ["norm", "linear"]
    assert steps(classes=0, final_norm=False) == []


def test_a_thumbnail_keeps_the_ends():
    matrix = torch.arange(300.0)[:, None] + torch.arange(3)
    small = thumbnail(matrix)
    assert small.shape == (64, 3)
    assert small[0].tolist() == [0, 1, 2]
    assert small[-1].tolist() == [299, 300, 301]


def test_requests_from_the_browser_change_nothing(stage):
    stage = stage()
    for want in ({"step": "x"}, {"step": -1}, {"step": []}):
        assert scene_of("summary", stage, want).numbers == scene_of("summary", stage, {}).numbers


def test_the_words_are_there_in_both_languages():
    assert text.EN.keys() == text.KO.keys()
    assert {"cnn", "bias", "language"} <= set(SCENES) & text.EN.keys()
