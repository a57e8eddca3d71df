"""Which patch of another picture is most like each patch of this one."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from vit_core.attention.trace import Trace
from vit_core.features.cosine_similarity import check_widths
from vit_core.features.facets import patch_features

_CHUNK = 1024  # patches compared at a time


@dataclass(frozen=True)
class Matches:
    """For each patch of the first picture, row by row, its best patch of the second. Patches are counted from 0."""

    best: Tensor  # (P_a,), int64, the patch with the highest cosine; the first of equal ones
    scores: Tensor  # (P_a,), that cosine
    mutual: Tensor  # (P_a,), bool, whether this patch is also the best one of its best patch


def matches(trace_a: Trace, trace_b: Trace, layer: int, facet: str = "token") -> Matches:
    """The nearest neighbours of each patch of a among the patches of b, by cosine, and which of them are mutual.

    Mutual nearest neighbours are the correspondences of Amir et al. 2021 (arXiv:2112.05814, "best buddies").

    Raises as `features` does, and InputError "features-width" if the models' widths differ.
    """
    a, b = (patch_features(trace, layer, facet) for trace in (trace_a, trace_b))
    check_widths(a.shape[1], b.shape[1])
    a, b = F.normalize(a, dim=1), F.normalize(b, dim=1)
    scores, best = _nearest(a, b)
    _, back = _nearest(b, a)
    return Matches(best, scores.clamp(-1, 1), back[best] == torch.arange(len(a), device=a.device))


def _nearest(a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    """The highest cosine of each row of a with the rows of b, and which row that is; both (P_a,)."""
    found = [(chunk @ b.T).max(1) for chunk in a.split(_CHUNK)]
    return torch.cat([one.values for one in found]), torch.cat([one.indices for one in found])
