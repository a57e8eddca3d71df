"""Where models come from: every source, every layout, and every way a checkpoint can be bad."""

from __future__ import annotations

import argparse
import json
import pickle
import re
import struct
import time
import warnings
import zipfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

import vit_core as vc
from vit_core.checkpoints import clip, dinov3, embedded, huggingface, timm_import
from vit_core.checkpoints.files import hub as _hub
from vit_core.checkpoints.files import reader
from vit_core.cli import main
from vit_core.errors import InputError
from vit_core.images import Preprocess
from vit_core.models.config import ViTConfig
from vit_core.models.vit import VisionTransformer

timm = timm_import.timm()
import transformers  # noqa: E402  (it imports torchvision, which `timm()` above makes possible)
from timm.utils import CheckpointSaver  # noqa: E402

transformers.utils.logging.disable_progress_bar()

SIZES = dict(hidden_size=24, num_hidden_layers=2, num_attention_heads=3, image_size=40, patch_size=8)


def randomise(module: torch.nn.Module) -> torch.nn.Module:
    """No weight at its initial value."""
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for name, p in module.named_parameters():
            p.uniform_(-1, 1, generator=generator)
            if p.ndim > 1 and name.endswith("weight"):
                p.mul_((3 / p[0].numel()) ** 0.5)
            elif p.ndim == 1:
                p.mul_(0.5).add_(0 if name.endswith("bias") else 1)
    return module.eval()


def pictures(height: int, width: int) -> torch.Tensor:
    return torch.randn(2, 3, height, width, generator=torch.Generator().manual_seed(height))


def refused(code: str, name: str, **facts) -> str:
    """The sentence with which `load(name)` refuses; its code and some of its facts are checked."""
    with pytest.raises(InputError) as caught:
        vc.load(name, "cpu")
    assert caught.value.code == code, str(caught.value)
    for key, value in facts.items():
        assert caught.value.values[key] == value
    sentence = str(caught.value)
    assert sentence.endswith(".")
    assert "Traceback" not in sentence
    return sentence


# --- transformers -----------------------------------------------------------------------------------------------

VIT = dict(SIZES, intermediate_size=56)
DINO = dict(SIZES, mlp_ratio=2)
LABELS = {"id2label": {0: "cat", 1: "dog", 2: "newt"}, "label2id": {"cat": 0, "dog": 1, "newt": 2}}


def transformers_model(kind: str, **config) -> torch.nn.Module:
    """By the name of its class in transformers. Whoever also reads texts gets a small half that does."""
    family = re.match(r"(CLIP|Siglip|ViTMAE|ViTMSN|IJepa|ViT|DeiT|Dinov2WithRegisters|Dinov2)(Vision)?", kind)
    settings = getattr(transformers, f"{family[0]}Config")
    if family[1] in ("CLIP", "Siglip") and not family[2]:
        texts = dict(SIZES, intermediate_size=56, vocab_size=9, bos_token_id=1, eos_token_id=2)
        made = settings(vision_config=VIT | config.pop("vision", {}), text_config=texts, **config)
    else:
        made = settings(**(DINO if "Dino" in kind else VIT) | config)
    return randomise(getattr(transformers, kind)(made))


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
    """At the native size and at others; by a bare file, what it takes for granted."""
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


def test_a_rotary_base_that_is_none_is_refused(tmp_path):
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
def test_the_half_that_looks_at_pictures_of_those_that_read_too(kind, config, tmp_path):
    """Tokens, and the vector that texts are compared with, before its projection."""
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


@pytest.mark.parametrize("kind", ["ViTMAEModel", "ViTMAEForPreTraining"])
def test_what_mae_trained_without_its_masks(kind, tmp_path):
    """Nothing hidden, the patches in their order; what paints pixels back is passed over."""
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


@pytest.mark.parametrize(
    ("config", "stated"),
    [
        ({"model_type": "clip"}, (32, 1e-5, "quick_gelu")),
        ({"model_type": "siglip"}, (16, 1e-6, "gelu_pytorch_tanh")),
        ({"model_type": "clip", "vision_config": {"patch_size": 16}}, (16, 1e-5, "quick_gelu")),
        ({"model_type": "clip_vision_model", "hidden_act": "gelu"}, (32, 1e-5, "gelu")),
        # the older name is all there is, as in transformers
        (
            {"model_type": "clip", "vision_config": {"hidden_act": "gelu"}, "vision_config_dict": {"patch_size": 14}},
            (14, 1e-5, "quick_gelu"),
        ),
    ],
)
def test_what_a_config_says_of_the_half_that_looks(config, stated):
    said = clip.vision(config)  # first: transformers writes into what it is given
    theirs = transformers.AutoConfig.for_model(**config)
    theirs = getattr(theirs, "vision_config", theirs)
    assert (theirs.patch_size, theirs.layer_norm_eps, theirs.hidden_act) == stated
    assert (said["patch_size"], said["layer_norm_eps"], said["hidden_act"]) == stated


@pytest.mark.parametrize("family", [*huggingface._FAMILIES, *clip.FAMILIES, dinov3.FAMILY])
def test_what_a_config_leaves_out_is_as_its_family_has_it(family):
    theirs = transformers.AutoConfig.for_model(family)
    theirs = getattr(theirs, "vision_config", theirs)
    config = {"model_type": family}
    said = clip.vision(config) if family in clip.FAMILIES else dinov3.stated(config) if "dinov3" in family else config
    ours = huggingface._facts(said, family)
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
    """Antialiasing or not is the source's choice, family by family; the other choice is wrong by far."""
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


