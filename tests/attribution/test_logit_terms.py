"""The terms of a logit sum to the logit, for every pool and with one head or two."""

import pytest
import torch

from vit_core import record
from vit_core.attribution import read_head, residual_streams
from vit_core.lecture import logit_lens
from vit_core.models.config import POOLS, ViTConfig
from vit_core.models.vit import VisionTransformer

TWO = dict(distillation_token=True, distillation_head=True)
KINDS = [dict(pool=pool) for pool in POOLS]
KINDS += [dict(pool=pool, pool_prefix=True, registers=2) for pool in ("avg", "map", "token_avg")]
KINDS += [dict(pool=pool, pool_norm=True, final_norm=False) for pool in POOLS if pool != "token_avg"]
KINDS += [dict(TWO), dict(TWO, pool="avg"), dict(TWO, pool="token_avg"), dict(TWO, class_token=False, pool="max")]
KINDS += [dict(class_token=False, pool="avg"), dict(head_bias=False), dict(norm="rms"), dict(block="res_post")]


@pytest.mark.parametrize("fields", KINDS, ids=str)
def test_contributions_and_bias_sum_to_every_logit(build, pictures, fields):
    model = build(**fields)
    trace = record(model, pictures())
    read = read_head(model, trace.tokens)
    assert read.weight.shape == (11, len(read.vector))
    assert torch.allclose((read.weight * read.vector).sum(1) + read.bias, trace.logits, atol=1e-4)
    assert torch.allclose(read.logits, trace.logits, atol=1e-4)
    assert sum(width for _, width in read.parts) == len(read.vector)
    some = read_head(model, trace.tokens, [7, 2])
    assert torch.equal(some.weight, read.weight[[7, 2]])
    assert torch.equal(some.bias, read.bias[[7, 2]])


def test_by_hand():
    """One token (2, 3) of two channels, weights (5, 7) and (1, -1), biases 1 and 0."""
    config = ViTConfig(image_size=4, patch_size=4, classes=2, dim=2, depth=1, heads=1, head_dim=2, mlp_dim=2)
    model = VisionTransformer(config)
    with torch.no_grad():
        model.head.weight.copy_(torch.tensor([[5.0, 7.0], [1.0, -1.0]]))
        model.head.bias.copy_(torch.tensor([1.0, 0.0]))
    read = read_head(model, torch.tensor([[2.0, 3.0], [9.0, 9.0]]))
    assert (read.weight * read.vector).tolist() == [[10, 21], [2, -3]]
    assert read.logits.tolist() == [32, -1]


def test_two_heads_count_half_each(build, pictures):
    model = build(**TWO)
    tokens = record(model, pictures()).tokens
    read = read_head(model, tokens)
    assert read.parts == (("class", 14), ("distillation", 14))
    assert torch.equal(read.vector, torch.cat([tokens[0], tokens[1]]))
    of_class = 0.5 * model.head.weight * tokens[0]
    of_distillation = 0.5 * model.distillation_head.weight * tokens[1]
    assert torch.allclose(read.weight * read.vector, torch.cat([of_class, of_distillation], 1), atol=1e-6)
    assert torch.allclose(read.bias, 0.5 * (model.head.bias + model.distillation_head.bias))


@pytest.mark.parametrize(("pool", "parts"), [("token", ("class",)), ("token_avg", ("class", "avg")), ("map", ("map",))])
def test_what_is_read_is_named(build, pictures, pool, parts):
    model = build(pool=pool)
    assert tuple(name for name, _ in read_head(model, record(model, pictures()).tokens).parts) == parts


@pytest.mark.parametrize("fields", [{}, dict(distillation_token=True)], ids=str)
def test_without_a_head_there_is_a_vector_and_nothing_else(build, pictures, fields):
    model = build(classes=0, **fields)
    tokens = record(model, pictures()).tokens
    read = read_head(model, tokens)
    assert torch.equal(read.vector, tokens[0])
    assert read.weight.shape == (0, 14)
    assert read.logits.shape == (0,)


def test_the_lens_ends_with_what_is_read(build, pictures):
    model = build(**TWO)
    stream = residual_streams(model, pictures())
    read = read_head(model, model.norm(stream[-1]))
    assert torch.allclose(logit_lens(model, stream)[-1], read.logits, atol=1e-4)
