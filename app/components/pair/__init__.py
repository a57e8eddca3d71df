"""Two atlases that follow each other: component.py mounts them, partner.js says what follows from what."""