HALF = (0.5,) * 3


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({}, Preprocess((40, 40))),
        (
            {"size": 40, "image_mean": [0.1] * 3, "image_std": [0.2] * 3, "resample": 2},
            Preprocess((40, 40), (0.1,) * 3, (0.2,) * 3, "bilinear", 1.0, "squash"),
        ),
        (
            {
                "size": {"height": 48, "width": 48},
                "do_center_crop": True,
                "crop_size": {"height": 40, "width": 40},
                "resample": 3,
            },
            Preprocess((40, 40), crop_pct=40 / 48, crop_mode="squash"),
        ),
        (
            {
                "size": {"shortest_edge": 80},
                "do_center_crop": True,
                "crop_size": {"height": 40, "width": 40},
                "resample": 3,
                "do_normalize": False,
            },
            Preprocess((40, 40), (0.0,) * 3, (1.0,) * 3, crop_pct=0.5),
        ),
        ({"size": {"height": 24, "width": 56}}, Preprocess((24, 56), HALF, HALF, "bilinear", 1.0, "squash")),
        ({"size": [24, 56], "resample": None}, Preprocess((24, 56), HALF, HALF, "bilinear", 1.0, "squash")),
        (
            {"size": {"height": 48, "width": 60}, "do_center_crop": True, "crop_size": {"height": 40, "width": 50}},
            Preprocess((40, 50), HALF, HALF, "bilinear", 40 / 48, "squash"),
        ),
        *(
            ({"size": 40, "resample": number}, Preprocess((40, 40), HALF, HALF, name, 1.0, "squash"))
            for number, name in enumerate(["nearest", "lanczos", "bilinear", "bicubic", "box", "hamming"])
        ),
        # (2 v - 0.5) / 0.5 = (v - 0.25) / 0.25, and (255 v - 127.5) / 51 = (v - 0.5) / 0.2
        (
            {"size": 40, "rescale_factor": 2 / 255},
            Preprocess((40, 40), (0.25,) * 3, (0.25,) * 3, "bilinear", 1.0, "squash"),
        ),
        (
            {"size": 40, "do_rescale": False, "image_mean": [127.5] * 3, "image_std": [51, 51, 102]},
            Preprocess((40, 40), HALF, (0.2, 0.2, 0.4), "bilinear", 1.0, "squash"),
        ),
        ({"size": 40, "rescale_factor": 0.0039215687}, Preprocess((40, 40), HALF, HALF, "bilinear", 1.0, "squash")),
        (
            {"size": 40, "do_rescale": False, "do_normalize": False},
            Preprocess((40, 40), (0.0,) * 3, (1 / 255,) * 3, "bilinear", 1.0, "squash"),
        ),
        # what transformers' classes have where a file does not say
        (
            {"image_processor_type": "ViTImageProcessorFast"},
            Preprocess((40, 40), HALF, HALF, "bilinear", 1.0, "squash"),
        ),
        (
            {"feature_extractor_type": "DeiTFeatureExtractor"},
            Preprocess((224, 224), HALF, HALF, "bicubic", 0.875, "squash"),
        ),
        (
            {"image_processor_type": "BitImageProcessor", "size": 280, "image_mean": HALF, "image_std": HALF},
            Preprocess((224, 224), HALF, HALF, "bicubic", 0.8),
        ),
        (
            {"image_processor_type": "SiglipImageProcessor"},
            Preprocess((224, 224), HALF, HALF, "bicubic", 1.0, "squash"),
        ),
        (
            {"image_processor_type": "BitImageProcessorFast", "size": {"shortest_edge": 256}},
            Preprocess(
                (224, 224), (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711), "bicubic", 0.875
            ),
        ),
    ],
)
def test_preprocessing_is_the_checkpoints(settings, expected, tmp_path):
    transformers_model("ViTModel").save_pretrained(tmp_path)
    if settings:
        (tmp_path / "preprocessor_config.json").write_text(json.dumps(settings))
    made = vc.load(f"hf:{tmp_path}", "cpu").transform
    assert replace(made, mean=HALF, std=HALF) == replace(expected, mean=HALF, std=HALF)
    assert (made.mean, made.std) == (pytest.approx(expected.mean), pytest.approx(expected.std))


def test_stated_preprocessing_by_hand(tmp_path):
    """Two pixels that are kept as they are, then enlarged by repetition: 255 * 0.01 = 2.55, less 1, by 2 and by 5."""
    transformers_model("ViTModel").save_pretrained(tmp_path)
    settings = {
        "size": {"height": 8, "width": 16},
        "resample": 0,
        "rescale_factor": 0.01,
        "image_mean": [0, 1, 0.5],
        "image_std": [1, 2, 5],
    }
    (tmp_path / "preprocessor_config.json").write_text(json.dumps(settings))
    picture = Image.new("RGB", (2, 1), (100, 255, 0))
    picture.putpixel((1, 0), (0, 0, 250))
    tensor, crop = vc.load(f"hf:{tmp_path}", "cpu").transform(picture)
    assert tensor.shape == (1, 3, 8, 16)
    assert crop.box == (0, 0, 2, 1)
    torch.testing.assert_close(tensor[0, :, 0, 7], torch.tensor([1.0, 0.775, -0.1]))
    torch.testing.assert_close(tensor[0, :, 7, 8], torch.tensor([0.0, -0.5, 0.4]))


