"""A model at another input size and on whole pictures, against timm and transformers."""

import numpy as np
import pytest
import torch
from PIL import Image

import vit_core as vc
from tests.checkpoints.support import timm_model, transformers_model
from vit_core.checkpoints import import_timm, split_input, with_input
from vit_core.errors import InputError
from vit_core.images import Preprocess, WholePicture, reframed
from vit_core.models.digest import cached_weights_digest, weights_digest

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def photograph(height: int, width: int) -> Image.Image:
    return Image.fromarray(np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8))


def refusal(model, **choice) -> InputError:
    with pytest.raises(InputError) as caught:
        vc.record(model, photograph(40, 60), **choice)
    return caught.value


def test_another_size_gives_timms_logits():
    theirs = timm_model()
    ours = vc.from_timm(theirs)
    ours.transform = Preprocess((32, 32), MEAN, STD, "bicubic", 0.9)
    assert ours.config.patch_size == (16, 16)
    transform = import_timm().data.create_transform(
        (3, 96, 96), interpolation="bicubic", mean=MEAN, std=STD, crop_pct=0.9
    )
    picture = photograph(150, 211)
    trace = vc.record(ours, picture, size=96)
    with torch.inference_mode():
        expected = theirs(transform(picture)[None])[0]
    assert trace.grid == (6, 6)
    torch.testing.assert_close(trace.logits, expected, rtol=1e-4, atol=1e-4)


def test_a_whole_picture_gives_transformers_logits(tmp_path):
    theirs = transformers_model("ViTForImageClassification")
    theirs.save_pretrained(tmp_path)
    ours = vc.load(f"hf:{tmp_path}", "cpu")  # patches of 8, 40 x 40
    picture = photograph(60, 160)
    trace = vc.record(ours, picture, framing="whole")
    assert trace.grid == (3, 8)  # 25 patches, three times as wide as high: 3.06 x 8.16
    assert trace.crop.box == (0, 0, 160, 60)
    method = Image.Resampling[ours.transform.interpolation.upper()]
    pixels = torch.from_numpy(np.array(picture.resize((64, 24), method))).permute(2, 0, 1)[None] / 255
    with torch.inference_mode():
        expected = theirs((pixels - 0.5) / 0.5, interpolate_pos_encoding=True).logits[0]
    torch.testing.assert_close(trace.logits, expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    ("picture", "size", "grid"),
    [
        ((90, 160), 224, (12, 21)),  # of 256: 12.0 x 21.3
        ((160, 90), 224, (21, 12)),
        ((100, 100), 518, (37, 37)),
        ((1, 3000), 224, (1, 256)),
        ((3000, 1), 224, (256, 1)),
        ((1, 1), 14, (1, 1)),
    ],
)
def test_the_grid_of_a_whole_picture(picture, size, grid):
    found = WholePicture((size, size), patch=(14, 14)).input_size(picture)
    assert found == (14 * grid[0], 14 * grid[1])


def test_the_grid_of_patches_that_are_not_square():
    # 16 x 8 patches of 2 x 4 pixels: a square picture gets twice as many rows as columns, 16 x 8
    assert WholePicture((32, 32), patch=(2, 4)).input_size((70, 70)) == (32, 32)


def test_the_native_size_is_the_model_itself(build):
    model = build(image_size=(15, 15))
    assert reframed(model) is model
    assert reframed(model, 15) is model
    picture = photograph(40, 60)
    assert vc.record(model, picture, size=15).logits.equal(vc.record(model, picture).logits)


def test_a_view_shares_the_weights(build):
    model = build(image_size=(15, 15))
    view = reframed(model, 21, "whole")
    assert view.shares_weights
    assert not model.shares_weights
    assert all(a is b for a, b in zip(model.parameters(), view.parameters(), strict=True))
    assert model.transform.size == (15, 15)
    assert cached_weights_digest(view) == cached_weights_digest(model)  # a model server runs either
    assert weights_digest(view) != weights_digest(model)  # an evaluation of one does not continue the other's


def test_lists_are_grouped_by_grid(build):
    model = build(image_size=(15, 15))
    pictures = [photograph(40, 60), photograph(60, 40), photograph(41, 60)]
    traces = vc.record(model, pictures, size=24, framing="whole")
    assert [trace.grid for trace in traces] == [(7, 10), (10, 7), (7, 10)]
    for picture, trace in zip(pictures, traces, strict=True):
        alone = vc.record(model, picture, size=24, framing="whole").logits
        torch.testing.assert_close(trace.logits, alone)
    first = [names[0][0] for names in vc.predict(model, pictures, size=24, framing="whole")]
    assert first == [vc.top_k(model, trace, 1)[0][0] for trace in traces]


def test_refused_sizes(build):
    model = build(image_size=(15, 15))
    error = refusal(model, size=20)
    assert (error.code, error.values["near"], error.values["step"]) == ("input-size", [18, 21], 3)
    assert "18 or 21" in str(error)
    assert refusal(model, size=2000).values["near"] == [1023]
    for size in (0, -3):
        assert refusal(model, size=size).values["near"] == [3, 6]
    error = refusal(model, framing="zoom")
    assert (error.code, error.values["allowed"]) == ("input-framing", ["crop", "whole"])


def test_rotary_positions_need_square_grids(build):
    model = build(image_size=(15, 15), position="rope", head_dim=8)
    assert vc.record(model, photograph(40, 60), size=21).grid == (7, 7)
    assert refusal(model, framing="whole").code == "input-whole"


def test_names_of_models(build, tmp_path):
    assert with_input("file:a.pth", 336) == "file:a.pth?input=336"
    assert with_input("file:a.pth?input=336", None, "whole") == "file:a.pth?input=whole"
    assert with_input("file:a.pth?input=whole") == "file:a.pth"
    for size, framing in ((None, "crop"), (21, "crop"), (None, "whole"), (21, "whole")):
        name = with_input("hf:a?problem_type=binary", size, framing)
        assert split_input(name) == ("hf:a?problem_type=binary", size, framing)
    for name in ("file:a?input=", "file:a?input=0", "file:a?input=12x", "file:a?input=whole-3"):
        assert split_input(name) == (name, None, "crop")
    vc.save(build(image_size=(15, 15)), tmp_path / "a.safetensors")
    model = vc.load(f"file:{tmp_path / 'a.safetensors'}?problem_type=multi_label?input=21-whole", "cpu")
    assert model.transform.input_size((60, 40)) == (27, 18)
    assert model.config.problem_type == "multi_label"


def test_a_saved_view_crops(build, tmp_path):
    view = reframed(build(image_size=(15, 15)), 21, "whole")
    vc.save(view, tmp_path / "a.safetensors")
    transform = vc.load(f"file:{tmp_path / 'a.safetensors'}", "cpu").transform
    assert type(transform) is Preprocess
    assert transform.size == (21, 21)
