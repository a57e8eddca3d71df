"""Attention distance and entropy against hand-worked answers."""

import dataclasses
import math

import numpy as np
import pytest
import torch

import vit_core as vc
from vit_core.attention import statistics


def looking(trace, weights):
    """The trace with every layer's attention replaced: q k^T / sqrt(N) = log weights."""
    N = trace.num_tokens
    query = weights.clamp_min(1e-30).log()[None] * math.sqrt(N)
    return dataclasses.replace(
        trace, queries=(query,), keys=(torch.eye(N)[None],), config=dataclasses.replace(trace.config, heads=1)
    )


@pytest.fixture
def trace(build, pictures):
    return vc.record(build(registers=1), pictures(1, 9, 12))  # 2 prefix tokens, 3 x 4 patches


def test_looking_at_oneself_has_no_distance_and_no_entropy(trace):
    own = looking(trace, torch.eye(14))
    assert statistics.attention_distance(own, 0).item() == pytest.approx(0, abs=1e-6)
    assert statistics.attention_entropy(own, 0).item() == pytest.approx(0, abs=1e-5)


def test_looking_everywhere(trace):
    even = looking(trace, torch.full((14, 14), 1 / 14))
    places = [(r, c) for r in range(3) for c in range(4)]
    mean = sum(math.dist(a, b) for a in places for b in places) / 144
    assert statistics.attention_distance(even, 0).item() == pytest.approx(mean, rel=1e-5)
    assert statistics.attention_distance(even, 0, "pixels").item() == pytest.approx(3 * mean, rel=1e-5)
    assert statistics.attention_entropy(even, 0).item() == pytest.approx(math.log2(14), rel=1e-5)


def test_prefix_tokens_have_no_distance(trace):
    weights = torch.zeros(14, 14)
    weights[:, 0] = 0.9  # nine tenths to the class token
    weights[torch.arange(14), [0, 1, 3, 2, 5, 4, 7, 6, 9, 8, 11, 10, 13, 12]] += 0.1  # the rest one step to the side
    assert statistics.attention_distance(looking(trace, weights), 0).item() == pytest.approx(1, rel=1e-4)


def test_a_patch_that_looks_at_no_patch_has_no_distance(trace):
    own, token = torch.eye(14), torch.full((1, 14), -1e4)
    token[0, 0] = 0
    one = looking(trace, own)
    query = one.queries[0].clone()
    query[0, 3:7] = token  # four look at the class token, and in float32 at nothing else
    query[0, 7] = looking(trace, own.roll(1, 0)).queries[0][0, 7]  # one looks to its side
    some = dataclasses.replace(one, queries=(query,))
    assert statistics.attention_distance(some, 0).item() == pytest.approx(1 / 8, rel=1e-4)
    nowhere = dataclasses.replace(one, queries=(token.repeat(14, 1)[None],))
    assert statistics.attention_distance(nowhere, 0).item() == 0


@pytest.mark.parametrize("unit", ["patches", "pixels"])
def test_distance_and_entropy_agree_with_float64_for_any_patch_shape(build, pictures, unit):
    trace = vc.record(build(registers=1, patch_size=(5, 3)), pictures(1, 85, 57))  # 2 + 17 x 19 tokens: two chunks
    side = {"patches": (1, 1), "pixels": (5, 3)}[unit]
    places = np.array([(r * side[0], c * side[1]) for r in range(17) for c in range(19)], float)
    apart = np.sqrt(((places[:, None] - places) ** 2).sum(-1))
    weights = trace.attention(1).double().numpy()  # heads, 325, 325
    among = weights[:, 2:, 2:]
    distance = ((among * apart).sum(-1) / among.sum(-1)).mean(-1)
    entropy = -(weights * np.log2(weights)).sum(-1).mean(-1)
    np.testing.assert_allclose(statistics.attention_distance(trace, 1, unit), distance, rtol=1e-5)
    np.testing.assert_allclose(statistics.attention_entropy(trace, 1), entropy, rtol=1e-5)


def test_distance_in_pixels_follows_patch_shape():
    distance = statistics.patch_distances((2, 3), (5, 7))
    assert distance[0, 5].item() == pytest.approx(math.hypot(5, 14))
    assert distance[1, 1] == 0
