"""The maps of an evaluation's errors: lists by region and cluster, and pictures of mean maps. No widgets."""

from __future__ import annotations

import functools
import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from vit_core.evaluation import maps
from vit_core.evaluation.results import Rows
from vit_core.images import colour_map
from vit_core.images.draw import scale_end

MAP_SIDE = 140  # pixels of a mean map's longer side: two stand side by side on a phone
#: Names of the nine parts of a picture, row by row.
PLACES = tuple(f"{row} {col}" for row in ("top", "middle", "bottom") for col in ("left", "middle", "right"))


@dataclass(frozen=True)
class MapChoice:
    """Which pictures the list of maps holds, and in which order."""

    region: str = "border"  # the largest share of the map in this region first
    least: float = 0.0  # this share at least, from 0 to 1
    cluster: int | None = None  # errors of this cluster alone, counted from 0


class FoundMaps:
    """The maps of an evaluation, read-only."""

    def __init__(self, found: maps.Maps):
        self.all, self.method = found, found.method
        self.errors, self.correct = found.chosen(found.wrong), found.chosen(~found.wrong)

    @functools.cached_property
    def clusters(self) -> maps.Clusters:
        """Of the errors; `members` are indices into `errors`."""
        return maps.find_clusters(self.errors)

    @functools.cached_property
    def shares(self) -> dict[str, np.ndarray]:
        """For each region, (n,) the shares of the maps of `all`."""
        return {region: self.all.shares(region) for region in self.all.regions}

    @functools.cached_property
    def scale(self) -> float:
        """The share of a map that has the brightest colour in all mean maps. A patch with more is as bright."""
        groups = [group for group in (self.errors, self.correct) if len(group.numbers)]
        return max(scale_end(group.mean) for group in groups)

    def share(self, region: str) -> dict[int, float]:
        """For each row number, the share of its map that lies in the region."""
        shares = self.shares.get(region, self.shares["border"])
        return dict(zip(self.all.numbers.tolist(), shares.tolist(), strict=True))

    def listed(self, choice: MapChoice) -> np.ndarray:
        """(m,) row numbers of a choice, in its order."""
        shares = self.shares.get(choice.region, self.shares["border"])
        keep = shares >= choice.least
        if choice.cluster is not None:
            keep &= np.isin(self.all.numbers, self.members(choice.cluster))
        return self.all.numbers[keep][np.argsort(-shares[keep], kind="stable")]

    def members(self, cluster: int) -> np.ndarray:
        """(m,) row numbers of a cluster, the most typical first; empty if there is no such cluster."""
        clusters = self.clusters.clusters
        if not 0 <= cluster < len(clusters):
            return np.empty(0, np.int64)
        return self.errors.numbers[clusters[cluster].members]

    def among(self, numbers: np.ndarray) -> maps.Maps:
        """The maps of these rows, as far as there are any."""
        return self.all.chosen(np.isin(self.all.numbers, numbers))


def read(out: Path, rows: Rows) -> FoundMaps | None:
    """The maps in an evaluation's folder; None if there are none."""
    found = maps.load_maps(out, rows)
    return found and FoundMaps(found)


def version(out: Path) -> tuple[int, ...]:
    """What changes when the maps in the folder do; a cache key."""
    return tuple(path.stat().st_mtime_ns for path in (out / "maps.parquet", out / "maps.json") if path.exists())


def densest_place(values: np.ndarray) -> tuple[str, float]:
    """(name of the ninth of the picture that holds most of a map with sum 1, its share). One of PLACES."""
    thirds = [_thirds(side) for side in values.shape]
    parts = thirds[0] @ values @ thirds[1].T
    return PLACES[int(parts.argmax())], float(parts.max())


def _thirds(count: int) -> np.ndarray:
    """(3, count) the share of each of `count` equal parts of a line that lies in each third of it."""
    edges = np.linspace(0, 1, count + 1)
    return np.stack([np.diff(edges.clip(third / 3, (third + 1) / 3)) * count for third in range(3)])


def picture_of(values: np.ndarray, high: float) -> bytes:
    """A mean map as PNG, one flat rectangle a patch, on a scale from 0 to `high`."""
    rows, cols = values.shape
    scale = MAP_SIDE / max(rows, cols)
    coloured = Image.fromarray(colour_map(values, 0.0, high))
    out = io.BytesIO()
    coloured.resize((round(cols * scale), round(rows * scale)), Image.Resampling.NEAREST).save(out, "PNG")
    return out.getvalue()
