"""Patches are flattened in the order of the kernels, and both ways of embedding give the same tokens."""

import pytest
import torch

from vit_core.lecture.patches import (
    embed_by_convolution,
    embed_by_matrix,
    flatten_patches,
    resize_kernels,
)


def test_a_picture_of_twelve_pixels_by_hand():
    image = torch.arange(24.0).view(1, 2, 3, 4)  # two channels of three rows and four columns
    patches = flatten_patches(image, (1, 2))
    assert patches.shape == (1, 6, 4)
    assert patches[0, 0].tolist() == [0, 1, 12, 13]  # channel by channel, each from left to right
    assert patches[0, 5].tolist() == [10, 11, 22, 23]


def test_pixels_that_fill_no_patch_are_dropped():
    image = torch.arange(35.0).view(1, 1, 5, 7)
    patches = flatten_patches(image, (2, 3))
    assert patches.shape == (1, 4, 6)
    assert patches[0, 3].tolist() == [17, 18, 19, 24, 25, 26]


def test_no_patch_fits():
    with pytest.raises(ValueError, match="hold no patch of 4 x 4"):
        flatten_patches(torch.zeros(1, 3, 3, 9), (4, 4))


@pytest.mark.parametrize("patch", [(3, 3), (2, 5), (15, 21), (1, 1)])
@pytest.mark.parametrize("bias", [True, False])
def test_convolution_and_product_are_one(pictures, patch, bias):
    draw = torch.Generator().manual_seed(1)
    weight = torch.randn(13, 3, *patch, generator=draw, dtype=torch.float64)
    shift = torch.randn(13, generator=draw, dtype=torch.float64) if bias else None
    images = pictures(2).double()
    ways = embed_by_convolution(images, weight, shift), embed_by_matrix(images, weight, shift)
    assert ways[0].shape == (2, (15 // patch[0]) * (21 // patch[1]), 13)
    torch.testing.assert_close(*ways, rtol=1e-12, atol=1e-12)


def test_both_are_the_models_own(build, pictures):
    model, images = build(), pictures()
    own = model.patch_embed
    expected = own(images).flatten(2).transpose(1, 2)
    torch.testing.assert_close(embed_by_matrix(images, own.weight, own.bias), expected, rtol=1e-5, atol=1e-5)
    assert torch.equal(embed_by_convolution(images, own.weight, own.bias), expected)


def test_kernels_of_the_own_size_are_untouched():
    weight = torch.randn(5, 3, 4, 4)
    assert resize_kernels(weight, (4, 4)) is weight


@pytest.mark.parametrize("patch", [(2, 2), (16, 16), (7, 14)])
def test_kernels_of_one_value_keep_their_sum(patch):
    sized = resize_kernels(torch.full((5, 3, 4, 4), 0.5), patch)
    assert sized.shape == (5, 3, *patch)
    torch.testing.assert_close(sized.sum((-1, -2)), torch.full((5, 3), 8.0))


def test_a_kernels_larger_self_looks_like_it():
    weight = torch.tensor([[1.0, 2.0], [3.0, 4.0]])[None, None]
    sized = resize_kernels(weight, (4, 4))[0, 0] * 4  # undo the division by four times the pixels
    assert [sized[0, 0], sized[0, 3], sized[3, 0], sized[3, 3]] == [1, 2, 3, 4]
    assert [sized[0, 1], sized[1, 1]] == [1.25, 1.75]  # between its neighbours, by distance
