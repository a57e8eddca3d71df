"""Pictures in, tensors out, and maps back onto the right pixels."""

import os
import tracemalloc

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms, ImageFile

from tests.hostile.pictures.make import cases, encode, picture, png_header
from vit_core.checkpoints.timm_import import timm
from vit_core.errors import InputError
from vit_core.images import read as images
from vit_core.images.read import Crop, Preprocess, grid_to_picture, patch_at, patch_box, read

MODES = ("center", "squash", "border")
CASES = cases()


def code(source, **options) -> str | None:
    """What reading says: None, or the error's code. Any other exception passes through."""
    try:
        image = read(source, **options)
    except InputError as error:
        sentence, said = str(error), error.code
    else:
        sentence, said = "All is well.", None
        assert image.mode == "RGB"
    assert sentence.endswith(".")
    assert " " in sentence
    return said


def pixels(image) -> np.ndarray:
    return np.asarray(image).astype(int)


# --- reading ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", CASES)
def test_hostile_files_work_or_say_why(name, tmp_path):
    file, data, expected = CASES[name]
    (tmp_path / file).write_bytes(data)
    assert code(data) == expected
    assert code(tmp_path / file) == expected
    assert code(str(tmp_path / file)) == expected


def test_a_missing_file_a_folder_and_impossible_names(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "nowhere.png", tmp_path, tmp_path / "pipe", "nul\0.png", "x" * 5000):
        assert code(path) == "image-missing"


def test_limits_are_parameters():
    data = encode(picture(30, 40), "PNG")
    assert code(data, max_pixels=1200, max_bytes=len(data)) is None
    assert code(data, max_pixels=1199) == "image-too-large"
    assert code(data, max_bytes=len(data) - 1) == "image-too-heavy"
    assert code(picture(30, 40), max_pixels=1199) == "image-too-large"


@pytest.mark.parametrize("side", [10_000, 12_000, 40_000])  # past our limit, past Pillow's warning, past its error
def test_size_is_refused_before_decoding(side, monkeypatch):
    monkeypatch.setattr(ImageFile.ImageFile, "load", lambda self: pytest.fail("decoded"))
    assert code(png_header(side, side)) == "image-too-large"


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=200), st.sampled_from([data[:20_000] for _, data, _ in CASES.values()]), st.data())
def test_nothing_but_input_error_escapes(noise, data, draw):
    at = draw.draw(st.integers(0, len(data)))
    keep = draw.draw(st.sampled_from([0, len(noise)]))  # overwrite, or insert
    code(noise)
    code(data[:at] + noise + data[at + len(noise) - keep :])
    code(data[:at])


@pytest.mark.parametrize("error", [MemoryError, SyntaxError, OverflowError, RecursionError])
def test_decoder_errors_are_converted(error, monkeypatch):
    def load(self):
        raise error("inside a decoder")

    monkeypatch.setattr(ImageFile.ImageFile, "load", load)
    assert code(encode(picture(8, 8), "PNG")) == ("image-too-large" if error is MemoryError else "image-truncated")


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("format", ["PNG", "JPEG", "WEBP"])
def test_exif_orientation(orientation, format):
    upright = picture(32, 48)
    back = {6: Image.Transpose.ROTATE_90, 8: Image.Transpose.ROTATE_270}  # the turns are not their own inverses
    exif = Image.Exif()
    exif[0x0112] = orientation
    turn = back.get(orientation, images.UPRIGHT.get(orientation))
    data = encode(upright if turn is None else upright.transpose(turn), format, exif=exif, quality=100)
    seen = read(data)
    assert seen.size == (48, 32)
    assert abs(pixels(seen) - pixels(upright)).max() <= (0 if format == "PNG" else 24)
    assert read(seen).size == seen.size  # reading what was read does not turn it again
    assert pixels(read(seen)).tolist() == pixels(seen).tolist()


def test_exif_that_cannot_be_read_is_passed_over():
    whole = b"MM\0*\0\0\0\x08\0\1\x01\x12\0\3\0\0\0\1\0\6\0\0\0\0\0\0"
    stored = picture(8, 12)
    assert read(encode(stored, "PNG", exif=whole)).size == (8, 12)
    for exif in [whole[:end] for end in range(20)] + [b"XX" + whole[2:], whole.replace(b"\0\3\0", b"\0\2\0")]:
        assert read(encode(stored, "JPEG", exif=b"Exif\0\0" + exif)).size == (12, 8)
        stored.info["exif"] = exif
        assert read(stored).size == (12, 8)


