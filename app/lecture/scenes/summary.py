"""The summary: the whole pipeline with this model's shapes and parameter counts, and the paper's models beside it."""

from __future__ import annotations

import torch

from app.lecture.stage import Scene, Stage, array
from vit_core import ViTConfig
from vit_core.lecture.head import reading
from vit_core.models.config import VARIANTS
from vit_core.models.parameters import ENCODER, PAPER, counted, parameter_count

SHOWN = 64  # rows and columns at most of a matrix that is shown as a small picture

#: The blocks' parts in the order of their computation; an "add" closes the detour around those before it.
ORDER = {
    "pre": ("norm1", "attention", "add", "norm2", "mlp", "add"),
    "res_post": ("attention", "norm1", "add", "mlp", "norm2", "add"),
    "parallel": ("norm1", "attention", "mlp", "add"),
}


def line(name: str, config: ViTConfig, parameters: int, paper: int | None = None) -> dict:
    """A model's line in the table."""
    return {
        "name": name,
        "patch": config.patch_size,
        "layers": config.depth,
        "dim": config.dim,
        "mlp": config.mlp_dim,
        "heads": config.heads,
        "parameters": parameters,
        "paper": paper,
    }


def thin(matrix: torch.Tensor) -> torch.Tensor:
    """At most SHOWN rows and columns of a matrix (rows, columns), evenly picked."""
    for axis in (0, 1):
        size = matrix.shape[axis]
        picked = torch.linspace(0, size - 1, min(size, SHOWN)).round().long()
        matrix = matrix.index_select(axis, picked.to(matrix.device))
    return matrix


@torch.no_grad()
def build(stage: Stage, want: dict) -> Scene:
    """Arrays: "patches" and "sequence", the projected patches and what enters the encoder, thinned; "attention"
    (rows * cols,), of the class token (or the middle patch) in the last layer, mean over heads; "read" (C,), what the
    head reads; "similarity" (rows * cols,), of the middle patch's position to all; missing where there is none."""
    model, config, trace = stage.model, stage.config, stage.result.trace
    rows, cols = trace.grid
    middle = (rows // 2) * cols + cols // 2
    model_parts = counted(model)
    total = sum(model_parts.values())
    looking = 0 if config.class_token else config.num_prefix_tokens + middle
    read = reading(model, model.norm(stage.streams[-1]), [])
    numbers = {
        "parts": model_parts,
        "total": total,
        "encoder": sum(model_parts[name] for name in ENCODER),
        "order": ORDER[config.block],
        "layers": config.depth,
        "dim": config.dim,
        "heads": config.heads,
        "mlp": config.mlp_dim,
        "patches": rows * cols,
        "tokens": trace.num_tokens,
        "classes": config.classes,
        "image": [*stage.images.shape[2:], config.channels],
        "patch": [*config.patch_size, config.channels],
        "pixels": config.patch_size[0] * config.patch_size[1] * config.channels,
        "looking": looking,
        "pool": config.pool,
        "read": [len(read.parts)] * (len(read.parts) > 1) + [config.dim],
        "answers": stage.answers(trace.logits, 3),
        "prefix": config.num_prefix_tokens,
        "position": config.position,
        "paper_classes": VARIANTS["B/16"].classes,
        "table": [line(name, VARIANTS[name], parameter_count(VARIANTS[name]), paper) for name, paper in PAPER.items()]
        + [line(stage.result.name, config, total)],
    }
    attention = trace.attention(trace.depth - 1, [looking])[:, 0, config.num_prefix_tokens :].mean(0)
    flat = model.patch_norm(model.patch_embed(stage.images).flatten(2).transpose(1, 2))[0]
    arrays = {"patches": thin(flat), "sequence": thin(stage.streams[0]), "attention": attention, "read": read.vector}
    positions = model.position_grid(trace.grid)
    if positions is not None:
        unit = torch.nn.functional.normalize(positions.float().flatten(0, 1), dim=-1)
        arrays["similarity"] = unit @ unit[middle]
    return Scene(numbers, {name: array(tensor) for name, tensor in arrays.items()})
