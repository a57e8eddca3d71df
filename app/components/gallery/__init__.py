"""A page of pictures with labels and predictions: component.py mounts it, payload.py packs it."""
