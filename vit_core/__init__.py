"""Vitrine's core: a Vision Transformer that can be looked into.

>>> import vit_core as vc
>>> model = vc.load("embedded:photo")
>>> trace = vc.record(model, "cat.jpg")
>>> vc.rollout(trace)
"""

from vit_core.checkpoints import available, best_device, from_timm, load
from vit_core.checkpoints.embedded import save
from vit_core.config import VARIANTS, ViTConfig
from vit_core.errors import InputError
from vit_core.model import VisionTransformer, attention_weights
from vit_core.rollout import fused_layers, rollout
from vit_core.trace import Trace, predict, record, top_k

__all__ = ["VARIANTS", "InputError", "Trace", "ViTConfig", "VisionTransformer", "attention_weights", "available",
           "best_device", "from_timm", "fused_layers", "load", "predict", "record", "rollout", "save", "top_k"]
