"""Vitrine's core: Vision Transformers whose attention can be recorded and explained.

>>> import vit_core as vc
>>> model = vc.load("embedded:photo")
>>> trace = vc.record(model, "cat.jpg")
>>> vc.rollout(trace)
"""

from vit_core import features
from vit_core.attention.attention_rollout import fused_layers, rollout
from vit_core.attention.trace import Trace, predict, record, top_k
from vit_core.checkpoints import available, best_device, from_timm, load
from vit_core.checkpoints.embedded import save
from vit_core.errors import InputError
from vit_core.models.config import VARIANTS, ViTConfig
from vit_core.models.vit import VisionTransformer, attention_weights

__version__ = "0.1.0"  # as in pyproject.toml

__all__ = [
    "VARIANTS",
    "InputError",
    "Trace",
    "ViTConfig",
    "VisionTransformer",
    "attention_weights",
    "available",
    "best_device",
    "features",
    "from_timm",
    "fused_layers",
    "load",
    "predict",
    "record",
    "rollout",
    "save",
    "top_k",
]
