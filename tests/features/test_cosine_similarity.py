"""Cosines against hand-worked ones."""

import dataclasses

import pytest
import torch

import vit_core as vc
from vit_core.features import FACETS, similarity


def test_by_hand(planted, axes):
    trace = planted(axes({0: 3}, {0: 1, 1: 1}, {1: 5}, {0: -2}))
    wanted = torch.tensor([1, 0.5**0.5, 0, -1])
    torch.testing.assert_close(similarity(trace, 2, 2), wanted, atol=1e-3, rtol=0)
    torch.testing.assert_close(similarity(trace, 2, 2)[2:], wanted[2:])


def test_a_prefix_token_is_compared_with_the_patches(planted, axes):
    trace = planted(axes({0: 1}, {1: 1}), prefix=axes({1: 2}, {0: 1, 1: 1}))
    torch.testing.assert_close(similarity(trace, 2, 0), torch.tensor([0.0, 1.0]))
    torch.testing.assert_close(similarity(trace, 2, 1), torch.full((2,), 0.5**0.5), atol=1e-3, rtol=0)


@pytest.mark.parametrize("facet", FACETS)
def test_a_patch_is_like_itself_exactly(build, pictures, facet):
    trace = vc.record(build(registers=1), pictures(1), features=True)
    for layer in range(3):
        for patch in range(35):
            cosine = similarity(trace, layer, 2 + patch, facet)
            assert cosine[patch].item() == 1
            assert cosine.abs().max().item() == 1


def test_another_picture(planted, axes):
    one, other = planted(axes({0: 1}, {1: 1})), planted(axes({1: 2}, {1: -1}, {0: 1}))
    torch.testing.assert_close(similarity(one, 2, 3, other=other), torch.tensor([1.0, -1.0, 0.0]))


def test_identical_pictures_are_alike(build, pictures):
    model = build()
    one, same = (vc.record(model, pictures(1), features=True) for _ in range(2))
    for patch in (0, 17, 34):
        assert similarity(one, 1, 1 + patch, other=same)[patch].item() == pytest.approx(1, abs=1e-6)


def test_a_feature_of_zeros_is_like_nothing(planted, axes):
    trace = planted(axes({}, {0: 1}))
    torch.testing.assert_close(similarity(trace, 2, 2), torch.zeros(2))


def test_one_patch_only(planted, axes):
    assert similarity(planted(axes({3: 1})), 2, 2).tolist() == [1]


def test_what_cannot_be_compared_is_said(build, pictures, planted, axes):
    trace = planted(axes({0: 1}))
    with pytest.raises(IndexError, match="between 0 and 2"):
        similarity(trace, 2, 3)
    wider = vc.record(build(dim=22), pictures(1), features=True)
    with pytest.raises(vc.InputError, match="14 and of 22") as error:
        similarity(trace, 2, 0, other=wider)
    assert error.value.code == "features-width"
    empty = dataclasses.replace(
        trace, grid=(0, 0), directions=trace.directions[:, :2], token_norms=trace.token_norms[:, :2]
    )
    with pytest.raises(vc.InputError, match="no patches") as error:
        similarity(empty, 2, 0)
    assert error.value.code == "features-no-patches"
