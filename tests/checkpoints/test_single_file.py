"""A single file: its architecture is read from its tensors, in every layout and wrapping."""

from __future__ import annotations

import argparse
import json
import re

import pytest
import torch
from safetensors.torch import save_file

import vit_core as vc
from tests.checkpoints.support import (
    VIT,
    pictures,
    randomise,
    refused,
    timm,
    timm_model,
    transformers,
    transformers_model,
)
from vit_core.images import Preprocess


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("vit_tiny_patch16_224", {"depth": 2}),
        ("deit_tiny_distilled_patch16_224", {"depth": 2}),
        ("vit_small_patch14_reg4_dinov2", {"depth": 1, "img_size": 56}),
        ("vit_base_patch16_siglip_224", {"depth": 1}),
        ("vit_small_patch16_18x2_224", {"depth": 1}),
        ("vit_pwee_patch16_reg1_gap_256", {"depth": 1}),
        ("aimv2_large_patch14_224", {"depth": 1, "img_size": 28}),
        ("beit3_base_patch16_224", {"depth": 1}),
        ("vit_base_patch32_clip_224", {"depth": 1, "img_size": 64}),
        ("vit_tiny_patch16_224", {"depth": 1, "num_classes": 0}),
    ],
)
def test_the_architecture_is_read_from_the_tensors(name, options, tmp_path):
    theirs = timm_model(name, **options)
    save_file(theirs.state_dict(), tmp_path / "a.safetensors")
    ours = vc.load(f"file:{tmp_path / 'a.safetensors'}", "cpu")
    images = pictures(56, 28) if 14 in theirs.patch_embed.patch_size else pictures(64, 32)
    with torch.inference_mode():
        expected = theirs.forward_features(images)
        tokens = ours.encode(ours.embed(images))
        torch.testing.assert_close(tokens, expected, rtol=1e-3, atol=1e-3)
        if ours.config.classes:
            torch.testing.assert_close(ours(images), theirs(images), rtol=1e-3, atol=1e-3)
    known = re.search("deit|dinov2|clip", name)
    statistics = [theirs.pretrained_cfg[part] for part in ("mean", "std")] if known else []
    assert ours.transform == Preprocess(ours.config.image_size, *statistics)


