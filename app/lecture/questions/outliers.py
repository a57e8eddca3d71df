"""Outlier tokens: the norm of each patch's vector after each layer, and the share of attention that it receives."""

from __future__ import annotations

import torch

from app.lecture.stage import Scene, Stage, array, integer
from vit_core.attention.statistics import attention_received

OUTLIER_FACTOR = 3  # an outlier's norm exceeds so many times the median


def build(stage: Stage, want: dict) -> Scene:
    """Arrays: "norms" (layers + 1, patches), the L2 norm of each patch's vector at the input and after each layer;
    "received" (layers, N), the share of a layer's attention that each token receives, see `attention_received`.

    Numbers: for each row of "norms", "largest", "median" and "outliers", the patches above OUTLIER_FACTOR medians.
    """
    trace, prefix = stage.result.trace, stage.config.num_prefix_tokens
    norms = trace.token_norms[:, prefix:]
    received = stage.memo(
        ("outliers", "received"), lambda: torch.stack([attention_received(trace, i) for i in range(trace.depth)])
    )
    median = norms.median(dim=1).values
    numbers = {
        "layers": trace.depth,
        "layer": integer(want, "layer", 1, trace.depth, trace.depth),
        "factor": OUTLIER_FACTOR,
        "largest": norms.amax(1).tolist(),
        "median": median.tolist(),
        "outliers": (norms > OUTLIER_FACTOR * median[:, None]).sum(1).tolist(),
        "registers": stage.config.registers,
    }
    return Scene(numbers, {"norms": array(norms), "received": array(received)})
