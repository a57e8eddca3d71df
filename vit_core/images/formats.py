"""Recognises picture formats, and strips from a file everything its pixels do not depend on.

Pillow reads a file's comments, texts and directories in Python, one by one, without a limit on their number or length.
Stripping them first bounds that work. The functions raise ValueError for a file of more parts than any program writes,
and struct.error if a part is cut off.
"""

from __future__ import annotations

import io
import re
import struct

from vit_core.images.avif import strip_avif
from vit_core.images.stripped import MAX_PARTS, MAX_PROFILE_BYTES, Stripped
from vit_core.images.tiff import strip_tiff

MAX_READS = 250_000  # a quarter of a second of Pillow's loops; a photograph needs a few hundred
MAX_GIF_BLOCKS = 200_000  # of at most 255 bytes
MAX_JPEG_SCANS = 48  # each covers the whole picture, however short it is; encoders write up to about 20
MAX_JPEG_HEADER_BYTES = 2**20  # without the colour profile; encoders write a few thousand

#: (offset, bytes there, name): formats that are read, and others that an error message can name.
SIGNATURES = (
    (0, b"\x89PNG", "PNG"),
    (0, b"\xff\xd8\xff", "JPEG"),
    (0, b"GIF8", "GIF"),
    (8, b"WEBP", "WEBP"),
    (0, b"BM", "BMP"),
    (0, b"II*\0", "TIFF"),
    (0, b"MM\0*", "TIFF"),
    (0, b"II+\0", "TIFF"),  # of 64-bit offsets
    (0, b"MM\0+", "TIFF"),
    (0, b"8BPS", "Photoshop"),
    (0, b"%!PS", "PostScript"),
    (0, b"%PDF", "PDF"),
    (0, b"<svg", "SVG"),
    (4, b"ftyphei", "HEIC"),
    (4, b"ftyphev", "HEIC"),
    (4, b"ftypmif1", "HEIC"),
    (4, b"ftypmsf1", "HEIC"),
    (4, b"ftypcrx ", "camera raw"),
    (0, b"\0\0\0\x0cJXL ", "JPEG XL"),
    (0, b"\0\0\0\x0cjP", "JPEG 2000"),
    (0, b"\xff\x0a", "JPEG XL"),
    (0, b"\0\0\1\0", "icon"),
)

#: The next marker in a JPEG: not a stuffed byte, a fill byte or a restart marker.
_MARKER = re.compile(rb"\xff[^\x00\x01\xd0-\xd8\xff]")
_APPLICATIONS = {0xE0: b"JFIF\0", 0xE2: b"ICC_PROFILE\0", 0xEE: b"Adobe"}  # the application segments that are kept
_PNG_CHUNKS = (b"IHDR", b"PLTE", b"tRNS", b"iCCP", b"IDAT", b"IEND")
_WEBP_CHUNKS = (b"VP8X", b"ICCP", b"ANIM", b"ANMF", b"ALPH", b"VP8 ", b"VP8L")


class LimitedReader(io.BytesIO):
    """The bytes of a file, which can be read MAX_READS times: bounds decoders that read byte by byte."""

    _reads = 0

    def read(self, size: int | None = -1) -> bytes:
        self._reads += 1
        if self._reads > MAX_READS:
            raise OSError("a file of more parts than any program writes")
        return super().read(size)


def format_name(data: bytes) -> str | None:
    """The name of a file's format by its first bytes, such as "PNG"; None if it is unknown."""
    if data[4:8] == b"ftyp":  # the first brand may be that of the container
        brands = data[8 : min(int.from_bytes(data[:4], "big"), 256)]
        if any(brands[at : at + 4] in (b"avif", b"avis") for at in range(0, len(brands), 4)):
            return "AVIF"
    name = next((name for at, magic, name in SIGNATURES if data.startswith(magic, at)), None)
    return "SVG" if name is None and b"<svg" in data[:1000] else name


def strip(name: str | None, data: bytes) -> Stripped:
    """The file without its metadata, by the name of its format.

    Raises ValueError, KeyError or struct.error, and UnsupportedKindError for a kind of TIFF or AVIF that is not read.
    """
    walks = {
        "JPEG": _strip_jpeg,
        "PNG": _strip_png,
        "WEBP": _strip_webp,
        "GIF": _count_gif_frames,
        "TIFF": strip_tiff,
        "AVIF": strip_avif,
    }
    return walks[name](data) if name in walks else Stripped(data)