def test_a_grey_checkpoint_with_three_means_takes_their_average(tmp_path):
    transformers_model("ViTModel", num_channels=1).save_pretrained(tmp_path)
    settings = {"size": 40, "image_mean": [0.3, 0.4, 0.8], "image_std": [0.25]}
    (tmp_path / "preprocessor_config.json").write_text(json.dumps(settings))
    made = vc.load(f"hf:{tmp_path}", "cpu").transform
    assert (made.mean, made.std) == (pytest.approx((0.5,)), (0.25,))


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"do_resize": False}, "do_resize = False"),
        ({"do_pad": True}, "do_pad = True"),
        ({"resample": 6}, "resample = 6"),
        ({"resample": "bicubic"}, "resample = bicubic"),
        ({"rescale_factor": 0}, "rescale_factor = 0"),
        ({"rescale_factor": "1/255"}, "rescale_factor = 1/255"),
        ({"rescale_offset": True}, "rescale_offset = True"),
        ({"do_flip_channel_order": True}, "do_flip_channel_order = True"),
        ({"crop_pct": 0.875}, "crop_pct = 0.875"),
        ({"size": {"shortest_edge": 48}}, "do_center_crop = False"),
        ({"size": {"shortest_edge": 48, "longest_edge": 96}}, "'longest_edge': 96"),
        (
            {"size": {"shortest_edge": 48}, "do_center_crop": True, "crop_size": {"height": 24, "width": 40}},
            "'width': 40",
        ),
        ({"size": {"height": 48}}, "size = {'height': 48}"),
        ({"size": {"height": 48, "width": 0}}, "'width': 0"),
        ({"size": 48, "do_center_crop": True}, "crop_size = None"),
        ({"size": True}, "size = "),
        ({"size": [40]}, "size = [40]"),
        (
            {"size": {"height": 48, "width": 48}, "do_center_crop": True, "crop_size": {"height": 24, "width": 40}},
            "crop_size = 24 x 40 of size = 48 x 48",
        ),
        ({"image_mean": ["a"] * 3}, "preprocessor_config.json"),
        ({"image_std": [0.0] * 3}, "preprocessing"),
        ({"resample": [3]}, "preprocessor_config.json"),
    ],
    ids=lambda v: v if isinstance(v, str) else "",
)
def test_preprocessing_that_cannot_be_followed_is_named(settings, named, tmp_path):
    transformers_model("ViTModel").save_pretrained(tmp_path)
    (tmp_path / "preprocessor_config.json").write_text(json.dumps(settings))
    assert named in refused("checkpoint-config", f"hf:{tmp_path}")


def test_bad_folders_are_refused(tmp_path):
    assert "config.json" in refused("checkpoint-not-found", f"hf:{tmp_path}")
    refused("checkpoint-not-found", f"hf:{tmp_path / 'none such'}")
    transformers_model("ViTForImageClassification").save_pretrained(tmp_path)
    config = json.loads((tmp_path / "config.json").read_text())

    def write(**changes):
        (tmp_path / "config.json").write_text(json.dumps(config | changes))

    write(model_type="swin")
    assert "swin" in refused("checkpoint-architecture", f"hf:{tmp_path}")
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


# --- the hub ----------------------------------------------------------------------------------------------------


@pytest.mark.timed
@pytest.mark.parametrize("name", ["timm:vit_tiny_patch16_224", "hf:google/vit-base-patch16-224"])
def test_no_hub_is_a_sentence_within_seconds(name, tmp_path, monkeypatch):
    """An address that answers nothing, as behind a wall, and a cache that holds nothing."""
    import huggingface_hub

    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(huggingface_hub.constants, "ENDPOINT", "https://hub.invalid")
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path))
    begun = time.monotonic()
    sentence = refused("hub-unreachable", name)
    assert time.monotonic() - begun < 5
    assert "embedded:" in sentence
    assert "file:" in sentence


@pytest.mark.timed
def test_a_hub_that_never_answers_is_not_waited_for(monkeypatch, tmp_path):
    import huggingface_hub

    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr(_hub, "PATIENCE", 0.1)
    monkeypatch.setattr(_hub, "_ask", lambda answer: time.sleep(2))
    begun = time.monotonic()
    assert "timeout: " in refused("hub-unreachable", "hf:google/vit-base-patch16-224")
    assert time.monotonic() - begun < 1.5


def cached(folder: Path, repo: str, file: Path) -> None:
    """Put `file` where huggingface_hub looks before it asks the network."""
    home = folder / ("models--" + repo.replace("/", "--"))
    (home / "snapshots" / "0").mkdir(parents=True, exist_ok=True)
    (home / "refs").mkdir(exist_ok=True)
    (home / "refs" / "main").write_text("0")
    (home / "snapshots" / "0" / file.name).write_bytes(file.read_bytes())


def test_timm_weights_come_from_the_hubs_cache(tmp_path, monkeypatch):
    import huggingface_hub

    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    theirs = randomise(timm.create_model("test_vit", dynamic_img_size=True))
    save_file(theirs.state_dict(), tmp_path / "model.safetensors")
    cached(tmp_path / "cache", "timm/test_vit.r160_in1k", tmp_path / "model.safetensors")
    ours = vc.load("timm:test_vit.r160_in1k", "cpu")
    with torch.inference_mode():
        torch.testing.assert_close(ours(pictures(160, 96)), theirs(pictures(160, 96)), rtol=1e-4, atol=1e-4)
    cfg = theirs.pretrained_cfg
    assert ours.transform == Preprocess((160, 160), cfg["mean"], cfg["std"], "bicubic", cfg["crop_pct"], "center")
    assert len(ours.labels) == 1000
    assert "goldfish" in ours.labels[1]


