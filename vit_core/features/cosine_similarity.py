"""Which patches are like a token: the cosine of their features."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

from vit_core.attention.trace import Trace
from vit_core.errors import InputError
from vit_core.features.facets import features, patch_features


def similarity(trace: Trace, layer: int, token: int, facet: str = "token", other: Trace | None = None) -> Tensor:
    """Cosine similarity of a token to every patch of `other`, or of its own picture: (P,), from -1 to 1.

    `layer` and `token` from 0; a patch's token is `trace.token_at(row, col)`. A patch's similarity to itself is exactly
    1. A feature of zeros is similar to none: 0.

    Raises as `features` does, IndexError for a token outside the trace, and InputError "features-width" if the two
    traces' features have different widths.
    """
    if not 0 <= token < trace.num_tokens:
        raise IndexError(f"token must lie between 0 and {trace.num_tokens - 1}, got {token}")
    query = F.normalize(features(trace, layer, facet)[token], dim=0)
    patches = patch_features(other or trace, layer, facet)
    check_widths(len(query), patches.shape[1])
    cosine = (F.normalize(patches, dim=1) @ query).clamp(-1, 1)
    if other is None and token >= trace.num_prefix_tokens and query.any():
        cosine[token - trace.num_prefix_tokens] = 1
    return cosine


def check_widths(one: int, other: int) -> None:
    """Raises InputError "features-width" if two models' features cannot be compared."""
    if one != other:
        raise InputError(
            "features-width",
            f"features of {one} and of {other} channels cannot be compared; record both pictures with the same model",
            one=one,
            other=other,
        )