def test_exif_orientation_by_hand():
    dot = Image.new("L", (3, 2))
    dot.putpixel((0, 0), 255)  # stored top left
    exif = Image.Exif()
    # CIPA DC-008: what the stored first row and first column are in the upright picture
    places = {1: (0, 0), 2: (2, 0), 3: (2, 1), 4: (0, 1), 5: (0, 0), 6: (1, 0), 7: (1, 2), 8: (0, 2)}
    for exif[0x0112], place in places.items():
        assert read(encode(dot, "PNG", exif=exif)).getpixel(place) == (255, 255, 255)


def test_transparency_is_laid_over_white():
    half = Image.new("RGBA", (2, 1), (255, 0, 0, 0))
    half.putpixel((1, 0), (255, 0, 0, 255))
    indexed = Image.new("P", (2, 1))
    indexed.putpalette([255, 0, 0, 255, 0, 0])
    indexed.putpixel((1, 0), 1)
    for data in (
        encode(half, "PNG"),
        encode(half, "WEBP", lossless=True),
        encode(indexed, "PNG", transparency=bytes([0, 255])),
        encode(indexed, "PNG", transparency=0),
        encode(indexed, "GIF", transparency=0),
    ):
        assert [read(data).getpixel((x, 0)) for x in (0, 1)] == [(255, 255, 255), (255, 0, 0)]


def test_16_bits_are_scaled_not_clipped():
    ramp = np.array([[0, 255, 256, 32768, 65535]], np.uint16)
    for image in (Image.fromarray(ramp), Image.fromarray(ramp.astype(np.int32))):
        assert pixels(read(image))[0, :, 0].tolist() == [0, 0, 1, 128, 255]
    assert pixels(read(encode(Image.fromarray(ramp), "PNG")))[0, :, 1].tolist() == [0, 0, 1, 128, 255]


def test_cmyk_keeps_its_colours():
    red = Image.new("CMYK", (16, 16), (0, 255, 255, 0))
    r, g, b = read(encode(red, "JPEG", quality=95)).getpixel((8, 8))
    assert r > 240
    assert max(g, b) < 15


def test_animations_give_their_first_frame():
    for name in ("animated gif", "animated webp", "animated png", "two pictures in one jpeg"):
        seen = read(CASES[name][1])
        assert abs(pixels(seen) - pixels(picture(48, 64))).mean() < 6, name
        assert seen.info == ({} if name.endswith("jpeg") else {"frames": 2}), name  # said, as it cannot be seen
    for name in ("palette", "webp", "bmp", "png called jpg"):
        assert read(CASES[name][1]).info == {}, name


def test_profiles(monkeypatch):
    image = picture(16, 16)
    srgb, other = (ImageCms.ImageCmsProfile(ImageCms.createProfile(s)).tobytes() for s in ("sRGB", "LAB"))
    plain = pixels(read(encode(image, "PNG")))
    assert (pixels(read(encode(image, "PNG", icc_profile=srgb))) == plain).all()  # not a bit is touched
    assert (pixels(read(encode(image, "PNG", icc_profile=other))) == plain).all()  # of another space: passed over
    with monkeypatch.context() as patch:  # a conversion from sRGB to sRGB may still round
        patch.setattr(ImageCms, "profileToProfile", lambda *_, **__: pytest.fail("converted"))
        read(encode(image, "PNG", icc_profile=srgb))
    swapped = bytearray(srgb)  # a profile whose red and blue primaries are exchanged, by another name
    at = [swapped.index(tag, 128) for tag in (b"rXYZ", b"bXYZ")]
    swapped[at[0] : at[0] + 4], swapped[at[1] : at[1] + 4] = b"bXYZ", b"rXYZ"
    swapped = bytes(swapped).replace("sRGB".encode("utf-16-be"), "odd!".encode("utf-16-be"))
    turned = pixels(read(encode(image, "PNG", icc_profile=swapped)))
    assert abs(turned - plain[:, :, ::-1]).max() <= 3


# --- the model's input -------------------------------------------------------------------------------------