def test_a_folder_of_timms_is_read_with_its_config(tmp_path):
    theirs = randomise(timm.create_model("test_vit2", num_classes=3, global_pool="avg", img_size=32))
    save_file(theirs.state_dict(), tmp_path / "model.safetensors")
    (tmp_path / "config.json").write_text(
        json.dumps(
            {
                "architecture": "test_vit2",
                "num_classes": 3,
                "label_names": ["a", "b", "c"],
                "model_args": {"img_size": 32, "global_pool": "avg"},
                "pretrained_cfg": {"mean": [0.1] * 3, "std": [0.2] * 3},
            }
        )
    )
    for name in (f"hf:{tmp_path}", f"file:{tmp_path / 'model.safetensors'}"):
        ours = vc.load(name, "cpu")
        with torch.inference_mode():
            torch.testing.assert_close(ours(pictures(32, 32)), theirs(pictures(32, 32)), rtol=1e-4, atol=1e-4)
        assert ours.labels == ["a", "b", "c"]
        assert ours.transform.mean == (0.1,) * 3


@pytest.mark.parametrize(
    ("options", "size"),
    [
        ({}, (160, 160)),
        ({"num_classes": 0}, (160, 160)),
        ({"num_classes": 7}, (160, 160)),
        ({"num_classes": 7, "img_size": (96, 64)}, (96, 64)),
        ({"in_chans": 1}, (160, 160)),
        ({"num_classes": 7, "global_pool": "avg", "class_token": False}, (160, 160)),
    ],
    ids=str,
)
@pytest.mark.parametrize("source", ["hf:{}", "file:{}/model.safetensors"])
def test_what_timm_writes_for_the_hub_is_read_back(source, options, size, tmp_path):
    """timm repeats the number of classes, channels, size and pooling among the model's arguments."""
    theirs = randomise(timm.create_model("test_vit", **options))
    timm.models.save_for_hf(theirs, tmp_path, safe_serialization=True)
    stated = json.loads((tmp_path / "config.json").read_text())["model_args"]
    assert {"num_classes", "in_chans", "global_pool", "img_size"} <= stated.keys()
    ours = vc.load(source.format(tmp_path), "cpu")
    channels = options.get("in_chans", 3)
    images = pictures(*size)[:, :channels]
    with torch.inference_mode():
        if options.get("num_classes") == 0:
            assert ours(images) is None
        else:
            torch.testing.assert_close(ours(images), theirs(images), rtol=1e-4, atol=1e-4)
    cfg = theirs.pretrained_cfg
    mean, std = tuple(cfg["mean"])[:channels], tuple(cfg["std"])[:channels]
    assert ours.transform == Preprocess(size, mean, std, "bicubic", cfg["crop_pct"], "center")
    assert (ours.labels is None) == ("num_classes" in options)


@pytest.mark.parametrize("classes", [None, -1, 3.0, "3", 10**9, [3]])
def test_a_number_of_classes_that_is_none_is_refused(classes, tmp_path):
    timm.models.save_for_hf(timm.create_model("test_vit"), tmp_path, safe_serialization=True)
    config = json.loads((tmp_path / "config.json").read_text())
    config["model_args"]["num_classes"] = classes
    (tmp_path / "config.json").write_text(json.dumps(config))
    assert "num_classes = " in refused("checkpoint-config", f"hf:{tmp_path}")


def test_unknown_names_say_what_there_is():
    assert "hf:<folder or id>" in refused("model-unknown", "vit_tiny")
    assert "timm:<name>" in refused("model-unknown", "torchvision:vit_b_16")
    refused("model-unknown", "")
    refused("model-unknown", "timm:")
    refused("model-unknown", "embedded:no-such")
    assert "vit_tiny_patch16_224" in refused("model-unknown", "timm:vit_tiny_patch16_225")
    assert "not a Vision Transformer" in refused("model-unknown", "timm:resnet50")
    assert "augreg" in refused("model-unknown", "timm:vit_tiny_patch16_224.nobody")
    assert "softmaxes" in refused("checkpoint-architecture", "timm:vit_dwee_patch16_reg1_gap_256")


# --- single files -----------------------------------------------------------------------------------------------


def timm_model(name: str = "test_vit", **options) -> torch.nn.Module:
    return randomise(timm.create_model(name, **{"num_classes": 5, "img_size": 32, "dynamic_img_size": True, **options}))


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
    assert ours.transform == Preprocess(ours.config.image_size)


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
@pytest.mark.parametrize("nest", [None, "state_dict", "model"])
@pytest.mark.parametrize("suffix", [".safetensors", ".pth", ".pt", ".bin"])
def test_wrappings(prefix, nest, suffix, tmp_path):
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
def test_the_name_that_holds_the_vit_in_a_training_scripts_module(prefix, tmp_path):
    wide = transformers.ViTConfig(**{**VIT, "hidden_size": 128, "num_attention_heads": 2})
    hugging = randomise(transformers.ViTModel(wide))
    for theirs, size in ((timm_model("vit_tiny_patch16_224", depth=1), 32), (hugging, 40)):
        torch.save({"state_dict": {prefix + n: t for n, t in theirs.state_dict().items()}}, tmp_path / "a.ckpt")
        torch.save(theirs.state_dict(), tmp_path / "plain.pth")
        ours, plain = (vc.load(f"file:{tmp_path / name}", "cpu") for name in ("a.ckpt", "plain.pth"))
        assert ours.config == plain.config
        assert torch.equal(ours.embed(pictures(size, size)), plain.embed(pictures(size, size)))
    state = {"student." + n: t for n, t in theirs.state_dict().items()}
    torch.save(state | {"teacher." + n: t for n, t in theirs.state_dict().items()}, tmp_path / "two.pth")
    refused("checkpoint-architecture", f"file:{tmp_path / 'two.pth'}")  # which of them is not for us to choose


