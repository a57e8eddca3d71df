"""An intervention leaves out what it names from the forward pass, and nothing else."""

import contextlib
import functools

import numpy as np
import pytest
import torch

import vit_core as vc
from vit_core import attribution as at

KINDS = [
    {}, dict(block="res_post", layer_scale=True), dict(block="parallel", qk_norm=True, norm="rms", layer_scale=True),
    dict(mlp="glu", registers=2, attention_norm=True, mlp_norm=True), dict(class_token=False, pool="avg"),
    dict(distillation_token=True, distillation_head=True), dict(pool="map"), dict(position="rope", head_dim=8),
]  # fmt: skip


def close(a, b, tolerance=1e-9):
    torch.testing.assert_close(a, b, atol=tolerance, rtol=tolerance)


@contextlib.contextmanager
def hooked(module, change):
    """Replace the input of `module` with `change(module, arguments)`."""
    handle = module.register_forward_pre_hook(change)
    yield
    handle.remove()


@pytest.fixture(params=KINDS, ids=str)
def model(build, request):
    return build(**request.param).double()


@pytest.fixture
def images(pictures):
    return pictures().double()


@torch.no_grad()
def test_with_nothing_off_it_is_the_model(model, images):
    close(at.intervene(model, images), model(images)[0])
    close(at.intervene(model.float(), images.float()), model(images.float())[0], 1e-6)


@torch.no_grad()
def test_all_layers_off_leaves_the_head_on_the_embedded_tokens(model, images):
    close(at.intervene(model, images, layers_off=range(3)), model.classify(model.norm(model.embed(images)))[0])


@torch.no_grad()
def test_a_layer_off_is_a_model_without_it(model, images):
    x = model.embed(images)
    for i in (0, 2):
        x = model.blocks[i](x)
    close(at.intervene(model, images, layers_off=[1]), model.classify(model.norm(x))[0])


@torch.no_grad()
def test_a_head_off_mixes_nothing(model, images):
    """Head 1 of layer 1: by taking its columns out of the projection, where no norm stands before it."""
    block = model.blocks[1]
    stream = at.residual_streams(model, images)
    width = model.config.head_dim

    def joined_without_head_1(module, given):
        joined = given[0].clone()
        joined[..., width:] = 0  # heads stand side by side
        return joined

    with hooked(block.attn.norm, joined_without_head_1):
        left = block(stream[1][None])
    x = model.blocks[2](left)
    expected = model.classify(model.norm(x))[0]
    close(at.intervene(model, images, heads_off=[(1, 1)]), expected)
    assert (expected - model(images)[0]).abs().max() > 1e-3


@torch.no_grad()
def test_every_head_of_a_layer_off_leaves_the_projections_bias_alone(model, images):
    block, x = model.blocks[1], at.residual_streams(model, images)[1][None]
    nothing = torch.zeros(2 * model.config.head_dim, dtype=torch.float64)
    with hooked(block.attn.norm, lambda module, given: torch.zeros_like(given[0])):
        left = block(x)
    if isinstance(block.attn.norm, torch.nn.Identity):
        close(block.attn.proj(block.attn.norm(nothing)), block.attn.proj.bias)
    expected = model.classify(model.norm(model.blocks[2](left)))[0]
    close(at.intervene(model, images, heads_off=[(1, 0), (1, 1)]), expected)


@torch.no_grad()
def test_erasing_is_painting_the_pixels(build, pictures):
    model, images = build().double(), pictures(1, 17, 23).double()  # 2 pixels are left over each way
    before = images.clone()
    erased = (0, 8, 34)  # (0, 0), (1, 1), (4, 6) of 5 x 7
    mean = images.mean((2, 3))[0]
    by_hand = images.clone()
    for row, col in ((0, 0), (1, 1), (4, 6)):
        by_hand[0, :, 3 * row : 3 * row + 3, 3 * col : 3 * col + 3] = mean[:, None, None]
    close(at.erase_patches(model, images, erased), by_hand)
    close(at.intervene(model, images, erased=erased), model(by_hand)[0])
    for fill in at.FILLS:
        painted = at.erase_patches(model, images, erased, fill)
        same = (painted == images).all(1)[0]
        assert same.sum() == 17 * 23 - 3 * 9
        assert not same[0, 0]
        assert same[15:].all()
    black = at.erase_patches(model, images, [0], "black")[0, :, 0, 0]
    close(black, -torch.tensor([0.5, 0.4, 0.3]).double() / torch.tensor([0.5, 0.4, 0.3]).double())
    assert torch.equal(images, before)
    assert at.erase_patches(model, images, ()) is images


def test_blur_keeps_a_flat_picture_and_the_mean_and_takes_the_detail(build):
    flat = torch.full((1, 3, 15, 21), 0.7)
    close(at.erase_patches(build(), flat, range(35), "blur"), flat, 1e-5)
    fine = flat.clone()
    fine[..., ::2] = -0.7  # stripes of one pixel
    blurred = at.erase_patches(build(), fine, range(35), "blur")
    assert blurred[..., 4:-4].abs().max() < 0.1
    step = flat.clone()
    step[..., :10] = 0
    across = at.erase_patches(build(), step, range(35), "blur")[0, 0, 7]
    assert (across.diff() >= -1e-6).all()  # rises once, from dark to bright
    assert 0.15 < across[10] < 0.55


