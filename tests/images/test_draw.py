"""Maps as pictures."""

import io

import cv2
import numpy as np
import pytest
from PIL import Image

from vit_core.images import draw


def test_viridis_gets_lighter_all_the_way():
    colours = draw.VIRIDIS.astype(float) / 255
    linear = np.where(colours <= 0.04045, colours / 12.92, ((colours + 0.055) / 1.055) ** 2.4)
    luminance = linear @ [0.2126, 0.7152, 0.0722]
    assert colours.shape == (256, 3)
    assert (np.diff(luminance) > -1e-3).all()  # no step back, up to 8-bit rounding
    assert luminance[-1] > luminance[0] + 0.6


def test_colour_map_spans_its_range_and_greys_the_unknown():
    values = np.array([[1.0, 3.0], [2.0, np.nan]])
    out = draw.colour_map(values)
    assert out.shape == (2, 2, 3)
    np.testing.assert_array_equal(out[0, 0], draw.VIRIDIS[0])
    np.testing.assert_array_equal(out[0, 1], draw.VIRIDIS[255])
    np.testing.assert_array_equal(out[1, 0], draw.VIRIDIS[128])
    np.testing.assert_array_equal(out[1, 1], [128, 128, 128])
    np.testing.assert_array_equal(draw.colour_map(values, 1.0, 5.0)[0, 1], draw.VIRIDIS[128])


def test_a_constant_map_is_drawn():
    assert (draw.colour_map(np.ones((3, 5))) == draw.VIRIDIS[0]).all()


def test_overlay_leaves_the_picture_unchanged_where_the_map_is_nan():
    picture = Image.new("RGB", (4, 2), (200, 10, 10))
    values = np.full((2, 4), np.nan)
    values[:, 1:3] = [[0, 1], [0, 1]]
    out = np.asarray(draw.overlay(picture, values))
    assert (out[:, [0, 3]] == (200, 10, 10)).all()
    assert (out[:, 1] != (200, 10, 10)).any()
    assert out[0, 2].sum() > out[0, 1].sum()


def test_each_patch_of_an_overlay_has_one_colour():
    picture = Image.effect_noise((10, 8), 90).convert("RGB")
    values = np.array([[0.0, 1.0, np.nan], [0.5, 0.25, 1.0]])
    for opacity in (0.0, 0.3, 1.0):
        out = np.asarray(draw.overlay(picture, values, opacity)).astype(float)
        grey, colour = np.asarray(picture.convert("L"))[..., None], draw.colour_map(values).repeat(4, 0)
        wanted = (1 - opacity) * grey + opacity * colour.repeat([3, 4, 3], 1)  # by each pixel's centre
        wanted[:4, 7:] = np.asarray(picture)[:4, 7:]
        assert np.abs(out - wanted).max() <= 0.51