def test_a_checkpoint_of_timms_training_script_is_read(tmp_path):
    """It keeps the script's arguments, an argparse.Namespace, beside the weights."""
    theirs = timm_model("vit_tiny_patch16_224", depth=1)
    optimizer = torch.optim.AdamW(theirs.parameters())
    theirs(pictures(32, 32)).sum().backward()
    optimizer.step()
    saver = CheckpointSaver(
        theirs,
        optimizer,
        argparse.Namespace(model="vit_tiny_patch16_224", lr=1e-3, mean=None, betas=[0.9, 0.99]),
        checkpoint_dir=str(tmp_path),
    )
    saver.save_checkpoint(3, 71.5)
    ours = vc.load(f"file:{tmp_path / 'last.pth.tar'}", "cpu")
    with torch.inference_mode():
        torch.testing.assert_close(ours(pictures(32, 32)), theirs(pictures(32, 32)), rtol=1e-4, atol=1e-4)


def test_pickles_that_are_read_at_once_are_all_read_and_leave_the_process_as_it_was(tmp_path):
    file, before = tmp_path / "a.pth", (set(torch.serialization.get_safe_globals()), list(warnings.filters))
    weights = {f"w{i}": torch.full((5,), float(i)) for i in range(100)}
    torch.save({"model": weights, "args": argparse.Namespace(lr=1e-3)}, file)
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(reader.read, [file] * 40))
    assert all(torch.equal(tensors["w7"], weights["w7"]) for tensors in found)
    assert (set(torch.serialization.get_safe_globals()), list(warnings.filters)) == before


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
    (tmp_path / "labels.json").write_text(json.dumps({"a": 1}))
    refused("labels-format", name)
    (tmp_path / "labels.txt").write_text("고양이\nb\nc\nd\ne\n", "utf-8")
    assert vc.load(name, "cpu").labels[0] == "고양이"
    (tmp_path / "a.labels.txt").write_text("one\ntwo\n")
    refused("labels-count", name, labels=2, classes=5)
    (tmp_path / "a.labels.txt").write_bytes(b"\xff\xfe\xff")
    refused("labels-format", name)


# --- what a file does not tell, and files that tell all -----------------------------------------------------------


def built(**options) -> torch.nn.Module:
    """A module of timm's class with sizes that no published ViT has."""
    from timm.models.vision_transformer import VisionTransformer as Theirs

    return randomise(
        Theirs(
            **{
                "img_size": 32,
                "patch_size": 8,
                "embed_dim": 192,
                "depth": 2,
                "num_heads": 3,
                "num_classes": 5,
                **options,
            }
        )
    )


#: Modules of which a bare file tells too little, or whose weights share memory in ours.
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
def test_a_saved_model_is_read_back_as_it_was(kind, tmp_path):
    theirs, path = KINDS_TO_SAVE[kind](), tmp_path / "my.safetensors"
    model, classes = vc.from_timm(theirs), theirs.num_classes
    if kind == "ImageNet":
        assert "tench" in model.labels[0]
    elif classes:
        model.labels = [f"이름 {i}" for i in range(classes)]  # a list, and no more
    vc.save(model, path)
    again = vc.load(f"file:{path}", "cpu")
    assert (again.config, again.labels, again.transform) == (model.config, model.labels, model.transform)
    cfg, channels = getattr(theirs, "pretrained_cfg", {}), model.config.channels
    assert again.transform.size == again.config.image_size
    assert sum(again.transform.mean) / channels == pytest.approx(sum(cfg.get("mean", HALF)) / 3)
    assert again.transform.crop_pct == cfg.get("crop_pct", 0.9)
    assert model.assumed == (() if cfg else ("preprocess",))
    assert again.assumed == ()
    images = pictures(*again.config.image_size)[:, :channels]
    with torch.inference_mode():
        if classes:
            torch.testing.assert_close(again(images), theirs(images), rtol=1e-4, atol=1e-4)
            assert torch.equal(again(images), model(images))
        else:
            assert again(images) is None


def test_what_is_loaded_from_a_file_with_shared_weights_can_be_saved(tmp_path):
    path = tmp_path / "a.safetensors"
    save_file(timm_model("vit_pwee_patch16_reg1_gap_256", depth=2).state_dict(), path)
    model = vc.load(f"file:{path}", "cpu")
    assert model.blocks[0].ls1.gamma.data_ptr() == model.blocks[0].ls2.gamma.data_ptr()
    vc.save(model, str(path))  # over what it came from
    again = vc.load(f"file:{path}", "cpu")
    assert torch.equal(again(pictures(32, 32)), model(pictures(32, 32)))
    assert again.assumed == ()  # who saves it stands for what it was taken for


def test_what_could_not_be_read_back_is_not_written(tmp_path, no_room):
    model, path = vc.from_timm(built()), tmp_path / "my.safetensors"

    def not_saved(code: str, to: Path = path) -> str:
        with pytest.raises(InputError) as caught:
            vc.save(model, to)
        assert caught.value.code == code
        assert not list(tmp_path.iterdir())
        return str(caught.value)

    assert "No such file" in not_saved("evaluate-disk", tmp_path / "none" / "my.safetensors")
    assert str(path) in not_saved("evaluate-disk")  # the disk is full
    for name in ("my.pth", "my", ".safetensors"):  # of another name, it would be read as bare weights
        assert ".safetensors" in not_saved("checkpoint-format", tmp_path / name)
    config = model.config
    for odd, named in (
        ({"norm_eps": 1}, "norm_eps"),
        ({"class_token": 1}, "class_token"),
        ({"heads": np.int64(3)}, "int64"),
    ):  # they run as well as what they stand for
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
        ({"global_pool": "max"}, AVERAGED),  # a norm of what was pooled
        ({"global_pool": "avgmax", "class_token": False}, AVERAGED),
        ({"global_pool": "map", "class_token": False}, ("heads", "grid", "layers", "preprocess")),
        ({"global_pool": "avg", "class_token": False}, AVERAGED),
        ({"num_classes": 0}, ("heads", "grid", "layers", "preprocess")),  # nothing is pooled
    ],
    ids=str,
)
def test_what_a_bare_file_does_not_tell_is_named(options, assumed, tmp_path):
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


