"""The features of a layer, by facet (Amir et al. 2021, arXiv:2112.05814)."""

from __future__ import annotations

from torch import Tensor

from vit_core.attention.trace import Trace
from vit_core.errors import InputError

#: "token" is what leaves the layer; the others are its attention's, all heads side by side.
FACETS = ("token", "query", "key", "value")


def features(trace: Trace, layer: int, facet: str = "token") -> Tensor:
    """The features of all tokens in `layer`, (N, D), float32: the prefix tokens, then the patches row by row.

    `layer` from 0. Queries and keys are those that attention compares, with rotary positions where the model has them.

    Raises InputError "features-missing" for a trace recorded without features, ValueError for an unknown facet and
    IndexError for a layer that the model does not have.
    """
    if facet not in FACETS:
        raise ValueError(f"facet must be one of {', '.join(FACETS)}, not {facet!r}")
    if not 0 <= layer < trace.depth:
        raise IndexError(f"layer must lie between 0 and {trace.depth - 1}, got {layer}")
    if trace.directions is None or trace.values is None:
        raise InputError(
            "features-missing", "this trace was recorded without features; record it with record(..., features=True)"
        )
    if facet == "token":
        return trace.directions[layer].float() * trace.token_norms[layer + 1, :, None]
    heads = {"query": trace.queries, "key": trace.keys, "value": trace.values}[facet][layer]  # heads, N, head_dim
    return heads.transpose(0, 1).flatten(1).float()


def patch_features(trace: Trace, layer: int, facet: str = "token") -> Tensor:
    """The features of the patches alone, (P, D), as `features` returns them.

    Raises as `features` does, and InputError "features-no-patches" for a trace without patches.
    """
    found = features(trace, layer, facet)[trace.num_prefix_tokens :]
    if len(found) == 0:
        raise InputError("features-no-patches", "this trace has no patches, only prefix tokens")
    return found
