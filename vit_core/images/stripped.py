"""What stripping a file returns, and the error for a kind of picture that is not read."""

from __future__ import annotations

from typing import NamedTuple

MAX_PARTS = 50_000
MAX_PROFILE_BYTES = 2**22  # larger colour profiles are ignored


class Stripped(NamedTuple):
    """A file reduced to what the pixels of its first frame depend on, and what was found on the way."""

    data: bytes
    exif: bytes = b""
    components: int = 0  # in the first scan of a JPEG
    frames: int = 1  # of an animation
    pages: int = 1  # of a TIFF
    pixels: int = 0  # that decoding may produce, where they can be more than the picture's: of an AVIF
    pixel_bytes: float = 0.0  # per pixel: of an AVIF all that reading holds, of a TIFF the strip or tile


class UnsupportedKindError(ValueError):
    """A file of a kind that is not read, although others of its format are. `args[0]` names it, as "TIFF (LZMA)"."""


def exif_of(orientation: int) -> bytes:
    """EXIF data that holds nothing but an orientation."""
    return b"II*\0\x08\0\0\0\1\0\x12\x01\3\0\1\0\0\0" + orientation.to_bytes(4, "little") + bytes(4)
