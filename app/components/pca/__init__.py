"""Features as colours: component.py mounts the maps of all layers, payload.py packs them, the scripts draw them."""