@pytest.mark.parametrize(
    "kind",
    [
        "ViTForImageClassification",
        "DeiTForImageClassificationWithTeacher",
        "Dinov2ForImageClassification",
        "Dinov2WithRegistersForImageClassification",
        "IJepaForImageClassification",
        "CLIPForImageClassification",
        "SiglipForImageClassification",
    ],
)
def test_transformers_names_in_a_single_file(kind, tmp_path):
    wide = {"hidden_size": 128, "num_attention_heads": 2}
    theirs = transformers_model(kind, **({"vision": wide} if kind[:2] in ("CL", "Si") else wide))
    torch.save({"model": {f"module.{n}": t for n, t in theirs.state_dict().items()}}, tmp_path / "a.pth")
    ours = vc.load(f"file:{tmp_path / 'a.pth'}", "cpu")
    with torch.inference_mode():
        torch.testing.assert_close(ours(pictures(40, 40)), theirs(pictures(40, 40)).logits, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("prefix", ["", "module.", "model.", "backbone.", "module.model."])
@pytest.mark.parametrize(
    ("suffix", "nest"),
    [(".safetensors", None), *((s, n) for s in (".pth", ".pt", ".bin") for n in (None, "state_dict", "model"))],
)
def test_prefixes_and_nested_dicts_are_stripped(prefix, nest, suffix, tmp_path):
    theirs = timm_model("vit_tiny_patch16_224", depth=1)
    state = {prefix + n: t for n, t in theirs.state_dict().items()}
    path = tmp_path / f"a{suffix}"
    if suffix == ".safetensors":
        save_file(state, path)
    else:
        torch.save({nest: state, "epoch": 3} if nest else state, path)
    with torch.inference_mode():
        torch.testing.assert_close(
            vc.load(f"file:{path}", "cpu")(pictures(32, 32)), theirs(pictures(32, 32)), rtol=1e-4, atol=1e-4
        )


@pytest.mark.parametrize("prefix", ["encoder.", "net.", "model.vit.", "student.backbone."])
def test_the_attribute_that_holds_the_vit_is_stripped(prefix, tmp_path):
    wide = transformers.ViTConfig(**{**VIT, "hidden_size": 128, "num_attention_heads": 2})
    hugging = randomise(transformers.ViTModel(wide))
    for theirs, size in ((timm_model("vit_tiny_patch16_224", depth=1), 32), (hugging, 40)):
        torch.save({"state_dict": {prefix + n: t for n, t in theirs.state_dict().items()}}, tmp_path / "a.ckpt")
        torch.save(theirs.state_dict(), tmp_path / "plain.pth")
        ours, plain = (vc.load(f"file:{tmp_path / name}", "cpu") for name in ("a.ckpt", "plain.pth"))
        assert ours.config == plain.config
        assert torch.equal(ours.embed(pictures(size, size)), plain.embed(pictures(size, size)))


def test_a_checkpoint_of_timms_training_script_is_read(tmp_path):
    """It stores the script's arguments, an argparse.Namespace, beside the weights."""
    theirs = timm_model("vit_tiny_patch16_224", depth=1)
    optimizer = torch.optim.AdamW(theirs.parameters())
    theirs(pictures(32, 32)).sum().backward()
    optimizer.step()
    saver = timm.utils.CheckpointSaver(
        theirs,
        optimizer,
        argparse.Namespace(model="vit_tiny_patch16_224", lr=1e-3, mean=None, betas=[0.9, 0.99]),
        checkpoint_dir=str(tmp_path),
    )
    saver.save_checkpoint(3, 71.5)
    ours = vc.load(f"file:{tmp_path / 'last.pth.tar'}", "cpu")
    with torch.inference_mode():
        torch.testing.assert_close(ours(pictures(32, 32)), theirs(pictures(32, 32)), rtol=1e-4, atol=1e-4)


def test_old_style_pickles_half_precision_and_our_own_names(tmp_path):
    theirs = timm_model("vit_tiny_patch16_224", depth=1)
    torch.save(theirs.state_dict(), tmp_path / "old.pth", _use_new_zipfile_serialization=False)
    save_file(theirs.state_dict(), tmp_path / "really.safetensors")
    (tmp_path / "really.safetensors").rename(tmp_path / "really.bin")
    assert vc.load(f"file:{tmp_path / 'really.bin'}", "cpu").config.dim == 192
    torch.save(theirs.half().state_dict(), tmp_path / "half.pth")
    ours = vc.load(f"file:{tmp_path / 'old.pth'}", "cpu")
    torch.save(ours.state_dict(), tmp_path / "ours.pth")
    again = vc.load(f"file:{tmp_path / 'ours.pth'}", "cpu")
    assert again.config == ours.config
    assert torch.equal(again(pictures(32, 32)), ours(pictures(32, 32)))
    half = vc.load(f"file:{tmp_path / 'half.pth'}", "cpu")
    assert half.head.weight.dtype == torch.float32
    torch.testing.assert_close(half(pictures(32, 32)), ours(pictures(32, 32)), rtol=0.1, atol=0.1)


def test_labels_beside_a_file(tmp_path):
    save_file(timm_model().state_dict(), tmp_path / "a.safetensors")
    name = f"file:{tmp_path / 'a.safetensors'}"
    assert vc.load(name, "cpu").labels is None
    (tmp_path / "labels.json").write_text(json.dumps({str(i): f"j{i}" for i in range(5)}))
    assert vc.load(name, "cpu").labels == [f"j{i}" for i in range(5)]
    (tmp_path / "labels.json").write_text(json.dumps({"a": [1]}))
    refused("labels-format", name)
    (tmp_path / "labels.json").unlink()
    (tmp_path / "labels.txt").write_text("고양이\nb\nc\nd\ne\n", "utf-8")
    assert vc.load(name, "cpu").labels[0] == "고양이"
    (tmp_path / "a.labels.txt").write_text("one\ntwo\n")
    refused("labels-count", name, labels=2, classes=5)
    (tmp_path / "a.labels.txt").write_bytes(b"\xff\xfe\xff")
    refused("labels-format", name)
