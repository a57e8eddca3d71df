"""Saved models are read back unchanged."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

import vit_core as vc
from tests.checkpoints.support import built, pictures, timm_model
from vit_core.errors import InputError
from vit_core.images import Preprocess

#: Modules that a bare file describes incompletely, or whose weights share memory in our model.
KINDS_TO_SAVE = {
    "6 heads of 32": lambda: built(num_heads=6),
    "average beside a class token": lambda: built(global_pool="avg", fc_norm=False),
    "4 x 16 patches": lambda: built(img_size=(32, 128)),
    "distilled": lambda: timm_model("deit_tiny_distilled_patch16_224", depth=2),
    "parallel": lambda: timm_model("vit_pwee_patch16_reg1_gap_256", depth=2),
    "grey": lambda: timm_model("deit_tiny_patch16_224", depth=2, in_chans=1),
    "ImageNet": lambda: timm_model("deit_tiny_patch16_224", depth=2, num_classes=1000),
    "no head": lambda: built(num_classes=0),
    "rotary": lambda: timm_model("vit_small_patch16_dinov3", depth=2, rope_temperature=30.0),
}


@pytest.mark.parametrize("kind", KINDS_TO_SAVE)
def test_a_saved_model_is_read_back_unchanged(kind, tmp_path):
    theirs, path = KINDS_TO_SAVE[kind](), tmp_path / "my.safetensors"
    model, classes = vc.from_timm(theirs), theirs.num_classes
    if kind == "ImageNet":
        assert "tench" in model.labels[0]
    elif classes:
        model.labels = [f"이름 {i}" for i in range(classes)]  # labels are a plain list
    vc.save(model, path)
    again = vc.load(f"file:{path}", "cpu")
    assert (again.config, again.labels, again.transform) == (model.config, model.labels, model.transform)
    cfg, channels = getattr(theirs, "pretrained_cfg", {}), model.config.channels
    assert again.transform.size == again.config.image_size
    assert sum(again.transform.mean) / channels == pytest.approx(sum(cfg.get("mean", (0.485, 0.456, 0.406))) / 3)
    assert again.transform.crop_pct == cfg.get("crop_pct", 0.875)
    assert model.assumed == (() if cfg else ("preprocess",))
    assert again.assumed == ()
    images = pictures(*again.config.image_size)[:, :channels]
    with torch.inference_mode():
        if classes:
            torch.testing.assert_close(again(images), theirs(images), rtol=1e-4, atol=1e-4)
            assert torch.equal(again(images), model(images))
        else:
            assert again(images) is None


def test_a_model_with_shared_weights_can_be_saved(tmp_path):
    path = tmp_path / "a.safetensors"
    save_file(timm_model("vit_pwee_patch16_reg1_gap_256", depth=2).state_dict(), path)
    model = vc.load(f"file:{path}", "cpu")
    assert model.blocks[0].ls1.gamma.data_ptr() == model.blocks[0].ls2.gamma.data_ptr()
    vc.save(model, str(path))  # replaces the file that it was loaded from
    again = vc.load(f"file:{path}", "cpu")
    assert torch.equal(again(pictures(32, 32)), model(pictures(32, 32)))
    assert again.assumed == ()  # saving states what was assumed


def test_a_model_that_could_not_be_read_back_is_not_written(tmp_path, no_room):
    model, path = vc.from_timm(built()), tmp_path / "my.safetensors"

    def not_saved(code: str, to: Path = path) -> str:
        with pytest.raises(InputError) as caught:
            vc.save(model, to)
        assert caught.value.code == code
        assert not list(tmp_path.iterdir())
        return str(caught.value)

    assert "No such file" in not_saved("evaluate-disk", tmp_path / "none" / "my.safetensors")
    assert str(path) in not_saved("evaluate-disk")  # the disk is full
    for name in ("my.pth", "my", ".safetensors"):  # by another name, it would be read as bare weights
        assert ".safetensors" in not_saved("checkpoint-format", tmp_path / name)
    config = model.config
    for odd, named in (
        ({"norm_eps": 1}, "norm_eps"),
        ({"class_token": 1}, "class_token"),
        ({"heads": np.int64(3)}, "int64"),
    ):  # values that a model accepts and JSON does not keep
        model.config = replace(config, **odd)
        assert named in not_saved("checkpoint-config")
    model.config, model.labels = config, ["a\udce9", *"bcde"]
    not_saved("checkpoint-config")
    model.labels = ["a", "b"]
    not_saved("labels-count")
    model.labels = tuple("abcde")
    not_saved("labels-format")
    model.labels, model.transform = None, None
    not_saved("checkpoint-config")
    model.transform = Preprocess((32, 32), (0.5,), (0.5,))
    not_saved("checkpoint-config")
