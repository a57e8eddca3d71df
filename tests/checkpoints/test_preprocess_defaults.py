"""Where no file states the preprocessing, it is that of the family's published checkpoints, and is said as assumed."""

from __future__ import annotations

import json

import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

import vit_core as vc
from tests.checkpoints.support import SIZES, randomise, refused, timm_model, transformers, transformers_model
from vit_core.images import Preprocess

HALF = (0.5,) * 3, (0.5,) * 3
IMAGENET = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
CLIP = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)
STRETCHED = "bilinear", 1.0, "squash", "floor"
DINO = "bicubic", 0.875, "center", "floor"


def dinov3():
    sizes = {**SIZES, "hidden_size": 64, "num_attention_heads": 1, "image_size": 40, "intermediate_size": 56}
    return randomise(transformers.DINOv3ViTModel(transformers.DINOv3ViTConfig(**sizes)))


@pytest.mark.parametrize(
    ("kind", "size", "expected", "title"),
    [
        ("ViTModel", 40, (*HALF, *STRETCHED), "ViT"),
        ("IJepaModel", 40, (*HALF, *STRETCHED), "I-JEPA"),
        ("ViTMAEModel", 40, (*IMAGENET, *STRETCHED), "MAE"),
        ("ViTMSNModel", 40, (*IMAGENET, *STRETCHED), "MSN"),
        ("DeiTModel", 40, (*IMAGENET, "bicubic", 0.875, "squash", "floor"), "DeiT"),
        ("Dinov2Model", 40, (*IMAGENET, *DINO), "DINOv2"),
        ("Dinov2WithRegistersModel", 40, (*IMAGENET, *DINO), "DINOv2"),
        ("dinov3", 40, (*IMAGENET, "bilinear", 0.875, "center", "floor"), "DINOv3"),
        ("CLIPVisionModel", 40, (*CLIP, "bicubic", 1.0, "center", "floor"), "CLIP"),
        ("CLIPModel", 40, (*CLIP, "bicubic", 1.0, "center", "floor"), "CLIP"),
        ("SiglipVisionModel", 40, (*HALF, "bicubic", 1.0, "squash", "floor"), "SigLIP"),
    ],
)
def test_a_folder_without_a_processor_has_the_defaults_of_its_family(kind, size, expected, title, tmp_path):
    (dinov3() if kind == "dinov3" else transformers_model(kind)).save_pretrained(tmp_path)
    for name in (f"hf:{tmp_path}", f"file:{tmp_path / 'model.safetensors'}"):
        model = vc.load(name, "cpu")
        assert model.transform == Preprocess((size, size), *expected)
        assert model.assumed == ("preprocess",)
        assert model.report.origins["preprocessing"] == f"defaults of {title}"


@pytest.mark.parametrize(("stated", "made"), [(518, 224), (224, 224), (112, 112), (448, 448)])
def test_dinov2_crops_224_though_its_positions_are_of_518(stated, made, tmp_path):
    transformers_model("Dinov2Model", image_size=stated, patch_size=14).save_pretrained(tmp_path)
    assert vc.load(f"hf:{tmp_path}", "cpu").transform == Preprocess((made, made), *IMAGENET, *DINO)


def test_dinov2_as_its_published_processor_does(tmp_path):
    """facebook/dinov2-base has these settings."""
    published = transformers.BitImageProcessor(
        size={"shortest_edge": 256}, crop_size=224, resample=3, image_mean=IMAGENET[0], image_std=IMAGENET[1]
    )
    transformers_model("Dinov2Model", image_size=518, patch_size=14).save_pretrained(tmp_path)
    transform = vc.load(f"hf:{tmp_path}", "cpu").transform
    for size in ((640, 427), (333, 500), (1920, 1080)):
        picture = Image.linear_gradient("L").resize(size).convert("RGB")
        right = published(picture, return_tensors="pt")["pixel_values"]
        torch.testing.assert_close(transform(picture)[0], right, rtol=0, atol=0.04)  # two steps of 255


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("ViTModel", (*HALF, *STRETCHED)),
        ("ViTMAEForPreTraining", (*IMAGENET, *STRETCHED)),
        ("DeiTModel", (*IMAGENET, "bicubic", 0.875, "squash", "floor")),
        ("Dinov2Model", (*IMAGENET, *DINO)),
        ("dinov3", (*IMAGENET, "bilinear", 0.875, "center", "floor")),
        ("CLIPVisionModel", (*CLIP, "bicubic", 1.0, "center", "floor")),
        ("SiglipVisionModel", (*HALF, "bicubic", 1.0, "squash", "floor")),
        ("vit_tiny_patch16_224", HALF),
        ("deit_tiny_distilled_patch16_224", IMAGENET),
        ("deit3_small_patch16_224", IMAGENET),
        ("vit_small_patch14_reg4_dinov2", IMAGENET),
        ("vit_base_patch32_clip_224", CLIP),
        ("vit_mediumd_patch16_reg4_gap_256", HALF),  # of a later recipe, with layer scale and registers
    ],
)
def test_a_bare_file_has_the_defaults_that_its_names_suggest(kind, expected, tmp_path):
    if "_" in kind:
        theirs = timm_model(kind, depth=1, img_size=56)
        assert theirs.pretrained_cfg["mean"] == expected[0]
    else:
        wide = {"hidden_size": 64, "num_attention_heads": 1}
        theirs = dinov3() if kind == "dinov3" else transformers_model(kind, **wide)
    save_file(theirs.state_dict(), tmp_path / "a.safetensors")
    model = vc.load(f"file:{tmp_path / 'a.safetensors'}", "cpu")
    assert model.transform == Preprocess(model.config.image_size, *expected)
    assert "preprocess" in model.assumed


