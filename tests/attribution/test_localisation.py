"""Where a map lies: small grids worked by hand, coverage against counted pixels, mosaics against their pictures."""

import numpy as np
import pytest
import torch
from PIL import Image

import vit_core as vc
from vit_core import attribution as at
from vit_core.images import Crop, reframed


def noise(height, width, seed=0):
    return Image.fromarray(np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8))


def test_coverage_by_hand():
    crop = Crop((8, 12), (0, 0, 12, 8), (8, 12))  # one picture pixel per input pixel
    down, across = torch.tensor([3 / 4, 2 / 4]), torch.tensor([1 / 2, 1, 1 / 4])
    torch.testing.assert_close(at.patch_coverage([(2, 1, 9, 6)], crop, 4), torch.outer(down, across).double())
    crop = Crop((50, 100), (30, 5, 70, 45), (32, 20))  # patches of 10 x 14 picture pixels, four rows and two columns
    found = at.patch_coverage([(37, 0, 99, 10)], crop, (8, 7))
    torch.testing.assert_close(found, torch.tensor([[1 / 4, 1 / 2], [0, 0], [0, 0], [0, 0]]).double())
    assert at.patch_coverage([(0, 0, 30, 50)], crop, (8, 7)).count_nonzero() == 0  # left of the crop
    assert at.patch_coverage([], crop, (8, 7)).tolist() == [[0, 0]] * 4


@pytest.mark.parametrize("count", [1, 2, 5])
def test_coverage_of_several_boxes_is_that_of_their_pixels(count):
    """The crop begins with three rows of padding, and boxes overlap, touch and leave the picture's crop."""
    random = np.random.default_rng(count)
    crop = Crop((40, 50), (4, -3, 46, 27), (10, 14))  # 3 picture pixels per input pixel; patches of 6 x 6
    for _ in range(20):
        boxes = [(*start, *(start + side)) for start, side in random.integers(1, 25, (count, 2, 2))]
        pixels = np.zeros((50, 60))  # from row -3 and column 4
        for left, top, right, bottom in boxes:
            pixels[top + 3 : bottom + 3, max(0, left - 4) : max(0, right - 4)] = 1
        wanted = pixels[:30, :42].reshape(5, 6, 7, 6).mean((1, 3))
        np.testing.assert_allclose(at.patch_coverage(boxes, crop, 2), wanted, atol=1e-12)


def test_patches_on_the_object_by_hand():
    coverage = torch.tensor([[0.0, 0.5, 0.49], [0.25, 1.0, 0.75]])
    assert at.on_object(coverage).tolist() == [[False, True, False], [False, True, True]]
    small = torch.tensor([[0.0, 0.05, 0.02], [0.0, 0.06, 0.03]])
    assert at.on_object(small).tolist() == [[False, True, False], [False, True, True]]
    assert not at.on_object(torch.zeros(2, 3)).any()


def test_the_pointing_game_by_hand():
    inside = torch.tensor([[False, True, False], [False, True, True]])
    assert at.pointing_game(torch.tensor([[0.1, 0.2, 0.3], [0.0, 0.1, 0.9]]), inside)
    assert not at.pointing_game(torch.tensor([[0.1, 0.2, 0.9], [0.0, 0.1, 0.3]]), inside)
    assert at.pointing_game(torch.tensor([[-3.0, -1.0, -2.0], [-4.0, -2.0, -2.0]]), inside)
    assert at.pointing_game(torch.tensor([[0.0, 0.7, 0.0], [0.0, 0.7, 0.0]]), inside)  # both of the highest
    assert not at.pointing_game(torch.tensor([[0.7, 0.7, 0.0], [0.0, 0.7, 0.0]]), inside)  # one of them lies outside
    assert not at.pointing_game(torch.ones(2, 3), inside)


def test_energy_by_hand():
    values = torch.tensor([[1.0, -5.0, 0.0], [2.0, 3.0, 4.0]])
    weights = torch.tensor([[0.0, 1.0, 1.0], [0.0, 0.5, 1.0]]).double()
    found = at.energy_in_box(values, weights)
    assert found.share == pytest.approx((0.5 * 3 + 4) / (1 + 2 + 3 + 4))
    assert found.uniform == pytest.approx(3.5 / 6)
    for uniform in (torch.ones(2, 3), torch.full((2, 3), 0.2)):
        assert at.energy_in_box(uniform, weights).share == pytest.approx(found.uniform)
    assert at.energy_in_box(-values.abs(), weights).share != at.energy_in_box(-values.abs(), weights).share  # NaN


def test_quadrants_by_hand():
    four = [at.quadrant_coverage(quadrant, (2, 4)) for quadrant in range(4)]
    assert [one.tolist() for one in four] == [
        [[1, 1, 0, 0], [0, 0, 0, 0]],
        [[0, 0, 1, 1], [0, 0, 0, 0]],
        [[0, 0, 0, 0], [1, 1, 0, 0]],
        [[0, 0, 0, 0], [0, 0, 1, 1]],
    ]
    values = torch.tensor([[1.0, 2.0, -9.0, 3.0], [0.0, 0.0, 4.0, 0.0]])
    shares = [at.energy_in_box(values, one) for one in four]
    assert [one.share for one in shares] == pytest.approx([0.3, 0.3, 0, 0.4])
    assert {one.uniform for one in shares} == {0.25}
    for grid, quadrant in [((3, 4), 0), ((4, 3), 0), ((4, 4), 4), ((4, 4), -1)]:
        with pytest.raises(ValueError, match=f"has no quadrant {quadrant}"):
            at.quadrant_coverage(quadrant, grid)


@pytest.mark.parametrize(("size", "quadrant"), [((12, 24), (6, 12)), ((15, 21), (6, 9))], ids=["even grid", "odd grid"])
def test_each_quadrant_of_a_mosaic_is_its_picture_at_half_the_size(build, size, quadrant):
    model, four = build(image_size=size), [noise(30 + 10 * i, 60 - 7 * i, i) for i in range(4)]
    found = at.mosaic(model, four)
    assert found.shape == (1, 3, 2 * quadrant[0], 2 * quadrant[1])
    half = build(image_size=quadrant).transform
    for i, (row, col) in enumerate([(0, 0), (0, 1), (1, 0), (1, 1)]):
        y, x = row * quadrant[0], col * quadrant[1]
        torch.testing.assert_close(found[..., y : y + quadrant[0], x : x + quadrant[1]], half(four[i])[0])
    assert at.attribute(model, found, 3).grid == (2 * quadrant[0] // 3, 2 * quadrant[1] // 3)


def test_a_mosaic_at_another_size_and_framing(build):
    model, four = build(image_size=(15, 15)), [noise(40, 70, i) for i in range(4)]
    assert at.mosaic(reframed(model, 24), four).shape == (1, 3, 24, 24)
    whole = at.mosaic(reframed(model, 24, "whole"), four)
    torch.testing.assert_close(whole, at.mosaic(reframed(model, 24), four))


def test_what_makes_no_mosaic(build):
    with pytest.raises(ValueError, match="four pictures, not 3"):
        at.mosaic(build(), [noise(9, 9)] * 3)
    for size in ((3, 21), (15, 3)):
        with pytest.raises(vc.InputError) as error:
            at.mosaic(build(image_size=size), [noise(9, 9)] * 4)
        assert error.value.code == "localisation-grid"
