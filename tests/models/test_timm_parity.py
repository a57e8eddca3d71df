"""The same logits as timm, for every name of its vision_transformer.py, every DeiT and every DINOv3.

Depth and classes are cut to fit memory; nothing else is. No weight is left at its initial value: zeros and ones
would hide a missing term.
"""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image

from vit_core import from_timm, predict, record
from vit_core.checkpoints import import_timm
from vit_core.checkpoints.timm_import import UNSUPPORTED
from vit_core.errors import InputError
from vit_core.models.positions import resize_positions

pytestmark = pytest.mark.load  # gigabytes of weights and every name of timm's: half a minute of two cores
TOLERANCE = 1e-4  # of the largest |logit|
DEPTH, CLASSES = 2, 7
GRID = (5, 4)  # patches at the native size
SEEN = ((3, 2), (4, 7))  # (rows, cols) of the two pictures: one shrinks the positions, one stretches them
NAMES = sorted({*import_timm().list_models(module="vision_transformer"), *import_timm().list_models("deit*")})
# two layers of the 7B models are 3 GB
ROTARY = sorted(n for n in import_timm().list_models("*_dinov3*", module="eva") if "7b" not in n)


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    """One thread: on tiny pictures threads wait longer than they compute."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def randomise(module: torch.nn.Module, seed: int = 0) -> torch.nn.Module:
    """Weights of sensible scale for every parameter, so that every term moves the logits."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, p in module.named_parameters():
            p.uniform_(-1, 1, generator=generator)
            if p.ndim > 1 and name.endswith("weight"):
                p.mul_((3 / p[0].numel()) ** 0.5)  # unit variance in, unit variance out
            elif p.ndim == 1 and name.endswith(("weight", "gamma")):
                p.mul_(0.5).add_(1)  # norms and LayerScale
            elif p.ndim == 1:
                p.mul_(0.5)
    return module


def build(name: str, **other) -> torch.nn.Module:
    """timm's model of that name in eval mode, on GRID patches, filled with random weights only once."""
    with torch.device("meta"):
        patch = import_timm().create_model(name, depth=1, num_classes=CLASSES).patch_embed.patch_size
        size = tuple(g * p for g, p in zip(GRID, patch, strict=True))
    with torch.device("cpu" if name in ROTARY else "meta"):  # rotary positions are numbers that are no weights
        module = import_timm().create_model(
            name, depth=DEPTH, num_classes=CLASSES, img_size=size, dynamic_img_size=True, **other
        )
    return randomise((module if name in ROTARY else module.to_empty(device="cpu")).eval())


def tanh_gelu() -> torch.nn.Module:
    return torch.nn.GELU("tanh")


def gated(*args, **options) -> torch.nn.Module:
    from timm.layers import GluMlp

    return GluMlp(*args, gate_last=False, **options)


def pictures(module: torch.nn.Module, grid: tuple[int, int]) -> torch.Tensor:
    height, width = (g * p for g, p in zip(grid, module.patch_embed.patch_size, strict=True))
    return torch.randn(1, module.in_chans, height, width, generator=torch.Generator().manual_seed(sum(grid)))


def worst_difference(theirs: torch.nn.Module, grids=SEEN) -> float:
    """The largest |difference| of logits over pictures of these grids, relative to the largest |logit|."""
    ours, worst = from_timm(theirs), 0.0
    assert ours.config.depth == DEPTH
    for grid in grids:
        images = pictures(theirs, grid)
        with torch.inference_mode():
            expected, got = theirs(images), ours(images)
        assert expected.shape == got.shape == (1, CLASSES)
        assert expected.abs().max() > 1e-2
        worst = max(worst, ((got - expected).abs().max() / expected.abs().max()).item())
    return worst


def test_all_names_are_registered_in_timm():
    assert len(import_timm().list_models(module="vision_transformer")) >= 163
    assert len(import_timm().list_models("deit*")) >= 16
    assert len(ROTARY) >= 11


@pytest.mark.parametrize("name", [n for n in NAMES if n not in UNSUPPORTED])
def test_same_logits(name):
    assert worst_difference(build(name)) <= TOLERANCE


@pytest.mark.parametrize("name", ROTARY)
def test_same_logits_with_rotary_positions(name):
    assert worst_difference(build(name), (GRID, (4, 4), (6, 6))) <= TOLERANCE


@pytest.mark.parametrize(
    "options",
    [
        {"global_pool": "token"},
        {"qk_norm": True},
        {"rope_temperature": 20.0},
        {"num_reg_tokens": 1},
        {"scale_attn_inner": True},
        {"use_fc_norm": True},
        {"qkv_bias": True},
        {"swiglu_mlp": True},
    ],
    ids=str,
)
def test_rotary_options_no_name_uses(options):
    assert worst_difference(build("vit_small_patch16_dinov3", **options), (GRID, (6, 6))) <= TOLERANCE