def _strip_jpeg(data: bytes) -> Stripped:
    """ITU-T T.81, annex B."""
    kept, profile, exif, header_bytes, at = [], [], b"", 0, 2
    scans, first_scan, components = 0, len(data), 0
    for _ in range(MAX_PARTS):
        found = _MARKER.search(data, at)
        if found is None or data[found.end() - 1] == 0xD9:
            if sum(map(len, profile)) > MAX_PROFILE_BYTES:
                profile = []
            return Stripped(b"".join([b"\xff\xd8", *profile, *kept, data[first_scan:]]), exif, components)
        marker, at = data[found.end() - 1], found.end()
        end = at + int.from_bytes(data[at : at + 2], "big")
        if marker == 0xDA:
            scans += 1
            if scans == 1:
                first_scan, components = found.start(), int.from_bytes(data[at + 2 : at + 3], "big")
            if scans > MAX_JPEG_SCANS:
                break
        elif scans:
            pass
        elif marker in _APPLICATIONS and data.startswith(_APPLICATIONS[marker], at + 2):
            (profile if marker == 0xE2 else kept).append(data[found.start() : end])
        elif marker == 0xE1 and not exif and data.startswith(b"Exif\0\0", at + 2):
            exif = data[at + 2 : end]
        elif not 0xE0 <= marker <= 0xEF and marker != 0xFE:
            kept.append(data[found.start() : end])
            header_bytes += len(kept[-1])
            if header_bytes > MAX_JPEG_HEADER_BYTES:
                break
        at = max(at, end)
    raise ValueError("a JPEG file of more parts than any program writes")


def _strip_png(data: bytes) -> Stripped:
    """W3C, Portable Network Graphics, section 5."""
    kept, exif, profiles, frames, at = [data[:8]], b"", 0, 1, 8
    for _ in range(MAX_PARTS):
        if at + 8 > len(data):
            return Stripped(b"".join(kept), exif, frames=max(frames, 1))
        length, kind = struct.unpack_from(">I4s", data, at)
        profiles += kind == b"iCCP"
        if kind in _PNG_CHUNKS and (kind != b"iCCP" or profiles == 1):
            kept.append(data[at : at + 12 + length])
        elif kind == b"eXIf":
            exif = data[at + 8 : at + 8 + length]
        elif kind == b"acTL":
            frames = int.from_bytes(data[at + 8 : at + 12], "big")
        at = len(data) if kind == b"IEND" else at + 12 + length
    raise ValueError("a PNG file of more parts than any program writes")


def _strip_webp(data: bytes) -> Stripped:
    """RFC 9649, section 2. Keeps only the first frame of an animation."""
    kept, exif, at, frames = [], b"", 12, 0
    last = min(len(data), 8 + struct.unpack_from("<I", data, 4)[0])
    for _ in range(MAX_PARTS):
        if at + 8 > last:
            body = b"".join(kept)
            return Stripped(b"RIFF" + struct.pack("<I", 4 + len(body)) + b"WEBP" + body, exif, frames=max(frames, 1))
        kind, length = struct.unpack_from("<4sI", data, at)
        end = at + 8 + length + length % 2
        frames += kind == b"ANMF"
        if kind == b"EXIF":
            exif = exif or data[at + 8 : at + 8 + length]
        elif (
            kind in _WEBP_CHUNKS
            and (kind != b"ANMF" or frames == 1)
            and (kind != b"ICCP" or length <= MAX_PROFILE_BYTES)
        ):
            kept.append(data[at:end])
        at = end
    raise ValueError("a WebP file of more parts than any program writes")


def _count_gif_frames(data: bytes) -> Stripped:
    """GIF89a, sections 17 to 26. The file is unchanged; frames are counted within the first MAX_GIF_BLOCKS blocks."""
    at, frames, in_block = 13 + _palette_bytes(data[10:11]), 0, False
    for _ in range(MAX_GIF_BLOCKS):
        if at >= len(data):
            break
        kind = data[at]
        if in_block:  # a picture or an extension, which ends with a block of no bytes
            at, in_block = at + 1 + kind, kind > 0
        elif kind == 0x2C:
            at, in_block, frames = at + 11 + _palette_bytes(data[at + 9 : at + 10]), True, frames + 1
        elif kind == 0x21:
            at, in_block = at + 2, True
        elif kind == 0x3B:
            break
        else:
            at += 1
    return Stripped(data, frames=max(frames, 1))


def _palette_bytes(flags: bytes) -> int:
    """The length of the colour table that a GIF's flags announce."""
    return 3 << (flags[0] & 7) + 1 if flags and flags[0] & 128 else 0


def orientation(exif: bytes) -> int:
    """EXIF tag 0x0112 of the first directory (CIPA DC-008, TIFF 6.0); 1 if there is none or it cannot be read."""
    exif = exif.removeprefix(b"Exif\0\0").removeprefix(b"Exif\0\0")
    try:
        order = {b"II*\0": "<", b"MM\0*": ">"}[exif[:4]]
        (start,) = struct.unpack_from(f"{order}I", exif, 4)
        (count,) = struct.unpack_from(f"{order}H", exif, start)
        for at in range(start + 2, start + 2 + 12 * count, 12):
            tag, kind = struct.unpack_from(f"{order}HH", exif, at)
            if tag == 0x0112:
                return struct.unpack_from(order + {1: "B", 3: "H", 4: "I"}[kind], exif, at + 8)[0]
    except (struct.error, KeyError):  # damaged EXIF is no reason to refuse the pixels
        pass
    return 1
