"""Attribution against the papers' equations, examples worked out by hand, and the effect of erasing patches."""

import copy
import math
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch

import vit_core as vc
from tests.conftest import SMALL, shake
from vit_core import attribution as at
from vit_core.attribution import lrp_rules as rules
from vit_core.checkpoints.embedded import ASSETS
from vit_core.data.arrays import read_idx
from vit_core.images import Preprocess, read_image
from vit_core.models.config import ViTConfig
from vit_core.models.rotary import Rotary
from vit_core.models.vit import VisionTransformer, attention_weights

TWO = dict(distillation_token=True, distillation_head=True)
KINDS = [
    {}, dict(block="res_post", layer_scale=True), dict(block="parallel", qk_norm=True, norm="rms", layer_scale=True),
    dict(mlp="glu", activation="silu", registers=2), dict(attention_norm=True, mlp_norm=True, pool="token_avg"),
    dict(TWO, registers=1), dict(TWO, class_token=False, pool="max"), dict(class_token=False, pool="avg"),
    dict(pool="avgmax", pool_prefix=True, pool_norm=True, final_norm=False), dict(pool="map", registers=1),
    dict(qkv_bias=False, proj_bias=False, mlp_bias=False, head_bias=False, head_dim=5, heads=3),
    dict(position="rope", head_dim=8, registers=2),
]  # fmt: skip
METHODS = [at.gradient_rollout, at.lrp]


def close(a, b, tolerance=1e-9) -> None:
    torch.testing.assert_close(a, torch.as_tensor(b, dtype=a.dtype), atol=tolerance, rtol=tolerance)


def explicit(model, images):
    """The whole forward at once: the first picture's logits, and a layer's attention weights each, one graph."""
    x, kept = model.embed(images), []
    for block in model.blocks:

        def mix(read, attn=block.attn):
            B, N, _ = read.shape
            q, k, v = attn.qkv(read).view(B, N, 3, attn.heads, attn.head_dim).permute(2, 0, 3, 1, 4)
            kept.append(attention_weights(attn.rotary(attn.q_norm(q)), attn.rotary(attn.k_norm(k))))
            return attn.proj(attn.norm((kept[-1] @ v).transpose(1, 2).reshape(B, N, -1)))

        if block.wiring == "parallel":
            read = block.norm1(x)
            x = x + block.ls1(mix(read)) + block.ls2(block.mlp(read))
        elif block.wiring == "res_post":
            x = x + block.ls1(block.norm1(mix(x)))
            x = x + block.ls2(block.norm2(block.mlp(x)))
        else:
            x = x + block.ls1(mix(block.norm1(x)))
            x = x + block.ls2(block.mlp(block.norm2(x)))
    return model.classify(model.norm(x))[0], kept, model.norm(x)[0]


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


# --- what the maps are of --------------------------------------------------------------------------------------------


def picks_out() -> VisionTransformer:
    """Class 0 reads what bright pixels of channel 0 put into the stream, class 1 those of channel 1: by construction
    they depend on no other patch. The last class reads both."""
    model = VisionTransformer(
        ViTConfig(
            image_size=(2, 3),
            patch_size=1,
            channels=2,
            classes=3,
            dim=4,
            depth=1,
            heads=1,
            head_dim=2,
            mlp_dim=2,
            final_norm=False,
            position="none",
        )
    ).double()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.zero_()
        block, eye = model.blocks[0], torch.eye(2)
        model.patch_embed.weight.copy_(torch.cat([eye, -eye]).view(4, 2, 1, 1))  # the mean over channels stays 0
        block.norm1.weight.fill_(1)
        block.attn.qkv.weight[4:, :2] = eye
        block.attn.proj.weight[:2] = eye
        model.head.weight[:2, :2] = eye
        model.head.weight[2, :2] = 1
    model.transform = Preprocess((2, 3), (0.0, 0.0), (1.0, 1.0))
    return model


