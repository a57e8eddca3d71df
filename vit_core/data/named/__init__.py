"""Data sets with names of their own: those that ship with Vitrine, and a catalogue of those that can be fetched."""

from vit_core.data.named.bundled import bundled_photos, photo_credits

__all__ = ["bundled_photos", "photo_credits"]
