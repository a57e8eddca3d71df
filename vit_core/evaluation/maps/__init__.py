"""Where a model looked in the pictures of an evaluation: maps of its errors, and what the errors have in common."""

from vit_core.evaluation.maps.analysis import (
    MIN_CLUSTERED,
    MIN_SILHOUETTE,
    REGIONS,
    Cluster,
    Clusters,
    Maps,
    find_clusters,
    load_maps,
    region_weights,
)
from vit_core.evaluation.maps.compute import compute_maps, maps_folder, read_maps_progress

__all__ = [
    "MIN_CLUSTERED",
    "MIN_SILHOUETTE",
    "REGIONS",
    "Cluster",
    "Clusters",
    "Maps",
    "compute_maps",
    "find_clusters",
    "load_maps",
    "maps_folder",
    "read_maps_progress",
    "region_weights",
]
