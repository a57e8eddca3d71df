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


def translate_dinov3(state: dict[str, Tensor], source: str) -> tuple[Translated, dict]:
    """transformers' state by our names, and the config fields that its family implies."""
    state = rename(state, r"^model\.", "", source)
    for name in [n for n in state if re.search(r"attention\.[qkv]_proj\.bias$", n)]:  # keys have none
        start = name[: name.rindex("attention.")]
        for part in "qkv":
            state.setdefault(f"{start}attention.{part}_proj.bias", torch.zeros_like(state[name]))
    gated = any("mlp.gate_proj" in n for n in state)
    weights = translate(_table(("mlp.gate_proj", "mlp.up_proj") if gated else ("mlp.up_proj",)), state, source)
    tokens = weights.state.get("prefix_tokens")
    width = 0 if tokens is None else tokens.shape[-1]
    facts = {
        "position": "rope",
        "norm": "layer",
        "norm_eps": 1e-5,
        "final_norm": True,
        "layer_scale": True,
        "heads": 32 if width == 4096 else max(1, width // 64),
    }
    return weights, facts
