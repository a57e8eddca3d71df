"""The features of all layers as colours: principal components on the patch grid. No Streamlit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

import vit_core as vc
from vit_core import Trace

COMPONENTS = 3  # red, green, blue


@dataclass(frozen=True, eq=False)
class FeatureMaps:
    """One picture's maps, from the first layer to the last. Read-only."""

    colours: np.ndarray  # (layers, rows, cols, 3), uint8
    projections: np.ndarray  # (layers, rows, cols, 3), float32, the components' values
    foreground: np.ndarray  # (layers, rows, cols), bool, whether the first component is positive
    explained: np.ndarray  # (layers, 3), float32, each component's share of the layer's variance

    @property
    def nbytes(self) -> int:
        """Bytes of all arrays."""
        return sum(array.nbytes for array in vars(self).values())


def feature_maps(traces: Sequence[Trace], facet: str = "token") -> list[FeatureMaps]:
    """The maps of each picture. In each layer, all pictures share a basis and a scale of colours.

    `traces`: of one model, recorded with features. Raises as `vit_core.features.pca` does.
    """
    bases = [vc.features.pca(traces, layer, facet, COMPONENTS) for layer in range(traces[0].depth)]
    projected = [[basis.project(trace) for trace in traces] for basis in bases]  # by layer, then by picture
    coloured = [vc.features.as_rgb(layer) for layer in projected]
    explained = np.stack([basis.explained.numpy() for basis in bases])
    return [
        FeatureMaps(
            np.stack([layer[i].numpy() for layer in coloured]),
            np.stack([layer[i].numpy() for layer in projected]),
            np.stack([vc.features.foreground(layer[i]).numpy() for layer in projected]),
            explained,
        )
        for i in range(len(traces))
    ]
