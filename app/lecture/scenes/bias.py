"""Inductive bias: four ways to wire the same patches, and what a shuffle and a shift do to models."""

from __future__ import annotations

import functools
import math

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from app.lecture.stage import Scene, Stage, array, change, choice, integer
from vit_core import InputError
from vit_core.attention.attention_rollout import fused_layer
from vit_core.checkpoints import embedded
from vit_core.lecture import final_vector, inductive_bias, patches, positions

MAX_DRAWN_PATCHES = 400  # a larger grid is drawn coarser
LIGHT_WORK = 2e8  # parameters x tokens: a model below this is measured at once
MODERATE_WORK = 5e9  # below this a measurement takes at most 3 seconds; it runs once the scene has come to rest
MAX_UNASKED_SECONDS = 3.0  # longer measurements wait for a click
FORWARD_PASSES = 6  # of a measurement: two models, three pictures
PICTURE_PIXELS = 256  # longer side of the pictures that are sent


def build(stage: Stage, want: dict) -> Scene:
    """Arrays, n patches of the drawn grid: "full" (n, n) int32, "convolution" and "recurrent" (n, n) uint8, as
    `inductive_bias.connectivity` numbers them (CARRIED, -2, as 254); "attention" (n, n), one layer's weights, the mean
    over its heads. With a measurement also "original", "shuffled", "shifted" (height, width, 3) uint8."""
    c, grid = stage.config, stage.result.grid
    N, drawn = grid[0] * grid[1], drawn_grid(grid)
    layer = c.depth // 2
    links = {kind: inductive_bias.connectivity(kind, drawn) for kind in inductive_bias.KINDS}
    across = stage.images.shape[-1]
    reach = min(2 * c.patch_size[1], across - 1)
    seed = integer(want, "seed", 0, 9999, 0)
    shift = integer(want, "shift", -reach, reach, min(reach, max(1, c.patch_size[1] // 2)))
    work = stage.result.parameters * N
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
        "seed": seed,
        "shift": shift,
        "reach": reach,
        "measure": None,
        "classed": stage.names_classes,
        "position": c.position,
        "output": stage.output,
        "ticket": f"{stage.result.name} {stage.result.digest}",
        "soon": work < MODERATE_WORK or stage.result.seconds * FORWARD_PASSES < MAX_UNASKED_SECONDS,
    }
    weights = stage.memo(("bias", "attention"), lambda: patch_attention(stage, layer, drawn))
    arrays = {"full": links["full"].to(torch.int32).numpy(), "attention": array(weights)}
    for kind in ("convolution", "recurrent"):
        arrays[kind] = links[kind].numpy().astype(np.uint8)
    asked = choice(want, "show", ("structure", "measure")) == "measure" or want.get("ticket") == numbers["ticket"]
    if asked or work < LIGHT_WORK:
        numbers["measure"], pictures = measure(stage, seed, shift)
        arrays |= pictures
    return Scene(numbers, arrays)


def drawn_grid(grid: tuple[int, int]) -> tuple[int, int]:
    """The grid itself, or one whose cells hold k x k patches, so that at most MAX_DRAWN_PATCHES are drawn."""
    k = 1
    while math.ceil(grid[0] / k) * math.ceil(grid[1] / k) > MAX_DRAWN_PATCHES:
        k += 1
    return math.ceil(grid[0] / k), math.ceil(grid[1] / k)


def costs(stage: Stage, kind: str) -> dict:
    """Parameters and multiply-adds of one layer on all of the picture's patches; attention as this model has it."""
    c, grid = stage.config, stage.result.grid
    own = {"inner": c.heads * c.head_dim, "bias": c.proj_bias, "qkv_bias": c.qkv_bias} if kind == "attention" else {}
    parameters, multiply_adds = inductive_bias.layer_cost(kind, grid[0] * grid[1], c.dim, **own)
    return {"parameters": parameters, "multiply_adds": multiply_adds}


def patch_attention(stage: Stage, layer: int, drawn: tuple[int, int]) -> Tensor:
    """Weights between patches in `layer`, the mean over its heads: (n, n). On a coarser grid, weights between cells."""
    trace = stage.result.trace
    rows = fused_layer(trace, layer)
    weights = rows[trace.num_prefix_tokens :, trace.num_prefix_tokens :]  # N, N
    if drawn == tuple(trace.grid):
        return weights
    n, (N, _) = drawn[0] * drawn[1], weights.shape
    keys = F.adaptive_avg_pool2d(weights.reshape(N, 1, *trace.grid), drawn).view(N, n)
    both = F.adaptive_avg_pool2d(keys.T.reshape(n, 1, *trace.grid), drawn).view(n, n).T
    return both * (N / n)  # a cell's weight is the sum over its patches


# --- The measurement ---


@functools.cache
def cnn(name: str) -> embedded.EmbeddedCNN | None:
    """The embedded CNN of that name; None in an installation without it."""
    try:
        return embedded.load_cnn(name)
    except InputError:
        return None


def measure(stage: Stage, seed: int, shift: int) -> tuple[dict, dict[str, np.ndarray]]:
    """The answers of three models to the picture, to its patches in another order and to its pixels shifted; and how
    single layers with random weights answer to the patch embeddings. Also the three pictures.

    A ViT that names no classes has no "answers" but "changes": how far its final vector moves from the original's.
    """
    patch = stage.config.patch_size
    order = patches.random_order(math.prod(stage.result.grid), seed)
    variants = {
        "original": ((), lambda: stage.images),
        "shuffled": ((seed,), lambda: patches.shuffle_patches(stage.images, patch, order)),
        "shifted": ((shift,), lambda: inductive_bias.shift_pixels(stage.images, shift, 0)),
    }
    results = {
        name: stage.memo(("bias", name, *key), lambda make=make: run_models(stage, make()))
        for name, (key, make) in variants.items()
    }
    models = []
    for name, first in results["original"]["outputs"].items():
        outputs = [one["outputs"][name] for one in results.values()]
        classed = first is not None and (name == "cnn" or stage.names_classes)
        moved = first is not None and not classed
        models.append(
            {
                "name": name,
                "answers": [compare(stage, name, first, one) for one in outputs] if classed else None,
                "changes": [change(first, one) for one in outputs] if moved else None,
            }
        )
    layers, width = stage.memo(
        ("bias", "layers", seed),
        lambda: inductive_bias.asymmetries(patch_embeddings(stage), stage.result.grid, seed),
    )
    ph, pw = patch
    numbers = {
        "models": models,
        "layers": layers,
        "width": width,
        "positions": stage.config.position != "none",
        "aspect": stage.result.patch_aspect * pw / ph,
    }
    return numbers, {name: one["pixels"] for name, one in results.items()}


def patch_embeddings(stage: Stage) -> Tensor:
    """The picture's patch embeddings without positions, (N, D)."""
    return positions.tokens_without_positions(stage.model, stage.images)[0, stage.config.num_prefix_tokens :]


@torch.no_grad()
def run_models(stage: Stage, images: Tensor) -> dict:
    """ "outputs": the logits (classes,) of the ViT, of the ViT without positions and of the CNN, and "pixels", the
    picture's. A ViT that names no classes gives its final vector (D,) in place of logits."""
    bare = stage.memo(("bias", "bare"), lambda: inductive_bias.without_positions(stage.model))
    other, pixels = companion(stage), unnormalised(stage, images)
    outputs = {
        "vit": stage.model(images) if stage.names_classes else final_vector(stage.model, images),
        "bare": bare(images) if stage.names_classes else final_vector(bare, images),
        "cnn": other.net(cnn_input(other, pixels)) if other else None,
    }
    longer = max(pixels.shape[-2:])
    small = (
        pixels
        if longer <= PICTURE_PIXELS
        else F.interpolate(pixels, scale_factor=PICTURE_PIXELS / longer, mode="bilinear", antialias=True)
    )
    rgb = small[0].expand(3, -1, -1) if small.shape[1] == 1 else small[0]
    return {
        "outputs": {name: None if out is None else out[0].float().cpu() for name, out in outputs.items()},
        "pixels": rgb.clamp(0, 1).mul(255).round().to(torch.uint8).permute(1, 2, 0).contiguous().numpy(),
    }


def companion(stage: Stage) -> embedded.EmbeddedCNN | None:
    """The embedded CNN for this model's kind of picture."""
    return cnn("fashion-cnn" if stage.config.channels == 1 else "tiny-cnn")


def unnormalised(stage: Stage, images: Tensor) -> Tensor:
    """The model's input before normalisation, (1, C, height, width), in 0..1, on the CPU."""
    transform = stage.model.transform
    mean, std = (torch.tensor(v).view(-1, 1, 1) for v in (transform.mean, transform.std))
    return images.float().cpu() * std + mean


def cnn_input(other: embedded.EmbeddedCNN, pixels: Tensor) -> Tensor:
    """Pixels (1, C, height, width) in 0..1 in the CNN's size, channels and normalisation."""
    transform = other.transform
    if tuple(pixels.shape[-2:]) != tuple(transform.size):
        pixels = F.interpolate(pixels, size=tuple(transform.size), mode="bilinear", antialias=True)
    if pixels.shape[1] != transform.channels:
        pixels = pixels.mean(1, keepdim=True).expand(-1, transform.channels, -1, -1)
    mean, std = (torch.tensor(v).view(-1, 1, 1) for v in (transform.mean, transform.std))
    return (pixels - mean) / std


def compare(stage: Stage, name: str, before: Tensor, after: Tensor) -> dict:
    """One model's answer to a changed picture compared with its answer to the original; logits (classes,).

    "p": the probability of the new answer; "change": how much the probability of the old answer moved; "apart": total
    variation, half the sum of |p - q|, from 0 to 1 (of several sigmoids, whose sum is not one, the mean of |p - q|);
    "drift": the largest change of a logit.
    """
    own = name != "cnn"
    p, q = (stage.scores(x) if own else x.softmax(-1) for x in (before, after))
    winner, best, moved = int(p.argmax()), int(q.argmax()), (p - q).abs()
    labels = companion(stage).labels if name == "cnn" else None
    return {
        "label": labels[best] if labels else stage.label(best),
        "p": float(q[best]),
        "same": winner == best,
        "change": float(q[winner] - p[winner]),
        "apart": float(moved.mean() if own and stage.config.problem_type == "multi_label" else moved.sum() / 2),
        "drift": float((after - before).abs().max()),
    }
