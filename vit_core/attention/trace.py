"""record(model, image) -> Trace: what one forward pass showed."""

from __future__ import annotations

import itertools
import os
from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from vit_core.attention.head_fusion import fuse_heads
from vit_core.errors import InputError
from vit_core.images import Crop, read_image
from vit_core.models.config import ViTConfig
from vit_core.models.vit import VisionTransformer, attention_weights

Picture = Image.Image | str | os.PathLike | bytes | Tensor

#: Up to this many numbers, layers * N^2, a forward pass on the CPU keeps the mean attention, so that rollout need not
#: compute the weights again: 64 MB, 1,182 tokens in twelve layers.
MEAN_ATTENTION_NUMBERS = 1 << 24


@dataclass(frozen=True)
class Trace:
    """One picture's way through the model. Read-only; tensors stay on the model's device.

    The heads' attention is not stored: it is derived from queries and keys when asked for, so that 4,097
    tokens cost megabytes. Of short sequences its mean over heads is, for rollout. Layers and tokens are
    counted from 0; tokens are the prefix, then the patches row by row.
    """

    config: ViTConfig
    grid: tuple[int, int]  # (rows, cols) of patches
    queries: Tensor  # (layers, heads, N, head_dim), its own memory, as is everything here: no batch is kept alive
    keys: Tensor  # likewise
    token_norms: Tensor  # (layers + 1, N), L2 norm of each token entering the first layer and leaving each
    tokens: Tensor  # (N, D), after the last norm
    logits: Tensor | None  # (classes,); None for a model without a head
    crop: Crop | None  # the way back to picture pixels; None if a tensor was given
    mean_attention: Tensor | None = None  # (layers, N, N), attention's mean over heads; None where it was not kept

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
        """Bytes that keeping the trace takes."""
        held = (self.queries, self.keys, self.token_norms, self.tokens, self.logits, self.mean_attention)
        return sum(tensor.untyped_storage().nbytes() for tensor in held if tensor is not None)

    def cpu(self) -> Trace:
        """The same on the CPU."""
        return replace(self, **{name: held.cpu() for name, held in vars(self).items() if isinstance(held, Tensor)})

    def attention(self, layer: int, rows: Sequence[int] | slice | None = None) -> Tensor:
        """Attention weights of `layer`, (heads, N, N), float32, rows summing to 1.

        With `rows`, only those query tokens: (heads, len(rows), N).
        """
        query = self.queries[layer] if rows is None else self.queries[layer][:, rows]
        return attention_weights(query, self.keys[layer])

    def on_grid(self, row: Tensor) -> Tensor:
        """The patches' part of values per token (..., N), as (..., rows, cols)."""
        if row.shape[-1] != self.num_tokens:
            raise ValueError(f"expected {self.num_tokens} values, one a token, got {row.shape[-1]}")
        return row[..., self.num_prefix_tokens :].reshape(*row.shape[:-1], *self.grid)

    def token_at(self, row: int, col: int) -> int:
        """The token of the patch in `row`, `col`."""
        if not (0 <= row < self.grid[0] and 0 <= col < self.grid[1]):
            raise IndexError(f"patch ({row}, {col}) lies outside the grid of {self.grid[0]} x {self.grid[1]}")
        return self.num_prefix_tokens + row * self.grid[1] + col


def prepare(model: VisionTransformer, picture: Picture) -> tuple[Tensor, Crop | None]:
    """A picture as `model`'s input (1, C, height, width), and the way back. Raises InputError."""
    crop = None
    if not isinstance(picture, Tensor):
        if model.transform is None:
            raise InputError(
                "checkpoint-config",
                "the model does not tell how pictures are prepared: give it a "
                "`transform`, or a float tensor in place of the picture",
                source="the model",
                reason="transform = None",
            )
        picture, crop = model.transform(read_image(picture))  # which may be another model's
    channels, (least, narrowest) = model.config.channels, model.config.patch_size
    if (
        picture.ndim != 4
        or len(picture) != 1
        or picture.shape[1] != channels
        or picture.shape[2] < least
        or picture.shape[3] < narrowest
        or not picture.is_floating_point()
    ):
        raise InputError(
            "tensor-shape",
            f"a preprocessed picture must be a float tensor of shape (1, {channels}, height, width) that holds a patch "
            f"of {least} x {narrowest}, not {picture.dtype} {tuple(picture.shape)}",
            shape=tuple(picture.shape), dtype=str(picture.dtype).removeprefix("torch."), channels=channels,
        )  # fmt: skip
    try:
        model.grid(picture)
    except ValueError as error:
        raise InputError(
            "tensor-grid",
            f"the preprocessed picture cannot be placed: {error}",
            height=picture.shape[2],
            width=picture.shape[3],
            rows=model.config.grid[0],
            cols=model.config.grid[1],
        ) from error
    return picture.to(next(model.parameters()).dtype), crop


