"""The ViT itself: what its parts compute, and what its config refuses."""

import math
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F

import vit_core.models.vit
from vit_core.models.config import ViTConfig
from vit_core.models.positions import resize_positions
from vit_core.models.rotary import Rotary
from vit_core.models.vit import attention_weights

KINDS = [
    {},
    dict(block="res_post"),
    dict(block="parallel", qk_norm=True, norm="rms", layer_scale=True, qkv_bias=False),
    dict(class_token=False, pool="avg", pool_norm=True, final_norm=False),
    dict(class_token=False, pool="map", registers=2),
    dict(distillation_token=True, distillation_head=True, registers=3),
    dict(pool="token_avg", position_prefix=False, registers=1, mlp="glu", activation="silu"),
    dict(position="none", attention_norm=True, mlp_norm=True, pool="avgmax", pool_prefix=True),
    dict(embed_norm=True, patch_bias=False, patch_norm=True, activation="quick_gelu", head_bias=False),
    dict(head_dim=5, heads=3, activation="gelu_tanh", channels=1),
    dict(position="rope", head_dim=8, registers=2, qk_norm=True),
]


def by_hand(model, images):
    """The encoder again with explicit weights, as the equations are written."""
    tokens = model.embed(images)
    for block in model.blocks:

        def mix(x, attn=block.attn):
            B, N, _ = x.shape
            q, k, v = attn.qkv(x).view(B, N, 3, attn.heads, attn.head_dim).permute(2, 0, 3, 1, 4)
            weights = attention_weights(attn.rotary(attn.q_norm(q)), attn.rotary(attn.k_norm(k)))
            return attn.proj(attn.norm((weights @ v).transpose(1, 2).reshape(B, N, -1)))

        if model.config.block == "parallel":
            normed = block.norm1(tokens)
            tokens = tokens + block.ls1(mix(normed)) + block.ls2(block.mlp(normed))
        elif model.config.block == "res_post":
            tokens = tokens + block.norm1(mix(tokens))
            tokens = tokens + block.norm2(block.mlp(tokens))
        else:
            tokens = tokens + block.ls1(mix(block.norm1(tokens)))
            tokens = tokens + block.ls2(block.mlp(block.norm2(tokens)))
    return model.classify(model.norm(tokens))


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_forward_agrees_with_explicit_attention(build, pictures, kind):
    model = build(**kind)
    images = pictures(2, channels=model.config.channels)
    with torch.no_grad():
        fast, slow = model(images), by_hand(model, images)
    assert fast.shape == (2, 11)
    assert (fast - slow).abs().max() <= 1e-5 * slow.abs().max()


def test_rotary_positions_rotate_pairs_of_channels_by_row_and_column():
    rotary = Rotary(
        ViTConfig(image_size=(9, 12), patch_size=3, heads=1, head_dim=8, registers=2, position="rope", rope_base=7.0)
    )
    draw = torch.Generator().manual_seed(0)
    x = torch.randn(2, 3 + 12, 8, generator=draw, dtype=torch.float64)
    found = rotary(x)
    assert torch.equal(found[:, :3], x[:, :3])  # the class token and the registers
    for row in range(3):
        for col in range(4):
            at = 3 + 4 * row + col
            for i, (place, power) in enumerate([(row / 3, 0), (row / 3, 0.5), (col / 4, 0), (col / 4, 0.5)]):
                centre = 2 * (place + 0.5 / (3 if i < 2 else 4)) - 1
                angle = 2 * math.pi * centre / 7.0**power
                a, b = x[:, at, i], x[:, at, i + 4]
                torch.testing.assert_close(found[:, at, i], a * math.cos(angle) - b * math.sin(angle))
                torch.testing.assert_close(found[:, at, i + 4], b * math.cos(angle) + a * math.sin(angle))
    torch.testing.assert_close(rotary(found, back=True), x)
    assert rotary(x.bfloat16()).dtype == torch.bfloat16
    assert rotary(torch.zeros(1, 3 + 25, 8)).shape == (1, 28, 8)  # another grid, a square one
    with pytest.raises(ValueError, match="24 patches are neither"):
        rotary(torch.zeros(1, 3 + 24, 8))


