"""The MLP: D -> M -> D for one token, and where its hidden values lie on the activation's curve."""

from __future__ import annotations

import torch

from app.lecture.stage import Scene, Stage, array, integer
from vit_core.lecture import unit_logits

CURVE_POINTS = 161
NUM_TOP_UNITS = 5


def build(stage: Stage, want: dict) -> Scene:
    """One layer and one token: "read" (D), the MLP's input; "hidden" (M); "curved" (M), the activation of hidden;
    "activated" (M), the input of the second layer; "written" (D); "curve" (points, 2), the activation function; "fires"
    (N), one hidden unit on every token."""
    config = stage.config
    count = stage.streams.shape[1]
    layer = integer(want, "layer", 0, config.depth - 1, config.depth // 2)
    at = integer(want, "at", 0, count - 1, stage.middle_token)
    step, block = stage.block_steps(layer), stage.model.blocks[layer]
    hidden, activated = step.hidden[at], step.activated[at]
    most = activated.abs().topk(min(NUM_TOP_UNITS, len(activated))).indices.tolist()
    unit = integer(want, "unit", 0, config.mlp_dim - 1, most[0])
    low, high = min(-3.0, float(step.hidden.min())), max(3.0, float(step.hidden.max()))
    x = torch.linspace(low, high, CURVE_POINTS, device=hidden.device)
    with torch.no_grad():
        curve, curved = torch.stack([x, block.mlp.act(x)], dim=1), block.mlp.act(hidden)
        alone = block.mlp(step.mlp_input[at : at + 1])
        alone = block.ls2(block.norm2(alone) if block.wiring == "res_post" else alone)[0]
        adds = block.ls2(block.mlp.fc2.weight[:, unit]) * activated[unit]
    in_block = sum(p.numel() for p in block.mlp.parameters())
    in_model = sum(p.numel() for b in stage.model.blocks for p in b.mlp.parameters())
    numbers = {
        "layer": layer, "layers": config.depth, "at": at, "unit": unit, "dim": config.dim, "hidden": config.mlp_dim,
        "activation": config.activation, "gated": block.mlp.gated, "most": most, "low": low, "high": high,
        "positive": int((hidden > 0).sum()), "alone": float((alone - step.written[at]).abs().max()),
        "parameters": in_block, "of_block": in_block / sum(p.numel() for p in block.parameters()),
        "of_model": in_model / stage.result.parameters, "adds": float(adds.norm()), 
        "says": _unit_classes(stage, layer, unit),
    }  # fmt: skip
    arrays = {
        "read": step.mlp_input[at],
        "hidden": hidden,
        "curved": curved,
        "activated": activated,
        "written": step.written[at],
        "curve": curve,
        "fires": step.activated[:, unit],
    }
    return Scene(numbers, {name: array(values) for name, values in arrays.items()})


def _unit_classes(stage: Stage, layer: int, unit: int) -> dict | None:
    """The classes whose logits the unit raises and lowers most."""
    logits = unit_logits(stage.model, layer, unit)
    if logits is None or len(logits) < 2 or not stage.names_classes:
        return None
    best, worst = int(logits.argmax()), int(logits.argmin())
    return {
        "for": stage.label(best),
        "against": stage.label(worst),
        "up": float(logits[best]),
        "down": float(logits[worst]),
    }
