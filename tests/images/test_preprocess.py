"""The model input, against timm's transform."""

import numpy as np
import pytest
import torch
from PIL import Image

from tests.hostile.pictures.make import picture
from vit_core.checkpoints import import_timm
from vit_core.errors import InputError
from vit_core.images import CROP_MODES, CROP_ROUNDINGS, Crop, Preprocess, preprocess

SIZES = [(97, 97), (120, 200), (200, 121), (1, 1), (7, 3), (31, 257), (224, 224), (401, 300)]  # height, width


@pytest.mark.parametrize("mode", CROP_MODES)
@pytest.mark.parametrize("size", [(64, 64), (97, 61), (60, 96)])
@pytest.mark.parametrize("crop_pct", [1.0, 0.9, 0.875, 1.1])
def test_equal_to_timm(mode, size, crop_pct):
    rng = np.random.default_rng(0)
    mean, std = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
    for height, width in SIZES:
        image = Image.fromarray(rng.integers(0, 256, (height, width, 3), np.uint8))
        for interpolation in ("bicubic", "bilinear"):
            ours = Preprocess(size, mean, std, interpolation, crop_pct, mode)
            theirs = import_timm().data.create_transform(
                (3, *size), interpolation=interpolation, mean=mean, std=std, crop_pct=crop_pct, crop_mode=mode
            )
            tensor, _ = ours(image)
            assert tensor.dtype == torch.float32
            torch.testing.assert_close(tensor[0], theirs(image), rtol=0, atol=1e-6)


def test_equal_to_timm_in_grey():
    ours = Preprocess((28, 28), (0.3,), (0.4,), "bilinear", 0.9, "border")
    theirs = import_timm().data.create_transform(
        (1, 28, 28), interpolation="bilinear", mean=(0.3,), std=(0.4,), crop_pct=0.9, crop_mode="border"
    )
    image = picture(40, 70)
    tensor, _ = ours(image)
    assert tensor.shape == (1, 1, 28, 28)
    torch.testing.assert_close(tensor[0], theirs(image.convert("L")), rtol=0, atol=1e-6)


@pytest.mark.parametrize("mode", CROP_MODES)
def test_the_path_for_long_strips_gives_the_same(mode, monkeypatch):
    image = Image.fromarray(np.random.default_rng(0).integers(0, 256, (43, 211, 3), np.uint8))
    ours = Preprocess((64, 48), crop_pct=0.8, crop_mode=mode)
    whole = np.asarray(ours.input_image(image), int)
    monkeypatch.setattr(preprocess, "MAX_RESIZED_PIXELS", 0)
    assert abs(np.asarray(ours.input_image(image), int) - whole).max() <= 1


@pytest.mark.parametrize("mode", CROP_MODES)
@pytest.mark.parametrize("size", [(1, 10_000), (10_000, 1)])
def test_a_strip_needs_little_memory(mode, size, monkeypatch):
    resize = Image.Image.resize

    def bounded(self, to, *args, **kwargs):
        assert to[0] * to[1] <= preprocess.MAX_RESIZED_PIXELS
        return resize(self, to, *args, **kwargs)

    monkeypatch.setattr(Image.Image, "resize", bounded)
    tensor, crop = Preprocess(crop_mode=mode)(Image.new("RGB", size, "white"))
    assert tensor.shape == (1, 3, 224, 224)
    assert tensor.max() == 1
    assert crop.picture == size[::-1]


def test_input_image_is_the_tensor_before_normalisation():
    ours = Preprocess((32, 48), (0.1, 0.2, 0.3), (0.4, 0.5, 0.6), crop_mode="border")
    tensor, _ = ours(picture(60, 50))
    mean, std = (torch.tensor(v).view(3, 1, 1) for v in (ours.mean, ours.std))
    back = ((tensor[0] * std + mean) * 255).permute(1, 2, 0)
    assert ours.input_image(picture(60, 50)).size == (48, 32)
    np.testing.assert_allclose(back, np.asarray(ours.input_image(picture(60, 50))), atol=1e-3)


def test_unknown_settings_are_named():
    with pytest.raises(ValueError, match="crop_mode"):
        Preprocess(crop_mode="centre")(picture(8, 8))
    with pytest.raises(ValueError, match="crop_rounding"):
        Preprocess(crop_rounding="up")(picture(8, 8))
    with pytest.raises(InputError, match="4 channels"):
        Preprocess(mean=(0.5,) * 4, std=(0.5,) * 4)(picture(8, 8))


def test_crop_by_hand():
    # 50 x 100 to 40 x 80, then the middle 32 of each
    assert Preprocess((32, 32), crop_pct=0.8).crop((50, 100)) == Crop((50, 100), (30, 5, 70, 45), (32, 32))
    assert Preprocess((32, 32), crop_pct=0.8, crop_mode="squash").crop((50, 100)).box == (10, 5, 90, 45)
    # 50 x 100 to 20 x 40, then 32 wide of it, with 6 rows of padding above and below
    assert Preprocess((32, 32), crop_pct=0.8, crop_mode="border").crop((50, 100)).box == (10, -15, 90, 65)


@pytest.mark.parametrize("crop_rounding", CROP_ROUNDINGS)
def test_an_odd_margin_by_hand(crop_rounding):
    """Of 7 pixels, the middle 4 begin after 1.5; of 9, after 2.5. timm rounds to the even number, transformers down."""
    picture = Image.fromarray(np.arange(63, dtype=np.uint8).reshape(7, 9))
    ours = Preprocess((4, 4), (0.5,), (0.5,), "nearest", 4 / 7, crop_rounding=crop_rounding)
    assert np.asarray(ours.input_image(picture))[0, 0] == 9 * (2 if crop_rounding == "round" else 1) + 2
    assert ours.crop((7, 9)).box == ((2, 2, 6, 6) if crop_rounding == "round" else (2, 1, 6, 5))
    assert ours.crop((7, 11)).box[0] == (4 if crop_rounding == "round" else 3)


def test_an_odd_padding_is_rounded_down():
    for crop_rounding in CROP_ROUNDINGS:
        ours = Preprocess((8, 8), crop_pct=8 / 5, crop_mode="squash", crop_rounding=crop_rounding)
        assert ours.crop((5, 5)).box == (-1, -1, 7, 7)


def test_facts_for_sentences():
    ours = Preprocess((224, 224), (0.485, 0.456, 0.406), (0.5, 0.5, 0.5), crop_pct=0.875)
    said = {"resized": "256 × 256", "size": "224 × 224", "mean": "(0.485, 0.456, 0.406)", "std": "0.5"}
    assert (ours.fit, ours.facts()) == ("center", said)
    modes = [Preprocess(crop_pct=pct, crop_mode=mode).fit for pct in (1.0, 0.9) for mode in CROP_MODES]
    assert modes == ["center", "exact", "border", "center", "squash", "border"]