SAID = {"size": {"height": 24, "width": 24}, "resample": 0, "image_mean": [0.1] * 3, "image_std": [0.2] * 3}
OLDER = SAID | {"image_mean": [0.7] * 3}
MADE = Preprocess((24, 24), (0.1,) * 3, (0.2,) * 3, "nearest", 1.0, "squash", "floor")


@pytest.mark.parametrize(
    ("files", "origin"),
    [
        ({"processor_config.json": {"image_processor": SAID}}, "processor_config.json"),
        ({"preprocessor_config.json": SAID}, "preprocessor_config.json"),
        (
            {"processor_config.json": {"image_processor": SAID}, "preprocessor_config.json": OLDER},
            "processor_config.json",
        ),
        # before transformers 5, this file told of the text's part alone
        (
            {"processor_config.json": {"processor_class": "CLIPProcessor"}, "preprocessor_config.json": SAID},
            "preprocessor_config.json",
        ),
        (
            {"processor_config.json": {"image_processor": None}, "preprocessor_config.json": SAID},
            "preprocessor_config.json",
        ),
    ],
    ids=["new", "old", "both", "not nested", "null"],
)
@pytest.mark.parametrize("source", ["hf:{}", "file:{}/model.safetensors", "bare"])
def test_the_file_that_transformers_reads_first_is_read(source, files, origin, tmp_path):
    transformers_model("ViTModel", hidden_size=64, num_attention_heads=1).save_pretrained(tmp_path)
    if source == "bare":
        (tmp_path / "config.json").unlink()
        source = "file:{}/model.safetensors"
    for name, content in files.items():
        (tmp_path / name).write_text(json.dumps(content))
    model = vc.load(source.format(tmp_path), "cpu")
    assert model.transform == MADE
    assert model.report.origins["preprocessing"] == origin
    assert "preprocess" not in model.assumed


def test_the_file_that_cannot_be_applied_is_named(tmp_path):
    transformers_model("ViTModel").save_pretrained(tmp_path)
    (tmp_path / "preprocessor_config.json").write_text("{}")
    for content in ({"do_pad": True}, [1], "size"):
        (tmp_path / "processor_config.json").write_text(json.dumps({"image_processor": content}))
        if content == {"do_pad": True}:
            said = refused("checkpoint-config", f"hf:{tmp_path}")
            assert "processor_config.json cannot be applied (do_pad = True)" in said
        else:
            assert vc.load(f"hf:{tmp_path}", "cpu").assumed == ("preprocess",)


def test_a_processor_that_is_not_named_is_the_familys(tmp_path):
    """transformers then takes the class that belongs to the model, and its defaults."""
    transformers_model("Dinov2Model").save_pretrained(tmp_path)
    (tmp_path / "preprocessor_config.json").write_text(json.dumps({"crop_size": 200}))
    assert vc.load(f"hf:{tmp_path}", "cpu").transform == Preprocess(
        (200, 200), *CLIP, "bicubic", 200 / 224, "center", "floor"
    )


@pytest.mark.parametrize(("arch", "title"), [("vit_tiny_patch16_224", "DINO"), ("vit_small_patch14_dinov2", "DINOv2")])
def test_the_projection_head_of_dino_tells_its_family(arch, title, tmp_path):
    state = {
        f"backbone.{name}": tensor for name, tensor in timm_model(arch, num_classes=0, img_size=56).state_dict().items()
    }
    state |= {"head.mlp.0.weight": torch.ones(8, 192), "head.last_layer.weight_v": torch.ones(4, 8)}
    torch.save({"teacher": state, "student": state}, tmp_path / "a.pth")
    model = vc.load(f"file:{tmp_path / 'a.pth'}", "cpu")
    assert model.transform == Preprocess(model.config.image_size, *IMAGENET, *DINO)
    assert model.report.origins["preprocessing"] == f"defaults of {title}"
