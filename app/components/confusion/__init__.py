"""The confusion matrix: component.py mounts it, payload.py packs the counts."""
