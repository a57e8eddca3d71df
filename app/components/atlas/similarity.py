"""Features of a trace -> int8 for the browser, which computes every cosine itself. No Streamlit.

A cosine depends on directions only, so each token's feature is sent as a direction: int8 numbers and one scale, with
which they have length 1. A few channels of some models are hundreds of times larger than all others (massive
activations, Sun et al. 2024, arXiv:2402.17762); int8 would round the others to 0. Features are therefore rotated
first by a fixed orthogonal matrix, which spreads such a channel over all and changes no cosine.
"""

from __future__ import annotations

import contextlib
import functools
import json
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from app.components.atlas.payload import Source
from app.components.binary import assemble
from vit_core import InputError, Trace
from vit_core.features import FACETS, features

BUNDLE_BYTES = 8_000_000  # that are sent at once
MAX_LAYERS = 1_000  # that a request may name


@functools.lru_cache(maxsize=4)
def rotation(dim: int) -> Tensor:
    """An orthogonal matrix (dim, dim), float32; always the same one."""
    return torch.linalg.qr(torch.randn(dim, dim, generator=torch.Generator().manual_seed(0))).Q


def quantised(values: Tensor) -> tuple[Tensor, Tensor]:
    """Features (N, D) as int8 directions (N, D) and the scales (N,), float32, with which these have length 1.

    The cosine of two tokens is the product of their scales and of their numbers' inner product, within 0.01. A feature
    of zeros has scale 0.
    """
    turned = values.float() @ rotation(values.shape[1]).to(values.device)
    peak = turned.abs().amax(-1, keepdim=True).clamp_min(1e-30)
    integers = (turned * (127 / peak)).round()
    scale = integers.norm(dim=-1).clamp_min(1).reciprocal() * integers.any(-1)
    return integers.to(torch.int8), scale


def layer_bytes(trace: Trace) -> int:
    """Bytes of one layer's features in any facet, at most."""
    config = trace.config
    return trace.num_tokens * (max(config.dim, config.heads * config.head_dim) + 4)


def answer(source: Source, want: object, features_of: Callable[[], Trace]) -> bytes | None:
    """The features that the browser asks for, as one binary; None if that is for another picture or invalid.

    `want`: "of", the source; "id", any number; "facet"; "layers", the most urgent first. The answer has as many of
    these as fit 8 MB: sections "features" (layers, N, D), int8, and "scales" (layers, N). As "like", its header has the
    facet, those layers, and whether this picture has too many tokens ("too_large"): then it has no layers.

    `features_of()` returns the trace with its features, which may take another forward pass.
    """
    try:
        checked = _checked(source, want)
    except (KeyError, TypeError, ValueError, OverflowError):
        return None
    trace, count = None, BUNDLE_BYTES // layer_bytes(source.trace)
    if count:
        with contextlib.suppress(InputError):  # "features-size"
            trace = features_of()
    return source.once(json.dumps(checked, sort_keys=True), lambda: _assembled(checked, count, trace))


def _checked(source: Source, want: object) -> dict:
    """A request with valid values only. Raises what `answer` catches."""
    if not isinstance(want, dict) or want["of"] != source.id or want["facet"] not in FACETS:
        raise ValueError(want)
    if not isinstance(want["layers"], list):
        raise TypeError(want)
    layers = list(dict.fromkeys(map(int, want["layers"][:MAX_LAYERS])))
    if not layers or not all(0 <= layer < source.trace.depth for layer in layers):
        raise ValueError(layers)
    return {"of": source.id, "id": int(want["id"]), "facet": str(want["facet"]), "layers": layers}


def _assembled(want: dict, count: int, trace: Trace | None) -> bytes:
    """The first `count` wanted layers; none without a trace."""
    layers, sections = want["layers"][:count], {}
    if trace is None:
        layers = []
    else:
        packed = [quantised(features(trace, layer, want["facet"])) for layer in layers]
        numbers, scales = (torch.stack(part).cpu().numpy() for part in zip(*packed, strict=True))
        sections = {"features": numbers, "scales": scales.astype(np.float32)}
    like = {"facet": want["facet"], "layers": layers, "too_large": trace is None}
    return assemble({"of": want["of"], "id": str(want["id"]), "like": like}, sections)
