"""The architecture of a Vision Transformer as data."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass

#: How a block joins the residual stream x, its norms, and its sublayers f (attention, then the MLP).
WIRINGS = (
    "pre",  # x + f(norm(x)), as ViT (Xiong et al. 2020, arXiv:2002.04745)
    "res_post",  # x + norm(f(x)) (Liu et al. 2022, arXiv:2111.09883)
    "parallel",  # x + attention(norm(x)) + mlp(norm(x)) (Dehghani et al. 2023, arXiv:2302.05442)
    "post",  # norm(x + f(x)), the original encoder (Vaswani et al. 2017, section 3.1)
)
BLOCKS = WIRINGS[:3]  # those that a checkpoint may have
MLPS = ("mlp", "glu")
ACTIVATIONS = ("gelu", "gelu_tanh", "quick_gelu", "silu")
NORMS = ("layer", "rms")
POOLS = ("token", "avg", "avgmax", "max", "map", "token_avg")
POSITIONS = ("learned", "rope", "none")
RESIZES = ("bicubic", "bicubic_antialias")
PROBLEM_TYPES = ("single_label", "multi_label", "binary", "regression")  # see predictions.py
#: What turns logits into probabilities, by problem type.
PROBABILITY_FUNCTIONS = {
    "single_label": ("softmax",),
    "multi_label": ("sigmoid",),
    "binary": ("sigmoid",),
    "regression": (),
}


@dataclass(frozen=True)
class ViTConfig:
    """Everything needed to build a ViT's modules; nothing about its weights.

    Sizes are (height, width) in pixels. Prefix tokens come before the patches, in the order class, distillation,
    registers.

    Raises ValueError, naming the field, for a combination that cannot be built.
    """

    image_size: tuple[int, int] = (224, 224)
    patch_size: tuple[int, int] = (16, 16)
    channels: int = 3
    classes: int = 1000  # 0: no head, no logits
    dim: int = 768
    depth: int = 12
    heads: int = 12
    head_dim: int = 64  # heads * head_dim need not be dim
    mlp_dim: int = 3072  # width of the hidden layer (of each half, for "glu")

    # tokens and positions
    class_token: bool = True
    distillation_token: bool = False
    registers: int = 0
    position: str = "learned"  # one of POSITIONS; "learned" is added to tokens, "rope" rotates queries and keys
    position_prefix: bool = True  # whether prefix tokens have position embeddings, too
    position_resize: str = "bicubic_antialias"  # as timm does; transformers: "bicubic"
    rope_base: float = 100.0

    # blocks
    block: str = "pre"  # one of BLOCKS
    mlp: str = "mlp"  # "glu": activation(gate) * value, the gate packed first
    activation: str = "gelu"
    norm: str = "layer"
    norm_eps: float = 1e-6
    qkv_bias: bool = True
    proj_bias: bool = True  # attention output and second MLP layer
    mlp_bias: bool = True  # first MLP layer
    qk_norm: bool = False
    attention_norm: bool = False  # a norm on the heads' joined output, before its projection
    mlp_norm: bool = False  # a norm on the hidden layer, before the second MLP layer
    layer_scale: bool = False

    # around the blocks
    patch_bias: bool = True
    patch_norm: bool = False  # a norm on the patch embedding, before positions
    embed_norm: bool = False  # a norm on the sequence, before the first block
    final_norm: bool = True  # a norm on every token, after the last block

    # the head
    pool: str = "token"
    pool_prefix: bool = False  # whether averages and the attention pool include prefix tokens
    pool_norm: bool = False  # a norm on the pooled vector
    distillation_head: bool = False  # a second head on the distillation token; logits are the mean
    head_bias: bool = True
    problem_type: str = "single_label"  # what the logits mean, one of PROBLEM_TYPES

    def __post_init__(self):
        for name in ("image_size", "patch_size"):
            size = getattr(self, name)
            size = (size, size) if isinstance(size, int) else tuple(int(s) for s in size)
            object.__setattr__(self, name, size)
        choices = {
            "block": BLOCKS,
            "mlp": MLPS,
            "activation": ACTIVATIONS,
            "norm": NORMS,
            "pool": POOLS,
            "position": POSITIONS,
            "position_resize": RESIZES,
            "problem_type": PROBLEM_TYPES,
        }
        for name, allowed in choices.items():
            if getattr(self, name) not in allowed:
                raise ValueError(f"{name} must be one of {allowed}, not {getattr(self, name)!r}")
        least = dict.fromkeys(("channels", "dim", "heads", "head_dim", "mlp_dim"), 1)
        for name, smallest in (least | {"depth": 0, "classes": 0, "registers": 0}).items():
            if getattr(self, name) < smallest:
                raise ValueError(f"{name} must be at least {smallest}, not {getattr(self, name)}")
        if min(self.patch_size) < 1 or min(self.grid) < 1:
            raise ValueError(f"image_size {self.image_size} holds no patch of {self.patch_size}")
        if self.position == "rope" and (self.head_dim % 4 or not self.rope_base > 0):
            raise ValueError(
                "position='rope' rotates pairs of channels by row and by column: head_dim must be divisible "
                f"by 4, not {self.head_dim}, and rope_base be above 0, not {self.rope_base}"
            )
        if "token" in self.pool and not self.class_token:
            raise ValueError(f"pool={self.pool!r} reads the class token, but class_token is False")
        if self.pool == "map" and self.dim % self.heads:
            raise ValueError(f"pool='map' splits dim {self.dim} into heads, but it cannot be split into {self.heads}")
        if self.pool == "token_avg" and self.pool_norm:
            raise ValueError("pool_norm is as wide as one vector, and pool='token_avg' reads two side by side")
        if self.distillation_head and not self.distillation_token:
            raise ValueError("distillation_head reads the distillation token, which is False")
        if self.problem_type == "single_label" and self.classes == 1:
            raise ValueError(
                "problem_type='single_label' takes a softmax, which is 1 for the only class of classes=1 whatever the "
                "picture: set problem_type to 'binary' (a sigmoid), 'regression' or 'multi_label'"
            )
        if self.problem_type == "binary" and self.classes != 1:
            raise ValueError(f"problem_type='binary' is a head of one logit, not of {self.classes}")

    @property
    def grid(self) -> tuple[int, int]:
        """(rows, cols) of patches at the native image size."""
        return self.image_size[0] // self.patch_size[0], self.image_size[1] // self.patch_size[1]

    def grid_of(self, patches: int) -> tuple[int, int]:
        """(rows, cols) for a number of patches, as rotary positions need it: the native grid, or a square one.

        Raises ValueError for any other number.
        """
        side = math.isqrt(patches)
        if patches != math.prod(self.grid) and side * side != patches:
            raise ValueError(f"{patches} patches are neither the native grid {self.grid} nor a square one")
        return self.grid if patches == math.prod(self.grid) else (side, side)

    def placed(self, rows: int, cols: int) -> tuple[int, int]:
        """(rows, cols) unchanged. Raises ValueError for a grid that has no positions."""
        if self.position == "rope" and self.grid_of(rows * cols) != (rows, cols):
            raise ValueError(f"rotary positions need the native grid {self.grid} or a square one, not {rows, cols}")
        return rows, cols

    @property
    def num_prefix_tokens(self) -> int:
        """Number of tokens before the first patch."""
        return int(self.class_token) + int(self.distillation_token) + self.registers

    @property
    def prefix_names(self) -> tuple[str, ...]:
        """The prefix tokens' names, in sequence order."""
        named = ["class"] * self.class_token + ["distillation"] * self.distillation_token
        return tuple(named + [f"register {i + 1}" for i in range(self.registers)])

    def to_dict(self) -> dict:
        """The config as plain JSON types; `ViTConfig(**d)` restores it."""
        return dataclasses.asdict(self)


def _vit(dim: int, depth: int, heads: int, **other) -> ViTConfig:
    return ViTConfig(dim=dim, depth=depth, heads=heads, head_dim=dim // heads, mlp_dim=4 * dim, **other)


#: Dosovitskiy et al. 2021 (arXiv:2010.11929), table 1; Ti and S: Touvron et al. 2021 (arXiv:2012.12877).
VARIANTS: dict[str, ViTConfig] = {
    "Ti/16": _vit(192, 12, 3),
    "S/16": _vit(384, 12, 6),
    "B/16": _vit(768, 12, 12),
    "L/16": _vit(1024, 24, 16),
    "H/14": _vit(1280, 32, 16, patch_size=(14, 14)),
}
