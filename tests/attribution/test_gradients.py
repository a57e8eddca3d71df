"""Attribution against the papers' equations, examples worked out by hand, and the effect of erasing patches."""

import math

import pytest
import torch

import vit_core as vc
from tests.attribution.explicit import KINDS, TWO, close, explicit
from vit_core import attribution as at
from vit_core.attribution.methods import lrp_rules as rules
from vit_core.attribution.methods.attention_aware_lrp import attnlrp
from vit_core.checkpoints.embedded import ASSETS
from vit_core.images import read_image
from vit_core.models.config import ViTConfig
from vit_core.models.rotary import Rotary
from vit_core.models.vit import VisionTransformer


def plainly(start, per_layer):
    """Equations 5 and 6 with the whole N x N matrix, the first layer first, for A_bar (H, N, N) before its mean."""
    R = torch.eye(len(start), dtype=torch.float64)
    for values in per_layer:
        R = R + values.clamp(min=0).mean(0) @ R
    return start @ R


@pytest.mark.parametrize("fields", KINDS, ids=str)
def test_both_agree_with_the_equations_in_one_graph(build, pictures, fields):
    model, images = build(**fields).double(), pictures().double()
    logits, weights, tokens = explicit(model, images)
    close(logits, model(images)[0])
    start = at.head_row(model, tokens.detach())
    assert start.sum().item() == pytest.approx(1)
    stream = at.residual_streams(model, images)
    for target in (0, 7):
        gradients = torch.autograd.grad(logits[target], weights, retain_graph=True)
        expected = plainly(start, [(g * w)[0] for g, w in zip(gradients, weights, strict=True)])
        found = at.gradient_rollout(model, images, target)
        assert found.shape == (model.config.num_prefix_tokens + 35,)
        close(found, expected)
        assert (found >= start).all()
        assert (found - start).max() > 1e-3
        of_stream, kept = rules.head_relevance(model, tokens.detach(), target), []
        for block, entered in zip(reversed(model.blocks), reversed(stream[:-1]), strict=True):
            of_stream, of_weights = rules.block_relevance(block, at.block_steps(block, entered), of_stream)
            kept.insert(0, of_weights)
        close(
            at.lrp(model, images, target),
            plainly(start, [g[0] * r for g, r in zip(gradients, kept, strict=True)]),
        )
    grid = at.on_grid(model, images, found)
    assert grid.shape == (5, 7)
    assert grid[1, 2] == found[model.config.num_prefix_tokens + 9]


def test_rows_that_the_head_reads(build):
    tokens = torch.randn(39, 14, generator=torch.Generator().manual_seed(0))
    rows = {
        pool: at.head_row(build(pool=pool, registers=3), tokens)
        for pool in ("token", "avg", "max", "avgmax", "map", "token_avg")
    }
    close(rows["token"], [1.0] + 38 * [0.0])
    close(rows["avg"], 4 * [0.0] + 35 * [1 / 35])
    close(rows["token_avg"], [0.5] + 3 * [0.0] + 35 * [1 / 70], 1e-7)
    winners = tokens[4:].argmax(0)
    close(rows["max"], [0.0] * 4 + [(winners == i).sum().item() / 14 for i in range(35)], 1e-7)
    close(rows["avgmax"], (rows["max"] + rows["avg"]) / 2, 1e-7)
    assert (rows["map"][:4] == 0).all()
    assert rows["map"][4:].std() > 0
    assert rows["map"].sum().item() == pytest.approx(1)
    close(at.head_row(build(pool="avg", pool_prefix=True), tokens), [1 / 39] * 39, 1e-7)
    close(at.head_row(build(**TWO), tokens), [0.5, 0.5] + 37 * [0.0])


# --- by hand -------------------------------------------------------------------------------------------------------