@pytest.mark.parametrize(
    "options",
    [
        {"rope_type": "cat"},
        {"rope_rotate_half": False},
        {"use_abs_pos_emb": True},
        {"use_post_norm": True},
    ],
    ids=str,
)
def test_other_rotary_positions_are_refused(options):
    with pytest.raises(InputError) as caught:
        from_timm(build("vit_small_patch16_dinov3", **options))
    assert caught.value.code == "checkpoint-architecture"


def test_the_table_of_unsupported_names_is_exactly_what_fails():
    assert len(UNSUPPORTED) <= 8
    assert set(UNSUPPORTED) <= set(NAMES)
    for name, reason in UNSUPPORTED.items():
        with pytest.raises(InputError) as caught:
            from_timm(build(name))
        assert caught.value.code == "checkpoint-architecture"
        assert reason in str(caught.value)


@pytest.mark.parametrize(
    "options",
    [
        {"global_pool": "avgmax"},
        {"global_pool": "max"},
        {"global_pool": "avg", "pool_include_prefix": True},
        {"fc_norm": True},
        {"global_pool": "avg", "fc_norm": False},
        {"final_norm": False},
        {"pos_embed": "none"},
        {"reg_tokens": 3},
        {"reg_tokens": 3, "no_embed_class": True},
        {"qkv_bias": False},
        {"proj_bias": False},
        {"qk_norm": True},
        {"scale_attn_norm": True, "scale_mlp_norm": True},
        {"init_values": 0.1},
        {"in_chans": 1},
        {"pre_norm": True},
        {"class_token": False, "global_pool": "map"},
        {"act_layer": "quick_gelu"},
        {"act_layer": tanh_gelu},
    ],
    ids=lambda o: ",".join(f"{k}={getattr(v, '__name__', v)}" for k, v in o.items()),
)
def test_options_no_name_uses(options):
    assert worst_difference(build("test_vit", **options)) <= TOLERANCE


@pytest.mark.parametrize(
    ("block", "options"),
    [
        ("ParallelScalingBlock", {"init_values": 0.1, "qkv_bias": True}),
        ("ParallelScalingBlock", {"proj_bias": False}),
        ("ParallelThingsBlock", {"init_values": 0.1, "qkv_bias": False}),
        ("ParallelThingsBlock", {"norm_layer": "rmsnorm"}),
        ("ParallelThingsBlock", {"mlp_layer": gated}),
        ("ResPostBlock", {"qk_norm": True}),
    ],
)
def test_blocks_with_options_no_name_uses(block, options):
    import timm.models.vision_transformer as source

    assert worst_difference(build("test_vit", block_fn=getattr(source, block), **options)) <= TOLERANCE


def test_a_picture_in_batch_and_native_size():
    theirs = build("deit_tiny_distilled_patch16_224")
    images = pictures(theirs, GRID) * torch.tensor([1, 2, 3]).view(3, 1, 1, 1)
    ours = from_timm(theirs)
    with torch.inference_mode():
        torch.testing.assert_close(ours(images), theirs(images), rtol=1e-4, atol=1e-4)


def test_timm_antialiases_its_positions():
    """A wrong resize moves the sequence, long before the logits show it."""
    theirs = build("test_vit")
    ours, images = from_timm(theirs), pictures(theirs, (2, 2))
    with torch.inference_mode():
        expected = theirs._pos_embed(theirs.patch_embed(images))
        torch.testing.assert_close(ours.embed(images), expected, rtol=1e-5, atol=1e-5)
        native = ours.positions[:, 1:].view(1, *GRID, -1)
        plain = resize_positions(native, (2, 2), antialias=False).flatten(1, 2)
        aliased = ours.patch_embed(images).flatten(2).transpose(1, 2) + plain
    assert (aliased - expected[:, 1:]).abs().max() > 0.1


