"""Computed parameter counts against models of every kind, built on torch's meta device."""

import dataclasses

import pytest
import torch

from tests.conftest import SMALL
from vit_core.models.config import ACTIVATIONS, BLOCKS, MLPS, NORMS, POOLS, VARIANTS, ViTConfig
from vit_core.models.parameters import PAPER_PARAMETERS, PARTS, count_by_part, parameter_count, parameters_by_part
from vit_core.models.vit import VisionTransformer

FLAGS = [field.name for field in dataclasses.fields(ViTConfig) if field.type == "bool"]
KINDS = [{}]
KINDS += [dict(block=block, mlp=mlp, norm=norm) for block in BLOCKS for mlp in MLPS for norm in NORMS]
KINDS += [dict(pool=pool, pool_prefix=seen, registers=3) for pool in POOLS for seen in (False, True)]
KINDS += [dict(activation=name) for name in ACTIVATIONS]
KINDS += [
    dict(class_token=False, pool="avg", registers=n, position_prefix=own) for n in (0, 2) for own in (False, True)
]
KINDS += [dict(distillation_token=True, distillation_head=two) for two in (False, True)]
KINDS += [dict(position="none"), dict(position="rope", head_dim=8)]
KINDS += [dict(classes=0), dict(classes=0, distillation_token=True)]
KINDS += [dict(channels=1), dict(heads=3, head_dim=5), dict(depth=0)]
KINDS += [{flag: not getattr(ViTConfig(), flag)} for flag in FLAGS if flag not in ("class_token", "distillation_head")]
KINDS += [
    dict(
        norm="rms",
        qk_norm=True,
        attention_norm=True,
        mlp_norm=True,
        patch_norm=True,
        embed_norm=True,
        final_norm=False,
        pool_norm=True,
        pool="map",
        layer_scale=True,
        mlp="glu",
        qkv_bias=False,
    )
]


def built(config: ViTConfig) -> VisionTransformer:
    with torch.device("meta"):
        return VisionTransformer(config)


@pytest.mark.parametrize("fields", KINDS, ids=str)
def test_computed_counts_equal_the_models_parts(fields):
    config = ViTConfig(**SMALL | fields)
    model = built(config)
    assert parameters_by_part(config) == count_by_part(model)
    assert tuple(parameters_by_part(config)) == PARTS
    assert parameter_count(config) == sum(count_by_part(model).values()) == sum(p.numel() for p in model.parameters())


@pytest.mark.parametrize("name", VARIANTS)
def test_computed_counts_equal_the_variants(name):
    assert parameter_count(VARIANTS[name]) == sum(p.numel() for p in built(VARIANTS[name]).parameters())


@pytest.mark.parametrize("name", VARIANTS)
def test_variants_have_the_published_sizes(name):
    """With a head of 1,000 classes: 86.6, 304.3 and 632.0 M where the paper says 86, 307 and 632 M; Ti and S as in
    Touvron et al. 2021, table 1."""
    published = PAPER_PARAMETERS | {"Ti/16": 5_000_000, "S/16": 22_000_000}
    assert parameter_count(VARIANTS[name]) == pytest.approx(published[name], rel=0.01, abs=1_000_000)


def test_by_hand():
    """Pictures of 4 x 4 in patches of 2 x 2, 3 channels, D = 2, M = 5, one head, one layer, 3 classes."""
    config = ViTConfig(image_size=4, patch_size=2, classes=3, dim=2, depth=1, heads=1, head_dim=2, mlp_dim=5)
    assert parameters_by_part(config) == {
        "projection": 12 * 2 + 2,
        "patch_norm": 0,
        "tokens": 2,
        "positions": 5 * 2,
        "embed_norm": 0,
        "norm1": 4,
        "attention": 2 * 6 + 6 + 2 * 2 + 2,
        "scale1": 0,
        "norm2": 4,
        "mlp": 2 * 5 + 5 + 5 * 2 + 2,
        "scale2": 0,
        "norm": 4,
        "pool": 0,
        "pool_norm": 0,
        "head": 2 * 3 + 3,
    }


def test_layer_scale_and_norms_have_parts_of_their_own():
    plain = parameters_by_part(ViTConfig())
    parts = parameters_by_part(ViTConfig(layer_scale=True, patch_norm=True, embed_norm=True, pool_norm=True))
    more = {name: parts[name] - plain[name] for name in parts if parts[name] != plain[name]}
    norm, scale = 2 * 768, 12 * 768
    assert more == dict(patch_norm=norm, embed_norm=norm, scale1=scale, scale2=scale, pool_norm=norm)
