"""Explore's comparison: a second picture for the same model, or a second model for the same picture."""
