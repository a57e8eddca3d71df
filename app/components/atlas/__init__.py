"""The attention atlas: component.py mounts it, payload.py packs a trace, the scripts draw it."""
