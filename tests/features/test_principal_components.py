"""PCA against scikit-learn's, its edge cases, and the colours."""

import numpy as np
import pytest
import torch
from sklearn.decomposition import PCA as Reference

import vit_core as vc
from vit_core.features import as_rgb, features, foreground, pca


def patches(trace, layer, facet="token") -> np.ndarray:
    return features(trace, layer, facet)[trace.num_prefix_tokens :].numpy()


@pytest.mark.parametrize("facet", vc.features.FACETS)
def test_one_picture_agrees_with_scikit_learn(build, pictures, facet):
    trace = vc.record(build(registers=2), pictures(1), features=True)
    for layer in range(3):
        found, wanted = pca(trace, layer, facet), Reference(3).fit(patches(trace, layer, facet))
        np.testing.assert_allclose(found.explained, wanted.explained_variance_ratio_, rtol=1e-4)
        assert (found.components.gather(1, found.components.abs().argmax(1, keepdim=True)) > 0).all()  # the fixed sign
        ours, theirs = found.project(trace).flatten(0, 1).numpy(), wanted.transform(patches(trace, layer, facet))
        for k in range(3):
            assert abs(np.corrcoef(ours[:, k], theirs[:, k])[0, 1]) >= 0.999
        np.testing.assert_allclose(ours.mean(0), 0, atol=1e-4)


def test_one_basis_for_many_pictures_and_further_ones(build, pictures):
    model = build()
    traces = vc.record(model, [pictures(1), pictures(1, 9, 12)], features=True)
    found = pca(traces, 2)
    wanted = Reference(3).fit(np.concatenate([patches(trace, 2) for trace in traces]))
    np.testing.assert_allclose(found.explained, wanted.explained_variance_ratio_, rtol=1e-4)
    further = vc.record(model, pictures(1, 12, 12), features=True)
    ours, theirs = found.project(further), wanted.transform(patches(further, 2))
    assert ours.shape == (4, 4, 3)
    for k in range(3):
        assert abs(np.corrcoef(ours[..., k].flatten(), theirs[:, k])[0, 1]) >= 0.999


def test_the_sign_is_fixed_and_prefix_tokens_do_not_enter(planted, axes):
    rows = axes({0: 1, 2: 3}, {0: -1, 2: 3}, {2: 3, 1: 0.5}, {2: 3, 1: -0.5})
    found = pca(planted(rows, prefix=axes({5: 100}, {6: -100})), 2)
    wanted = torch.zeros(3, 14)
    wanted[0, 0] = wanted[1, 1] = 1  # the largest entry is positive; there is no third direction
    torch.testing.assert_close(found.components, wanted, atol=2e-3, rtol=0)
    torch.testing.assert_close(found.explained, torch.tensor([0.8, 0.2, 0]), atol=1e-3, rtol=0)
    torch.testing.assert_close(found.mean, axes({2: 3})[0], atol=2e-3, rtol=0)
    negated = pca(planted(-rows, prefix=axes({5: 100}, {6: -100})), 2)
    torch.testing.assert_close(negated.components, wanted, atol=2e-3, rtol=0)


def test_a_mask_limits_what_the_basis_is_fitted_to(planted, axes):
    trace = planted(axes({0: 5}, {0: -5}, {1: 1}, {1: -1}))
    keep = torch.tensor([[False, False, True, True]])
    found = pca(trace, 2, masks=[keep])
    assert found.components[0].argmax() == 1
    assert found.explained[0].item() == pytest.approx(1, abs=1e-3)
    torch.testing.assert_close(pca(trace, 2, masks=[~keep & keep]).components, pca(trace, 2).components)  # none: all


@pytest.mark.parametrize("count", [1, 4])
def test_nothing_varies(planted, axes, count):
    trace = planted(axes(*[{0: 1, 3: 0.3}] * count))
    found = pca(trace, 2)
    assert not found.explained.any()
    assert not found.project(trace).any()
    assert (as_rgb([found.project(trace)])[0] == 128).all()


def test_two_patches_have_one_direction(planted, axes):
    found = pca(planted(axes({0: 1}, {1: 1})), 2)
    torch.testing.assert_close(found.explained, torch.tensor([1.0, 0, 0]), atol=1e-4, rtol=0)
    assert (as_rgb([found.project(planted(axes({0: 1}, {1: 1})))])[0][..., 1:] == 128).all()


def test_another_models_width_is_refused(build, pictures):
    one, other = (vc.record(build(dim=dim), pictures(1), features=True) for dim in (14, 22))
    with pytest.raises(vc.InputError, match="14 and of 22"):
        pca([one, other], 0)
    with pytest.raises(vc.InputError, match="14 and of 22"):
        pca(one, 0).project(other)


def test_colours_by_hand():
    values = torch.arange(101.0)  # percentiles 2 and 98 are 2 and 98
    first = torch.stack([values[:60], -values[:60], torch.zeros(60)], -1).reshape(6, 10, 3)
    second = torch.stack([values[60:], -values[60:], torch.zeros(41)], -1).reshape(1, 41, 3)
    one, two = as_rgb([first, second])
    assert one.dtype == torch.uint8
    assert (one.shape, two.shape) == ((6, 10, 3), (1, 41, 3))
    assert one[0, 0].tolist() == [0, 255, 128]
    assert two[0, -1].tolist() == [255, 0, 128]
    assert one[1, 0].tolist() == [round(255 * 8 / 96), round(255 * 88 / 96), 128]


def test_fewer_than_three_components_leave_grey():
    assert as_rgb([torch.tensor([[[0.0], [1.0]]])])[0].tolist() == [[[0, 128, 128], [255, 128, 128]]]


def test_foreground_by_threshold_and_sign():
    projection = torch.tensor([[[-1.0, 9], [0.5, 9], [2, 9]]])
    assert foreground(projection).tolist() == [[False, True, True]]
    assert foreground(projection, 1).tolist() == [[False, False, True]]
    assert foreground(projection, flip=True).tolist() == [[True, False, False]]
