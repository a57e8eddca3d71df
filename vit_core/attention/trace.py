"""Record one forward pass: `record(model, image)` returns a Trace."""

from __future__ import annotations

import itertools
import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import cast, overload

import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from vit_core.attention.head_fusion import fuse_heads
from vit_core.errors import InputError
from vit_core.images import Crop, read_image, reframed, transform_of
from vit_core.models import predictions
from vit_core.models.config import ViTConfig
from vit_core.models.vit import VisionTransformer, attention_weights

Picture = Image.Image | str | os.PathLike | bytes | Tensor

#: Up to this many numbers, layers * N^2, a forward pass on the CPU keeps the mean attention, so that rollout need not
#: compute the weights again: 64 MB, 1,182 tokens in twelve layers.
MEAN_ATTENTION_NUMBERS = 1 << 24
#: Features are kept of at most this many tokens: 740 MB for 12 layers of width 768.
MAX_FEATURE_TOKENS = 20_000


@dataclass(frozen=True)
class Trace:
    """What one picture's forward pass computed. Read-only; tensors stay on the model's device.

    The heads' attention is not stored: `attention` computes it from queries and keys, so 4,097 tokens take megabytes,
    not gigabytes. Short sequences keep its mean over heads, for rollout. Layers and tokens are counted from 0. Prefix
    tokens come first, then the patches row by row.
    """

    config: ViTConfig
    grid: tuple[int, int]  # (rows, cols) of patches
    queries: Tensor  # (layers, heads, N, head_dim); no tensor here is a view of a batch
    keys: Tensor  # (layers, heads, N, head_dim)
    token_norms: Tensor  # (layers + 1, N), L2 norm of each token entering the first layer and leaving each
    tokens: Tensor  # (N, D), after the last norm
    logits: Tensor | None  # (classes,); None for a model without a head
    crop: Crop | None  # maps back to picture pixels; None if a tensor was given
    mean_attention: Tensor | None = None  # (layers, N, N), mean over heads; None for long sequences
    # For `vit_core.features`, float16; None unless recorded with features=True.
    directions: Tensor | None = None  # (layers, N, D), the tokens that leave each layer, each divided by its norm
    values: Tensor | None = None  # (layers, heads, N, head_dim)

    @property
    def num_prefix_tokens(self) -> int:
        """Number of tokens before the first patch."""
        return self.config.num_prefix_tokens

    @property
    def depth(self) -> int:
        """Number of layers."""
        return len(self.queries)

    @property
    def heads(self) -> int:
        """Heads of each layer."""
        return self.config.heads

    @property
    def num_tokens(self) -> int:
        """N, the number of tokens."""
        return self.tokens.shape[0]

    @property
    def nbytes(self) -> int:
        """Bytes that the trace holds."""
        held = (value for value in vars(self).values() if isinstance(value, Tensor))
        return sum(tensor.untyped_storage().nbytes() for tensor in held)

    def cpu(self) -> Trace:
        """The same trace with its tensors on the CPU."""
        return replace(self, **{name: held.cpu() for name, held in vars(self).items() if isinstance(held, Tensor)})

    def attention(self, layer: int, rows: Sequence[int] | slice | None = None) -> Tensor:
        """Attention weights of `layer`, (heads, N, N), float32, rows summing to 1.

        With `rows`, only those query tokens: (heads, len(rows), N).
        """
        query = self.queries[layer] if rows is None else self.queries[layer][:, rows]
        return attention_weights(query, self.keys[layer])

    def on_grid(self, row: Tensor) -> Tensor:
        """Values per token (..., N) without the prefix tokens, as (..., rows, cols)."""
        if row.shape[-1] != self.num_tokens:
            raise ValueError(f"expected {self.num_tokens} values, one per token, got {row.shape[-1]}")
        return row[..., self.num_prefix_tokens :].reshape(*row.shape[:-1], *self.grid)

    def token_at(self, row: int, col: int) -> int:
        """The token of the patch in `row`, `col`."""
        if not (0 <= row < self.grid[0] and 0 <= col < self.grid[1]):
            raise IndexError(f"patch ({row}, {col}) lies outside the grid of {self.grid[0]} x {self.grid[1]}")
        return self.num_prefix_tokens + row * self.grid[1] + col