@pytest.mark.parametrize("method", METHODS)
def test_two_objects_two_classes_two_maps(method):
    model, images = picks_out(), torch.zeros(1, 2, 2, 3, dtype=torch.float64)
    images[0, 0, 0, 0] = images[0, 0, 1, 0] = 1  # class 0: patches 0 and 3
    images[0, 1, 0, 2] = 1  # class 1: patch 2
    first, second, both = (at.on_grid(model, images, method(model, images, k)).flatten() for k in range(3))
    for found, patches in ((first, {0, 3}), (second, {2}), (both, {0, 2, 3})):
        assert set((found > 1e-9).nonzero().flatten().tolist()) == patches
        assert found[list(patches)].min() > 0.01
    whole = at.intervene(model, images)
    without = at.intervene(model, images, erased=at.most_important(first, 2), fill="black")
    assert without[0].abs() < 1e-9 < whole[0]
    close(without[1], whole[1])


def test_the_prediction_flips_where_it_must():
    model, images = picks_out(), torch.zeros(1, 2, 2, 3, dtype=torch.float64)
    with torch.no_grad():
        model.head.weight[1] *= 1.5
        model.head.weight[2] = 0
    images[0, 0].view(-1)[[0, 3, 4]] = 1  # three patches speak for class 0, and one, one and a half times, for class 1
    images[0, 1].view(-1)[2] = 1
    found = at.deletion_curve(model, images, [3, 1, 0, 4, 2], fill="black")  # 3 : 1.5, then 2, 2, 1, 0 and last 0 : 0
    assert found.predicted[:5].tolist() == [0, 0, 0, 1, 1]
    assert found.first == 3
    assert at.deletion_curve(model, images, [3, 1], fill="black").first is None
    assert at.deletion_curve(model, images, [3, 1, 0, 4, 2], counts=[4], fill="black").first == 4


@pytest.fixture(scope="module")
def fashion():
    """The embedded model, 40 test pictures that it was not trained on, and what it predicts."""
    model = vc.load("embedded:fashion", "cpu")
    pixels = torch.from_numpy(read_idx(ASSETS / "fashion-mnist/t10k-images-idx3-ubyte.gz")[:40, None]).float() / 255
    mean, std = (torch.tensor(v).view(1, -1, 1, 1) for v in (model.transform.mean, model.transform.std))
    pictures = (pixels - mean) / std
    with torch.no_grad():
        return model, pictures, model(pictures).argmax(-1).tolist()


def correlation(a, b):
    """Spearman's, of two maps."""
    return torch.corrcoef(torch.stack([v.argsort().argsort().float() for v in (a, b)]))[0, 1].item()


@pytest.mark.parametrize("method", METHODS)
def test_maps_depend_on_the_weights(fashion, method, measured):
    """Adebayo et al. 2018 (arXiv:1810.03292), cascading randomisation: a map that does not change as the last layers
    are randomised shows the picture, not the model."""
    model, pictures, predicted = fashion
    kept = []
    for layers in (0, 1, 3):
        other = copy.deepcopy(model)
        generator = torch.Generator().manual_seed(layers)
        with torch.no_grad():
            for module in [other.head, *other.blocks[len(other.blocks) - layers :]] if layers else []:
                for parameter in module.parameters():  # the same values in another order: as large as before
                    parameter.copy_(
                        parameter.flatten()[torch.randperm(parameter.numel(), generator=generator)].view_as(parameter)
                    )
        maps = [
            [at.on_grid(m, p[None], method(m, p[None], k)).flatten() for m in (model, other)]
            for p, k in zip(pictures[:10], predicted[:10], strict=True)
        ]
        kept.append(sum(correlation(*pair) for pair in maps) / len(maps))
    measured(
        f"{method.__name__}: rank correlation with the trained model's map, last 0, 1, 3 layers and the head "
        f"shuffled: {', '.join(f'{k:.2f}' for k in kept)}"
    )
    assert kept[0] == pytest.approx(1)
    assert kept[1] < 0.8
    assert kept[2] < 0.6


@pytest.mark.parametrize("method", METHODS)
def test_maps_depend_on_the_class(fashion, method):
    model, pictures, predicted = fashion
    for picture, target in zip(pictures[:3], predicted[:3], strict=True):
        maps = [at.on_grid(model, picture[None], method(model, picture[None], k)) for k in range(10)]
        same = [correlation(maps[target].flatten(), maps[k].flatten()) for k in range(10) if k != target]
        assert sum(same) / len(same) < 0.9


