"""The features of each facet are the block's own, and keeping them costs what is promised."""

import dataclasses

import pytest
import torch

import vit_core as vc
from vit_core.features import FACETS, features


@pytest.mark.parametrize(
    "fields", [{}, {"qk_norm": True, "registers": 2}, {"block": "res_post"}, {"block": "parallel"}]
)
def test_features_are_the_blocks_own(build, pictures, fields):
    model, images = build(**fields), pictures(1)
    trace = vc.record(model, images, features=True)
    N = trace.num_tokens
    with torch.no_grad():
        tokens = model.embed(images)
        for layer, block in enumerate(model.blocks):
            read = tokens if fields.get("block") == "res_post" else block.norm1(tokens)
            query, key, value = block.attn.qkv(read).view(N, 3, 14).unbind(1)
            norm = lambda norm, x: norm(x.view(N, 2, 7)).flatten(1)  # noqa: E731
            tokens = block(tokens)
            wanted = {
                "token": tokens[0],
                "query": norm(block.attn.q_norm, query),
                "key": norm(block.attn.k_norm, key),
                "value": value,
            }
            for facet in FACETS:
                found = features(trace, layer, facet)
                assert found.dtype == torch.float32
                torch.testing.assert_close(found, wanted[facet], rtol=2e-3, atol=2e-3)


def test_the_rest_of_the_trace_is_the_same(build, pictures):
    model, images = build(registers=1), pictures(1)
    plain, kept = vc.record(model, images), vc.record(model, images, features=True)
    torch.testing.assert_close(kept.logits, plain.logits)
    torch.testing.assert_close(kept.queries, plain.queries)
    assert plain.directions is None
    assert plain.values is None


def test_1370_tokens_of_a_base_model_take_at_most_60_mb():
    config = dataclasses.replace(vc.VARIANTS["B/16"], image_size=(518, 518), patch_size=(14, 14))
    numbers = 2 * config.depth * (config.grid[0] * config.grid[1] + config.num_prefix_tokens) * config.dim
    assert config.grid == (37, 37)
    assert 2 * numbers <= 60e6  # two bytes each


def test_what_is_kept_is_that_large(build, pictures):
    trace = vc.record(build(), pictures(1), features=True)
    assert trace.nbytes - vc.record(build(), pictures(1)).nbytes == 2 * 2 * 3 * 36 * 14


def test_a_batch_keeps_no_more_than_its_pictures(build, pictures):
    model = build()
    one = vc.record(model, [pictures(1)], features=True)[0]
    assert vc.record(model, [pictures(1)] * 3, features=True)[1].nbytes == one.nbytes


def test_large_norms_do_not_overflow(build, pictures):
    model = build()
    with torch.no_grad():
        model.blocks[0].mlp.fc2.bias.fill_(1e6)
    trace = vc.record(model, pictures(1), features=True)
    assert features(trace, 2).isfinite().all()
    assert features(trace, 2).norm(dim=1).max() > 1e6


def test_what_cannot_be_had_is_said(build, pictures, monkeypatch):
    model = build()
    with pytest.raises(vc.InputError, match="features=True") as error:
        features(vc.record(model, pictures(1)), 0)
    assert error.value.code == "features-missing"
    trace = vc.record(model, pictures(1), features=True)
    with pytest.raises(ValueError, match="token, query, key, value"):
        features(trace, 0, "output")
    with pytest.raises(IndexError, match="between 0 and 2"):
        features(trace, 3)
    monkeypatch.setattr("vit_core.attention.trace.MAX_FEATURE_TOKENS", 35)
    with pytest.raises(vc.InputError, match="at most 35 tokens") as error:
        vc.record(model, pictures(1), features=True)
    assert error.value.code == "features-size"


def test_50000_tokens_are_refused_before_they_are_computed(build):
    model = build(image_size=(3 * 224, 3 * 224))
    picture = torch.zeros(1, 3, 3 * 224, 3 * 224)
    with pytest.raises(vc.InputError, match="50,177"):
        vc.record(model, picture, features=True)
