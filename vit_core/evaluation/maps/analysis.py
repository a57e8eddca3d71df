"""What maps have in common: how much of them lies in a region, their mean, and clusters of pictures with like maps."""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np

from vit_core.evaluation.maps import store
from vit_core.evaluation.results import Rows

#: Parts of the picture. The border is an eighth of the height and width on each side, 43.75 % of the area; the centre
#: is the middle half of both, 25 %; the box is that of the object, in pictures that have one.
REGIONS = ("border", "centre", "box")
BORDER_SHARE = 1 / 8
CENTRE_SHARE = 1 / 4  # of the height or width that is outside the centre, on each side
CLUSTER_SIDE = 8  # rows and columns of the maps that are clustered
MAX_CLUSTERS = 6
MIN_CLUSTERED = 20  # maps
SILHOUETTE_SAMPLE = 2_000  # maps
MIN_SILHOUETTE = 0.1  # the best division of maps of noise reaches about 0.02


@dataclass(frozen=True)
class Maps:
    """The maps of an evaluation on one patch grid, each with sum 1. Pictures without a map are left out."""

    numbers: np.ndarray  # (n,) int64, of the rows in rows.parquet
    wrong: np.ndarray  # (n,) bool
    values: np.ndarray  # (n, rows, cols) float32, none negative
    method: str
    complete: bool  # False: the run that computes them has not finished
    box: np.ndarray  # (n,) the share of each map in the object's box; NaN without a box

    @property
    def regions(self) -> tuple[str, ...]:
        """Those of REGIONS that there are: the box only if a picture has one."""
        return REGIONS if np.isfinite(self.box).any() else REGIONS[:2]

    def mean_share(self, region: str) -> float:
        """The mean of `shares` over the pictures that have the region; NaN without any."""
        shares = self.shares(region)
        shares = shares[np.isfinite(shares)]
        return float(shares.mean()) if len(shares) else float("nan")

    def shares(self, region: str) -> np.ndarray:
        """(n,) how much of each map lies in one of REGIONS, from 0 to 1; NaN where there is no such region."""
        if region == "box":
            return self.box
        return np.einsum("nrc,rc->n", self.values, region_weights(region, *self.values.shape[1:]))

    def chosen(self, keep: np.ndarray) -> Maps:
        """The maps at these indices, or where `keep` (n,) is true."""
        return replace(
            self, numbers=self.numbers[keep], wrong=self.wrong[keep], values=self.values[keep], box=self.box[keep]
        )

    @property
    def mean(self) -> np.ndarray:
        """(rows, cols) the mean map; NaN if there is none."""
        return self.values.mean(0) if len(self.values) else np.full(self.values.shape[1:], np.nan, np.float32)


@dataclass(frozen=True)
class Cluster:
    """Pictures whose maps are alike."""

    members: np.ndarray  # (m,) indices into the maps that were clustered, the most typical first
    mean: np.ndarray  # (rows, cols)


@dataclass(frozen=True)
class Clusters:
    """A division into clusters, the largest first; one cluster if the maps form no clear ones."""

    clusters: tuple[Cluster, ...]
    silhouette: float  # mean over all maps of the best division, at most 1; near 0 clusters overlap. NaN: too few maps


def load_maps(out: str | os.PathLike, rows: Rows) -> Maps | None:
    """The maps in an evaluation's folder, also those of an unfinished run; None if there are none of these rows.

    A map on another patch grid than most is resized to theirs.
    """
    out = Path(out)
    table, about = store.read_maps(out)
    found = [line for line in table if line.get("map") and any(line["map"])]
    if not found or about.get("rows") != store.rows_digest(rows):
        return None
    grid = Counter((line["rows"], line["cols"]) for line in found).most_common(1)[0][0]
    values = np.stack([resized(_unpacked(line), *grid) for line in found])
    values /= values.sum((1, 2), keepdims=True)
    numbers = np.array([line["number"] for line in found], np.int64)
    wrong = np.array([line["wrong"] for line in found], bool)
    box = np.array([np.nan if line.get("box") is None else line["box"] for line in found])
    return Maps(numbers, wrong, values, about["method"], (out / store.TABLE).exists(), box)


def _unpacked(line: dict) -> np.ndarray:
    return np.frombuffer(line["map"], np.uint8).reshape(line["rows"], line["cols"]).astype(np.float32)


def resized(values: np.ndarray, rows: int, cols: int) -> np.ndarray:
    """A map (any rows, any cols) as (rows, cols) float32: the mean over the area of each new patch."""
    if values.shape == (rows, cols):
        return values
    return cv2.resize(values, (cols, rows), interpolation=cv2.INTER_AREA)


def region_weights(region: str, rows: int, cols: int) -> np.ndarray:
    """(rows, cols) float32, the share of each patch's area that lies in the region "border" or "centre"."""
    if region not in ("border", "centre"):
        raise ValueError(f"region must be border or centre, not {region!r}")
    margin = BORDER_SHARE if region == "border" else CENTRE_SHARE
    inside = np.outer(_middle(rows, margin), _middle(cols, margin)).astype(np.float32)
    return 1 - inside if region == "border" else inside


def _middle(count: int, margin: float) -> np.ndarray:
    """(count,) the share of each of `count` equal parts of a line that is at least `margin` from both of its ends."""
    edges = np.linspace(0, 1, count + 1).clip(margin, 1 - margin)
    return np.diff(edges) * count


def find_clusters(maps: Maps, most: int = MAX_CLUSTERS) -> Clusters:
    """Divide maps into 2 to `most` clusters, as many as give the best silhouette.

    Fewer than MIN_CLUSTERED maps, and maps whose best silhouette is below MIN_SILHOUETTE, stay one cluster.

    k-means on the square roots of maps reduced to at most 8 x 8 patches; the distance of two maps is then Hellinger's.
    That clusters of attribution maps reveal shortcuts is the idea of Lapuschkin et al. 2019 (Nature Communications
    10:1096), who use spectral clustering. The number is chosen by the silhouette (Rousseeuw 1987).
    """
    from sklearn.cluster import KMeans  # takes a second to import
    from sklearn.metrics import silhouette_score

    small = [resized(one, *(min(CLUSTER_SIDE, side) for side in one.shape)) for one in maps.values]
    points = np.sqrt(np.stack(small).reshape(len(small), -1)) if small else np.empty((0, 1), np.float32)
    labels, silhouette = np.zeros(len(points), int), float("nan")
    if len(points) >= MIN_CLUSTERED and len(np.unique(points, axis=0)) > most:
        divisions = [np.asarray(KMeans(count, random_state=0).fit_predict(points)) for count in range(2, most + 1)]
        sample = min(SILHOUETTE_SAMPLE, len(points))
        scores = [float(silhouette_score(points, one, sample_size=sample, random_state=0)) for one in divisions]
        silhouette = max(scores)
        if silhouette >= MIN_SILHOUETTE:
            labels = divisions[scores.index(silhouette)]
    clusters = []
    for label in np.unique(labels):
        members = np.flatnonzero(labels == label)
        from_centre = np.linalg.norm(points[members] - points[members].mean(0), axis=1)
        members = members[np.argsort(from_centre, kind="stable")]
        clusters.append(Cluster(members, maps.values[members].mean(0)))
    return Clusters(tuple(sorted(clusters, key=lambda one: -len(one.members))), silhouette)