def test_options_without_equivalent_are_refused_with_a_reason():
    for module, reason in [
        (import_timm().create_model("test_vit", depth=1, dynamic_img_pad=True, img_size=32), "pads"),
        (import_timm().create_model("test_vit", depth=1, global_pool="prr", img_size=32), "pooling"),
        (import_timm().create_model("test_resnet"), "only VisionTransformer"),
        (import_timm().create_model("deit_tiny_distilled_patch16_224", depth=1, fc_norm=True), "ignore its fc_norm"),
    ]:
        with pytest.raises(InputError, match=reason) as caught:
            from_timm(module)
        assert caught.value.code == "checkpoint-architecture"


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"qk_norm": True}, "attn.q_norm.weight"),
        ({"scale_attn_norm": True}, "attn.norm.weight"),
        ({"scale_mlp_norm": True}, "mlp.norm.weight"),
    ],
)
def test_norms_inside_parallel_branches_are_refused(options, named):
    """Two attentions merge into one by joining their heads; a norm inside each has no equivalent."""
    import timm.models.vision_transformer as source

    with pytest.raises(InputError, match=named) as caught:
        from_timm(build("test_vit", block_fn=source.ParallelThingsBlock, **options))
    assert caught.value.code == "checkpoint-keys"


def test_a_head_of_several_layers_is_refused():
    theirs = build("test_vit")
    theirs.head = torch.nn.Sequential(torch.nn.Dropout(0.1), torch.nn.Linear(theirs.embed_dim, CLASSES))
    with pytest.raises(InputError, match=r"head has several layers \(head.1.bias, head.1.weight\)") as caught:
        from_timm(theirs.eval())
    assert caught.value.code == "checkpoint-architecture"


class Doubled(torch.nn.Linear):
    """It has a linear layer's tensors but computes something else."""

    def forward(self, x):
        return 2 * super().forward(x)


@pytest.mark.parametrize(("name", "part"), [("blocks.0.attn.proj", "Doubled"), ("head_drop", "ReLU")])
def test_parts_that_do_something_else_are_refused(name, part):
    theirs = build("test_vit")
    if part == "Doubled":
        theirs.get_submodule(name).__class__ = Doubled
    else:
        theirs.set_submodule(name, torch.nn.ReLU())
    with pytest.raises(InputError, match=f"the effect of its parts {part} is unknown") as caught:
        from_timm(theirs.eval())
    assert caught.value.code == "checkpoint-architecture"


def test_the_model_is_ours_frozen_and_a_copy():
    theirs = build("test_vit")
    ours = from_timm(theirs)
    assert not ours.training
    assert not any(p.requires_grad for p in ours.parameters())
    images = pictures(theirs, GRID)
    before = ours(images)
    randomise(theirs, seed=1)
    assert torch.equal(ours(images), before)
    assert ours.labels is None
    assert ours.transform.size == ours.config.image_size


def test_labels_come_with_the_classes_of_the_pretrained_weights():
    ours = from_timm(import_timm().create_model("vit_tiny_patch16_224", depth=1))
    assert len(ours.labels) == 1000
    assert "tench" in ours.labels[0]
    assert ours.transform.size == (224, 224)
    assert ours.transform.crop_pct == 0.9


@pytest.mark.parametrize("name", ["vit_tiny_patch16_224", "deit_tiny_patch16_224"])  # mean 0.5, and ImageNet's
def test_a_grey_model_predicts_a_picture_as_timm_does(name):
    from timm.data import create_transform
    from timm.data.model_config import resolve_input_data_config

    theirs = randomise(import_timm().create_model(name, in_chans=1, depth=1, num_classes=CLASSES).eval())
    grey = Image.fromarray(np.random.default_rng(0).integers(0, 256, (300, 260), dtype=np.uint8))
    ours = from_timm(theirs)
    config = resolve_input_data_config(theirs)
    images = create_transform(**config)(grey)[None]
    assert images.shape == (1, 1, 224, 224)
    with torch.inference_mode():
        expected = theirs(images)[0]
    trace = record(ours, grey.convert("RGB"))
    torch.testing.assert_close(trace.logits.cpu(), expected, rtol=1e-3, atol=1e-3)
    assert ours.transform.mean == pytest.approx(config["mean"]) == (sum(theirs.pretrained_cfg["mean"]) / 3,)
    assert ours.transform.std == pytest.approx(config["std"]) == (sum(theirs.pretrained_cfg["std"]) / 3,)


def test_means_for_other_channels_are_averaged_and_bad_ones_refused():
    theirs = import_timm().create_model("deit_tiny_patch16_224", in_chans=4, depth=1, img_size=32)
    ours = from_timm(theirs)
    assert ours.transform.mean == pytest.approx(((0.485 + 0.456 + 0.406) / 3,) * 4)
    with pytest.raises(InputError) as caught:  # not torch's words about shapes
        predict(ours, Image.new("RGB", (40, 40)))
    assert caught.value.code == "image-channels"
    for bad in ({"mean": 3}, {"mean": ["a", "b"]}, {"std": (0.0,) * 4}, {"crop_pct": "all"}):
        theirs.pretrained_cfg = bad
        with pytest.raises(InputError) as caught:
            from_timm(theirs)
        assert caught.value.code == "checkpoint-config"