@pytest.mark.parametrize(
    ("size", "grid"),
    [
        ((640, 427), (14, 21)),
        ((200, 143), (37, 37)),
        ((140, 94), (16, 24)),
        ((31, 29), (61, 64)),
        ((7, 5), (5, 7)),
        ((640, 640), (27, 27)),
    ],
)
def test_a_patchs_colour_fills_exactly_its_pixels(size, grid):
    marks = np.random.default_rng(0).permutation(grid[0] * grid[1]).reshape(grid) % 250
    values = np.where(marks < 20, np.nan, marks / 255)
    own, known = [], []  # the patch that holds each pixel's centre; on a border it may be either
    for pixels, patches in zip(size[::-1], grid, strict=True):
        middle = (2 * np.arange(pixels) + 1) * patches
        own.append(middle // (2 * pixels))
        known.append(middle % (2 * pixels) > 0)
    wanted = draw.VIRIDIS[marks[np.ix_(*own)]]
    wanted[marks[np.ix_(*own)] < 20] = (9, 8, 7)
    out = np.asarray(draw.overlay(Image.new("RGB", size, (9, 8, 7)), values, 1.0, low=0, high=1))
    assert (out == wanted).all(-1)[np.ix_(*known)].all()
    assert np.concatenate(known).mean() > 0.8


def test_tiles_share_a_scale_and_are_arranged_in_rows():
    maps = np.stack([np.full((2, 3), v) for v in (0.0, 0.5, 1.0)])
    out = np.asarray(draw.tile(maps, cell=8, gap=2, columns=2))
    assert out.shape == (8 + 2 + 8, 12 + 2 + 12, 3)
    colours = draw.VIRIDIS
    np.testing.assert_array_equal(out[0, 0], colours[0])
    np.testing.assert_array_equal(out[0, 14], colours[128])
    np.testing.assert_array_equal(out[10, 0], colours[255])
    np.testing.assert_array_equal(out[10, 14], [255, 255, 255])


@pytest.mark.parametrize(("size", "small"), [((200, 100), (80, 40)), ((100, 7), (80, 6)), ((70, 65), (70, 65))])
def test_a_thumbnail_fits_its_side_and_never_enlarges(size, small):
    picture = Image.linear_gradient("L").resize(size).convert("RGB")
    with Image.open(io.BytesIO(draw.thumbnail(picture, 80)), formats=["WEBP"]) as found:
        assert found.size == small
        assert np.abs(np.asarray(found, int) - np.asarray(picture.resize(small), int)).mean() < 5
    assert picture.size == size


def test_a_thumbnail_under_64_pixels_is_lossless():
    picture = Image.effect_noise((28, 20), 90).convert("RGB")
    with Image.open(io.BytesIO(draw.thumbnail(picture, 80)), formats=["WEBP"]) as found:
        assert (np.asarray(found) == np.asarray(picture)).all()


def test_differences_are_darkest_at_zero_and_equally_light_at_both_ends():
    lightness = cv2.cvtColor(draw.DIVERGING[None], cv2.COLOR_RGB2Lab)[0, :, 0].astype(int)
    assert abs(lightness[0] - lightness[-1]) <= 3
    assert (np.diff(lightness[:128]) <= 1).all()
    assert (np.diff(lightness[128:]) >= -1).all()
    assert lightness[127] < 70
    assert draw.DIVERGING[0][2] > draw.DIVERGING[0][0]  # blue
    assert draw.DIVERGING[-1][0] > draw.DIVERGING[-1][2]  # orange


@pytest.mark.parametrize(
    ("high", "others", "end"),
    [
        ([0.3], [0.02] * 98 + [0.01], 0.02),  # one in a hundred is above the 99th percentile
        ([0.06], [0.02] * 99, 0.06),  # not more than three times as high
        ([0.061], [0.02] * 99, 0.02),
        ([0.3, 0.3], [0.02] * 98, 0.3),  # two of a hundred: the percentile is one of them
        ([0.3, 0.3], [0.02] * 100, 0.02),  # of 102, it has two above
        ([0.94], [0.06 / 99] * 99, 0.94),  # a map of one patch alone: the others are 6 %
        ([0.76], [0.24 / 99] * 99, 0.76),  # 24 %
        ([0.74], [0.26 / 99] * 99, 0.26 / 99),  # 26 %
        ([0.5], [0.125] * 4, 0.125),  # at least one may be above, however few there are
        ([1.0], [0.0] * 99, 1.0),
        ([], [0.01] * 100, 0.01),
        ([], [0.0] * 9, 0.0),
        ([0.7], [], 0.7),
    ],
)
def test_a_few_high_patches_do_not_set_the_end_of_the_scale(high, others, end):
    values = np.array([*others, *high])
    assert draw.scale_end(values) == pytest.approx(end)
    assert draw.scale_end(7 * values[::-1]) == pytest.approx(7 * end)


def test_as_many_more_patches_may_be_above_as_there_are_outlier_tokens():
    values = np.array([0.02] * 98 + [0.3, 0.2])
    assert draw.scale_end(values) == 0.3
    assert draw.scale_end(values, outliers=1) == 0.02
    assert draw.scale_end(values[:2], outliers=9) == 0.02


def test_a_clipped_scale_ends_at_numpys_percentile():
    values = np.random.default_rng(0).exponential(size=196)
    values[7] = 100
    assert draw.scale_end(values) == np.percentile(values, 99, method="lower")