def test_what_names_tell_is_not_assumed(tmp_path):
    save_file(timm_model("deit_tiny_distilled_patch16_224", depth=1).state_dict(), tmp_path / "a.safetensors")
    assert vc.load(f"file:{tmp_path / 'a.safetensors'}", "cpu").assumed == ("heads", "grid", "layers", "preprocess")
    theirs = transformers.ViTForImageClassification(
        transformers.ViTConfig(**{**VIT, "hidden_size": 128, "num_attention_heads": 2})
    )
    torch.save(theirs.state_dict(), tmp_path / "b.pth")
    assert vc.load(f"file:{tmp_path / 'b.pth'}", "cpu").assumed == ("heads", "grid", "layers", "preprocess")


def test_what_changes_the_logits_and_no_tensor_is_named_or_refused(tmp_path):
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


def test_other_sources_assume_nothing_but_colours_that_nobody_states(tmp_path):
    assert vc.load("embedded:photo", "cpu").assumed == ()
    transformers_model("ViTForImageClassification").save_pretrained(tmp_path)
    for stated in (False, True):
        if stated:
            (tmp_path / "preprocessor_config.json").write_text('{"image_processor_type": "ViTImageProcessor"}')
        for name in (f"hf:{tmp_path}", f"file:{tmp_path / 'model.safetensors'}"):  # config.json lies beside it
            assert vc.load(name, "cpu").assumed == (() if stated else ("preprocess",))
    module = timm_model("vit_tiny_patch16_224", depth=1)
    assert vc.from_timm(module).assumed == ()
    save_file(module.state_dict(), tmp_path / "model.safetensors")
    for cfg in (module.pretrained_cfg, {"architecture": "vit_tiny_patch16_224", "mean": [0.5] * 3}):
        module.pretrained_cfg = cfg
        told = () if "std" in cfg else ("preprocess",)
        assert vc.from_timm(module).assumed == told
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
        assert vc.load(f"hf:{tmp_path}", "cpu").assumed == told


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (
            {},
            "heads, pooling, grid, layers and preprocessing: taken as usual (heads 64 wide, class token, square, "
            "norms first, gelu, mean 0.5)",
        ),
        (
            {"qk_norm": True, "class_token": False, "global_pool": "avg"},
            "pooling, grid, layers and preprocessing: taken as usual (mean of the patches, square, norms first, gelu, "
            "mean 0.5)",
        ),
    ],
    ids=["much", "little"],
)
def test_the_command_line_says_what_was_assumed(options, said, tmp_path, capsys):
    save_file(built(**options).state_dict(), tmp_path / "my.safetensors")
    (tmp_path / "my.labels.txt").write_text("red\na\nb\nc\nd\n")
    name, picture = f"file:{tmp_path / 'my.safetensors'}", tmp_path / "pictures" / "red" / "a.png"
    picture.parent.mkdir(parents=True)
    Image.new("RGB", (32, 32), "red").save(picture)
    for command in (["explain", str(picture)], ["evaluate", str(tmp_path / "pictures"), "--workers", "0"]):
        assert main([*command, "--model", name, "--device", "cpu", "--out", str(tmp_path / f"out {command[0]}")]) == 0
        assert capsys.readouterr().err == f"{name} does not tell its {said}; vc.save writes a file that does.\n"
    vc.save(vc.load(name, "cpu"), tmp_path / "my.safetensors")
    assert main(["explain", str(picture), "--model", name, "--out", str(tmp_path / "out")]) == 0
    assert capsys.readouterr().err == ""


# --- bad files --------------------------------------------------------------------------------------------------


def saved(tmp_path: Path, suffix: str = ".safetensors", change=lambda state: None) -> str:
    state = {n: t.clone() for n, t in timm_model("vit_tiny_patch16_224", depth=2).state_dict().items()}
    change(state)
    path = tmp_path / f"a{suffix}"
    (save_file if suffix == ".safetensors" else torch.save)(state, path)
    return f"file:{path}"


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_weights_that_are_no_numbers(value, tmp_path):
    def change(state):
        state["blocks.1.mlp.fc2.weight"][3, 5] = value

    assert "blocks.1.mlp.fc2.weight" in refused("checkpoint-not-finite", saved(tmp_path, change=change))


def test_missing_extra_and_misshapen_tensors_are_told_at_once(tmp_path):
    def change(state):
        del state["blocks.0.attn.proj.bias"], state["norm.weight"]
        state["blocks.1.surprise"] = torch.ones(2)
        state["blocks.1.attn.qkv.weight"] = torch.ones(575, 192)

    sentence = refused(
        "checkpoint-keys",
        saved(tmp_path, change=change),
        missing=["blocks.0.attn.proj.bias", "norm.weight"],
        extra=["blocks.1.surprise"],
    )
    assert "(576, 192)" in sentence
    assert "(575, 192)" in sentence


@pytest.mark.parametrize(
    "key",
    [
        "cls_token",
        "pos_embed",
        "patch_embed.proj.bias",
        "blocks.0.norm1.bias",
        "head.bias",
        "blocks.1.attn.qkv.bias",
        "norm.bias",
        "blocks.0.mlp.fc1.weight",
    ],
)
def test_no_tensor_can_be_left_out(key, tmp_path):
    def change(state):
        del state[key]

    assert key in refused("checkpoint-keys", saved(tmp_path, change=change))


