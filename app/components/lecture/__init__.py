"""The lecture's stage: component.py mounts it, payload.py packs a scene, scenes/ draws each."""
