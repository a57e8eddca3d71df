"""Recording a forward pass, and what its attention shows: rollout, fused heads, distance and entropy."""

from vit_core.attention.attention_rollout import fused_layer, fused_layers, rollout, rollout_by_depth
from vit_core.attention.head_fusion import FUSIONS, fuse_heads
from vit_core.attention.statistics import attention_distance, attention_entropy, patch_distances
from vit_core.attention.trace import Trace, predict, record, top_k

__all__ = [
    "FUSIONS",
    "Trace",
    "attention_distance",
    "attention_entropy",
    "fuse_heads",
    "fused_layer",
    "fused_layers",
    "patch_distances",
    "predict",
    "record",
    "rollout",
    "rollout_by_depth",
    "top_k",
]