def test_attention_weights_two_tokens_by_hand():
    query = torch.tensor([[1.0, 0.0], [0.0, 2.0]])
    key = torch.tensor([[1.0, 1.0], [3.0, 1.0]])
    # scores / sqrt(2): row 0: 1, 3 -> difference 2 / sqrt(2); row 1: 2, 2 -> even
    first = 1 / (1 + torch.tensor(2 / 2**0.5).exp())
    expected = torch.tensor([[first, 1 - first], [0.5, 0.5]])
    torch.testing.assert_close(attention_weights(query, key), expected)


def test_attention_weights_refuse_different_widths():
    with pytest.raises(ValueError, match="got 3 and 4"):
        attention_weights(torch.zeros(2, 3), torch.zeros(2, 4))


def test_patch_embedding_is_flatten_and_multiply(build, pictures):
    model, images = build(position="none", class_token=False, pool="avg"), pictures(2)
    patches = F.unfold(images, (3, 3), stride=3).transpose(1, 2)  # B, patches, C*ph*pw
    expected = patches @ model.patch_embed.weight.flatten(1).T + model.patch_embed.bias
    torch.testing.assert_close(model.embed(images), expected, atol=1e-5, rtol=1e-5)


def test_tokens_stand_in_order_class_distillation_registers_patches(build, pictures):
    model = build(distillation_token=True, registers=2)
    assert model.config.prefix_names == ("class", "distillation", "register 1", "register 2")
    tokens = model.embed(pictures(1))
    assert tokens.shape == (1, 4 + 5 * 7, 14)
    torch.testing.assert_close(tokens[0, :4], (model.prefix_tokens + model.positions[:, :4])[0])


def test_without_positions_shuffled_patches_change_nothing(build, pictures):
    model, images = build(position="none", registers=1), pictures(1)
    order = torch.randperm(35, generator=torch.Generator().manual_seed(1))
    patches = F.unfold(images, (3, 3), stride=3)[:, :, order]
    shuffled = F.fold(patches, (15, 21), (3, 3), stride=3)
    with torch.no_grad():
        torch.testing.assert_close(model(images), model(shuffled), atol=1e-4, rtol=0)
        with_positions = build(registers=1)
        assert (with_positions(images) - with_positions(shuffled)).abs().max() > 1e-2


def test_other_sizes_resize_positions_and_drop_the_rest(build, pictures):
    model = build()
    with torch.no_grad():
        images = pictures(1, 20, 34)  # 6 x 11 patches; 2 rows and 1 column of pixels are left over
        torch.testing.assert_close(model(images), model(images[..., :18, :33]))
    assert model.grid(images) == (6, 11)
    with pytest.raises(ValueError, match="2 x 9 pixels hold no patch of 3 x 3"):
        model(pictures(1, 2, 9))


@pytest.mark.parametrize("antialias", [True, False])
def test_positions_resize_as_named(antialias):
    native = torch.randn(1, 9, 7, 5, generator=torch.Generator().manual_seed(0))
    expected = F.interpolate(native.permute(0, 3, 1, 2), (4, 3), mode="bicubic", antialias=antialias)
    torch.testing.assert_close(resize_positions(native, (4, 3), antialias).permute(0, 3, 1, 2), expected)
    assert resize_positions(native, (9, 7), antialias) is native


def test_config_round_trips_as_data(build):
    config = build(registers=3, mlp="glu").config
    assert ViTConfig(**config.to_dict()) == config
    with pytest.raises(AttributeError):
        config.dim = 3


@pytest.mark.parametrize(("fields", "says"), [
    (dict(pool="best"), "pool must be one of"),
    (dict(class_token=False), "reads the class token"),
    (dict(distillation_head=True), "distillation token"),
    (dict(image_size=2, patch_size=3), "holds no patch"),
    (dict(heads=0), "heads must be at least 1"),
    (dict(depth=-1), "depth must be at least 0"),
    (dict(registers=-1), "registers must be at least 0"),  # the class token would have no position
    (dict(classes=-1), "classes must be at least 0"),
    (dict(pool="map", dim=20, heads=3), "cannot be split into 3"),
    (dict(pool="token_avg", pool_norm=True), "reads two"),
    (dict(position="rope", head_dim=6), "divisible by 4"),
    (dict(position="rope", rope_base=0.0), "above 0"),
])  # fmt: skip
def test_config_refuses(fields, says):
    with pytest.raises(ValueError, match=says):
        ViTConfig(**fields)


def test_the_model_stays_readable_in_one_sitting():
    assert len(Path(vit_core.models.vit.__file__).read_text().splitlines()) <= 255
