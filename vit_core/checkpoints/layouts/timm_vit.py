"""timm's Vision Transformers, DeiTs and DINOv3s by their tensors' names."""

from __future__ import annotations

import re

from torch import Tensor

from vit_core.checkpoints.layouts.keys import KeyTable, Translated, translate
from vit_core.checkpoints.layouts.timm_blocks import fold_parallel_blocks

KEYS = KeyTable(
    block="blocks.{}.",
    tokens=("cls_token", "dist_token", "reg_token"),
    outside=(
        ("patch_embed", ("patch_embed.proj",)),
        ("patch_norm", ("patch_embed.norm",)),
        ("positions", ("pos_embed",)),
        ("embed_norm", ("norm_pre",)),
        ("norm", ("norm",)),
        ("attention_pool.latent", ("attn_pool.latent",)),
        ("attention_pool.q", ("attn_pool.q",)),
        ("attention_pool.kv", ("attn_pool.kv",)),
        ("attention_pool.proj", ("attn_pool.proj",)),
        ("attention_pool.norm", ("attn_pool.norm",)),
        ("attention_pool.fc1", ("attn_pool.mlp.fc1",)),
        ("attention_pool.fc2", ("attn_pool.mlp.fc2",)),
        ("pool_norm", ("fc_norm",)),
        ("head", ("head",)),
        ("distillation_head", ("head_dist",)),
    ),
    inside=(
        ("norm1", ("norm1",)),
        ("attn.qkv", ("attn.qkv",)),
        ("attn.q_norm", ("attn.q_norm",)),
        ("attn.k_norm", ("attn.k_norm",)),
        ("attn.norm", ("attn.norm",)),
        ("attn.proj", ("attn.proj",)),
        ("ls1", ("ls1",)),
        ("norm2", ("norm2",)),
        ("mlp.fc1", ("mlp.fc1",)),
        ("mlp.fc1", ("mlp.fc1_g", "mlp.fc1_x")),
        ("mlp.norm", ("mlp.norm",)),
        ("mlp.fc2", ("mlp.fc2",)),
        ("ls2", ("ls2",)),
    ),
)


def translate_timm(state: dict[str, Tensor], source: str) -> Translated:
    """timm's state by our names."""
    weights = translate(KEYS, fold_parallel_blocks(state, source), source)
    if any(re.match(r"blocks\.\d+\.in_proj\.", n) for n in state):
        weights.facts["block"] = "parallel"
    return weights
