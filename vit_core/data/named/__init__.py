"""Data sets with names of their own: those that ship with Vitrine, and a catalogue of those that can be downloaded."""

from vit_core.data.named.bundled import bundled_photos, photo_credits
from vit_core.data.named.catalogue import (
    CATALOGUE,
    PREFIX,
    CatalogueSet,
    catalogue_path,
    class_title,
    fetch,
    known_classes,
    open_catalogue,
)

__all__ = [
    "CATALOGUE",
    "PREFIX",
    "CatalogueSet",
    "bundled_photos",
    "catalogue_path",
    "class_title",
    "fetch",
    "known_classes",
    "open_catalogue",
    "photo_credits",
]
