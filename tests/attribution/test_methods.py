"""What every method's map must show: by construction, in a trained model, and without leaving anything behind."""

import copy
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch

import vit_core as vc
from tests.attribution.explicit import KINDS, TWO, close, explicit, explicit_block
from tests.conftest import SMALL, shake
from vit_core import attribution as at
from vit_core.attribution import METHODS, attribute
from vit_core.attribution.methods.attention_aware_lrp import attnlrp
from vit_core.checkpoints.embedded import ASSETS
from vit_core.data.arrays import read_idx
from vit_core.images import Preprocess
from vit_core.models.config import ViTConfig
from vit_core.models.vit import VisionTransformer

OF_CLASS = [name for name, method in METHODS.items() if method.depends_on_class]
QUICK = [name for name in METHODS if name != "occlusion"]  # which runs the model once for each patch
#: Those whose maps follow the class and the weights. Attention times gradient hardly changes with the class.
SPECIFIC = [name for name in OF_CLASS if name in QUICK and name != "attention_gradient"]


# --- against references in one graph ---------------------------------------------------------------------------------


def logits_of_mean(model, tokens):
    """What the head says of the mean token: every part that it reads is that one vector."""
    vector = model.norm(tokens.mean(1))
    both = torch.cat([vector, vector], -1) if model.config.pool == "token_avg" else vector
    logits = model.head(model.pool_norm(both))
    return logits if model.distillation_head is None else (logits + model.distillation_head(vector)) / 2


def logits_of_pool(pool, model, tokens):
    """What an attention pool and the head say of tokens (1, N, D), and the pool's weights (heads, n)."""
    read = model.norm(tokens)[0, 0 if model.config.pool_prefix else model.config.num_prefix_tokens :]
    heads = pool.heads
    query = pool.q(pool.latent[0, 0]).view(heads, -1)
    key, value = pool.kv(read).view(len(read), 2, heads, -1).permute(1, 2, 0, 3)
    weights = torch.softmax((key @ query[..., None])[..., 0] / query.shape[-1] ** 0.5, -1)
    out = pool.proj((weights[:, None] @ value).flatten())
    return model.head(out + pool.fc2(pool.act(pool.fc1(pool.norm(out))))), weights


@pytest.mark.parametrize("fields", KINDS, ids=str)
def test_legrad_in_one_graph(build, pictures, fields):
    model, images = build(**fields).double(), pictures().double()
    prefix, x = model.config.num_prefix_tokens, model.embed(images)
    wanted = torch.zeros(35, dtype=torch.float64)
    for block in model.blocks:
        x, weights = explicit_block(block, x)
        if fields.get("pool") == "map":
            logits, weights = logits_of_pool(model.attention_pool, model, x)
            gradient = torch.autograd.grad(logits[7], weights, retain_graph=True)[0]
            wanted += gradient.clamp(min=0).mean(0) / 3
        else:
            gradient = torch.autograd.grad(logits_of_mean(model, x)[0, 7], weights, retain_graph=True)[0]
            wanted += gradient.clamp(min=0).mean((0, 1, 2))[prefix:] / 3
    close(attribute(model, images, 7, "legrad").values, wanted)
    assert wanted.std() > 0


@pytest.mark.parametrize("fields", KINDS, ids=str)
def test_attention_gradient_in_one_graph(build, pictures, fields):
    model, images = build(**fields).double(), pictures().double()
    logits, weights, _ = explicit(model, images)
    gradients = torch.autograd.grad(logits[7], weights)
    each = [(w * g.clamp(min=0)).mean((0, 1, 2)) for w, g in zip(weights, gradients, strict=True)]
    wanted = torch.stack(each).mean(0)[model.config.num_prefix_tokens :]
    close(attribute(model, images, 7, "attention_gradient").values, wanted)


