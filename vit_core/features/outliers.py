"""Patch tokens of unusually large norm."""

from __future__ import annotations

from torch import Tensor

from vit_core.attention.trace import Trace

#: A patch is an outlier if its norm is above this multiple of the median norm ...
NORM_FACTOR = 2.0
#: ... and above the median by this many standard deviations, estimated by the median absolute deviation.
DEVIATIONS = 6.0
_MAD_TO_DEVIATION = 1.4826  # of a normal distribution


def outlier_tokens(trace: Trace, layer: int | None = None) -> Tensor:
    """Whether each patch is an outlier token (Darcet et al. 2024, arXiv:2309.16588): (P,), bool.

    Outlier tokens lie on uniform background, attract attention, and hold information on the whole picture rather than
    on their place. Here they are the patches whose L2 norm after `layer` (from 0, by default the last) is more than
    NORM_FACTOR times the patches' median norm and more than DEVIATIONS robust standard deviations above it. Darcet et
    al. set a threshold by hand for each model; this rule follows the picture. The trace needs no features.
    """
    norms = trace.token_norms[trace.depth if layer is None else layer + 1, trace.num_prefix_tokens :]
    if len(norms) == 0:
        return norms.bool()
    median = norms.median()
    deviation = _MAD_TO_DEVIATION * (norms - median).abs().median()
    return (norms > NORM_FACTOR * median) & (norms > median + DEVIATIONS * deviation)
