"""What similar patches share: hand-worked cases, and scipy's rank correlation."""

import numpy as np
import pytest
import torch
from scipy.stats import spearmanr

from vit_core.lecture.resemblance import (
    MAX_PATCHES,
    agreement,
    patch_centres,
    patch_colours,
    patch_cosines,
    rank_correlation,
)


def test_cosines_worked_by_hand():
    found = patch_cosines(torch.tensor([[3.0, 4.0], [4.0, 3.0], [-6.0, -8.0], [0.0, 0.0]]))
    expected = [[1, 0.96, -1, 0], [0.96, 1, -0.96, 0], [-1, -0.96, 1, 0], [0, 0, 0, 0]]
    torch.testing.assert_close(found, torch.tensor(expected), atol=1e-6, rtol=0)
    assert torch.equal(found.diagonal(), torch.tensor([1.0, 1, 1, 0]))


def test_some_rows_are_those_of_all():
    features = torch.randn(13, 5, generator=torch.Generator().manual_seed(0))
    at = torch.tensor([7, 2])
    torch.testing.assert_close(patch_cosines(features, at), patch_cosines(features)[at])
    assert patch_cosines(features, at)[0, 7] == 1


def test_a_patch_has_its_mean_colour():
    pixels = np.zeros((5, 7, 3), np.uint8)  # two rows and two columns of patches; one row and one column left over
    pixels[:2, 3:6] = (10, 20, 30)
    pixels[2:4, :3] = 255
    pixels[2, 3:6] = 100  # half of the last patch
    pixels[4], pixels[:, 6] = 77, 77
    assert patch_colours(pixels, (2, 3)).tolist() == [[0] * 3, [10, 20, 30], [255] * 3, [50] * 3]


def test_a_patch_lies_in_its_row_and_column():
    assert patch_centres((2, 3), 2.0).tolist() == [[0, 0], [0, 1], [0, 2], [2, 0], [2, 1], [2, 2]]


@pytest.mark.parametrize("levels", [3, 1000])
def test_the_rank_correlation_is_scipys(levels):
    draw = np.random.default_rng(levels)
    first = draw.integers(0, levels, 200).astype(float)  # with few levels, many are equal
    second = first + draw.normal(0, levels, 200).round()
    assert rank_correlation(first, second) == pytest.approx(spearmanr(first, second).statistic, abs=1e-12)


def test_equal_values_have_no_rank_correlation():
    assert rank_correlation(np.ones(4), np.arange(4.0)) is None
    assert rank_correlation(np.array([1.0]), np.array([2.0])) is None
    assert rank_correlation(np.array([]), np.array([])) is None


def test_features_in_the_order_of_the_values_agree_with_them():
    angles = torch.linspace(0, 1.2, 11) ** 2
    turned = torch.stack([angles.cos(), angles.sin()], dim=1)  # the cosine falls with the distance of the angles
    mixed = turned[torch.from_numpy(np.random.default_rng(0).permutation(11))]
    values = angles.numpy()[:, None]
    (agree, mix), equal = agreement(torch.stack([turned, mixed]), values, np.zeros((11, 3)))
    assert agree == pytest.approx(1, abs=1e-3)
    assert abs(mix) < 0.5
    assert equal == [None, None]
    assert agreement(turned[None, :1], values[:1]) == agreement(turned[None, :2], values[:2]) == [[None]]


def test_of_very_many_patches_a_sample_is_compared():
    angles = torch.linspace(0, 1.5, MAX_PATCHES + 90)
    layers = torch.stack([angles.cos(), angles.sin()], dim=1)[None]
    ((found,),) = agreement(layers, angles.numpy()[:, None])
    assert found == pytest.approx(1, abs=1e-3)
    assert agreement(layers, angles.numpy()[:, None]) == [[found]]