def prepare(model: VisionTransformer, picture: Picture) -> tuple[Tensor, Crop | None]:
    """A picture as input for `model` (1, C, height, width), and its crop, None for a tensor.

    Raises InputError: "checkpoint-config" for a model without `transform`, "tensor-shape", "tensor-grid".
    """
    crop = None
    if isinstance(picture, Tensor):
        pixels = picture
    else:
        pixels, crop = transform_of(model)(read_image(picture))  # may be the wrong transform: checked below
    channels, (patch_height, patch_width) = model.config.channels, model.config.patch_size
    if (
        pixels.ndim != 4
        or len(pixels) != 1
        or pixels.shape[1] != channels
        or pixels.shape[2] < patch_height
        or pixels.shape[3] < patch_width
        or not pixels.is_floating_point()
    ):
        raise InputError(
            "tensor-shape",
            f"a preprocessed picture must be a float tensor of shape (1, {channels}, height, width) that holds a patch "
            f"of {patch_height} x {patch_width}, not {pixels.dtype} {tuple(pixels.shape)}",
            shape=tuple(pixels.shape), dtype=str(pixels.dtype).removeprefix("torch."), channels=channels,
        )  # fmt: skip
    try:
        model.grid(pixels)
    except ValueError as error:
        raise InputError(
            "tensor-grid",
            f"the model has no positions for a picture of this size: {error}",
            height=pixels.shape[2],
            width=pixels.shape[3],
            rows=model.config.grid[0],
            cols=model.config.grid[1],
        ) from error
    return pixels.to(next(model.parameters()).dtype), crop


def autocast(device: torch.device, bf16: bool = False):
    """The context of a forward pass: bfloat16 on CUDA or with `bf16`, else float32."""
    return torch.autocast(device.type, torch.bfloat16, enabled=bf16 or device.type == "cuda")