def two_tokens(depth: int, **fields) -> VisionTransformer:
    """A class token (1, -1) and one patch (-9, 9); one head, one channel wide; the MLP adds nothing; the head reads
    channel 0, class 1 with the opposite sign. A norm over two channels leaves (1, -1) for the class token and (-1, 1)
    for the patch, whatever their size, so no gradient goes through it. Values are a n + b, n the normed channel 0:
    layer 1 has a, b = 1, 2: values 3 (class) and 1 (patch); layer 2 has -2, 3: values 1 and 5. What attention mixes
    is added to channel 0."""
    model = VisionTransformer(
        ViTConfig(
            image_size=1,
            patch_size=1,
            channels=1,
            classes=2,
            dim=2,
            depth=depth,
            heads=1,
            head_dim=1,
            mlp_dim=3,
            norm_eps=1e-12,
            final_norm=False,
            **fields,
        )
    ).double()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.zero_()
        model.prefix_tokens.copy_(torch.tensor([[[1.0, -1.0]]]))
        model.patch_embed.weight.copy_(torch.tensor([-9.0, 9.0]).view(2, 1, 1, 1))
        model.head.weight.copy_(torch.tensor([[1.0, 0.0], [-1.0, 0.0]]))
        for block, (a, b) in zip(model.blocks, [(1.0, 2.0), (-2.0, 3.0)], strict=False):
            block.norm1.weight.fill_(1)
            block.norm2.weight.fill_(1)
            block.attn.qkv.weight[2, 0], block.attn.qkv.bias[2] = a, b
            block.attn.proj.weight.copy_(torch.tensor([[1.0], [0.0]]))
    return model


ONE = torch.ones(1, 1, 1, 1, dtype=torch.float64)


def test_gradient_rollout_by_hand_one_layer():
    # Queries and keys 0: A = 1/2 everywhere. logit 0 = 1 + A_cc 3 + A_cp 1: the gradient is (3, 1) in the class
    # token's row and 0 in the patch's. A_bar = ((3/2, 1/2), (0, 0)); the class token's row of I + A_bar:
    close(at.gradient_rollout(two_tokens(1), ONE, 0), [5 / 2, 1 / 2])
    # class 1 has the gradient (-3, -1): nothing speaks for it.
    close(at.gradient_rollout(two_tokens(1), ONE, 1), [1.0, 0.0])


def test_gradient_rollout_by_hand_two_layers():
    """The pool reads both tokens, and layer 1 looks three times as much at the other one."""
    model = two_tokens(2, pool="avg", pool_prefix=True)
    with torch.no_grad():
        # q = n, k = -n log(3)/2: scores of the class token -log(3)/2 (itself), +log(3)/2: A_1 = ((1,3), (3,1)) / 4
        model.blocks[0].attn.qkv.weight[0, 0] = 1
        model.blocks[0].attn.qkv.weight[1, 0] = -math.log(3) / 2
    # The logit is the mean of both tokens' channel 0, so grad A_l [n, m] = value_l[m] / 2:
    # A_bar_1 = ((3/8, 3/8), (9/8, 1/8)), A_bar_2 = ((1/4, 5/4), (1/4, 5/4)) with A_2 = 1/2 everywhere.
    # (1/2, 1/2)(I + A_bar_2) = (3/4, 7/4); times (I + A_bar_1): (3/4 + 9/32 + 63/32, 7/4 + 9/32 + 7/32) = (3, 9/4).
    # The other way round, (I + A_bar_1)(I + A_bar_2), it would be (7/4, 13/4).
    close(at.gradient_rollout(model, ONE, 0), [3.0, 9 / 4], 1e-8)
    close(at.gradient_rollout(model, ONE, 1), [0.5, 0.5])


