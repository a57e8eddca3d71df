"""Planted outlier tokens are found, and nothing else."""

import dataclasses

import pytest
import torch

import vit_core as vc
from vit_core.features import outlier_tokens


@pytest.fixture
def with_norms(build, pictures):
    """with_norms(norms (P,), prefix=...) -> a trace of two prefix tokens whose last layer has these norms."""
    trace = vc.record(build(registers=1), pictures(1))

    def make(norms: torch.Tensor, prefix: float = 1.0) -> vc.Trace:
        return dataclasses.replace(trace, token_norms=torch.cat([torch.full((2,), prefix), norms]).expand(4, -1))

    return make


def usual(seed: int = 0) -> torch.Tensor:
    return 10 + torch.randn(35, generator=torch.Generator().manual_seed(seed))


def test_planted_ones_are_found(with_norms):
    norms = usual()
    norms[[4, 31]] = torch.tensor([60.0, 25.0])
    assert outlier_tokens(with_norms(norms)).nonzero().flatten().tolist() == [4, 31]


@pytest.mark.parametrize(
    "norms",
    [usual(), torch.full((35,), 7.0), torch.zeros(35), torch.linspace(1, 20, 35), torch.ones(1), torch.ones(0)],
    ids=["usual", "equal", "zeros", "spread", "one patch", "no patches"],
)
def test_without_outliers_there_are_none(with_norms, norms):
    assert not outlier_tokens(with_norms(norms)).any()
    assert outlier_tokens(with_norms(norms)).shape == norms.shape


def test_twice_the_median_is_not_enough_where_norms_vary(with_norms):
    norms = torch.linspace(1, 20, 35)
    norms[-1] = 40
    assert not outlier_tokens(with_norms(norms)).any()


def test_half_more_than_the_median_is_not_enough_where_norms_are_equal(with_norms):
    norms = torch.full((35,), 10.0)
    norms[9] = 15
    assert not outlier_tokens(with_norms(norms)).any()


def test_prefix_tokens_do_not_count(with_norms):
    assert not outlier_tokens(with_norms(usual(), prefix=500.0)).any()


def test_a_layer_can_be_chosen(with_norms):
    trace = with_norms(usual())
    norms = trace.token_norms.clone()
    norms[2, 2 + 5] = 90
    trace = dataclasses.replace(trace, token_norms=norms)
    assert outlier_tokens(trace, 1).nonzero().flatten().tolist() == [5]
    assert not outlier_tokens(trace).any()
    assert not outlier_tokens(trace, 0).any()
