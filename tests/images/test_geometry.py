"""Patches and maps in picture coordinates."""

import tracemalloc

import numpy as np
import pytest
from PIL import Image

from tests.hostile.pictures.make import encode
from vit_core.images import CROP_MODES, Crop, Preprocess, crop_to_patches, grid_to_picture, patch_box, read_image


def test_patches_by_hand():
    crop = Crop((50, 100), (30, 5, 70, 45), (32, 20))  # picture pixels per input pixel: 1.25 down, 2 across
    assert patch_box((0, 0), crop, (8, 7)) == (30, 5, 44, 15)
    assert patch_box((3, 1), crop, (8, 7)) == (44, 35, 58, 45)  # two columns; six pixels are left over
    for index in ((4, 0), (0, 2), (-1, 0)):
        with pytest.raises(IndexError, match="4 x 2"):
            patch_box(index, crop, (8, 7))


def test_map_by_hand():
    crop = Crop((4, 7), (1, -2, 6, 4), (6, 5))  # one picture pixel per input pixel, two rows of padding
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
@pytest.mark.parametrize("mode", CROP_MODES)
def test_each_pixel_of_a_map_has_the_value_of_the_patch_that_holds_its_centre(mode, smooth):
    crop = Preprocess((37, 53), crop_pct=0.9, crop_mode=mode).crop((61, 47))
    grid = np.arange(5 * 7, dtype=np.float32).reshape(5, 7)
    out = grid_to_picture(grid, crop, 7, smooth=smooth)
    y, x = np.arange(61) + 0.5, np.arange(47) + 0.5
    in_any = np.zeros((61, 47), bool)
    for index in np.ndindex(grid.shape):
        left, top, right, bottom = patch_box(index, crop, 7)
        inside = ((y >= top) & (y < bottom))[:, None] & ((x >= left) & (x < right))
        # smoothing reaches half a step each way: 0.5 along a row and 3.5 along a column
        assert (abs(out[inside] - grid[index]) <= (4 if smooth else 0)).all()
        assert not in_any[inside].any()
        in_any |= inside
    assert (np.isnan(out) == ~in_any).all()


@pytest.mark.parametrize("squashed", [False, True])
@pytest.mark.parametrize("size", [(240, 180), (30, 24), (200, 40)])
def test_the_crop_to_patches_is_what_the_grid_covers(size, squashed):
    y, x = np.mgrid[0 : size[1], 0 : size[0]]
    picture = Image.fromarray(np.stack([x, y, 0 * x], -1).astype(np.uint8))  # a pixel's colour is its position
    crop = Preprocess((23, 26), crop_pct=1.0, crop_mode="squash").crop((size[1], size[0]))
    width, height = size[0] * 24 / 26, size[1] * 20 / 23  # 4 x 6 patches of 5 x 4 pixels cover 20 x 24 of 23 x 26
    region = crop_to_patches(picture, crop, (5, 4), 300, squashed=squashed)
    assert max(region.size) == 300
    assert region.width / region.height == pytest.approx(24 / 20 if squashed else width / height, rel=0.01)
    for u, v in ((0.1, 0.2), (0.5, 0.5), (0.9, 0.8)):
        red, green, _ = region.getpixel((int(u * region.width), int(v * region.height)))
        assert red == pytest.approx(u * width - 0.5, abs=1.5)
        assert green == pytest.approx(v * height - 0.5, abs=1.5)
    columns = np.asarray(region)[..., 0].mean(0)  # on average right to a tenth of a pixel, away from the edges
    across = (np.arange(len(columns)) + 0.5) * width / len(columns) - 0.5
    inside = (across > 5) & (across < size[0] - 6)
    assert abs((columns - across)[inside].mean()) < 0.1


@pytest.mark.parametrize("size", [(24, 20), (1500, 1250)])
def test_the_crop_to_patches_is_black_outside_the_picture(size):
    width, height = size
    crop = Crop((height, width), (-width / 4, -height / 2, width * 1.25, height), (20, 24))
    region = np.asarray(crop_to_patches(Image.new("L", size, "white"), crop, (5, 4), 480))
    x, y = (np.arange(480) + 0.5) / 480 * 1.5, (np.arange(region.shape[0]) + 0.5) / region.shape[0] * 1.5
    inside = (x > 0.25) & (x < 1.25) & (y[:, None] > 0.5)
    assert (region == 255 * inside).all()
    beside = Crop((height, width), (width, 0, 2 * width, height), (20, 24))
    assert not np.asarray(crop_to_patches(Image.new("L", size, "white"), beside, (5, 4))).any()


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("mode", CROP_MODES)
@pytest.mark.parametrize("size", [(64, 64), (48, 70)])
def test_a_bright_spot_maps_back_to_its_place(mode, orientation, size):
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored = Image.new("RGB", (120, 150))
    stored.paste("white", (58, 36, 94, 72))
    upright = read_image(encode(stored, "PNG", exif=exif))
    tensor, crop = Preprocess(size, crop_pct=0.9, crop_mode=mode)(upright)
    assert crop.picture == ((150, 120) if orientation < 5 else (120, 150))

    grey, (rows, cols) = tensor[0].mean(0), (size[0] // 4, size[1] // 4)
    grid = grey[: rows * 4, : cols * 4].reshape(rows, 4, cols, 4).mean((1, 3)).numpy()
    # in border mode the padding is grey, that is 0
    back = grid_to_picture(grid, crop, 4) > (0.2 if mode == "border" else 0)
    spot = np.asarray(upright)[:, :, 0] > 0
    for axis in (0, 1):  # the same rows and columns, to within a patch
        there, here = (np.flatnonzero(m.any(axis)) for m in (spot, back))
        patch = 4 * crop.scale[1 - axis]
        assert abs(there.min() - here.min()) <= patch / 2 + 1
        assert abs(there.max() - here.max()) <= patch / 2 + 1
    y, x = np.argwhere(spot).mean(0)
    assert grid_to_picture(grid, crop, 4)[int(y + 0.5), int(x + 0.5)] == pytest.approx(1, abs=0.01)


def test_a_large_map_is_one_array():
    crop = Preprocess().crop((3000, 4000))
    tracemalloc.start()
    grid_to_picture(np.ones((14, 14), np.float32), crop, 16)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2 * 3000 * 4000 * 4
