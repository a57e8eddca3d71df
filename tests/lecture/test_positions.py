"""Tokens and positions add up to the model's own embedding, for every kind of model."""

import pytest
import torch

from vit_core.lecture.patches import random_order
from vit_core.lecture.positions import (
    classify_with,
    embed_with,
    remove_positions,
    rotary_attention,
    sequence_positions,
    shuffle_positions,
    tokens_without_positions,
)

KINDS = {
    "plain": {},
    "no class token": dict(class_token=False, pool="avg"),
    "registers": dict(registers=3),
    "distillation": dict(distillation_token=True, distillation_head=True),
    "positions for patches alone": dict(position_prefix=False, registers=2),
    "norms": dict(patch_norm=True, embed_norm=True),
    "one channel": dict(channels=1),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("size", [(15, 21), (9, 14)])
def test_the_models_own_positions_give_the_models_own_embedding(build, pictures, kind, size):
    model = build(**KINDS[kind])
    images = pictures(2, *size, channels=model.config.channels)
    positions = sequence_positions(model, model.grid(images))
    rows, cols = model.grid(images)
    assert positions.shape == (model.config.num_prefix_tokens + rows * cols, model.config.dim)
    assert torch.equal(embed_with(model, images, positions), model.embed(images))
    torch.testing.assert_close(classify_with(model, images, positions), model(images))


def test_a_model_without_positions(build, pictures):
    model, images = build(position="none"), pictures()
    assert sequence_positions(model, (5, 7)) is None
    assert torch.equal(embed_with(model, images, None), model.embed(images))


def test_nothing_added_is_the_tokens_themselves(build, pictures):
    model, images = build(registers=1), pictures()
    tokens = tokens_without_positions(model, images)
    assert torch.equal(tokens[0, :2], model.prefix_tokens[0])
    assert torch.equal(tokens[0, 2:], model.patch_embed(images).flatten(2)[0].T)
    assert torch.equal(embed_with(model, images, None), tokens)


def test_no_head_no_logits(build, pictures):
    assert classify_with(build(classes=0), pictures(), None) is None


def test_the_model_stays_as_it_was(build, pictures):
    model, images = build(), pictures()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    positions = sequence_positions(model, model.grid(images))
    remove_positions(positions, 1).mul_(9)
    shuffle_positions(positions, 1, random_order(35, 0)).mul_(9)
    classify_with(model, images, positions)
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())


def test_rotary_positions_are_replaced(build, pictures):
    """Without rotation, a model that also learned no positions; shuffled as the patches themselves, the other way."""
    model, images = build(position="rope", head_dim=8, registers=2), pictures()
    rows, cols = model.grid(images)
    order = random_order(rows * cols, 3)
    own = torch.arange(rows * cols)
    torch.testing.assert_close(classify_with(model, images, None, rotary_attention(model, own)), model(images))

    bare = build(position="none", head_dim=8, registers=2)
    bare.load_state_dict(model.state_dict())
    torch.testing.assert_close(classify_with(model, images, None, rotary_attention(model, None)), bare(images))

    tokens, prefix = model.embed(images), model.config.num_prefix_tokens
    moved = tokens.clone()
    moved[:, prefix + order] = tokens[:, prefix:]  # patch i lies where patch order[i] was
    expected = model.classify(model.encode(moved))
    torch.testing.assert_close(classify_with(model, images, None, rotary_attention(model, order)), expected)
    assert not torch.allclose(expected, model(images), atol=1e-4)


def test_removed_and_shuffled_by_hand():
    positions = torch.tensor([[9.0], [1.0], [2.0], [3.0]])
    assert remove_positions(positions, 1).flatten().tolist() == [9, 0, 0, 0]
    assert remove_positions(positions, 0).flatten().tolist() == [0, 0, 0, 0]
    assert shuffle_positions(positions, 1, torch.tensor([2, 0, 1])).flatten().tolist() == [9, 3, 1, 2]
    assert positions.flatten().tolist() == [9, 1, 2, 3]


def test_orders_are_seeded():
    first = random_order(50, 1)
    assert sorted(first.tolist()) == list(range(50))
    assert torch.equal(first, random_order(50, 1))
    assert not torch.equal(first, random_order(50, 2))


def test_without_positions_a_shuffled_picture_looks_the_same(build, pictures):
    """Attention is blind to order: patches that swap places change nothing when no position is added."""
    model, images = build(), pictures()
    positions = sequence_positions(model, (5, 7))
    swapped = images.clone()
    swapped[..., :3, :3], swapped[..., 3:6, 6:9] = images[..., 3:6, 6:9], images[..., :3, :3]
    ways = [
        [classify_with(model, i, p) for i in (images, swapped)] for p in (remove_positions(positions, 1), positions)
    ]
    torch.testing.assert_close(*ways[0], rtol=1e-4, atol=1e-4)
    assert (ways[1][0] - ways[1][1]).abs().max() > 1e-3