@pytest.mark.parametrize(
    "key",
    [
        "cls_token",
        "pos_embed",
        "patch_embed.proj.bias",
        "blocks.0.norm1.bias",
        "head.bias",
        "blocks.1.attn.qkv.bias",
        "norm.bias",
        "blocks.0.mlp.fc1.weight",
    ],
)
def test_no_tensor_can_have_another_shape(key, tmp_path):
    def change(state):
        state[key] = torch.ones(*state[key].shape[:-1], state[key].shape[-1] + 1)

    with pytest.raises(InputError) as caught:
        vc.load(saved(tmp_path, change=change), "cpu")
    assert caught.value.code in ("checkpoint-shapes", "checkpoint-architecture")


def test_a_missing_layer_and_a_part_of_a_join(tmp_path):
    def no_layer(state):
        for name in [n for n in state if n.startswith("blocks.0.")]:
            del state[name]

    assert "layers 0" in refused("checkpoint-keys", saved(tmp_path, change=no_layer))
    theirs = transformers_model("ViTForImageClassification")
    theirs.save_pretrained(tmp_path / "hf")
    state = {n: t for n, t in theirs.state_dict().items() if not n.endswith("1.attention.k_proj.bias")}
    save_file(state, tmp_path / "hf" / "model.safetensors")
    refused("checkpoint-keys", f"hf:{tmp_path / 'hf'}", missing=["encoder.layer.1.attention.k_proj.bias"], extra=[])


class Bomb:
    def __init__(self, command: str):
        self.command = command

    def __reduce__(self):
        import os

        return os.system, (self.command,)


def test_a_pickle_that_runs_code_does_not(tmp_path):
    mark = tmp_path / "ran"
    for legacy in (False, True):
        torch.save(
            {"head.weight": torch.ones(2), "x": Bomb(f"touch {mark}")},
            tmp_path / "a.pth",
            _use_new_zipfile_serialization=not legacy,
        )
        assert "run" in refused("checkpoint-pickle", f"file:{tmp_path / 'a.pth'}")
    (tmp_path / "b.bin").write_bytes(pickle.dumps(Bomb(f"touch {mark}")))
    refused("checkpoint-pickle", f"file:{tmp_path / 'b.bin'}")
    assert not mark.exists()