SIZES = [(97, 97), (120, 200), (200, 121), (1, 1), (7, 3), (31, 257), (224, 224), (401, 300)]  # height, width


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("size", [(64, 64), (97, 61), (60, 96)])
@pytest.mark.parametrize("crop_pct", [1.0, 0.9, 0.875, 1.1])
def test_equal_to_timm(mode, size, crop_pct):
    rng = np.random.default_rng(0)
    mean, std = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
    for height, width in SIZES:
        image = Image.fromarray(rng.integers(0, 256, (height, width, 3), np.uint8))
        for interpolation in ("bicubic", "bilinear"):
            ours = Preprocess(size, mean, std, interpolation, crop_pct, mode)
            theirs = timm().data.create_transform(
                (3, *size), interpolation=interpolation, mean=mean, std=std, crop_pct=crop_pct, crop_mode=mode
            )
            tensor, _ = ours(image)
            assert tensor.dtype == torch.float32
            torch.testing.assert_close(tensor[0], theirs(image), rtol=0, atol=1e-6)


def test_equal_to_timm_in_grey():
    ours = Preprocess((28, 28), (0.3,), (0.4,), "bilinear", 0.9, "border")
    theirs = timm().data.create_transform(
        (1, 28, 28), interpolation="bilinear", mean=(0.3,), std=(0.4,), crop_pct=0.9, crop_mode="border"
    )
    image = picture(40, 70)
    tensor, _ = ours(image)
    assert tensor.shape == (1, 1, 28, 28)
    torch.testing.assert_close(tensor[0], theirs(image.convert("L")), rtol=0, atol=1e-6)


@pytest.mark.parametrize("mode", MODES)
def test_the_path_for_long_strips_gives_the_same(mode, monkeypatch):
    image = Image.fromarray(np.random.default_rng(0).integers(0, 256, (43, 211, 3), np.uint8))
    preprocess = Preprocess((64, 48), crop_pct=0.8, crop_mode=mode)
    whole = pixels(preprocess.seen(image))
    monkeypatch.setattr(images, "MAX_RESIZED", 0)
    assert abs(pixels(preprocess.seen(image)) - whole).max() <= 1


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("size", [(1, 10_000), (10_000, 1)])
def test_a_strip_needs_little_memory(mode, size, monkeypatch):
    resize = Image.Image.resize

    def bounded(self, to, *args, **kwargs):
        assert to[0] * to[1] <= images.MAX_RESIZED
        return resize(self, to, *args, **kwargs)

    monkeypatch.setattr(Image.Image, "resize", bounded)
    tensor, crop = Preprocess(crop_mode=mode)(Image.new("RGB", size, "white"))
    assert tensor.shape == (1, 3, 224, 224)
    assert tensor.max() == 1
    assert crop.picture == size[::-1]


def test_seen_is_the_tensor_before_normalisation():
    preprocess = Preprocess((32, 48), (0.1, 0.2, 0.3), (0.4, 0.5, 0.6), crop_mode="border")
    tensor, _ = preprocess(picture(60, 50))
    mean, std = (torch.tensor(v).view(3, 1, 1) for v in (preprocess.mean, preprocess.std))
    back = ((tensor[0] * std + mean) * 255).permute(1, 2, 0)
    assert preprocess.seen(picture(60, 50)).size == (48, 32)
    np.testing.assert_allclose(back, pixels(preprocess.seen(picture(60, 50))), atol=1e-3)


def test_unknown_settings_are_named():
    with pytest.raises(ValueError, match="crop_mode"):
        Preprocess(crop_mode="centre")(picture(8, 8))
    with pytest.raises(InputError, match="4 channels"):
        Preprocess(mean=(0.5,) * 4, std=(0.5,) * 4)(picture(8, 8))


# --- the way back --------------------------------------------------------------------------------------------


def test_crop_by_hand():
    # 50 x 100 to 40 x 80, then the middle 32 of each
    assert Preprocess((32, 32), crop_pct=0.8).crop((50, 100)) == Crop((50, 100), (30, 5, 70, 45), (32, 32))
    assert Preprocess((32, 32), crop_pct=0.8, crop_mode="squash").crop((50, 100)).box == (10, 5, 90, 45)
    # 50 x 100 to 20 x 40, then 32 wide of it, with 6 rows of padding above and below
    assert Preprocess((32, 32), crop_pct=0.8, crop_mode="border").crop((50, 100)).box == (10, -15, 90, 65)


