"""MLP: D -> M -> D, and where this patch's hidden values lie on the activation's curve."""

from __future__ import annotations

import torch

from app.lecture.stage import Scene, Stage, array, whole

CURVE = (-4.0, 3.0, 141)  # from, to, points


def build(stage: Stage, want: dict) -> Scene:
    """Arrays: "hidden" and "activated" (N, M), "written" and "stream" (N, D) of one layer, "curve" (points, 2)."""
    layer = whole(want, "layer", 0, stage.config.depth - 1, stage.config.depth // 2)
    step = stage.inside(layer)
    x = torch.linspace(*CURVE, device=step.hidden.device)
    with torch.no_grad():
        curve = torch.stack([x, stage.model.blocks[layer].mlp.act(x)], dim=1)
    weights = stage.model.blocks[layer].mlp
    numbers = {"layer": layer, "layers": stage.config.depth, "dim": stage.config.dim, "hidden": stage.config.mlp_dim,
               "activation": stage.config.activation, "gated": weights.gated,
               "parameters": sum(p.numel() for p in weights.parameters()),
               "middle": stage.result.token((stage.result.grid[0] // 2, stage.result.grid[1] // 2))}
    arrays = {"hidden": array(step.hidden), "activated": array(step.activated), "written": array(step.written),
              "read": array(step.mlp_input), "curve": array(curve)}
    return Scene(numbers, arrays)