@pytest.mark.parametrize("suffix", [".safetensors", ".pth"])
def test_empty_truncated_and_missing_files(suffix, tmp_path):
    name = saved(tmp_path, suffix)
    path = Path(name.removeprefix("file:"))
    whole = path.read_bytes()
    for cut in (1, len(whole) // 2, len(whole) - 100):
        path.write_bytes(whole[:cut])
        with pytest.raises(InputError) as caught:
            vc.load(name, "cpu")
        assert caught.value.code in ("checkpoint-truncated", "checkpoint-format", "checkpoint-header")
    assert caught.value.code == "checkpoint-truncated"
    path.write_bytes(b"")
    refused("checkpoint-empty", name)
    path.unlink()
    refused("checkpoint-not-found", name)
    refused("checkpoint-not-found", f"file:{tmp_path}")


@pytest.mark.parametrize(
    "content",
    [
        b"hello, I am a text file",
        b"\x89PNG\r\n\x1a\n",
        b"PK\x03\x04 and no more",
        b"\x80\x02.",
        b"\x80\x05garbage" * 9,
        struct.pack("<Q", 2**63) + b"{}",
        struct.pack("<Q", 9) + b"{not json",
        struct.pack("<Q", 2) + b"{}",
        struct.pack("<Q", 4) + b"[{}]",
        struct.pack("<Q", 24) + b'{"a":{"data_offsets":7}}',
    ],
)
@pytest.mark.parametrize("suffix", [".safetensors", ".pth"])
def test_what_is_no_checkpoint(content, suffix, tmp_path):
    path = tmp_path / f"a{suffix}"
    path.write_bytes(content)
    with pytest.raises(InputError) as caught:
        vc.load(f"file:{path}", "cpu")
    assert caught.value.code in ("checkpoint-format", "checkpoint-header", "checkpoint-truncated")


def test_other_contents_of_a_torch_file(tmp_path):
    path = tmp_path / "a.pth"
    for content in (
        torch.ones(3),
        [1, 2],
        {"a": 1},
        {},
        {"a": torch.ones(3)},
        {3: torch.ones(3)},
        {"head.weight": torch.ones(3, 3).to_sparse()},
        {"head.weight": torch.ones(3, dtype=torch.int8)},
    ):
        torch.save(content, path)
        with pytest.raises(InputError) as caught:
            vc.load(f"file:{path}", "cpu")
        assert caught.value.code in ("checkpoint-format", "checkpoint-architecture")
    np.savez(tmp_path / "b.npz", a=np.ones(3))
    refused("checkpoint-format", f"file:{tmp_path / 'b.npz'}")


def test_bombs_are_refused_by_their_table_of_contents(tmp_path, monkeypatch):
    path = tmp_path / "a.pth"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("archive/data/0", bytes(50_000_000))
    with monkeypatch.context() as patch:
        patch.setattr(torch, "load", lambda *a, **k: pytest.fail("it was opened"))
        refused("checkpoint-bomb", f"file:{path}", unpacked=50_000_000)
    torch.save({"head.weight": torch.ones(1).expand(10**10)}, path)
    refused("checkpoint-bomb", f"file:{path}")


def test_a_file_that_is_no_vit_says_what_it_holds(tmp_path):
    save_file({"conv1.weight": torch.ones(8, 3, 3, 3)}, tmp_path / "a.safetensors")
    assert "conv1.weight" in refused("checkpoint-architecture", f"file:{tmp_path / 'a.safetensors'}")


@pytest.mark.parametrize(
    ("name", "named"),
    [
        ("vit_dpwee_patch16_reg1_gap_256", "lambda_"),
        ("vit_dwee_patch16_reg1_gap_256", "lambda_"),
    ],
)
def test_weights_that_another_attention_needs_are_refused_not_dropped(name, named, tmp_path):
    save_file(timm_model(name, depth=1).state_dict(), tmp_path / "a.safetensors")
    assert named in refused("checkpoint-keys", f"file:{tmp_path / 'a.safetensors'}")


def test_positions_without_a_square_grid(tmp_path):
    name = saved(tmp_path, change=lambda s: s.update(pos_embed=torch.ones(1, 8, 192)))
    refused("checkpoint-architecture", name, positions=8)


# --- embedded, devices, timm's import ---------------------------------------------------------------------------


def test_embedded_models_are_those_with_a_config(tmp_path, monkeypatch):
    monkeypatch.setattr(embedded, "ASSETS", tmp_path)
    assert [a.source for a in vc.available()] == ["timm", "hf", "file"]
    config = ViTConfig(image_size=8, patch_size=4, classes=2, dim=6, depth=1, heads=2, head_dim=3, mlp_dim=5)
    model = randomise(VisionTransformer(config, ["a", "b"], Preprocess((8, 8))))
    embedded.save(model, tmp_path / "small.safetensors", {"title": "Small"})
    save_file({"a": torch.ones(1)}, tmp_path / "cnn.safetensors", {"vitrine": json.dumps({"card": {}, "labels": []})})
    save_file({"a": torch.ones(1)}, tmp_path / "other.safetensors")
    (tmp_path / "broken.safetensors").write_bytes(b"nothing")
    first, *others = vc.available()
    assert first == ("embedded:small", "embedded", "Small", "1 layers x 2 heads, 2 x 2 patches, 2 classes")
    assert [a.source for a in others] == ["timm", "hf", "file"]
    for name in ("embedded:small", f"file:{tmp_path / 'small.safetensors'}"):
        again = vc.load(name, "cpu")
        assert (again.config, again.labels, again.transform) == (model.config, model.labels, model.transform)
        assert torch.equal(again(pictures(8, 8)), model(pictures(8, 8)))
        assert not again.training
        assert not any(p.requires_grad for p in again.parameters())
    for config in ({"dim": 0}, {"wings": 2}, {**model.config.to_dict(), "depth": 10**9}):
        header = {"config": config, "labels": ["a", "b"], "preprocess": {}}
        save_file(model.state_dict(), tmp_path / "bad.safetensors", {"vitrine": json.dumps(header)})
        refused("checkpoint-config", f"file:{tmp_path / 'bad.safetensors'}")
        with pytest.raises(InputError):
            vc.load("embedded:bad", "cpu")
        assert vc.load("embedded:small", "cpu")
    refused("model-unknown", "embedded:cnn")
    refused("model-unknown", "embedded:../small")


def test_devices(tmp_path):
    name = saved(tmp_path)
    assert vc.load(name).head.weight.device.type == vc.best_device().type
    assert vc.load(name, torch.device("cpu")).head.weight.device.type == "cpu"
    with pytest.raises(InputError) as caught:
        vc.load(name, "no-such-device")
    assert caught.value.code == "device-unavailable"


def test_a_model_that_the_best_device_has_no_memory_for_stays_on_the_cpu_whole(tmp_path, monkeypatch):
    name, to, cpu, there, back = saved(tmp_path), torch.Tensor.to, torch.Tensor.cpu, [], []

    def full(tensor, device, *rest, **more):
        if str(device) != "cuda":
            return to(tensor, device, *rest, **more)
        if len(there) == 5:
            raise torch.OutOfMemoryError("no room")
        there.append(tensor.clone())
        return there[-1]

    real, best = vc.load(name, "cpu"), vc.load(name, "cpu")
    monkeypatch.setattr(torch.Tensor, "to", full)
    monkeypatch.setattr(torch.Tensor, "cpu", lambda tensor: back.append(tensor.data_ptr()) or cpu(tensor))
    monkeypatch.setattr("vit_core.checkpoints.best_device", lambda: torch.device("cuda"))
    assert vc.checkpoints.moved(best) is best
    assert len(there) == 5
    assert {tensor.data_ptr() for tensor in there} <= set(back)
    for key, value in real.state_dict().items():
        assert torch.equal(best.state_dict()[key], value), key
    assert vc.load(name).head.weight.device.type == "cpu"
    with pytest.raises(InputError) as caught:  # who names a device wants that one
        vc.load(name, "cuda")
    assert caught.value.code == "device-unavailable"
    assert "no room" in str(caught.value)


@pytest.fixture
def fresh_timm():
    timm_import.timm.cache_clear()
    yield
    timm_import.timm.cache_clear()


@pytest.mark.usefixtures("fresh_timm")
def test_timm_that_is_missing_or_broken_is_a_sentence(monkeypatch):
    def absent(name):
        raise ModuleNotFoundError("No module named 'timm'", name="timm")

    def broken(name):
        raise ImportError("cannot import name 'x'")

    for importer, code in ((absent, "timm-missing"), (broken, "timm-broken")):
        monkeypatch.setattr(timm_import.importlib, "import_module", importer)
        with pytest.raises(InputError) as caught:
            timm_import.timm()
        assert caught.value.code == code


@pytest.mark.usefixtures("fresh_timm")
def test_a_matched_torchvision_gets_no_shim(monkeypatch):
    monkeypatch.setattr(timm_import, "_define_missing_operators", lambda: pytest.fail("not needed"))
    assert timm_import.timm().__name__ == "timm"