def test_patches_by_hand():
    crop = Crop((50, 100), (30, 5, 70, 45), (32, 20))  # 1.25 down, 2 across for each input pixel
    assert patch_box((0, 0), crop, (8, 7)) == (30, 5, 44, 15)
    assert patch_box((3, 1), crop, (8, 7)) == (44, 35, 58, 45)  # two columns; six pixels are left over
    assert patch_at(44, 35, crop, (8, 7)) == (3, 1)
    assert patch_at(43.9, 34.9, crop, (8, 7)) == (2, 0)
    assert patch_at(29.9, 10, crop, (8, 7)) is None
    assert patch_at(58.1, 10, crop, (8, 7)) is None
    for index in ((4, 0), (0, 2), (-1, 0)):
        with pytest.raises(IndexError, match="4 x 2"):
            patch_box(index, crop, (8, 7))


def test_map_by_hand():
    crop = Crop((4, 7), (1, -2, 6, 4), (6, 5))  # one picture pixel for each input pixel, two rows of padding
    grid = np.array([[1, 2], [3, 4], [5, 6]])
    nan = np.nan
    np.testing.assert_array_equal(
        grid_to_picture(grid, crop, 2), [[nan, 3, 3, 4, 4, nan, nan]] * 2 + [[nan, 5, 5, 6, 6, nan, nan]] * 2
    )
    smooth = [3, 3.25, 3.75, 4]  # a quarter of the way from one centre to the next, then three quarters
    out = grid_to_picture(grid, crop, 2, smooth=True)
    assert out.dtype == np.float32
    expected = [[nan, *(v + d for v in smooth), nan, nan] for d in (-0.5, 0.5, 1.5, 2)]
    np.testing.assert_allclose(out, expected, atol=1e-5)
    with pytest.raises(ValueError, match="3 x 2"):
        grid_to_picture(grid.T, crop, 2)


@pytest.mark.parametrize("smooth", [False, True])
@pytest.mark.parametrize("mode", MODES)
def test_map_agrees_with_patch_at(mode, smooth):
    crop = Preprocess((37, 53), crop_pct=0.9, crop_mode=mode).crop((61, 47))
    grid = np.arange(5 * 7, dtype=np.float32).reshape(5, 7)
    out = grid_to_picture(grid, crop, 7, smooth=smooth)
    assert out.shape == (61, 47)
    for y in range(61):
        for x in range(47):
            index = patch_at(x + 0.5, y + 0.5, crop, 7)
            assert (index is None) == np.isnan(out[y, x])
            if index is not None:
                assert abs(out[y, x] - grid[index]) <= (4 if smooth else 0)  # half a step each way: 0.5 and 3.5
                left, top, right, bottom = patch_box(index, crop, 7)
                assert left <= x + 0.5 < right
                assert top <= y + 0.5 < bottom


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("size", [(64, 64), (48, 70)])
def test_a_bright_spot_comes_back_to_its_place(mode, orientation, size):
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored = Image.new("RGB", (120, 150))
    stored.paste("white", (58, 36, 94, 72))
    upright = read(encode(stored, "PNG", exif=exif))
    tensor, crop = Preprocess(size, crop_pct=0.9, crop_mode=mode)(upright)
    assert crop.picture == ((150, 120) if orientation < 5 else (120, 150))

    grey, (rows, cols) = tensor[0].mean(0), (size[0] // 4, size[1] // 4)
    grid = grey[: rows * 4, : cols * 4].reshape(rows, 4, cols, 4).mean((1, 3)).numpy()
    back = grid_to_picture(grid, crop, 4) > 0
    spot = pixels(upright)[:, :, 0] > 0
    if mode == "border":  # the padding is grey; only the black and white of the picture count
        back &= grid_to_picture(grid, crop, 4) > 0.2
    for axis in (0, 1):  # the same rows and columns, to within a patch
        there, here = (np.flatnonzero(m.any(axis)) for m in (spot, back))
        patch = 4 * crop.scale[1 - axis]
        assert abs(there.min() - here.min()) <= patch / 2 + 1
        assert abs(there.max() - here.max()) <= patch / 2 + 1
    y, x = np.argwhere(spot).mean(0) + 0.5
    assert grid[patch_at(x, y, crop, 4)] == pytest.approx(1, abs=0.01)


def test_a_large_map_is_one_array():
    crop = Preprocess().crop((3000, 4000))
    tracemalloc.start()
    grid_to_picture(np.ones((14, 14), np.float32), crop, 16)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2 * 3000 * 4000 * 4
