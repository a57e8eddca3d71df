"""transformers' ViT, DeiT, DINOv2 with and without registers, MAE, MSN and I-JEPA, which share ViT's names.

The names in the hub's files and those of the modules of transformers 5 are both read.
"""

from __future__ import annotations

from torch import Tensor

from vit_core.checkpoints.layouts.keys import KeyTable, Translated, add_class_position, rename, translate

KEYS = KeyTable(
    block="encoder.layer.{}.",
    tokens=("embeddings.cls_token", "embeddings.distillation_token", "embeddings.register_tokens"),
    outside=(
        ("patch_embed", ("embeddings.patch_embeddings.projection",)),
        ("positions", ("embeddings.position_embeddings",)),
        ("norm", ("layernorm",)),
        ("head", ("classifier",)),
        ("head", ("cls_classifier",)),
        ("distillation_head", ("distillation_classifier",)),
    ),
    inside=(
        ("norm1", ("layernorm_before",)),
        ("norm1", ("norm1",)),
        ("attn.qkv", ("attention.attention.query", "attention.attention.key", "attention.attention.value")),
        ("attn.qkv", ("attention.q_proj", "attention.k_proj", "attention.v_proj")),
        ("attn.proj", ("attention.output.dense",)),
        ("attn.proj", ("attention.o_proj",)),
        ("ls1.gamma", ("layer_scale1.lambda1",)),
        ("norm2", ("layernorm_after",)),
        ("norm2", ("norm2",)),
        ("mlp.fc1", ("intermediate.dense",)),
        ("mlp.fc1", ("mlp.fc1",)),
        ("mlp.fc1", ("mlp.weights_in",)),
        ("mlp.fc1", ("mlp.gate_proj", "mlp.up_proj")),
        ("mlp.fc2", ("output.dense",)),
        ("mlp.fc2", ("mlp.fc2",)),
        ("mlp.fc2", ("mlp.weights_out",)),
        ("mlp.fc2", ("mlp.down_proj",)),
        ("ls2.gamma", ("layer_scale2.lambda1",)),
    ),
    ignored=("embeddings.mask_token", "pooler.dense"),
)

FAMILIES = ("vit", "deit", "dinov2", "dinov2_with_registers", "vit_mae", "vit_msn", "ijepa")


def translate_vit(state: dict[str, Tensor], source: str) -> tuple[Translated, dict]:
    """transformers' state by our names, and the config fields that its family implies."""
    state = {n: t for n, t in state.items() if not n.startswith("decoder.")}  # MAE's, from tokens back to pixels
    state = rename(state, rf"^({'|'.join(FAMILIES)})\.", "", source)
    state = rename(state, r"^layers\.", "encoder.layer.", source)
    dino = not any("layernorm_before" in n or "layernorm_after" in n for n in state)
    weights = translate(KEYS, state, source)
    registers = "embeddings.register_tokens" in state
    facts = {
        "norm": "layer",
        "norm_eps": 1e-6 if dino else 1e-12,
        "patch_bias": True,
        "final_norm": True,
        "proj_bias": True,
        "mlp_bias": True,
        "layer_scale": dino,
        "position_resize": "bicubic_antialias" if registers else "bicubic",
        "pool": "avg",  # of I-JEPA, which has no class token
    }
    if weights.facts["class_token"]:
        facts["pool"] = "token_avg" if dino and "head.weight" in weights.state else "token"
    if registers:
        facts |= add_class_position(weights)
    return weights, facts
