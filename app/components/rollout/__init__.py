"""Rollout's maps over the picture: component.py mounts it, payload.py packs it, the scripts draw it."""
