"""How many parameters each part of a ViT has: computed from its config, or counted in a model.

Both functions return the same dict, in the order of the forward pass. The parts of the encoder are summed over its
layers. Parts that a config leaves out have 0.
"""

from __future__ import annotations

from vit_core.models.config import ViTConfig
from vit_core.models.vit import VisionTransformer

#: Parameters as printed in Dosovitskiy et al. 2021 (arXiv:2010.11929), table 1.
PAPER_PARAMETERS = {"B/16": 86_000_000, "L/16": 307_000_000, "H/14": 632_000_000}

#: The part that a parameter belongs to, by the module's name.
_PART_OF_MODULE = {
    "patch_embed": "projection",
    "patch_norm": "patch_norm",
    "prefix_tokens": "tokens",
    "positions": "positions",
    "embed_norm": "embed_norm",
    "norm1": "norm1",
    "attn": "attention",
    "ls1": "scale1",
    "norm2": "norm2",
    "mlp": "mlp",
    "ls2": "scale2",
    "norm": "norm",
    "attention_pool": "pool",
    "pool_norm": "pool_norm",
    "head": "head",
    "distillation_head": "head",
}
PARTS = tuple(dict.fromkeys(_PART_OF_MODULE.values()))
#: Parts that every layer of the encoder has.
ENCODER_PARTS = ("norm1", "attention", "scale1", "norm2", "mlp", "scale2")


def _linear(inputs: int, outputs: int, bias: bool = True) -> int:
    return inputs * outputs + outputs * bias


def parameters_by_part(config: ViTConfig) -> dict[str, int]:
    """Parameters of each part of a model with this config, without building the model."""
    c, D, M, inner, (ph, pw), (rows, cols) = (
        config,
        config.dim,
        config.mlp_dim,
        config.heads * config.head_dim,
        config.patch_size,
        config.grid,
    )

    def norm(width: int = D, there: bool = True) -> int:
        return width * (2 if c.norm == "layer" else 1) * there  # gain and bias, or gain alone

    entries = (rows * cols + c.num_prefix_tokens * c.position_prefix) * (c.position == "learned")
    attention = (
        _linear(D, 3 * inner, c.qkv_bias)
        + 2 * norm(c.head_dim, c.qk_norm)
        + norm(inner, c.attention_norm)
        + _linear(inner, D, c.proj_bias)
    )
    mlp = _linear(D, M * (2 if c.mlp == "glu" else 1), c.mlp_bias) + norm(M, c.mlp_norm) + _linear(M, D, c.proj_bias)
    attention_pool = D + 2 * _linear(D, D) + _linear(D, 2 * D) + norm() + _linear(D, M) + _linear(M, D)
    width = 2 * D if c.pool == "token_avg" else D
    return {
        "projection": _linear(c.channels * ph * pw, D, c.patch_bias),
        "patch_norm": norm(there=c.patch_norm),
        "tokens": c.num_prefix_tokens * D,
        "positions": entries * D,
        "embed_norm": norm(there=c.embed_norm),
        "norm1": c.depth * norm(),
        "attention": c.depth * attention,
        "scale1": c.depth * D * c.layer_scale,
        "norm2": c.depth * norm(there=c.block != "parallel"),
        "mlp": c.depth * mlp,
        "scale2": c.depth * D * c.layer_scale,
        "norm": norm(there=c.final_norm),
        "pool": attention_pool * (c.pool == "map"),
        "pool_norm": norm(there=c.pool_norm),
        "head": _linear(width, c.classes, c.head_bias) + _linear(D, c.classes) * c.distillation_head,
    }


def parameter_count(config: ViTConfig) -> int:
    """Parameters of a model with this config."""
    return sum(parameters_by_part(config).values())


def count_by_part(model: VisionTransformer) -> dict[str, int]:
    """Parameters of each part of a model."""
    out = dict.fromkeys(PARTS, 0)
    for name, parameter in model.named_parameters():
        words = name.split(".")
        out[_PART_OF_MODULE[words[2] if words[0] == "blocks" else words[0]]] += parameter.numel()
    return out


def multiplications(model: VisionTransformer, tokens: int) -> int:
    """About how many multiplications a forward pass of one picture takes, for a sequence of `tokens`."""
    c = model.config
    weights = sum(p.numel() for p in model.parameters())
    return tokens * weights + 2 * tokens**2 * c.heads * c.head_dim * c.depth
