"""The main directions of features, and the colours that show them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from vit_core.attention.trace import Trace
from vit_core.features.cosine_similarity import check_widths
from vit_core.features.facets import patch_features

ROUNDING = 1e-6  # share of the features' energy below which a component is only what rounding to float16 left


@dataclass(frozen=True)
class PCA:
    """A basis of one layer's features. It can project further pictures of the same model."""

    layer: int
    facet: str
    mean: Tensor  # (D,), float32
    components: Tensor  # (k, D), orthonormal, most variance first; rows of zeros where the features have no more
    explained: Tensor  # (k,), each component's share of the variance, from 0 to 1; zeros if there is none

    def project(self, trace: Trace) -> Tensor:
        """The components of each patch of a picture, (rows, cols, k).

        Raises as `features` does, and InputError "features-width" for a model of another width.
        """
        found = patch_features(trace, self.layer, self.facet)
        check_widths(len(self.mean), found.shape[1])
        centred = found - self.mean.to(found.device)
        return (centred @ self.components.T.to(found.device)).reshape(*trace.grid, -1)


def pca(
    traces: Trace | Sequence[Trace],
    layer: int,
    facet: str = "token",
    components: int = 3,
    masks: Sequence[Tensor] | None = None,
) -> PCA:
    """Principal components of the patches' features, over one or many pictures; prefix tokens never enter.

    `layer` from 0. The sign is fixed: each component's largest entry is positive. `masks`, bool (rows, cols) for each
    picture: only these patches enter, such as the `foreground`; without any of them, all do.

    Raises as `features` does, and InputError "features-width" for traces of models of different width.
    """
    traces = [traces] if isinstance(traces, Trace) else list(traces)
    found = [patch_features(trace, layer, facet) for trace in traces]
    for one in found:
        check_widths(found[0].shape[1], one.shape[1])
    if masks is not None and any(mask.any() for mask in masks):
        found = [one[mask.flatten()] for one, mask in zip(found, masks, strict=True)]
    data = torch.cat([one.cpu() for one in found]).double()
    mean = data.mean(0)
    variance, directions = _principal_axes(data - mean)
    count = min(components, int((variance > ROUNDING * data.square().sum()).sum()))
    kept, shares = torch.zeros(components, data.shape[1]), torch.zeros(components)
    largest = directions[:count].abs().argmax(1, keepdim=True)
    kept[:count] = directions[:count] * directions[:count].gather(1, largest).sign()
    if count:
        shares[:count] = variance[:count] / variance.sum()
    return PCA(layer, facet, mean.float(), kept, shares)


def _principal_axes(data: Tensor) -> tuple[Tensor, Tensor]:
    """Variances (k,), largest first, and unit directions (k, D) of centred data (M, D); k is the smaller of M and D."""
    fewer = len(data) < data.shape[1]
    gram = data @ data.T if fewer else data.T @ data  # the smaller one: ten times as quick for a ViT-L's patches
    variance, vectors = torch.linalg.eigh(gram)  # smallest first
    directions = vectors.T @ data if fewer else vectors.T
    return variance.flip(0), torch.nn.functional.normalize(directions, dim=1).flip(0)


def as_rgb(projections: Sequence[Tensor]) -> list[Tensor]:
    """The first three components of each picture as red, green and blue: uint8 (rows, cols, 3) each.

    All pictures share one scale: of each component, the 2nd to the 98th percentile over all patches spans 0 to 255, and
    values outside are clipped. A component that does not vary is grey (128).
    """
    values = torch.cat([one.flatten(0, 1)[:, :3] for one in projections])
    low, high = values.quantile(torch.tensor([0.02, 0.98], device=values.device), dim=0)
    span = high - low

    def colour(one: Tensor) -> Tensor:
        scaled = ((one[..., :3] - low) / span.where(span > 0, 1)).clamp(0, 1) * 255
        grey = torch.where(span > 0, scaled, 128.0)
        return torch.nn.functional.pad(grey, (0, 3 - grey.shape[-1]), value=128.0).round().to(torch.uint8)

    return [colour(one) for one in projections]


def foreground(projection: Tensor, threshold: float = 0.0, flip: bool = False) -> Tensor:
    """Patches whose first component is above `threshold`, bool (rows, cols); with `flip`, the patches below it.

    projection (rows, cols, k), as `PCA.project` returns it: 0 is the mean of the patches that the basis was fitted to.
    In DINOv2 (Oquab et al. 2023, arXiv:2304.07193), the first component separates foreground and background; which of
    the two is positive is arbitrary.
    """
    first = projection[..., 0]
    return first < threshold if flip else first > threshold