@pytest.mark.parametrize("fields", KINDS, ids=str)
def test_grad_cam_in_one_graph(build, pictures, fields):
    model, images = build(**fields).double(), pictures().double()
    prefix, x, last = model.config.num_prefix_tokens, model.embed(images), model.blocks[-1]
    for block in model.blocks[:-1]:
        x, _ = explicit_block(block, x)
    kept = []
    read = x if last.wiring == "res_post" else last.norm1
    handle = None if read is x else last.norm1.register_forward_hook(lambda _, __, out: kept.append(out))
    out, _ = explicit_block(last, x)
    if handle:
        handle.remove()
        read = kept[0]
    target = 2
    gradient = torch.autograd.grad(model.classify(model.norm(out))[0, target], read)[0][0, prefix:]
    wanted = (read[0, prefix:] @ gradient.mean(0)).clamp(min=0)
    if wanted.any():
        close(attribute(model, images, target, "grad_cam").values, wanted)
    else:
        with pytest.raises(vc.InputError, match="finds no patch"):
            attribute(model, images, target, "grad_cam")


def test_input_gradient_and_occlusion_patch_by_patch(build, pictures):
    model, images = build().double(), pictures(1, 16, 23).double()  # pixels left over at both edges
    images.requires_grad_()
    gradient = torch.autograd.grad(model(images)[0, 4], images)[0]
    images = images.detach()
    found = attribute(model, images, 4, "input_gradient").on_grid
    for row, col in ((0, 0), (4, 6), (2, 3)):
        patch = (..., slice(3 * row, 3 * row + 3), slice(3 * col, 3 * col + 3))
        close(found[row, col], (images * gradient)[patch].sum())
        without = at.intervene(model, images, erased=[7 * row + col])
        close(attribute(model, images, 4, "occlusion").on_grid[row, col], (model(images)[0] - without)[4])


@pytest.mark.parametrize("fields", KINDS, ids=str)
def test_class_blind_maps_are_the_trace_s(build, pictures, fields):
    model, images = build(**fields), pictures()
    trace, prefix = vc.record(model, images), model.config.num_prefix_tokens
    start = at.head_row(model, trace.tokens)
    rolled = sum(start[token] * vc.rollout(trace, token=token) for token in range(trace.num_tokens))
    close(attribute(model, images, 0, "rollout").values, rolled[prefix:], 1e-5)
    close(attribute(model, images, 0, "attention").values, (start @ trace.attention(2).mean(0))[prefix:], 1e-5)


# --- AttnLRP ---------------------------------------------------------------------------------------------------------

NO_BIAS = dict(qkv_bias=False, proj_bias=False, mlp_bias=False, head_bias=False)


@pytest.mark.parametrize("fields", KINDS, ids=str)
def test_without_biases_attnlrp_conserves(build, pictures, fields):
    """With no relevance through the softmax, the tokens' relevance adds up to the logit."""
    model, images = build(**fields | NO_BIAS).double(), pictures().double()
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if name.endswith("bias"):
                parameter.zero_()
    assert attnlrp(model, images, 4, "gamma").sum().item() == pytest.approx(model(images)[0, 4].item(), rel=1e-9)


# --- what the maps are of ---------------------------------------------------------------------------------------------


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


@pytest.mark.parametrize("method", [m for m in OF_CLASS if m in QUICK])
def test_two_objects_two_classes_two_maps(method):
    model, images = picks_out(), torch.zeros(1, 2, 2, 3, dtype=torch.float64)
    images[0, 0, 0, 0] = images[0, 0, 1, 0] = 1  # class 0: patches 0 and 3
    images[0, 1, 0, 2] = 1  # class 1: patch 2
    first, second, both = (attribute(model, images, k, method).values for k in range(3))
    for found, patches in ((first, {0, 3}), (second, {2}), (both, {0, 2, 3})):
        assert set((found > 1e-9).nonzero().flatten().tolist()) == patches
        assert found[list(patches)].min() > 0.1 * found.max()  # the norm makes gradients of pixels small
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


@pytest.mark.parametrize("method", SPECIFIC)
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
            [attribute(m, p[None], k, method).values for m in (model, other)]
            for p, k in zip(pictures[:10], predicted[:10], strict=True)
        ]
        kept.append(sum(correlation(*pair) for pair in maps) / len(maps))
    measured(
        f"{method}: rank correlation with the trained model's map, last 0, 1, 3 layers and the head "
        f"shuffled: {', '.join(f'{k:.2f}' for k in kept)}"
    )
    assert kept[0] == pytest.approx(1)
    assert kept[1] < 0.8
    assert kept[2] < 0.6


