"""An identity for a model: the digest of its weights, shape, labels and preprocessing."""

from __future__ import annotations

import hashlib
import weakref

import torch

from vit_core.models.vit import VisionTransformer

_digests: weakref.WeakKeyDictionary[VisionTransformer, str] = weakref.WeakKeyDictionary()


def weights_digest(model: VisionTransformer, preprocessing: bool = True) -> str:
    """BLAKE2b (32 hex digits) of weights, config, labels and `preprocessing`. Does not depend on the device."""
    # Left out where they are the defaults, so that evaluations from before these fields existed can be continued.
    config = repr(model.config).replace(", problem_type='single_label'", "")
    transform = repr(model.transform).replace(", crop_rounding='round'", "")
    about = f"({config}, {transform}, {model.labels!r})" if preprocessing else f"({config}, {model.labels!r})"
    digest = hashlib.blake2b(about.encode(), digest_size=16)
    for name, weight in sorted(model.state_dict().items()):
        digest.update(f"{name} {weight.dtype} {tuple(weight.shape)}".encode())
        digest.update(weight.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy())
    return digest.hexdigest()


def cached_weights_digest(model: VisionTransformer) -> str:
    """`weights_digest` without preprocessing, computed once for each model: for models whose weights do not change.

    A model and its views at other input sizes have the same one.
    """
    if model not in _digests:
        _digests[model] = weights_digest(model, preprocessing=False)
    return _digests[model]
