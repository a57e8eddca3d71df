"""The scene "outliers": norms are those of the stream, shares those of attention, and outliers are counted."""

import dataclasses

import numpy as np
import pytest
import torch

from app.lecture import Stage
from app.lecture import build as scene_of
from vit_core.features import outlier_tokens

KINDS = [{}, dict(registers=3), dict(class_token=False, pool="avg"), dict(position="rope", head_dim=8), dict(classes=0)]


@pytest.mark.parametrize("fields", KINDS, ids=str)
def test_norms_and_shares_are_the_models_own(stage, fields):
    of = stage(**fields)
    found = scene_of("outliers", of, {})
    prefix, trace = of.config.num_prefix_tokens, of.result.trace
    norms = of.streams[:, prefix:].norm(dim=-1).numpy()
    np.testing.assert_allclose(found.arrays["norms"], norms, rtol=1e-4)
    received = torch.stack([trace.attention(i).mean((0, 1)) for i in range(trace.depth)]).numpy()
    np.testing.assert_allclose(found.arrays["received"], received, atol=1e-6)
    np.testing.assert_allclose(found.arrays["received"].sum(1), 1, atol=1e-5)
    np.testing.assert_allclose(found.numbers["largest"], norms.max(1), rtol=1e-4)
    assert found.numbers["registers"] == of.config.registers


def test_outliers_are_counted_by_the_cores_rule(stage):
    of = stage()
    norms = of.result.trace.token_norms.clone()
    patches = slice(of.config.num_prefix_tokens, None)
    norms[1:, patches] = 1
    norms[1, 5], norms[1, 6], norms[1, 0] = 2.01, 1.99, 99  # the last one is no patch
    norms[2, 5:8] = 7
    changed = dataclasses.replace(of.result, trace=dataclasses.replace(of.result.trace, token_norms=norms))
    found = scene_of("outliers", Stage(changed), {}).numbers
    assert found["outliers"] == [1, 3, 0]
    assert found["outliers"] == [int(outlier_tokens(changed.trace, layer).sum()) for layer in range(3)]


@pytest.mark.parametrize("layer", ["2", -1, 0, 1e9, None, True, [3]])
def test_hostile_requests(stage, layer):
    found = scene_of("outliers", stage(), {"layer": layer}).numbers
    assert 1 <= found["layer"] <= found["layers"]
