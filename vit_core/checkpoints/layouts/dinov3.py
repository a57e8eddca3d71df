"""transformers' DINOv3 (Siméoni et al. 2025, arXiv:2508.10104): registers and rotary positions."""

from __future__ import annotations

import re

import torch
from torch import Tensor

from vit_core.checkpoints.layouts.keys import KeyTable, Translated, rename, translate

FAMILY = "dinov3_vit"


def _table(first: tuple[str, ...]) -> KeyTable:
    return KeyTable(
        block="layer.{}.",
        tokens=("embeddings.cls_token", None, "embeddings.register_tokens"),
        outside=(("patch_embed", ("embeddings.patch_embeddings",)), ("norm", ("norm",))),
        inside=(
            ("norm1", ("norm1",)),
            ("attn.qkv", ("attention.q_proj", "attention.k_proj", "attention.v_proj")),
            ("attn.proj", ("attention.o_proj",)),
            ("ls1.gamma", ("layer_scale1.lambda1",)),
            ("norm2", ("norm2",)),
            ("mlp.fc1", first),
            ("mlp.fc2", ("mlp.down_proj",)),
            ("ls2.gamma", ("layer_scale2.lambda1",)),
        ),
        ignored=("embeddings.mask_token",),
    )


def with_defaults(config: dict) -> dict:
    """The settings of a config.json, with transformers' defaults."""
    stated = {"hidden_size": 384, "num_attention_heads": 6, "layer_norm_eps": 1e-5, "rope_theta": 100.0, **config}
    return stated | {"qkv_bias": any(stated.get(f"{part}_bias", part != "key") for part in ("query", "key", "value"))}


def _add_biases(state: dict[str, Tensor]) -> None:
    """Zeros for the bias of a block's output projection or of its second MLP layer, where only the other has one.

    Our model has both or none; transformers' has a switch for each ("proj_bias", "mlp_bias").
    """
    pair = ("attn.proj", "mlp.fc2")
    with_bias = {n.removesuffix(f"{p}.bias") for n in state for p in pair if n.endswith(f"{p}.bias")}
    for block, part in ((block, part) for block in with_bias for part in pair):
        weight = state.get(f"{block}{part}.weight")
        if weight is not None and weight.ndim == 2:
            state.setdefault(f"{block}{part}.bias", torch.zeros(len(weight)))


def translate_dinov3(state: dict[str, Tensor], source: str) -> tuple[Translated, dict]:
    """transformers' state by our names, and the config fields that its family implies."""
    state = rename(state, r"^model\.", "", source)
    for name in [n for n in state if re.search(r"attention\.[qkv]_proj\.bias$", n)]:  # keys have none
        start = name[: name.rindex("attention.")]
        for part in "qkv":
            state.setdefault(f"{start}attention.{part}_proj.bias", torch.zeros_like(state[name]))
    gated = any("mlp.gate_proj" in n for n in state)
    weights = translate(_table(("mlp.gate_proj", "mlp.up_proj") if gated else ("mlp.up_proj",)), state, source)
    _add_biases(weights.state)
    return weights, rope_facts(weights)


def rope_facts(weights: Translated) -> dict:
    """The config fields of every DINOv3, whose heads are 64 wide but for the largest model's."""
    tokens = weights.state.get("prefix_tokens")
    width = 0 if tokens is None else tokens.shape[-1]
    return {
        "position": "rope",
        "norm": "layer",
        "norm_eps": 1e-5,
        "final_norm": True,
        "layer_scale": True,
        "heads": 32 if width == 4096 else max(1, width // 64),
    }
