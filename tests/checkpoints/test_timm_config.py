"""timm's config.json, nested and on one level, is applied as timm applies it."""

from __future__ import annotations

import json

import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

import vit_core as vc
from tests.checkpoints.support import pictures, randomise, timm, transformers

FLAT = {
    "architecture": "test_vit",
    "num_classes": 3,
    "num_features": 64,
    "input_size": [3, 160, 160],
    "fixed_input_size": True,
    "interpolation": "bilinear",
    "crop_pct": 0.8,
    "mean": [0.485, 0.456, 0.406],
    "std": [0.229, 0.224, 0.225],
    "first_conv": "patch_embed.proj",
    "classifier": "head",
}


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"interpolation": "bicubic", "crop_pct": 1.0},
        {"crop_mode": "squash"},
        {"crop_mode": "border", "crop_pct": 1.0},
        {"mean": None, "std": None},
        {"interpolation": None, "crop_pct": None},
        {"test_input_size": [3, 192, 192], "test_crop_pct": 1.0},  # for timm's validation script alone
        {"input_size": [3, 96, 96]},
        {"input_size": [3, 96, 64]},
        {"input_size": [3, 224, 224], "fixed_input_size": None},  # timm's default for the class
        {"input_size": [1, 160, 160], "mean": [0.4], "std": [0.3]},
        {"num_classes": 7},
    ],
    ids=str,
)
@pytest.mark.parametrize("form", ["flat", "nested", "nested, no classes outside"])
def test_the_picture_and_the_logits_are_timms(form, change, tmp_path):
    stated = {name: value for name, value in (FLAT | change).items() if value is not None}
    config = stated
    if form != "flat":
        inner = {n: v for n, v in stated.items() if n not in ("architecture", "num_features")}
        config = {"architecture": "test_vit", "num_classes": stated["num_classes"], "pretrained_cfg": inner}
        if form != "nested":
            del config["num_classes"]
    (tmp_path / "config.json").write_text(json.dumps(config))
    theirs = randomise(timm.create_model(f"local-dir:{tmp_path}", pretrained=False))
    save_file(theirs.state_dict(), tmp_path / "model.safetensors")
    resolved = timm.data.resolve_model_data_config(theirs)
    transform = timm.data.create_transform(**resolved, is_training=False)
    for name in (f"hf:{tmp_path}", f"file:{tmp_path / 'model.safetensors'}"):
        ours = vc.load(name, "cpu")
        assert ours.assumed == (() if "mean" in stated else ("preprocess",))
        assert ours.report.origins["preprocessing"] == ("config.json" if "mean" in stated else "defaults of timm")
        for size in ((300, 260), (171, 333), (64, 48)):
            picture = Image.linear_gradient("L").resize(size).convert("L" if resolved["input_size"][0] == 1 else "RGB")
            made, _ = ours.transform(picture)
            torch.testing.assert_close(made[0], transform(picture), rtol=0, atol=1e-6)
        images = pictures(*resolved["input_size"][1:])[:, : resolved["input_size"][0]]
        with torch.inference_mode():
            torch.testing.assert_close(ours(images), theirs(images), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("size", [96, 160, 224])
def test_the_positions_tell_the_size_that_the_config_leaves_open(size, tmp_path):
    """Of the size that the file states, of the architecture's weights, or of timm's class."""
    theirs = randomise(timm.create_model("test_vit", num_classes=3, img_size=size))
    save_file(theirs.state_dict(), tmp_path / "model.safetensors")
    config = {**FLAT, "input_size": [3, 96, 96], "fixed_input_size": False}
    (tmp_path / "config.json").write_text(json.dumps(config))
    ours = vc.load(f"hf:{tmp_path}", "cpu")
    assert ours.transform.size == (size, size)
    with torch.inference_mode():
        torch.testing.assert_close(ours(pictures(size, size)), theirs(pictures(size, size)), rtol=1e-4, atol=1e-4)


def test_the_pooling_of_an_older_config_is_applied(tmp_path):
    """timm before 0.8 wrote `global_pool` beside the rest; later versions write it to model_args, which wins."""
    theirs = randomise(timm.create_model("test_vit", num_classes=3, global_pool="avg", fc_norm=False))
    save_file(theirs.state_dict(), tmp_path / "model.safetensors")
    (tmp_path / "config.json").write_text(json.dumps(FLAT | {"global_pool": "avg", "model_args": {"fc_norm": False}}))
    ours = vc.load(f"hf:{tmp_path}", "cpu")
    with torch.inference_mode():
        torch.testing.assert_close(ours(pictures(160, 160)), theirs(pictures(160, 160)), rtol=1e-4, atol=1e-4)


def test_class_names_of_an_older_config(tmp_path):
    names = ["n02121620", "n02084071", "n01630670"]
    save_file(timm.create_model("test_vit", num_classes=3).state_dict(), tmp_path / "model.safetensors")
    described = {"label_descriptions": {"n02121620": "cat", "n02084071": "dog", "n01630670": "newt"}}
    for stated, expected in (
        ({"labels": names}, names),
        ({"label_names": names}, names),
        ({"label_names": dict(enumerate(names)), **described}, ["cat", "dog", "newt"]),
        ({"labels": names, **described}, ["cat", "dog", "newt"]),
        ({"labels": ["a", "b", "c"], "label_descriptions": {"a": "the first letter"}}, ["a", "b", "c"]),
    ):
        (tmp_path / "config.json").write_text(json.dumps(FLAT | stated))
        model = vc.load(f"hf:{tmp_path}", "cpu")
        assert model.labels == expected
        assert model.report.origins["labels"].startswith("config.json label")


def test_timms_models_in_transformers_wrapper(tmp_path):
    """TimmWrapper puts "timm_model." before timm's names and states the problem type as transformers does."""
    labels = {0: "ant", 1: "bee", 2: "cow"}
    config = transformers.TimmWrapperConfig(
        architecture="vit_tiny_patch16_224",
        model_args={"depth": 1, "img_size": 64},
        id2label=labels,
        label2id={name: number for number, name in labels.items()},
        problem_type="multi_label_classification",
    )
    theirs = randomise(transformers.TimmWrapperForImageClassification(config))
    theirs.save_pretrained(tmp_path)
    model = vc.load(f"hf:{tmp_path}", "cpu")
    with torch.inference_mode():
        torch.testing.assert_close(model(pictures(64, 64)), theirs(pictures(64, 64)).logits, rtol=1e-4, atol=1e-4)
    assert model.labels == ["ant", "bee", "cow"]
    assert model.config.problem_type == "multi_label"
