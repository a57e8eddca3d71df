"""What a checkpoint does not state is named."""

from __future__ import annotations

import json

import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

import vit_core as vc
from tests.checkpoints.support import (
    VIT,
    built,
    pictures,
    randomise,
    refused,
    timm,
    timm_model,
    transformers,
    transformers_model,
)
from vit_core.cli import main

EVERYTHING = ("heads", "pool", "grid", "layers", "preprocess")


AVERAGED = ("heads", "average", "grid", "layers", "preprocess")


@pytest.mark.parametrize(
    ("options", "assumed"),
    [
        ({}, EVERYTHING),
        ({"num_heads": 6}, EVERYTHING),
        ({"img_size": (32, 128)}, EVERYTHING),
        ({"qk_norm": True, "num_heads": 6}, EVERYTHING[1:]),
        ({"global_pool": "avg", "fc_norm": False}, EVERYTHING),
        ({"global_pool": "avg"}, AVERAGED),
        ({"global_pool": "max"}, AVERAGED),  # with a norm after the pool
        ({"global_pool": "avgmax", "class_token": False}, AVERAGED),
        ({"global_pool": "map", "class_token": False}, ("heads", "grid", "layers", "preprocess")),
        ({"global_pool": "avg", "class_token": False}, AVERAGED),
        ({"num_classes": 0}, ("heads", "grid", "layers", "preprocess")),  # nothing is pooled
    ],
    ids=str,
)
def test_facts_that_a_bare_file_lacks_are_named(options, assumed, tmp_path):
    theirs = built(**options)
    save_file(theirs.state_dict(), tmp_path / "a.safetensors")
    model = vc.load(f"file:{tmp_path / 'a.safetensors'}", "cpu")
    assert model.assumed == assumed
    same = {
        "heads": model.config.heads == theirs.blocks[0].attn.num_heads,
        "pool": model.config.pool == theirs.global_pool or model.head is None,
        "grid": model.config.grid == theirs.patch_embed.grid_size,
    }
    assert all(same[fact] for fact in same.keys() - {"pool" if fact == "average" else fact for fact in assumed})
    torch.save(model.state_dict(), tmp_path / "ours.pth")
    assert vc.load(f"file:{tmp_path / 'ours.pth'}", "cpu").assumed == assumed


def test_facts_that_names_imply_are_not_assumed(tmp_path):
    save_file(timm_model("deit_tiny_distilled_patch16_224", depth=1).state_dict(), tmp_path / "a.safetensors")
    assert vc.load(f"file:{tmp_path / 'a.safetensors'}", "cpu").assumed == ("heads", "grid", "layers", "preprocess")
    theirs = transformers.ViTForImageClassification(
        transformers.ViTConfig(**{**VIT, "hidden_size": 128, "num_attention_heads": 2})
    )
    torch.save(theirs.state_dict(), tmp_path / "b.pth")
    assert vc.load(f"file:{tmp_path / 'b.pth'}", "cpu").assumed == ("heads", "grid", "layers", "preprocess")


def test_facts_that_change_logits_but_no_tensor_are_named_or_refused(tmp_path):
    """CLIP's activation, norms after the sublayers, and rotary positions leave no trace in a bare file."""
    from timm.models.vision_transformer import ResPostBlock

    for options in ({"act_layer": "quick_gelu"}, {"block_fn": ResPostBlock}):
        theirs = built(**options)
        save_file(theirs.state_dict(), tmp_path / "a.safetensors")
        model = vc.load(f"file:{tmp_path / 'a.safetensors'}", "cpu")
        assert (model(pictures(32, 32)) - theirs(pictures(32, 32))).abs().max() > 1e-3
        assert "layers" in model.assumed
    rotary = randomise(timm.create_model("vit_pe_core_tiny_patch16_384", depth=1, num_classes=5, img_size=32))
    save_file(rotary.state_dict(), tmp_path / "a.safetensors")
    assert "RoPE" in refused("checkpoint-architecture", f"file:{tmp_path / 'a.safetensors'}")
    gated = transformers_model("Dinov2Model", use_swiglu_ffn=True)
    torch.save(gated.state_dict(), tmp_path / "b.pth")  # transformers' gate is always SiLU
    assert vc.load(f"file:{tmp_path / 'b.pth'}", "cpu").assumed == ("heads", "grid", "preprocess")


def test_other_sources_assume_only_a_missing_preprocessing(tmp_path):
    assert vc.load("embedded:tiny", "cpu").assumed == ()
    transformers_model("ViTForImageClassification").save_pretrained(tmp_path)
    for stated in (False, True):
        if stated:
            (tmp_path / "preprocessor_config.json").write_text('{"image_processor_type": "ViTImageProcessor"}')
        for name in (f"hf:{tmp_path}", f"file:{tmp_path / 'model.safetensors'}"):  # a config.json is beside it
            assert vc.load(name, "cpu").assumed == (() if stated else ("preprocess",))
    module = timm_model("vit_tiny_patch16_224", depth=1)
    assert vc.from_timm(module).assumed == ()
    save_file(module.state_dict(), tmp_path / "model.safetensors")
    for cfg in (module.pretrained_cfg, {"architecture": "vit_tiny_patch16_224", "mean": [0.5] * 3}):
        module.pretrained_cfg = cfg
        expected = () if "std" in cfg else ("preprocess",)
        assert vc.from_timm(module).assumed == expected
        stated = {n: cfg.get(n) for n in ("mean", "std")}
        (tmp_path / "config.json").write_text(
            json.dumps(
                {
                    "architecture": "vit_tiny_patch16_224",
                    "num_classes": 5,
                    "model_args": {"depth": 1, "img_size": 32},
                    "pretrained_cfg": stated,
                }
            )
        )
        assert vc.load(f"hf:{tmp_path}", "cpu").assumed == expected


@pytest.mark.parametrize(
    ("options", "missing", "defaults"),
    [
        ({}, "heads, pooling, grid, layers and preprocessing", "heads 64 wide, class token, square"),
        (
            {"qk_norm": True, "class_token": False, "global_pool": "avg"},
            "pooling, grid, layers and preprocessing",
            "mean of the patches, square",
        ),
    ],
    ids=["all", "some"],
)
def test_the_command_line_says_what_was_assumed(options, missing, defaults, tmp_path, capsys):
    save_file(built(**options).state_dict(), tmp_path / "my.safetensors")
    (tmp_path / "my.labels.txt").write_text("red\na\nb\nc\nd\n")
    name, picture = f"file:{tmp_path / 'my.safetensors'}", tmp_path / "pictures" / "red" / "a.png"
    picture.parent.mkdir(parents=True)
    Image.new("RGB", (32, 32), "red").save(picture)
    for command in (["explain", str(picture)], ["evaluate", str(tmp_path / "pictures"), "--workers", "0"]):
        assert main([*command, "--model", name, "--device", "cpu", "--out", str(tmp_path / f"out {command[0]}")]) == 0
        assert capsys.readouterr().err == (
            f"{name} lacks some settings ({missing}). Assumed: {defaults}, norms first, gelu, pictures resized to "
            "cover 35 × 35 pixels and cropped to 32 × 32, mean 0.5, deviation 0.5. If that is wrong, so are the "
            "results. vc.save writes a file with all settings.\n"
        )
    vc.save(vc.load(name, "cpu"), tmp_path / "my.safetensors")
    assert main(["explain", str(picture), "--model", name, "--out", str(tmp_path / "out")]) == 0
    assert capsys.readouterr().err == ""
