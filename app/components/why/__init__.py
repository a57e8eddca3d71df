"""The figure of "See why": component.py mounts it, payload.py packs maps and probabilities."""
