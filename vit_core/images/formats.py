"""A picture's file without what its pixels do not depend on.

Pillow walks through a file in Python, part by part, and keeps what it finds, texts and comments and directories. Parts
without number, and values without end, are out of its sight here. The walks raise ValueError for more parts than any
program writes, and struct.error where a part is cut off.
"""

from __future__ import annotations

import io
import re
import struct
from typing import NamedTuple

MAX_READS = 250_000  # a quarter of a second of Pillow's own loops; a photograph needs some hundred
MAX_PARTS = 50_000
MAX_BLOCKS = 200_000  # of a GIF, of 255 bytes where they are filled
MAX_SCANS = 48  # each goes over the whole picture, however few its bytes; encoders write up to some twenty
MAX_TABLES = 2**20  # bytes of a JPEG's header that are not its colour profile; encoders write some thousand
MAX_PROFILE = 2**22  # bytes of a colour profile; larger ones are passed over

#: The next marker in a JPEG, wherever one may stand: not a stuffed byte, a fill byte or a restart.
_MARKER = re.compile(rb"\xff[^\x00\x01\xd0-\xd8\xff]")
_APPLICATIONS = {0xE0: b"JFIF\0", 0xE2: b"ICC_PROFILE\0", 0xEE: b"Adobe"}  # what is kept of them
_PNG = (b"IHDR", b"PLTE", b"tRNS", b"iCCP", b"IDAT", b"IEND")
_WEBP = (b"VP8X", b"ICCP", b"ANIM", b"ANMF", b"ALPH", b"VP8 ", b"VP8L")


class Patient(io.BytesIO):
    """The bytes of a file, for so many reads: whoever reads it a byte or a block at a time comes to an end."""

    _reads = 0

    def read(self, size: int | None = -1) -> bytes:
        self._reads += 1
        if self._reads > MAX_READS:
            raise OSError("a file of more parts than any program writes")
        return super().read(size)


class Lean(NamedTuple):
    """A file with what its first picture's pixels depend on, and what was learnt on the way."""

    data: bytes
    exif: bytes = b""
    components: int = 0  # that a JPEG's first scan holds
    frames: int = 1  # of an animation


def lean(name: str | None, data: bytes) -> Lean:
    """The file, by the name of its format."""
    walk = {"JPEG": _jpeg, "PNG": _png, "WEBP": _webp, "GIF": _gif}.get(name)
    return walk(data) if walk else Lean(data)


def _jpeg(data: bytes) -> Lean:
    """ITU-T T.81, annex B."""
    kept, profile, exif, tables, at = [], [], b"", 0, 2
    scans, start, components = 0, len(data), 0
    for _ in range(MAX_PARTS):
        found = _MARKER.search(data, at)
        if found is None or data[found.end() - 1] == 0xD9:
            if sum(map(len, profile)) > MAX_PROFILE:
                profile = []
            return Lean(b"".join([b"\xff\xd8", *profile, *kept, data[start:]]), exif, components)
        marker, at = data[found.end() - 1], found.end()
        end = at + int.from_bytes(data[at : at + 2], "big")
        if marker == 0xDA:
            scans += 1
            if scans == 1:
                start, components = found.start(), int.from_bytes(data[at + 2 : at + 3], "big")
            if scans > MAX_SCANS:
                break
        elif scans:
            pass
        elif marker in _APPLICATIONS and data.startswith(_APPLICATIONS[marker], at + 2):
            (profile if marker == 0xE2 else kept).append(data[found.start() : end])
        elif marker == 0xE1 and not exif and data.startswith(b"Exif\0\0", at + 2):
            exif = data[at + 2 : end]
        elif not 0xE0 <= marker <= 0xEF and marker != 0xFE:
            kept.append(data[found.start() : end])
            tables += len(kept[-1])
            if tables > MAX_TABLES:
                break
        at = max(at, end)
    raise ValueError("a JPEG file of more parts than any program writes")


def _png(data: bytes) -> Lean:
    """W3C's Portable Network Graphics, section 5."""
    kept, exif, profiles, frames, at = [data[:8]], b"", 0, 1, 8
    for _ in range(MAX_PARTS):
        if at + 8 > len(data):
            return Lean(b"".join(kept), exif, frames=max(frames, 1))
        length, kind = struct.unpack_from(">I4s", data, at)
        profiles += kind == b"iCCP"
        if kind in _PNG and (kind != b"iCCP" or profiles == 1):
            kept.append(data[at : at + 12 + length])
        elif kind == b"eXIf":
            exif = data[at + 8 : at + 8 + length]
        elif kind == b"acTL":
            frames = int.from_bytes(data[at + 8 : at + 12], "big")
        at = len(data) if kind == b"IEND" else at + 12 + length
    raise ValueError("a PNG file of more parts than any program writes")


def _webp(data: bytes) -> Lean:
    """RFC 9649, section 2. Of an animation, the first frame."""
    kept, exif, at, frames = [], b"", 12, 0
    last = min(len(data), 8 + struct.unpack_from("<I", data, 4)[0])
    for _ in range(MAX_PARTS):
        if at + 8 > last:
            body = b"".join(kept)
            return Lean(b"RIFF" + struct.pack("<I", 4 + len(body)) + b"WEBP" + body, exif, frames=max(frames, 1))
        kind, length = struct.unpack_from("<4sI", data, at)
        end = at + 8 + length + length % 2
        frames += kind == b"ANMF"
        if kind == b"EXIF":
            exif = exif or data[at + 8 : at + 8 + length]
        elif kind in _WEBP and (kind != b"ANMF" or frames == 1) and (kind != b"ICCP" or length <= MAX_PROFILE):
            kept.append(data[at:end])
        at = end
    raise ValueError("a WebP file of more parts than any program writes")


def _gif(data: bytes) -> Lean:
    """GIF89a, sections 17 to 26. The file as it is, its frames counted as far as that takes."""
    at, frames, inside = 13 + _palette(data[10:11]), 0, False
    for _ in range(MAX_BLOCKS):
        if at >= len(data):
            break
        kind = data[at]
        if inside:  # a picture or an extension, which ends with a block of no bytes
            at, inside = at + 1 + kind, kind > 0
        elif kind == 0x2C:
            at, inside, frames = at + 11 + _palette(data[at + 9 : at + 10]), True, frames + 1
        elif kind == 0x21:
            at, inside = at + 2, True
        elif kind == 0x3B:
            break
        else:
            at += 1
    return Lean(data, frames=max(frames, 1))


def _palette(flags: bytes) -> int:
    """Bytes of the colour table that a GIF's flags announce."""
    return 3 << (flags[0] & 7) + 1 if flags and flags[0] & 128 else 0


def orientation(exif: bytes) -> int:
    """EXIF tag 0x0112 of the first directory, 1 where there is none or it cannot be found (CIPA DC-008, TIFF 6.0)."""
    exif = exif.removeprefix(b"Exif\0\0").removeprefix(b"Exif\0\0")
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(exif[:4])
    try:
        (start,) = struct.unpack_from(f"{order}I", exif, 4)
        (count,) = struct.unpack_from(f"{order}H", exif, start)
        for at in range(start + 2, start + 2 + 12 * count, 12):
            tag, kind = struct.unpack_from(f"{order}HH", exif, at)
            if tag == 0x0112:
                return struct.unpack_from(order + {1: "B", 3: "H", 4: "I"}[kind], exif, at + 8)[0]
    except (struct.error, KeyError, TypeError):  # damaged, or of neither byte order: no reason to refuse the pixels
        pass
    return 1
