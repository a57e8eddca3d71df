"""A Ray cluster, for evaluations and for serving models. Importing it imports ray, an optional dependency."""

from vit_core.ray_cluster.cluster import join_or_start

__all__ = ["join_or_start"]