def test_relevance_by_hand():
    # Class 0 reads channel 0 of the class token, 1 + 2 = 3: relevance 1 there. The MLP adds 0 and gets none. Of the 3,
    # 1 entered and attention added 2: 1/3 and 2/3. Mixed value 2 = 1/2 * 3 + 1/2 * 1: 3/4 of 2/3 to the class token's
    # weight, 1/4 to the patch's, half of each staying with the values: R_A = (1/4, 1/12).
    # Times the gradient (3, 1): A_bar = I + ((3/4, 1/12), (0, 0)).
    model = two_tokens(1)
    close(at.lrp(model, ONE, 0), [7 / 4, 1 / 12])
    # Class 1 reads -3: no positive contribution, no relevance.
    close(at.lrp(model, ONE, 1), [1.0, 0.0])
    stream = at.residual_streams(model, ONE)
    entered, weights = rules.block_relevance(
        model.blocks[0], at.block_steps(model.blocks[0], stream[0]), rules.head_relevance(model, stream[1], 0)
    )
    close(weights, [[[1 / 4, 1 / 12], [0, 0]]])
    # Scores are 0, so queries and keys get nothing of R_A's 1/3. Values 3 = 1 + bias 2 and 1 = -1 + bias 2: the
    # class token's 1/4 goes to its n = 1; the patch's product -1 is not positive, and its 1/12 ends there.
    close(entered, [[1 / 3 + 1 / 4, 0], [0, 0]])


def test_attnlrp_by_hand():
    # Class 0 reads 1 + 2 = 3 in channel 0, with gradient 1 for what entered, 1, and for the mixed value. Half of that
    # goes to the values, 1/2 of it to each: 1/4; queries and keys are 0, so the weights' half ends there. A value's
    # gradient is that of the normed channel 0, 1 of the class token and -1 of the patch: relevance 1 + 1/4 and -1/4.
    close(attnlrp(two_tokens(1), ONE, 0, "epsilon"), [5 / 4, -1 / 4])
    # Without the softmax, values get all: 1/2 each. All contributions to the class token's value, 1 + 2, are positive,
    # so the gamma rule changes nothing. Of the patch's, -1 + 2, the 2 counts 1.05 times: its 1/2 is divided by 1.1.
    close(attnlrp(two_tokens(1), ONE, 0, "gamma"), [3 / 2, -1 / 2.2], 1e-6)


def test_the_rules_by_hand():
    x, weight = torch.tensor([1.0, -2.0]), torch.tensor([[3.0, 1.0], [1.0, -1.0]])
    # contributions: output 0: 3, -2 -> the 3 takes all; output 1: 1, 2 -> thirds
    close(rules.linear(x, weight, torch.tensor([1.0, 3.0])), [1 + 1, 2.0])
    close(rules.linear(x, -weight[1:], torch.tensor([5.0])), [0.0, 0.0])  # none positive: ends there
    # 3/4 and 1/4 of the output 2; the weights' and the values' share are alike, so each keeps half
    u, v = rules.product(torch.tensor([[0.5, 0.5]]), torch.tensor([[3.0], [1.0]]), torch.tensor([[1.0]]))
    close(u, [[3 / 8, 1 / 8]])
    close(v, [[3 / 8], [1 / 8]])
    # sums 4 and 1: shares (3/4, -1) and (1/4, 2), totals -1/4 and 9/4, so each is scaled by 2 / (10/4), the first
    # turned round
    u, v = rules.add(torch.tensor([3.0, -1.0]), torch.tensor([1.0, 2.0]), torch.tensor([1.0, 1.0]))
    close(u, [-0.6, 0.8], 1e-6)
    close(v, [0.2, 1.6], 1e-6)


# --- conservation --------------------------------------------------------------------------------------------------


