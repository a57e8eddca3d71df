"""Attribution methods compared for one class: component.py mounts the cards, payload.py packs the picture."""