def autocast(device: torch.device, bf16: bool = False):
    """The arithmetic of a forward pass: bf16 where it costs nothing on CUDA, or is asked for; float32 elsewhere."""
    return torch.autocast(device.type, torch.bfloat16, enabled=bf16 or device.type == "cuda")


@torch.no_grad()
def forward(model: VisionTransformer, images: Tensor, crops: Sequence[Crop | None], bf16: bool = False) -> list[Trace]:
    """One pass over inputs (B, C, height, width), as `prepare` gives them, with their crops: a Trace each."""
    device = next(model.parameters()).device
    images = images.to(device)
    depth, layers, norms = model.config.depth, itertools.count(), []
    queries, keys, means = [], [], None
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
            if means is None:
                return F.scaled_dot_product_attention(query, key, value)
            each = [fuse_heads(query[i], key[i], value=value[i], out=means[i][layer])[1] for i in range(B)]
            return torch.stack(each)

        for stream in model.layers(tokens, attend):
            wide = torch.promote_types(stream.dtype, torch.float32)  # half precision would overflow
            norms.append(torch.linalg.vector_norm(stream, dim=-1, dtype=wide).float())
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
            mean_attention=means and means[i],
        )
        for i, crop in enumerate(crops)
    ]


def record(model: VisionTransformer, image: Picture | Sequence[Picture], bf16: bool = False) -> Trace | list[Trace]:
    """Run `model` once and keep what it did.

    `image`: a PIL image, a path, the bytes of a file, or a float tensor (1, C, height, width) that is
    already preprocessed (any size the patches fit in). A list gives a list, its pictures of equal size
    going through the model together. The model is put in no other mode and left as it was.
    `bf16`: multiply in bfloat16 on the CPU too, as on CUDA; faster where the CPU has instructions for it, and logits
    differ in the third digit (`python tests/bench/peers.py bf16` says by how much and how fast).

    Raises InputError for a picture that cannot be used.
    """
    if not isinstance(image, (list, tuple)):
        return record(model, [image], bf16)[0]
    inputs = [prepare(model, picture) for picture in image]
    by_size: dict[tuple, list[int]] = {}
    for i, (tensor, _) in enumerate(inputs):
        by_size.setdefault(tuple(tensor.shape), []).append(i)
    traces: dict[int, Trace] = {}
    for members in by_size.values():
        batch = torch.cat([inputs[i][0] for i in members])
        traces.update(zip(members, forward(model, batch, [inputs[i][1] for i in members], bf16), strict=True))
    return [traces[i] for i in range(len(inputs))]


def top_k(model: VisionTransformer, trace: Trace, k: int = 5) -> list[tuple[str, float]]:
    """The `k` most probable classes of a recorded picture as (label, probability), best first.

    Raises InputError: "model-no-head", "labels-count" where the model has not one label for each class.
    """
    if trace.logits is None:
        raise InputError("model-no-head", "this model has no classification head, so it predicts nothing")
    probabilities, classes = trace.logits.softmax(-1).topk(max(0, min(k, trace.logits.numel())))
    names = model.labels or [f"class {i}" for i in range(trace.logits.numel())]
    if len(names) != trace.logits.numel():
        raise InputError(
            "labels-count",
            f"the model has {trace.logits.numel()} classes but {len(names)} labels",
            source="the model",
            classes=trace.logits.numel(),
            labels=len(names),
        )
    return [(names[c], p) for c, p in zip(classes.tolist(), probabilities.tolist(), strict=True)]


def predict(model: VisionTransformer, image: Picture, k: int = 5) -> list[tuple[str, float]]:
    """The `k` most probable classes of `image` as (label, probability), best first. Raises InputError."""
    return top_k(model, record(model, image), k)
