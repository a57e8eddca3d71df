"""The summary: the whole pipeline with this model's shapes and parameter counts, and the paper's models beside it."""

from __future__ import annotations

import torch

from app.lecture.stage import Scene, Stage, array
from vit_core import ViTConfig
from vit_core.attribution import read_head
from vit_core.lecture.positions import tokens_without_positions
from vit_core.models.config import PROBABILITY_FUNCTIONS, VARIANTS
from vit_core.models.parameters import ENCODER_PARTS, PAPER_PARAMETERS, count_by_part, parameter_count

MAX_THUMBNAIL_SIDE = 64  # rows and columns of a matrix that is shown as a small picture

#: The block's parts in the order of computation; each "add" ends the residual path around the parts before it.
ORDER = {
    "pre": ("norm1", "attention", "scale1", "add", "norm2", "mlp", "scale2", "add"),
    "res_post": ("attention", "norm1", "scale1", "add", "mlp", "norm2", "scale2", "add"),
    "parallel": ("norm1", "attention", "scale1", "mlp", "scale2", "add"),
}


def order(config: ViTConfig) -> list[str]:
    """The parts of the model's block, see ORDER; LayerScale only if the model has it."""
    return [part for part in ORDER[config.block] if config.layer_scale or not part.startswith("scale")]


def head_steps(config: ViTConfig) -> list[str]:
    """What the head's box does, as keys of its words: norm, linear map, softmax or sigmoid."""
    norm = ["norm"] * (config.final_norm or config.pool_norm)
    return norm + (["linear", *PROBABILITY_FUNCTIONS[config.problem_type]] if config.classes else [])


def table_row(name: str, config: ViTConfig, parameters: int, paper: int | None = None) -> dict:
    """One model's row of the table."""
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


def thumbnail(matrix: torch.Tensor) -> torch.Tensor:
    """At most MAX_THUMBNAIL_SIDE rows and columns of a matrix (rows, columns), evenly picked."""
    for axis in (0, 1):
        size = matrix.shape[axis]
        picked = torch.linspace(0, size - 1, min(size, MAX_THUMBNAIL_SIDE)).round().long()
        matrix = matrix.index_select(axis, picked.to(matrix.device))
    return matrix


@torch.no_grad()
def build(stage: Stage, want: dict) -> Scene:
    """Arrays: "patches", the projected patches, thinned; "attention" (rows * cols,), of the class token (or the middle
    patch) in the last layer, mean over heads; "read" (C,), what the head reads; "similarity" (rows * cols,), of the
    middle patch's position to all positions, missing if the model learned none."""
    model, config, trace = stage.model, stage.config, stage.result.trace
    rows, cols = trace.grid
    middle = (rows // 2) * cols + cols // 2
    model_parts = count_by_part(model)
    total = sum(model_parts.values())
    looking = 0 if config.class_token else config.num_prefix_tokens + middle
    read = read_head(model, model.norm(stage.streams[-1]), [])
    numbers = {
        "parts": model_parts,
        "total": total,
        "encoder": sum(model_parts[name] for name in ENCODER_PARTS),
        "order": order(config),
        "layers": config.depth,
        "dim": config.dim,
        "heads": config.heads,
        "mlp": config.mlp_dim,
        "patches": rows * cols,
        "tokens": trace.num_tokens,
        "classes": config.classes,
        "head": head_steps(config),
        "image": [*stage.images.shape[2:], config.channels],
        "patch": [*config.patch_size, config.channels],
        "pixels": config.patch_size[0] * config.patch_size[1] * config.channels,
        "looking": looking,
        "pool": config.pool,
        "read": [len(read.parts)] * (len(read.parts) > 1) + [config.dim],
        "answers": stage.answers(trace.logits, 3),
        "prefix": config.num_prefix_tokens,
        "position": config.position,
        "entries": model.positions.shape[1],
        "resized": trace.grid != config.grid,
        "paper_classes": VARIANTS["B/16"].classes,
        "table": [
            *(
                table_row(name, VARIANTS[name], parameter_count(VARIANTS[name]), n)
                for name, n in PAPER_PARAMETERS.items()
            ),
            table_row(stage.result.name, config, total),
        ],
    }
    attention = trace.attention(trace.depth - 1, [looking])[:, 0, config.num_prefix_tokens :].mean(0)
    flat = tokens_without_positions(model, stage.images)[0, config.num_prefix_tokens :]
    arrays = {"patches": thumbnail(flat), "attention": attention, "read": read.vector}
    positions = model.position_grid(trace.grid)
    if positions is not None:
        unit = torch.nn.functional.normalize(positions.float().flatten(0, 1), dim=-1)
        arrays["similarity"] = unit @ unit[middle]
    return Scene(numbers, {name: array(tensor) for name, tensor in arrays.items()})
