"""Checkpoints of transformers give the same tokens and logits as transformers."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
import torch
from safetensors.torch import save_file

import vit_core as vc
from tests.checkpoints.support import LABELS, SIZES, pictures, randomise, refused, transformers, transformers_model
from vit_core.checkpoints import huggingface
from vit_core.checkpoints.layouts import clip, dinov3
from vit_core.checkpoints.layouts.transformers_vit import FAMILIES
from vit_core.models.config import ViTConfig

KINDS = [
    ("ViTForImageClassification", LABELS),
    ("ViTForImageClassification", {"qkv_bias": False, "hidden_act": "gelu_new"}),
    ("ViTForImageClassification", {"layer_norm_eps": 0.1}),
    ("ViTModel", {}),
    ("DeiTForImageClassification", LABELS),
    ("DeiTForImageClassificationWithTeacher", LABELS),
    ("DeiTModel", {}),
    ("Dinov2ForImageClassification", LABELS),
    ("Dinov2ForImageClassification", {"use_swiglu_ffn": True}),
    ("Dinov2Model", {}),
    ("Dinov2WithRegistersForImageClassification", LABELS),
    ("Dinov2WithRegistersModel", {}),
    ("Dinov2WithRegistersModel", {"use_swiglu_ffn": True, "num_register_tokens": 2, "qkv_bias": False}),
    ("ViTMSNForImageClassification", LABELS),
    ("ViTMSNModel", {}),
    ("IJepaForImageClassification", LABELS),
    ("IJepaModel", {}),
    ("CLIPForImageClassification", LABELS),
    ("SiglipForImageClassification", LABELS),
]


@pytest.mark.parametrize("original", [True, False], ids=["hub names", "module names"])
@pytest.mark.parametrize(("kind", "config"), KINDS, ids=lambda v: v if isinstance(v, str) else ",".join(v) or "plain")
def test_same_as_transformers(kind, config, original, tmp_path):
    """Tokens and logits, at the native size and at two others that resize the positions."""
    theirs = transformers_model(kind, **config)
    theirs.save_pretrained(tmp_path, save_original_format=original)
    ours = vc.load(f"hf:{tmp_path}", "cpu")
    resizes = {} if "Dinov2" in kind else {"interpolate_pos_encoding": True}
    for height, width in ((40, 40), (24, 16), (32, 56)):
        images = pictures(height, width)
        with torch.inference_mode():
            expected = theirs(images, **resizes)
            tokens = ours.encode(ours.embed(images))
            if kind.endswith("Model"):
                assert ours.config.classes == 0
                assert ours(images) is None
                torch.testing.assert_close(tokens, expected.last_hidden_state, rtol=1e-4, atol=1e-4)
            else:
                torch.testing.assert_close(ours(images), expected.logits, rtol=1e-4, atol=1e-4)
    assert ours.labels == (["cat", "dog", "newt"] if config is LABELS else None)


@pytest.mark.parametrize("biases", [{"proj_bias": False}, {"mlp_bias": False}, {"proj_bias": False, "mlp_bias": False}])
def test_dinov3_without_some_biases(biases, tmp_path):
    settings = transformers.DINOv3ViTConfig(**SIZES, intermediate_size=56, num_register_tokens=2, **biases)
    theirs = randomise(transformers.DINOv3ViTModel(settings))
    theirs.save_pretrained(tmp_path)
    ours = vc.load(f"hf:{tmp_path}", "cpu")
    with torch.inference_mode():
        expected = theirs(pictures(40, 40)).last_hidden_state
        torch.testing.assert_close(ours.encode(ours.embed(pictures(40, 40))), expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("suffix", ["bin", "safetensors"])
def test_weights_in_several_files(suffix, tmp_path):
    theirs = transformers_model("ViTForImageClassification")
    theirs.config.save_pretrained(tmp_path)
    state, stem = theirs.state_dict(), {"bin": "pytorch_model", "safetensors": "model"}[suffix]
    home = {name: f"{stem}-0000{1 + i % 3}-of-00003.{suffix}" for i, name in enumerate(state)}
    for file in set(home.values()):
        part = {name: tensor for name, tensor in state.items() if home[name] == file}
        (torch.save if suffix == "bin" else save_file)(part, tmp_path / file)
    (tmp_path / f"{stem}.{suffix}.index.json").write_text(json.dumps({"weight_map": home}))
    with torch.inference_mode():
        ours = vc.load(f"hf:{tmp_path}", "cpu")(pictures(40, 40))
        torch.testing.assert_close(ours, theirs(pictures(40, 40)).logits, rtol=1e-4, atol=1e-4)
    refused("checkpoint-foreign", f"file:{tmp_path / home['classifier.bias']}", kind="shard")


@pytest.mark.parametrize(
    ("kind", "resize"),
    [
        ("ViTModel", "bicubic"),
        ("DeiTModel", "bicubic"),
        ("Dinov2Model", "bicubic"),
        ("SiglipVisionModel", "bicubic"),
        ("Dinov2WithRegistersModel", "bicubic_antialias"),
    ],
)
def test_positions_are_resized_as_transformers_does(kind, resize, tmp_path):
    """Each family antialiases or not; the other choice gives very different positions."""
    theirs = transformers_model(kind)
    theirs.save_pretrained(tmp_path)
    ours, images = vc.load(f"hf:{tmp_path}", "cpu"), pictures(16, 16)
    assert ours.config.position_resize == resize
    resizes = {} if "Dinov2" in kind else {"interpolate_pos_encoding": True}
    with torch.inference_mode():
        expected = theirs.embeddings(images, **resizes)
        torch.testing.assert_close(ours.embed(images), expected, rtol=1e-5, atol=1e-5)
        other = "bicubic" if "antialias" in resize else "bicubic_antialias"
        ours.config = ViTConfig(**{**ours.config.to_dict(), "position_resize": other})
        assert (ours.embed(images) - expected).abs().max() > 0.1


@pytest.mark.parametrize("kind", ["ViTMAEModel", "ViTMAEForPreTraining"])
def test_same_as_transformers_mae(kind, tmp_path):
    """Without masking and shuffling; the decoder is ignored."""
    sizes = dict(
        decoder_hidden_size=8, decoder_num_hidden_layers=1, decoder_num_attention_heads=2, decoder_intermediate_size=8
    )
    theirs = transformers_model(kind, mask_ratio=0.0, **sizes)
    theirs.save_pretrained(tmp_path)
    ours, half = vc.load(f"hf:{tmp_path}", "cpu"), getattr(theirs, "vit", theirs)
    for height, width in ((40, 40), (24, 16)):
        images, count = pictures(height, width), height * width // 64
        with torch.inference_mode():
            expected = half(images, noise=torch.arange(count).expand(2, count), interpolate_pos_encoding=True)
            tokens = ours.encode(ours.embed(images))
            torch.testing.assert_close(tokens, expected.last_hidden_state, rtol=1e-4, atol=1e-4)


ROTARY = dict(SIZES, hidden_size=128, num_attention_heads=2, intermediate_size=56, num_register_tokens=3)


@pytest.mark.parametrize("original", [True, False], ids=["hub names", "module names"])
@pytest.mark.parametrize(
    "config",
    [
        {},
        {"use_gated_mlp": True, "hidden_act": "silu"},
        {"query_bias": False, "value_bias": False},
        {"key_bias": True},
        {"query_bias": False, "rope_theta": 20.0},
        {"hidden_size": 24, "layer_norm_eps": 0.1},
        {"image_size": (32, 48)},
    ],
    ids=lambda v: ",".join(v) or "plain",
)
def test_same_tokens_as_transformers_dinov3(config, original, tmp_path):
    """At the native size and others, and from a bare file, which also names what it assumes."""
    theirs = randomise(transformers.DINOv3ViTModel(transformers.DINOv3ViTConfig(**ROTARY | config)))
    theirs.save_pretrained(tmp_path, save_original_format=original)
    ours = {"hf": vc.load(f"hf:{tmp_path}", "cpu")}
    assert ours["hf"].assumed == ("preprocess",)
    if config.keys() <= {"use_gated_mlp", "hidden_act", "key_bias"}:
        (tmp_path / "config.json").unlink()
        ours["file"] = vc.load(f"file:{tmp_path / 'model.safetensors'}", "cpu")
        assert ours["file"].config == replace(ours["hf"].config, image_size=(224, 224))
        assert ours["file"].assumed == ("heads", "grid", *(["layers"] * ("hidden_act" not in config)), "preprocess")
    for height, width in ((40, 40), (24, 24), (72, 72), (32, 48)):
        if height != width and "image_size" not in config:
            continue
        images = pictures(height, width)
        with torch.inference_mode():
            expected = theirs(images).last_hidden_state
            for model in ours.values():
                tokens = model.encode(model.embed(images))
                torch.testing.assert_close(tokens, expected, rtol=1e-4, atol=1e-4)


def test_an_invalid_rotary_base_is_refused(tmp_path):
    transformers.DINOv3ViTModel(transformers.DINOv3ViTConfig(**ROTARY)).save_pretrained(tmp_path)
    config = json.loads((tmp_path / "config.json").read_text())
    for base in (0, -1.0, "100", None, True, 1e300, float("nan")):
        (tmp_path / "config.json").write_text(json.dumps(config | {"rope_theta": base}))
        assert "rope_theta" in refused("checkpoint-config", f"hf:{tmp_path}", field="rope_theta")


@pytest.mark.parametrize(
    ("kind", "config"),
    [
        ("CLIPVisionModel", {}),
        ("CLIPVisionModel", {"hidden_act": "gelu", "layer_norm_eps": 0.1}),
        ("CLIPModel", {}),
        ("CLIPVisionModelWithProjection", {"projection_dim": 5}),
        ("SiglipVisionModel", {}),
        ("SiglipModel", {}),
        ("SiglipVisionModel", {"vision_use_head": False}),
        ("SiglipModel", {"vision": {"hidden_act": "gelu"}}),
    ],
    ids=lambda v: v if isinstance(v, str) else ",".join(v) or "plain",
)
def test_same_as_the_vision_model_of_clip_and_siglip(kind, config, tmp_path):
    """Tokens, and the pooled vector before its projection."""
    theirs = transformers_model(kind, **config)
    theirs.save_pretrained(tmp_path)
    ours, half = vc.load(f"hf:{tmp_path}", "cpu"), getattr(theirs, "vision_model", theirs)
    for height, width in ((40, 40), (24, 16), (32, 56)):
        images = pictures(height, width)
        with torch.inference_mode():
            expected = half(images, interpolate_pos_encoding=True)
            *_, tokens = ours.layers(ours.embed(images))
            normed = ours.norm(tokens)
            assert (ours.config.classes, ours(images)) == (0, None)
            torch.testing.assert_close(
                tokens if "CLIP" in kind else normed, expected.last_hidden_state, rtol=1e-4, atol=1e-4
            )
            if expected.pooler_output is not None:
                torch.testing.assert_close(ours.pooled(normed), expected.pooler_output, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    ("config", "stated"),
    [
        ({"model_type": "clip"}, (32, 1e-5, "quick_gelu")),
        ({"model_type": "siglip"}, (16, 1e-6, "gelu_pytorch_tanh")),
        ({"model_type": "clip", "vision_config": {"patch_size": 16}}, (16, 1e-5, "quick_gelu")),
        ({"model_type": "clip_vision_model", "hidden_act": "gelu"}, (32, 1e-5, "gelu")),
        # the older name wins, as in transformers
        (
            {"model_type": "clip", "vision_config": {"hidden_act": "gelu"}, "vision_config_dict": {"patch_size": 14}},
            (14, 1e-5, "quick_gelu"),
        ),
    ],
)
def test_the_vision_config_of_clip_and_siglip(config, stated):
    said = clip.vision_config(config)  # first, because transformers changes its argument
    theirs = transformers.AutoConfig.for_model(**config)
    theirs = getattr(theirs, "vision_config", theirs)
    assert (theirs.patch_size, theirs.layer_norm_eps, theirs.hidden_act) == stated
    assert (said["patch_size"], said["layer_norm_eps"], said["hidden_act"]) == stated


@pytest.mark.parametrize("family", [*FAMILIES, *clip.FAMILIES, dinov3.FAMILY])
def test_missing_settings_have_the_familys_defaults(family):
    theirs = transformers.AutoConfig.for_model(family)
    theirs = getattr(theirs, "vision_config", theirs)
    config = {"model_type": family}
    if family in clip.FAMILIES:
        config = clip.vision_config(config)
    elif family == dinov3.FAMILY:
        config = dinov3.with_defaults(config)
    ours = huggingface._stated_fields(config, family)
    assert (ours["dim"], ours["depth"], ours["heads"], ours["channels"], ours["norm_eps"]) == (
        theirs.hidden_size,
        theirs.num_hidden_layers,
        theirs.num_attention_heads,
        3,
        theirs.layer_norm_eps,
    )
    assert ours["image_size"] == (theirs.image_size,) * 2
    assert ours["patch_size"] == (theirs.patch_size,) * 2
    assert ours["activation"] == huggingface._ACTIVATIONS[theirs.hidden_act]


def test_shards_and_bin_files_are_read(tmp_path):
    theirs = transformers_model("ViTForImageClassification")
    theirs.save_pretrained(tmp_path / "shards", max_shard_size="10KB")
    assert len(list((tmp_path / "shards").glob("*.safetensors"))) > 1
    theirs.save_pretrained(tmp_path / "bin")
    (tmp_path / "bin" / "model.safetensors").unlink()
    torch.save(theirs.state_dict(), tmp_path / "bin" / "pytorch_model.bin")
    with torch.inference_mode():
        expected = theirs(pictures(40, 40)).logits
        for folder in ("shards", "bin"):
            got = vc.load(f"hf:{tmp_path / folder}", "cpu")(pictures(40, 40))
            torch.testing.assert_close(got, expected, rtol=1e-4, atol=1e-4)


def test_bad_folders_are_refused(tmp_path):
    assert "config.json" in refused("checkpoint-not-found", f"hf:{tmp_path}")
    refused("checkpoint-not-found", f"hf:{tmp_path / 'none such'}")
    transformers_model("ViTForImageClassification").save_pretrained(tmp_path)
    config = json.loads((tmp_path / "config.json").read_text())

    def write(**changes):
        (tmp_path / "config.json").write_text(json.dumps(config | changes))

    write(model_type="poolformer")
    assert "poolformer" in refused("checkpoint-architecture", f"hf:{tmp_path}")
    write(model_type="swin", embed_dim=128)
    assert "windowed attention" in refused("checkpoint-windowed", f"hf:{tmp_path}", plain="timm:vit_base_patch16_224")
    write(model_type=None, architecture="swinv2_large_window12_192")
    refused("checkpoint-windowed", f"hf:{tmp_path}", plain="timm:vit_large_patch16_224")
    write(num_hidden_layers=3)
    assert "encoder.layer.2." in refused("checkpoint-keys", f"hf:{tmp_path}")
    write(num_hidden_layers=10**9)
    refused("checkpoint-config", f"hf:{tmp_path}", field="num_hidden_layers")
    write(layer_norm_eps="small")
    refused("checkpoint-config", f"hf:{tmp_path}", field="layer_norm_eps")
    write(hidden_act="relu")
    refused("checkpoint-architecture", f"hf:{tmp_path}")
    write(num_attention_heads=5)
    refused("checkpoint-config", f"hf:{tmp_path}", field="num_attention_heads")
    write(image_size="big")
    refused("checkpoint-config", f"hf:{tmp_path}", field="image_size")
    write(patch_size=10)
    assert "(24, 3, 10, 10)" in refused("checkpoint-shapes", f"hf:{tmp_path}")
    write(id2label={"0": "one", "1": "two", "2": "three"})
    refused("labels-count", f"hf:{tmp_path}", classes=2, labels=3)
    (tmp_path / "config.json").write_text("{")
    refused("checkpoint-config", f"hf:{tmp_path}")
