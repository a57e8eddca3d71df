"""preprocessor_config.json of transformers becomes the same preprocessing."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
import torch
from PIL import Image

import vit_core as vc
from tests.checkpoints.support import HALF, refused, transformers_model
from vit_core.images import Preprocess


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({}, Preprocess((40, 40), HALF, HALF, "bilinear", 1.0, "squash")),
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
            ({"size": 40, "resample": name}, Preprocess((40, 40), HALF, HALF, "bicubic", 1.0, "squash"))
            for name in ("bicubic", "BICUBIC", "PIL.Image.BICUBIC")
        ),
        (
            {"size": 40, "image_mean": 0.5, "image_std": 0.5},
            Preprocess((40, 40), HALF, HALF, "bilinear", 1.0, "squash"),
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
        # defaults of transformers' classes
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
def test_settings_become_the_same_preprocessing(settings, expected, tmp_path):
    transformers_model("ViTModel").save_pretrained(tmp_path)
    if settings:
        (tmp_path / "preprocessor_config.json").write_text(json.dumps(settings))
    made = vc.load(f"hf:{tmp_path}", "cpu").transform
    assert replace(made, mean=HALF, std=HALF) == replace(expected, mean=HALF, std=HALF, crop_rounding="floor")
    assert (made.mean, made.std) == (pytest.approx(expected.mean), pytest.approx(expected.std))


def test_stated_preprocessing_by_hand(tmp_path):
    """Nearest-neighbour resize repeats two pixels; values are 255 * 0.01 = 2.55, less the mean, divided by std."""
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


def test_three_means_of_a_grey_checkpoint_are_averaged(tmp_path):
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
        ({"resample": "cubic"}, "resample = cubic"),
        ({"image_processor_type": "ThumbnailImageProcessor"}, "image_processor_type = ThumbnailImageProcessor without"),
        ({"image_processor_type": "ConvNextImageProcessor", "do_center_crop": True}, "do_center_crop = True"),
        (
            {"image_processor_type": "ConvNextImageProcessor", "size": {"shortest_edge": 32}, "crop_pct": 0},
            "preprocessor_config.json",
        ),
        ({"image_processor_type": "SiglipImageProcessor", "size": 40}, "size = 40"),  # the shortest edge, not cropped
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
def test_settings_that_cannot_be_applied_are_named(settings, named, tmp_path):
    transformers_model("ViTModel").save_pretrained(tmp_path)
    (tmp_path / "preprocessor_config.json").write_text(json.dumps(settings))
    assert named in refused("checkpoint-config", f"hf:{tmp_path}")
