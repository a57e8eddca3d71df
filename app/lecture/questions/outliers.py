"""Outlier tokens: the norm of each patch's vector after each layer, and the share of attention that it receives."""

from __future__ import annotations

import torch

from app.lecture.stage import Scene, Stage, array, integer
from vit_core.attention.statistics import attention_received
from vit_core.features import outlier_tokens


def build(stage: Stage, want: dict) -> Scene:
    """Arrays: "norms" (layers + 1, patches), the L2 norm of each patch's vector at the input and after each layer;
    "received" (layers, N), the share of a layer's attention that each token receives, see `attention_received`.

    Numbers: for each row of "norms", "largest" and "median"; for each layer, "outliers", the number of patches that
    `outlier_tokens` finds after it.
    """
    trace, prefix = stage.result.trace, stage.config.num_prefix_tokens
    norms = trace.token_norms[:, prefix:]
    received = stage.memo(
        ("outliers", "received"), lambda: torch.stack([attention_received(trace, i) for i in range(trace.depth)])
    )
    numbers = {
        "layers": trace.depth,
        "layer": integer(want, "layer", 1, trace.depth, trace.depth),
        "largest": norms.amax(1).tolist(),
        "median": norms.median(dim=1).values.tolist(),
        "outliers": [int(outlier_tokens(trace, layer).sum()) for layer in range(trace.depth)],
        "registers": stage.config.registers,
    }
    return Scene(numbers, {"norms": array(norms), "received": array(received)})