def noise(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.mark.parametrize("seed", range(5))
def test_every_rule_conserves(seed):
    R = noise(6, 9, seed=seed) + 0.5
    x, weight = noise(6, 40, seed=seed + 10), noise(9, 40, seed=seed + 20)
    close(rules.linear(x, weight, R).sum(-1), R.sum(-1))  # token by token
    for u, v, rule in (
        (noise(6, 9, seed=seed + 30), noise(6, 9, seed=seed + 40), rules.add),
        (noise(6, 5, seed=seed + 50), noise(5, 9, seed=seed + 60), rules.product),
    ):
        parts = [part.sum() for part in rule(u, v, R)]
        close(sum(parts), R.sum())
        assert all(0 <= part <= R.sum() + 1e-9 for part in parts)  # lemma 2 (ii)
    a, b = rules.product(noise(6, 5), noise(5, 9), R)
    close(a.sum(), b.sum())  # the deep Taylor rule gives each the whole
    swapped = rules.add(noise(6, 9, seed=2), noise(6, 9, seed=1), R)
    for one, other in zip(rules.add(noise(6, 9, seed=1), noise(6, 9, seed=2), R), reversed(swapped), strict=True):
        close(one, other)


def test_what_turned_channels_receive_goes_back_to_the_channel_they_came_from():
    rotary = Rotary(ViTConfig(image_size=(9, 12), patch_size=3, heads=1, head_dim=8, registers=2, position="rope"))
    for channel in range(8):
        x = torch.zeros(2, 15, 8, dtype=torch.float64)
        x[..., channel] = noise(2, 15)
        received = rules.rotary_relevance(rotary, rotary(x), noise(2, 15, 8).abs())
        assert received[..., channel].any()
        received[..., channel] = 0
        assert received.abs().max() < 1e-12
    given = noise(2, 15, 8, seed=1).abs()
    close(rules.rotary_relevance(rotary, rotary(noise(2, 15, 8)), given).sum(), given.sum())


WIDE = dict(dim=48, heads=4, head_dim=12, mlp_dim=64)  # so wide that no output lacks a positive contribution


@pytest.mark.parametrize("fields", [f for f in KINDS if f.get("heads") is None], ids=str)
def test_relevance_is_conserved_from_the_class_to_the_first_layer(build, pictures, fields):
    model, images = build(**WIDE | fields).double(), pictures().double()
    stream = at.residual_streams(model, images)
    for target in (1, 5):
        of_stream = rules.head_relevance(model, model.norm(stream[-1]), target)
        total = of_stream.sum().item()
        if fields.get("pool") == "map":  # its query keeps at most the half of the half that the weights got
            assert 0.5 < total < 0.99
        else:
            assert total == pytest.approx(1, abs=1e-9)
        for block, entered in zip(reversed(model.blocks), reversed(stream[:-1]), strict=True):
            of_stream, of_weights = rules.block_relevance(block, at.block_steps(block, entered), of_stream)
            assert of_stream.sum().item() == pytest.approx(total, abs=1e-9)
            assert 0 < of_weights.sum() < total


@pytest.mark.parametrize("name", ["tiny", "fashion"])
def test_relevance_is_conserved_in_float32_in_a_trained_model(name, measured):
    model = vc.load(f"embedded:{name}", "cpu")
    images, worst = model.transform(read_image(ASSETS / "samples/chelsea.jpg"))[0], 0.0
    stream = at.residual_streams(model, images)
    of_stream = rules.head_relevance(model, model.norm(stream[-1]), 3)
    for block, entered in zip(reversed(model.blocks), reversed(stream[:-1]), strict=True):
        of_stream, _ = rules.block_relevance(block, at.block_steps(block, entered), of_stream)
        worst = max(worst, abs(of_stream.sum(dtype=torch.float64).item() - 1))
    measured(
        f"relevance in embedded:{name}, float32: total 1, off by at most {worst:.1e} through {len(stream) - 1} layers"
    )
    assert worst < 1e-3


def test_the_distillation_head_s_part_begins_at_its_own_token(build):
    model = build(**TWO)
    tokens = torch.randn(37, 14, generator=torch.Generator().manual_seed(1))
    found = rules.head_relevance(model, tokens, 4)
    weights = torch.stack([model.head.weight[4], model.distillation_head.weight[4]]).detach()
    added = (tokens[:2] * weights).clamp_min(0)  # by what each channel of the two adds to the logit
    torch.testing.assert_close(found[:2], added / added.sum())
    assert not found[2:].any()