@pytest.mark.parametrize("method", SPECIFIC)
def test_maps_depend_on_the_class(fashion, method):
    model, pictures, predicted = fashion
    for picture, target in zip(pictures[:3], predicted[:3], strict=True):
        maps = [attribute(model, picture[None], k, method).values for k in range(10)]
        same = [correlation(maps[target].flatten(), maps[k].flatten()) for k in range(10) if k != target]
        assert sum(same) / len(same) < 0.9


@pytest.mark.parametrize("method", QUICK)
def test_erasing_what_ranks_highest_hurts_more_than_erasing_at_random(fashion, method, measured):
    model, pictures, predicted = fashion
    generator, count = torch.Generator().manual_seed(0), round(0.3 * 196)
    drops = torch.zeros(3)
    for picture, target in zip(pictures, predicted, strict=True):
        ranking = at.most_important(attribute(model, picture[None], target, method).values, 196)
        chance = [torch.randperm(196, generator=generator)[:count].tolist() for _ in range(5)]
        changes = [at.Change(erased) for erased in [(), ranking[:count], ranking[-count:], *chance]]
        p = at.interventions(model, picture[None], changes).softmax(-1)[:, target]
        drops += torch.stack([p[0] - p[1], p[0] - p[2], p[0] - p[3:].mean()]) / len(pictures)
    top, bottom, random = drops.tolist()
    measured(
        f"{method}, embedded:fashion, 40 pictures, {count} of 196 patches erased: probability of the "
        f"predicted class falls by {top:.3f} (highest), {random:.3f} (at random), {bottom:.3f} (lowest)"
    )
    assert top > random + 0.03
    if method in ("attnlrp", "lrp", "gradient_rollout", "input_gradient"):  # others rank what matters least no better
        assert bottom < random


# --- nothing is left behind -----------------------------------------------------------------------------------------


WITH_EVIDENCE = (0, 2, 7)  # classes for which Grad-CAM finds a patch


def test_the_model_is_left_as_it_was_and_may_be_used_by_many_at_once(build, pictures):
    model, images = build(**TWO), pictures()
    before = copy.deepcopy(model.state_dict())
    wanted = {p: p.requires_grad for p in model.parameters()}
    alone = {(f, k): attribute(model, images, k, f).values for f in METHODS for k in WITH_EVIDENCE}
    with ThreadPoolExecutor(4) as pool:
        jobs = {key: pool.submit(attribute, model, images, key[1], key[0]) for key in alone}
        for key, job in jobs.items():
            close(job.result().values, alone[key], 1e-6)
    assert torch.is_grad_enabled()
    for guard in (torch.no_grad, torch.inference_mode):
        with guard():
            for method in METHODS:
                close(attribute(model, images, 0, method).values, alone[method, 0], 1e-6)
                close(attribute(model, images.clone(), 0, method).values, alone[method, 0], 1e-6)
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
            attribute(model, images, target, method)
        assert caught.value.code == code


def test_another_picture_size(build, pictures):
    model, images = build(), pictures(1, 20, 34)
    for method in METHODS:
        found = attribute(model, images, 3, method)
        assert found.values.shape == (66,)
        assert found.on_grid.shape == (6, 11)


def test_a_model_of_half_precision_parameters_is_as_good_as_its_arithmetic():
    model = shake(VisionTransformer(ViTConfig(**SMALL))).bfloat16()
    images = torch.randn(1, 3, 15, 21, generator=torch.Generator().manual_seed(1)).bfloat16()
    for method in METHODS:
        assert attribute(model, images, 2, method).values.isfinite().all()


@pytest.mark.parametrize("method", [name for name, one in METHODS.items() if one.signed])
def test_swapping_the_classes_negates_the_contrast(fashion, method):
    """The contrast of two classes explains the difference of their logits, here the first logit of a changed head."""
    model, pictures, _ = fashion
    contrast = copy.deepcopy(model)

    def explained(a: int, b: int):
        with torch.no_grad():
            for changed, own in zip(contrast.head.parameters(), model.head.parameters(), strict=True):
                changed[0] = own[a] - own[b]
        return attribute(contrast, pictures[:1], 0, method).values

    there = explained(2, 6)
    assert there.abs().max() > 1e-3
    torch.testing.assert_close(explained(6, 2), -there)
    if method != "attnlrp":  # whose gamma rule is not linear in the head's weights
        first, second = (attribute(model, pictures[:1], number, method).values for number in (2, 6))
        torch.testing.assert_close(there, first - second, rtol=1e-3, atol=1e-4)