@torch.no_grad()
def forward(
    model: VisionTransformer,
    images: Tensor,
    crops: Sequence[Crop | None],
    bf16: bool = False,
    features: bool = False,
) -> list[Trace]:
    """A Trace for each of a batch (B, C, height, width), from one forward pass.

    images and crops: as `prepare` returns them. `bf16`, `features` and errors as in `record`.
    """
    if features:
        _check_feature_tokens(model, images)
    device = next(model.parameters()).device
    images = images.to(device)
    depth, layers, norms = model.config.depth, itertools.count(), []
    queries, keys, means = [], [], None
    directions, values = [], []
    with autocast(device, bf16):
        tokens = model.embed(images)
        B, N, _ = tokens.shape
        exact = device.type == "cpu" and not bf16 and tokens.dtype == torch.float32
        if exact and depth * N**2 <= MEAN_ATTENTION_NUMBERS:
            means = [tokens.new_empty(depth, N, N) for _ in range(B)]

        def attend(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
            layer = next(layers)
            if not queries:
                queries.extend(query.new_empty(depth, *query.shape[1:]) for _ in range(B))
                keys.extend(torch.empty_like(one) for one in queries)
            for i in range(B):  # copied: views would keep the values and the whole batch in memory
                queries[i][layer], keys[i][layer] = query[i], key[i]
            if features:
                values.append(value.half())
            if means is None:
                return F.scaled_dot_product_attention(query, key, value)
            each = [fuse_heads(query[i], key[i], value=value[i], out=means[i][layer])[1] for i in range(B)]
            return torch.stack(cast(list[Tensor], each))

        stream = tokens
        for stream in model.layers(tokens, attend):
            wide = torch.promote_types(stream.dtype, torch.float32)  # half precision would overflow
            norms.append(torch.linalg.vector_norm(stream, dim=-1, dtype=wide).float())
            if features:
                directions.append(F.normalize(stream.to(wide), dim=-1).half())
        tokens = model.norm(stream)
        logits = model.classify(tokens)
    return [
        Trace(
            config=model.config,
            grid=model.grid(images),
            queries=queries[i],
            keys=keys[i],
            token_norms=torch.stack([norm[i] for norm in norms]),
            tokens=tokens[i].to(torch.float32, copy=True),
            logits=None if logits is None else logits[i].to(torch.float32, copy=True),
            crop=crop,
            mean_attention=None if means is None else means[i],
            directions=torch.stack([layer[i] for layer in directions[1:]]) if features else None,
            values=torch.stack([layer[i] for layer in values]) if features else None,
        )
        for i, crop in enumerate(crops)
    ]


def _check_feature_tokens(model: VisionTransformer, images: Tensor) -> None:
    rows, cols = model.grid(images)
    count = rows * cols + model.config.num_prefix_tokens
    if count > MAX_FEATURE_TOKENS:
        raise InputError(
            "features-size",
            f"features of at most {MAX_FEATURE_TOKENS:,} tokens can be kept, and this picture has {count:,}. "
            "Choose a smaller input size",
            most=MAX_FEATURE_TOKENS,
            count=count,
        )


@overload
def record(
    model: VisionTransformer,
    image: Picture,
    bf16: bool = False,
    *,
    size: int | None = None,
    framing: str = "crop",
    features: bool = False,
) -> Trace: ...
@overload
def record(
    model: VisionTransformer,
    image: list[Picture] | tuple[Picture, ...],
    bf16: bool = False,
    *,
    size: int | None = None,
    framing: str = "crop",
    features: bool = False,
) -> list[Trace]: ...
def record(
    model: VisionTransformer,
    image: Picture | Sequence[Picture],
    bf16: bool = False,
    *,
    size: int | None = None,
    framing: str = "crop",
    features: bool = False,
) -> Trace | list[Trace]:
    """Run `model` once on a picture and return what it computed. Does not change train/eval mode.

    `image`: a PIL image, a path, the bytes of a file, or a preprocessed float tensor (1, C, height, width) that holds
    at least one patch. A list of pictures returns a list of traces; pictures of equal size share a forward pass.
    `bf16`: multiply in bfloat16 on the CPU too, as on CUDA. This is faster on CPUs with bfloat16 instructions; logits
    differ in the third digit (docs/benchmarks.md).
    `size`, `framing`: another input size (pixels of the side) or the "whole" picture, as `images.reframed` takes them.
    Tensors are used as they are.
    `features`: also keep what `vit_core.features` needs, 4 bytes a layer, token and channel (50 MB for 12 layers of
    1,370 tokens x 768).

    Raises InputError for a picture that cannot be used (see `prepare` and `images.read_image`), as `images.reframed`
    does, and "features-size" if there are too many tokens to keep their features.
    """
    if size is not None or framing != "crop":
        model = reframed(model, size, framing)
    if not isinstance(image, (list, tuple)):
        return record(model, [cast(Picture, image)], bf16, features=features)[0]
    inputs = [prepare(model, picture) for picture in image]
    by_size: dict[tuple, list[int]] = {}
    for i, (tensor, _) in enumerate(inputs):
        by_size.setdefault(tuple(tensor.shape), []).append(i)
    traces: dict[int, Trace] = {}
    for members in by_size.values():
        batch = torch.cat([inputs[i][0] for i in members])
        crops = [inputs[i][1] for i in members]
        traces.update(zip(members, forward(model, batch, crops, bf16, features), strict=True))
    return [traces[i] for i in range(len(inputs))]


def top_k(model: VisionTransformer, trace: Trace, k: int = 5) -> list[tuple[str, float]]:
    """The first `k` classes of a recorded picture as (label, score).

    The score is a probability, best first: of a single-label model by softmax, of a multi-label or binary model by a
    sigmoid. A binary head without two labels gives one pair, the positive class's. A regression gives its outputs in
    the head's order. See `models.predictions`.

    Raises InputError: "model-no-head", or "labels-count" if the model's labels do not match its classes.
    """
    if trace.logits is None:
        raise InputError("model-no-head", "this model has no classification head, so it predicts nothing")
    kind, names = model.config.problem_type, predictions.class_names(model)
    found = predictions.scores(trace.logits, kind)
    if len(names) != found.numel():
        raise InputError(
            "labels-count",
            f"the model has {found.numel()} classes but {len(names)} labels",
            source="the model",
            classes=found.numel(),
            labels=len(names),
        )
    listed = set(predictions.listed_classes(model))
    order = [c for c in predictions.ranked(found, kind).tolist() if c in listed]
    return [(names[c], found[c].item()) for c in order[: max(0, k)]]


@overload
def predict(
    model: VisionTransformer, image: Picture, k: int = 5, *, size: int | None = None, framing: str = "crop"
) -> list[tuple[str, float]]: ...
@overload
def predict(
    model: VisionTransformer,
    image: list[Picture] | tuple[Picture, ...],
    k: int = 5,
    *,
    size: int | None = None,
    framing: str = "crop",
) -> list[list[tuple[str, float]]]: ...
def predict(
    model: VisionTransformer,
    image: Picture | Sequence[Picture],
    k: int = 5,
    *,
    size: int | None = None,
    framing: str = "crop",
) -> list[tuple[str, float]] | list[list[tuple[str, float]]]:
    """The first `k` classes of `image` as (label, score), as `top_k` gives them. A list of pictures gives a list.

    Raises InputError as `record` and `top_k` do.
    """
    traces = record(model, image, size=size, framing=framing)  # type: ignore[call-overload]
    return top_k(model, traces, k) if isinstance(traces, Trace) else [top_k(model, trace, k) for trace in traces]
