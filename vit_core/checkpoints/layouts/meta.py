"""Meta's own names of DINOv2 (arXiv:2304.07193) and DINOv3 (arXiv:2508.10104): timm's, with registers and chunks."""

from __future__ import annotations

import dataclasses
import re

from torch import Tensor

from vit_core.checkpoints.layouts import timm_vit
from vit_core.checkpoints.layouts.dinov3 import rope_facts
from vit_core.checkpoints.layouts.keys import Translated, add_class_position, rename, translate

KEYS = dataclasses.replace(
    timm_vit.KEYS,
    tokens=("cls_token", None, "register_tokens"),
    inside=(
        *timm_vit.KEYS.inside,
        ("mlp.fc1", ("mlp.w12",)),
        ("mlp.fc1", ("mlp.w1", "mlp.w2")),
        ("mlp.fc2", ("mlp.w3",)),
    ),
    ignored=("rope_embed.periods", "cls_norm", "local_cls_norm"),
)
_OWN_NAMES = re.compile(r"register_tokens|storage_tokens|rope_embed\.periods|blocks\.\d+\.(\d+\.norm1|mlp\.w\d+)\..*")


def is_meta(state: dict[str, Tensor]) -> bool:
    """Whether some names are Meta's and not timm's."""
    return any(_OWN_NAMES.match(name) for name in state)


def translate_meta(state: dict[str, Tensor], source: str) -> tuple[Translated, dict]:
    """Meta's state by our names, and the config fields that its family implies."""
    state = rename(state, r"^blocks\.\d+\.(\d+\.)", r"blocks.\1", source)  # chunks of blocks, which FSDP wraps
    state = rename(state, r"^storage_tokens$", "register_tokens", source)
    for name in [n for n in state if n.endswith(".qkv.bias_mask")]:  # DINOv3 masks the bias of the keys
        mask, bias = state.pop(name), state.get(name.removesuffix("_mask"))
        if bias is not None and bias.shape == mask.shape:
            state[name.removesuffix("_mask")] = bias * mask
    rotary = "pos_embed" not in state
    weights = translate(KEYS, state, source)
    if rotary:
        return weights, rope_facts(weights)
    registers = "register_tokens" in state
    facts: dict = {"position_resize": "bicubic_antialias" if registers else "bicubic"}
    if registers:
        facts |= add_class_position(weights)
    return weights, facts
