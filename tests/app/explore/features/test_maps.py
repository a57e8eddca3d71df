"""The colours of features: the core's numbers, layer by layer, and what becomes of pictures without any variance."""

import numpy as np
import pytest
import torch
from PIL import Image

import vit_core as vc
from app.explore.features.maps import feature_maps


def picture(seed: int = 0, size: tuple[int, int] = (30, 60)) -> Image.Image:
    return Image.fromarray(np.random.default_rng(seed).integers(0, 256, (*size, 3), np.uint8))


@pytest.mark.parametrize("facet", vc.features.FACETS)
def test_each_layer_has_the_cores_colours(build, facet):
    trace = vc.record(build(), picture(), features=True)
    [maps] = feature_maps([trace], facet)
    for layer in range(trace.depth):
        basis = vc.features.pca(trace, layer, facet)
        projected = basis.project(trace)
        np.testing.assert_array_equal(maps.projections[layer], projected)
        np.testing.assert_array_equal(maps.colours[layer], vc.features.as_rgb([projected])[0])
        np.testing.assert_array_equal(maps.foreground[layer], projected[..., 0] > 0)
        np.testing.assert_array_equal(maps.explained[layer], basis.explained)
    assert maps.colours.shape == (trace.depth, *trace.grid, 3)
    assert maps.nbytes == trace.depth * (trace.grid[0] * trace.grid[1] * (3 + 12 + 1) + 12)


def test_pictures_share_a_basis_and_a_scale(build):
    model = build()
    traces = [vc.record(model, picture(seed), features=True) for seed in (1, 2)]
    both, alone = feature_maps(traces), feature_maps(traces[:1])
    projected = [vc.features.pca(traces, 1).project(trace) for trace in traces]
    for maps, colours in zip(both, vc.features.as_rgb(projected), strict=True):
        np.testing.assert_array_equal(maps.colours[1], colours)
    assert (both[0].colours != alone[0].colours).any()


def identical_patches(build) -> vc.Trace:
    """Every patch is the same to a model without positions."""
    model = build(position="none", class_token=False, pool="avg")
    return vc.record(model, Image.new("RGB", (60, 30), (90, 120, 30)), features=True)


@pytest.mark.parametrize("facet", vc.features.FACETS)
def test_identical_patches_are_grey_and_hold_no_variance(build, facet):
    [maps] = feature_maps([identical_patches(build)], facet)
    assert (maps.colours == 128).all()
    assert not maps.foreground.any()
    assert not maps.explained.any()
    assert not maps.projections.any()


@pytest.mark.parametrize(("width", "explained"), [(3, [0, 0, 0]), (6, [1, 0, 0])], ids=["one patch", "two patches"])
def test_a_patch_or_two_need_no_three_components(build, width, explained):
    model = build(image_size=(3, width), dim=2, heads=1, head_dim=2)
    trace = vc.record(model, torch.rand(1, 3, 3, width), features=True)
    [maps] = feature_maps([trace])
    assert np.isfinite(maps.projections).all()
    np.testing.assert_allclose(maps.explained, [explained] * trace.depth, atol=1e-6)
    assert (maps.colours[..., 1:] == 128).all()