@torch.no_grad()
def test_many_changes_in_one_pass_are_each_alone(model, images):
    changes = [
        at.Change(),
        at.Change(erased=[3, 4]),
        at.Change(heads_off=[(0, 1)]),
        at.Change(layers_off=[0, 2]),
        at.Change([1], "black", [(2, 0), (2, 1)], [1]),
        at.Change([5], "blur"),
    ]
    together = at.interventions(model, images, changes)
    assert together.shape == (6, 11)
    for change, logits in zip(changes, together, strict=True):
        close(at.intervene(model, images, **change._asdict()), logits)
    assert len({tuple(row.tolist()) for row in together}) == 6
    assert at.interventions(model, images, []).shape == (0, 11)


def test_most_important():
    values = torch.tensor([[1.0, 5.0, 5.0], [0.0, 9.0, 2.0]])
    assert at.most_important(values, 4) == (4, 1, 2, 5)
    assert at.most_important(values.flatten(), 99) == (4, 1, 2, 5, 0, 3)
    assert at.most_important(values, 0) == ()
    assert at.most_important(torch.zeros(7, 7), 49) == tuple(range(49))  # equals keep their order


def test_flips_a_step_at_a_time(build, pictures):
    model, images = build(), pictures()
    ranking = torch.randperm(35, generator=torch.Generator().manual_seed(4)).tolist()
    found = at.deletion_curve(model, images, ranking, classes=[7, 2], batch=4)
    assert found.counts == tuple(range(36))
    assert found.scores.shape == (36, 2)
    one_by_one = torch.stack([at.intervene(model, images, erased=ranking[:k]) for k in range(36)])
    close(found.scores, one_by_one.softmax(-1)[:, [7, 2]], 1e-5)
    assert found.predicted.tolist() == one_by_one.argmax(-1).tolist()
    changed = [k for k in range(36) if found.predicted[k] != found.predicted[0]]
    assert found.first == (changed[0] if changed else None)
    some = at.deletion_curve(model, images, ranking, counts=[35, 10, 10])
    assert some.counts == (10, 35)
    assert some.scores.shape == (2, 11)
    close(some.scores[:, 7], found.scores[[10, 35], 0], 1e-5)
    assert some.first == next((k for k in (10, 35) if found.predicted[k] != found.predicted[0]), None)
    assert at.deletion_curve(model, images, []).first is None
    assert at.deletion_curve(model, images, ranking, counts=[]).scores.shape == (0, 11)


@pytest.mark.parametrize("option", [
    dict(erased=[35]), dict(erased=[-1]), dict(fill="red"), dict(heads_off=[(3, 0)]), dict(heads_off=[(0, 2)]),
    dict(heads_off=[(-1, 0)]), dict(layers_off=[3]), dict(layers_off=[-1]), dict(counts=[4]),
], ids=str)  # fmt: skip
def test_options_out_of_range_are_named(build, pictures, option):
    ask = functools.partial(at.deletion_curve, ranking=[1, 2, 3]) if "counts" in option else at.intervene
    with pytest.raises(vc.InputError, match=next(iter(option))) as caught:
        ask(build(), pictures(), **option)
    assert caught.value.code == "intervention-option"


def test_what_cannot_be_asked(build, pictures):
    model = build()
    with pytest.raises(vc.InputError, match="no classification head"):
        at.intervene(build(classes=0), pictures())
    with pytest.raises(vc.InputError) as caught:
        at.intervene(model, pictures(2))
    assert caught.value.code == "tensor-shape"
    model.transform = None  # which value is black is not known
    with pytest.raises(vc.InputError, match="black"):
        at.intervene(model, pictures(), erased=[0], fill="black")
    at.intervene(model, pictures(), erased=[0])


def test_an_oblong_patch_is_painted_where_it_is(build, pictures):
    model, images = build(patch_size=(5, 3)), pictures(1)  # 3 x 7 patches
    changed = (at.erase_patches(model, images, [9]) != images)[0].all(0)
    there = torch.zeros(15, 21, dtype=torch.bool)
    there[5:10, 6:9] = True  # row 1, column 2
    assert torch.equal(changed, there)


def test_blur_is_a_gaussian_as_wide_as_the_patch_s_longer_side(build, pictures):
    model, images = build(patch_size=(5, 3)), pictures(1)
    seen = images[0].double().numpy()
    shares = np.exp(-(np.arange(-15, 16) ** 2) / (2 * 5**2))
    shares /= shares.sum()
    for axis in (1, 2):  # 15 pixels each way are three sigmas; the border is repeated
        padded = np.pad(seen, [(15, 15) if axis == each else (0, 0) for each in range(3)], "edge")
        n = seen.shape[axis]
        seen = sum(share * np.take(padded, np.arange(n) + start, axis) for start, share in enumerate(shares))
    blurred = at.erase_patches(model, images, range(21), "blur")[0]
    torch.testing.assert_close(blurred.double(), torch.from_numpy(seen), atol=1e-5, rtol=1e-4)
