"""Inductive bias: four ways to wire the same patches, and what a shuffle and a shift do to models."""

from __future__ import annotations

import functools
import math
import weakref
from collections.abc import Callable

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from app.lecture.stage import Scene, Stage, array, keeper, one_of, whole
from vit_core import InputError
from vit_core.attention.attention_rollout import fused_layer
from vit_core.checkpoints import embedded
from vit_core.lecture import inductive_bias

MOST = 400  # patches whose connections are drawn one by one; a larger grid is drawn coarser
LIGHT = 2e8  # parameters x tokens: a smaller model is measured before anybody asks
MODERATE = 5e9  # likewise: up to here it takes 3 seconds at most, and is measured once the scene has come to rest
SOON = 3.0  # seconds that a larger one may take for that, on a faster machine; else a click is waited for
PASSES = 6  # forward passes that a measurement takes: two models, three pictures
SHOWN = 256  # pixels a side of the pictures that are sent
KEPT = 64  # pictures whose answers are kept for each stage

_kept: weakref.WeakKeyDictionary[Stage, dict] = keeper()


def build(stage: Stage, want: dict) -> Scene:
    """Arrays, n patches of the grid that is drawn: "full" (n, n) int32, "convolution" and "recurrent" (n, n) uint8,
    the numbers of `inductive.connectivity` (CARRIED, -2, as 254); "attention" (n, n), one layer's weights, the mean
    of its heads. Where the models are measured: "original", "shuffled", "shifted" (height, width, 3) uint8."""
    c, grid = stage.config, stage.result.grid
    N, drawn = grid[0] * grid[1], coarse(grid)
    layer = c.depth // 2
    links = {kind: inductive_bias.connectivity(kind, drawn) for kind in inductive_bias.KINDS}
    numbers = {
        "grid": drawn,
        "tokens": drawn[0] * drawn[1],
        "patches": N,
        "dim": c.dim,
        "layer": layer,
        "start": drawn[0] // 2 * drawn[1] + drawn[1] // 2,
        "kinds": {
            kind: {
                **costs(stage, kind),
                "path": inductive_bias.path_length(kind, grid),
                "weights": int(links[kind][links[kind] > 0].unique().numel()),
            }
            for kind in inductive_bias.KINDS
        },
    }
    arrays = {
        "full": links["full"].to(torch.int32).numpy(),
        "attention": array(once(stage, ("attention",), lambda: attention(stage, layer, drawn))),
    }
    for kind in ("convolution", "recurrent"):
        arrays[kind] = links[kind].numpy().astype(np.uint8)
    across = stage.images.shape[-1]
    reach = min(2 * c.patch_size[1], across - 1)
    seed = whole(want, "seed", 0, 9999, 0)
    shift = whole(want, "shift", -reach, reach, min(reach, max(1, c.patch_size[1] // 2)))
    numbers |= {"seed": seed, "shift": shift, "reach": reach, "measure": None}
    work = stage.result.parameters * N
    numbers |= {
        "ticket": f"{stage.result.name} {stage.result.digest}",
        "soon": work < MODERATE or stage.result.seconds * PASSES < SOON,
    }
    asked = one_of(want, "show", ("structure", "measure")) == "measure" or want.get("ticket") == numbers["ticket"]
    if asked or work < LIGHT:
        numbers["measure"], pictures = measured(stage, seed, shift)
        arrays |= pictures
    return Scene(numbers, arrays)


def once(stage: Stage, key: tuple, make: Callable):
    """What `make` returned for this key when it was first asked for."""
    held = _kept.setdefault(stage, {})
    if key not in held:
        if len(held) > KEPT:
            held.clear()
        held[key] = make()
    return held[key]


def coarse(grid: tuple[int, int]) -> tuple[int, int]:
    """The grid itself, or one whose cells hold k x k patches, so that at most MOST are drawn."""
    k = 1
    while math.ceil(grid[0] / k) * math.ceil(grid[1] / k) > MOST:
        k += 1
    return math.ceil(grid[0] / k), math.ceil(grid[1] / k)


def costs(stage: Stage, kind: str) -> dict:
    """Parameters and multiply-adds of one layer on all of the picture's patches; attention as this model has it."""
    c, grid = stage.config, stage.result.grid
    own = {"inner": c.heads * c.head_dim, "bias": c.proj_bias, "qkv_bias": c.qkv_bias} if kind == "attention" else {}
    parameters, multiply_adds = inductive_bias.cost(kind, grid[0] * grid[1], c.dim, **own)
    return {"parameters": parameters, "multiply_adds": multiply_adds}


def attention(stage: Stage, layer: int, drawn: tuple[int, int]) -> Tensor:
    """Weights between patches in `layer`, the mean of its heads: (n, n); on a coarser grid those of its cells."""
    trace = stage.result.trace
    rows = fused_layer(trace.queries[layer], trace.keys[layer])
    weights = rows[trace.num_prefix_tokens :, trace.num_prefix_tokens :]  # N, N
    if drawn == tuple(trace.grid):
        return weights
    n, (N, _) = drawn[0] * drawn[1], weights.shape
    keys = F.adaptive_avg_pool2d(weights.reshape(N, 1, *trace.grid), drawn).view(N, n)
    both = F.adaptive_avg_pool2d(keys.T.reshape(n, 1, *trace.grid), drawn).view(n, n).T
    return both * (N / n)  # a cell's weight is the sum of its patches'


# --- The measurement ---


@functools.cache
def cnn(name: str):
    """The embedded CNN of that name, with its labels and its transform; None in an installation without it."""
    try:
        return embedded.load_cnn(name)
    except InputError:
        return None


def measured(stage: Stage, seed: int, shift: int) -> tuple[dict, dict[str, np.ndarray]]:
    """What three models make of the picture, of its patches in another order and of its pixels moved; and what single
    layers of random weights make of the patch embeddings."""
    patch = stage.config.patch_size
    order = inductive_bias.random_order(math.prod(stage.result.grid), seed)
    variants = {
        "original": ((), lambda: stage.images),
        "shuffled": ((seed,), lambda: inductive_bias.shuffled(stage.images, patch, order)),
        "shifted": ((shift,), lambda: inductive_bias.shifted(stage.images, shift, 0)),
    }
    seen = {
        name: once(stage, (name, *key), lambda make=make: look(stage, make())) for name, (key, make) in variants.items()
    }
    first = seen["original"]["logits"]
    models = [
        {
            "name": name,
            "answers": None
            if first[name] is None
            else [compare(stage, name, first[name], one["logits"][name]) for one in seen.values()],
        }
        for name in first
    ]
    layers, width = once(
        stage, ("layers", seed), lambda: inductive_bias.asymmetries(embeddings(stage), stage.result.grid, seed)
    )
    ph, pw = patch
    numbers = {
        "models": models,
        "layers": layers,
        "width": width,
        "positions": stage.config.position != "none",
        "aspect": stage.result.patch_aspect * pw / ph,
    }
    return numbers, {name: one["pixels"] for name, one in seen.items()}


@torch.no_grad()
def embeddings(stage: Stage) -> Tensor:
    """The picture's patch embeddings without positions, (N, D)."""
    return stage.model.patch_embed(stage.images).flatten(2)[0].T


@torch.no_grad()
def look(stage: Stage, images: Tensor) -> dict:
    """Logits (classes,) of the ViT, of the same without positions and of the CNN, and the picture's pixels."""
    bare = once(stage, ("bare",), lambda: inductive_bias.without_positions(stage.model))
    other, pixels = companion(stage), unit(stage, images)
    asked = stage.model.head is not None  # without a head there is nothing to wait for
    logits = {
        "vit": stage.model(images) if asked else None,
        "bare": bare(images) if asked else None,
        "cnn": other.net(fitted(other, pixels)) if other else None,
    }
    small = (
        pixels
        if max(pixels.shape[-2:]) <= SHOWN
        else F.interpolate(pixels, scale_factor=SHOWN / max(pixels.shape[-2:]), mode="bilinear", antialias=True)
    )
    rgb = small[0].expand(3, -1, -1) if small.shape[1] == 1 else small[0]
    return {
        "logits": {name: None if out is None else out[0].float().cpu() for name, out in logits.items()},
        "pixels": rgb.clamp(0, 1).mul(255).round().to(torch.uint8).permute(1, 2, 0).contiguous().numpy(),
    }


def companion(stage: Stage):
    """The embedded CNN for this model's pictures."""
    return cnn("fashion-cnn" if stage.config.channels == 1 else "photo-cnn")


def unit(stage: Stage, images: Tensor) -> Tensor:
    """The model's input before normalisation, (1, C, height, width), in 0..1, on the CPU."""
    transform = stage.model.transform
    mean, std = (torch.tensor(v).view(-1, 1, 1) for v in (transform.mean, transform.std))
    return images.float().cpu() * std + mean


def fitted(other, pixels: Tensor) -> Tensor:
    """Pixels (1, C, height, width) in 0..1 as a CNN takes them: its size, its channels, its normalisation."""
    transform = other.transform
    if tuple(pixels.shape[-2:]) != tuple(transform.size):
        pixels = F.interpolate(pixels, size=tuple(transform.size), mode="bilinear", antialias=True)
    if pixels.shape[1] != transform.channels:
        pixels = pixels.mean(1, keepdim=True).expand(-1, transform.channels, -1, -1)
    mean, std = (torch.tensor(v).view(-1, 1, 1) for v in (transform.mean, transform.std))
    return (pixels - mean) / std


def compare(stage: Stage, name: str, before: Tensor, after: Tensor) -> dict:
    """One model's answer to a changed picture beside its answer to the picture as it was: logits (classes,).

    "p": the first answer's probability now; "change": by how much the probability of what was first before moved;
    "apart": total variation, half the sum of |p - q|, from 0 to 1; "drift": the largest change of a logit.
    """
    p, q = before.softmax(-1), after.softmax(-1)
    winner, best = int(p.argmax()), int(q.argmax())
    labels = companion(stage).labels if name == "cnn" else None
    return {
        "label": labels[best] if labels else stage.label(best),
        "p": float(q[best]),
        "same": winner == best,
        "change": float(q[winner] - p[winner]),
        "apart": float((p - q).abs().sum() / 2),
        "drift": float((after - before).abs().max()),
    }