@pytest.mark.parametrize("method", METHODS)
def test_erasing_what_ranks_highest_hurts_more_than_erasing_at_random(fashion, method, measured):
    model, pictures, predicted = fashion
    generator, count = torch.Generator().manual_seed(0), round(0.3 * 196)
    drops = torch.zeros(3)
    for picture, target in zip(pictures, predicted, strict=True):
        ranking = at.most_important(at.on_grid(model, picture[None], method(model, picture[None], target)), 196)
        chance = [torch.randperm(196, generator=generator)[:count].tolist() for _ in range(5)]
        changes = [at.Change(erased) for erased in [(), ranking[:count], ranking[-count:], *chance]]
        p = at.interventions(model, picture[None], changes).softmax(-1)[:, target]
        drops += torch.stack([p[0] - p[1], p[0] - p[2], p[0] - p[3:].mean()]) / len(pictures)
    top, bottom, random = drops.tolist()
    measured(
        f"{method.__name__}, embedded:fashion, 40 pictures, {count} of 196 patches erased: probability of the "
        f"predicted class falls by {top:.3f} (highest), {random:.3f} (at random), {bottom:.3f} (lowest)"
    )
    assert top > random + 0.05
    assert bottom < random


# --- nothing is left behind -----------------------------------------------------------------------------------------


def test_the_model_is_left_as_it_was_and_may_be_used_by_many_at_once(build, pictures):
    model, images = build(**TWO), pictures()
    before = copy.deepcopy(model.state_dict())
    wanted = {p: p.requires_grad for p in model.parameters()}
    alone = {(f, k): f(model, images, k) for f in METHODS for k in range(11)}
    with ThreadPoolExecutor(4) as pool:
        jobs = {key: pool.submit(key[0], model, images, key[1]) for key in alone}
        for key, job in jobs.items():
            close(job.result(), alone[key], 1e-6)
    assert torch.is_grad_enabled()
    for guard in (torch.no_grad, torch.inference_mode):
        with guard():
            for method in METHODS:
                close(method(model, images, 0), alone[method, 0], 1e-6)
                close(method(model, images.clone(), 0), alone[method, 0], 1e-6)
            assert not torch.is_grad_enabled()
    assert all(not row.requires_grad for row in alone.values())
    at.intervene(model, images, erased=[1], heads_off=[(0, 1)], layers_off=[2])
    assert all(p.grad is None and p.requires_grad == wanted[p] for p in model.parameters())
    assert all(torch.equal(before[name], now) for name, now in model.state_dict().items())
    assert not [m for m in model.modules() if m._forward_hooks or m._forward_pre_hooks or m._backward_hooks]


@pytest.mark.parametrize("method", METHODS)
def test_what_cannot_be_asked(build, pictures, method):
    for code, model, images, target in (
        ("model-no-head", build(classes=0), pictures(), 0), ("attribution-target", build(), pictures(), 11),
        ("attribution-target", build(), pictures(), -1), ("tensor-shape", build(), pictures(2), 0),
    ):  # fmt: skip
        with pytest.raises(vc.InputError) as caught:
            method(model, images, target)
        assert caught.value.code == code


def test_another_picture_size(build, pictures):
    model, images = build(), pictures(1, 20, 34)
    for method in METHODS:
        row = method(model, images, 3)
        assert row.shape == (67,)
        assert at.on_grid(model, images, row).shape == (6, 11)


def test_a_model_of_half_precision_parameters_is_as_good_as_its_arithmetic():
    model = shake(VisionTransformer(ViTConfig(**SMALL))).bfloat16()
    images = torch.randn(1, 3, 15, 21, generator=torch.Generator().manual_seed(1)).bfloat16()
    for method in METHODS:
        assert method(model, images, 2).isfinite().all()


def test_the_distillation_head_s_part_begins_at_its_own_token(build):
    model = build(**TWO)
    tokens = torch.randn(37, 14, generator=torch.Generator().manual_seed(1))
    found = rules.head_relevance(model, tokens, 4)
    weights = torch.stack([model.head.weight[4], model.distillation_head.weight[4]]).detach()
    added = (tokens[:2] * weights).clamp_min(0)  # by what each channel of the two adds to the logit
    torch.testing.assert_close(found[:2], added / added.sum())
    assert not found[2:].any()
