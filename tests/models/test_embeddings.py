"""Position and patch embeddings against hand-worked answers."""

import pytest
import torch

from vit_core.models.embeddings import embedding_filters, position_similarity
from vit_core.models.positions import sinusoidal_positions


def test_sinusoidal_positions_follow_the_formula():
    # Vaswani et al. 2017: d_model = 4, pos = 1 -> sin(1), cos(1), sin(1/100), cos(1/100)
    row = sinusoidal_positions(3, 4)[1]
    assert [round(v, 2) for v in row.tolist()] == [0.84, 0.54, 0.01, 1.00]
    assert sinusoidal_positions(3, 4)[0].tolist() == [0, 1, 0, 1]


def test_sinusoidal_grid_encodes_row_then_column():
    grid = sinusoidal_positions((3, 5), 8).view(3, 5, 8)
    line = sinusoidal_positions(5, 4)
    torch.testing.assert_close(grid[2, 4], torch.cat([line[2], line[4]]))


@pytest.mark.parametrize(("grid", "dim"), [(3, 5), ((2, 2), 6)])
def test_sinusoidal_refuses_odd_widths(grid, dim):
    with pytest.raises(ValueError, match=str(dim)):
        sinusoidal_positions(grid, dim)


def test_position_similarity(build):
    model = build(registers=2)
    similarity = position_similarity(model)
    assert similarity.shape == (5, 7, 5, 7)
    torch.testing.assert_close(torch.diagonal(similarity.view(35, 35)), torch.ones(35))
    a, b = model.positions[0, 3 + 9], model.positions[0, 3 + 20]
    expected = torch.dot(a, b) / a.norm() / b.norm()
    torch.testing.assert_close(similarity[1, 2, 2, 6], expected.detach())
    assert position_similarity(model, (3, 4)).shape == (3, 4, 3, 4)
    assert position_similarity(build(position="none")) is None


@pytest.mark.parametrize("channels", [1, 3])
def test_filters_are_principal_components(build, channels):
    model = build(channels=channels, dim=14)
    filters, share = embedding_filters(model, 5)
    assert filters.shape == (5, 3, 3, 3)
    assert filters.min() >= 0
    assert filters.max() <= 1
    weight = model.patch_embed.weight.detach().flatten(1).double()
    eigen = torch.linalg.eigvalsh(torch.cov(weight.T)).flip(0)
    torch.testing.assert_close(share.double(), (eigen / eigen.sum())[:5], atol=1e-4, rtol=1e-3)
    assert (filters == filters[..., :1]).all() == (channels == 1)
