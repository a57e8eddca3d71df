"""Files of a few pixels with very many or very large parts."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator

from tests.hostile.pictures.largest import SIDE, bmp_runs, jpeg
from tests.hostile.pictures.make import encode, picture, png_chunk, tiff

MOST = 20 * 2**20  # bytes that are read


def after(data: bytes, at: int, part: bytes, count: int | None = None) -> bytes:
    """`data` with `part` inserted at `at`, `count` times or as often as fits."""
    return data[:at] + part * ((MOST - len(data)) // len(part) if count is None else count) + data[at:]


def _segment(marker: int, body: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(body) + 2) + body


def _exif(entries: int, size: int) -> bytes:
    """A directory whose entries all claim the whole block as their value, and an orientation of 6."""
    values = b"".join(struct.pack("<HHII", (0x9000 + i) % 65_536, 7, size, 0) for i in range(entries))
    turn = struct.pack("<HHIHH", 0x0112, 3, 1, 6, 0)
    return (b"II*\0\x08\0\0\0" + struct.pack("<H", entries + 1) + turn + values).ljust(size, b"\0")


def scans(data: bytes, count: int) -> bytes:
    """A progressive JPEG whose last scan is repeated `count` times."""
    start = data.rindex(b"\xff\xc4")
    return data[:start] + data[start:-2] * count + data[-2:]


def _tiffs() -> Iterator[tuple[str, bytes, str | None]]:
    page = encode(picture(48, 64), "TIFF", compression="tiff_lzw")
    (start,) = struct.unpack_from("<I", page, 4)
    (count,) = struct.unpack_from("<H", page, start)
    end = start + 2 + 12 * count
    chain = b"".join(struct.pack("<HI", 0, len(page) + 6 * (i + 1)) for i in range(3_000_000))
    yield "TIFF: three million pages", page[:end] + struct.pack("<I", len(page)) + page[end + 4 :] + chain, None
    texts = b"".join(struct.pack("<HHII", 60_000 - i % 5000, 2, 2**20, 8) for i in range(60_000))
    tags = struct.pack("<H", count + 60_000) + page[start + 2 : end] + texts + bytes(4)
    yield (
        "TIFF: 60,000 texts of a megabyte",
        (page[:4] + struct.pack("<I", len(page)) + page[8:] + tags).ljust(MOST),
        None,
    )
    strips = {256: [64], 257: [50_000], 258: [8], 259: [1], 262: [1], 277: [1], 278: [1]}
    strips |= {273: [64 * i for i in range(50_000)], 279: [64] * 50_000}
    yield (
        "TIFF: 50,000 strips",
        tiff({tag: (4, each) for tag, each in strips.items()}, bytes(64 * 50_000)),
        "image-too-thin",
    )
    strips |= {256: [1024], 257: [40_000], 278: [1], 259: [5], 273: [9 * i for i in range(40_000)], 279: [9] * 40_000}
    data = tiff({tag: (4, each) for tag, each in strips.items()}, b"\x80\0\x10\x20\x40\x80\1\2\4" * 40_000)
    yield "TIFF: 40,000 strips of broken LZW", data, "image-truncated"
    clear = b"\x80\x40\x20\x10\x08\x04\x02\x01\x00" * (MOST // 9 - 200)
    plain = {256: 64, 257: 64, 258: 8, 259: 5, 262: 1, 273: 0, 277: 1, 278: 64, 279: len(clear)}
    data = tiff({tag: (4, [value]) for tag, value in plain.items()}, clear)
    yield "TIFF: 20 MB of clear codes", data, "image-truncated"
    data = tiff({tag: (4, [value]) for tag, value in (plain | {259: 4, 258: 1}).items()}, clear)
    yield "TIFF: 20 MB of fax codes for 64 rows", data, None
    empty = b"\x78\x01" + b"\0\0\0\xff\xff" * (MOST // 5 - 200)
    data = tiff({tag: (4, [value]) for tag, value in (plain | {259: 8, 279: len(empty)}).items()}, empty)
    yield "TIFF: four million empty blocks of deflate", data, "image-truncated"


def _avifs() -> Iterator[tuple[str, bytes, str | None]]:
    small = encode(picture(48, 64), "AVIF")
    yield "AVIF: two million boxes", (small + b"\0\0\0\x08free" * (MOST // 8))[:MOST], "image-truncated"
    yield "AVIF: 49,000 boxes", small + b"\0\0\0\x08free" * 49_000, None
    at = small.index(b"mdat") + 4
    length = small.index(b"iloc") + 22  # of the picture's bytes
    for case, part, code in (
        ("ten million empty units", b"\x7a\0", "image-truncated"),
        ("padding of 20 MB", b"\x78" + bytes(MOST - 2 * len(small)), None),
    ):
        stream = after(small[at:], len(small) - at, part, None if len(part) == 2 else 1)[: MOST - at]
        data = small[: at - 8] + struct.pack(">I4s", 8 + len(stream), b"mdat") + stream
        yield f"AVIF: {case}", data[:length] + struct.pack(">I", len(stream)) + data[length + 4 :], code


def many_parts() -> Iterator[tuple[str, bytes, str | None]]:
    """(case, bytes, the InputError's code or None)"""
    small, many = picture(48, 64), "image-truncated"
    plain, ping, gif = (encode(small, format) for format in ("JPEG", "PNG", "GIF"))
    wide, few = jpeg("RGB", SIDE, 5376, progressive=True, subsampling=0), encode(small, "JPEG", progressive=True)
    # JPEG: a segment, and how often (None: as often as fits)
    for case, part, count, code in (
        ("five million comments", _segment(0xFE, b""), None, many),
        ("300 comments of 65 kB", _segment(0xFE, bytes(65_000)), None, None),
        ("300 blocks of an application", _segment(0xE5, bytes(65_000)), None, None),
        (
            "1.7 million of Photoshop's resources",
            _segment(0xED, b"Photoshop 3.0\0" + (b"8BIM\4\4" + bytes(6)) * 5400),
            None,
            None,
        ),
        ("300 blocks of EXIF", _segment(0xE1, b"Exif\0\0" + _exif(5000, 65_000)), None, None),
        ("300 directories of pages", _segment(0xE2, b"MPF\0" + _exif(5000, 65_000)), None, None),
        ("300 blocks of a profile", _segment(0xE2, b"ICC_PROFILE\0\1\1" + bytes(65_000)), None, None),
        ("300,000 tables", _segment(0xDB, (b"\0" + b"\1" * 64) * 1000), None, many),
        ("ten million bytes between two segments", b"\xff", 10**7, None),
    ):
        yield f"JPEG: {case}", after(plain, 2, part, count), code
    yield "JPEG: five million comments after the picture", after(plain, len(plain) - 2, _segment(0xFE, b"")), many
    yield "JPEG: 48 scans of 44 megapixels", scans(wide, 39), None
    yield "JPEG: 49 scans of 44 megapixels", scans(wide, 40), many
    yield "JPEG: 90,000 scans", scans(few, 90_000), many
    # GIF: blocks before the picture
    start = 13 + (3 << (gif[10] & 7) + 1)
    for case, part, count, code in (
        ("a comment of 75,000 blocks", b"!\xfe" + (b"\xff" + b"x" * 255) * 75_000 + b"\0", 1, None),
        ("a comment of ten million blocks", b"!\xfe" + b"\1x" * 10_000_000 + b"\0", 1, many),
        ("four million comments", b"!\xfe\1x\0", None, many),
        ("four million applications", b"!\xff\1x\0", None, many),
    ):
        yield f"GIF: {case}", after(gif, start, part, count), code
    for case, place, chunk, count, code in (
        ("1.7 million chunks", 33, png_chunk(b"vpAg", b""), None, many),
        ("1.7 million chunks after the picture", len(ping) - 12, png_chunk(b"vpAg", b""), None, many),
        ("1.7 million pieces of nothing", 33, png_chunk(b"IDAT", b""), None, many),
        (
            "a text of a million letters, 60 times",
            33,
            png_chunk(b"zTXt", b"a\0\0" + zlib.compress(bytes(10**6))),
            60,
            None,
        ),
        (
            "10,000 profiles of a megabyte",
            33,
            png_chunk(b"iCCP", b"a\0\0" + zlib.compress(bytes(10**6), 9)),
            10_000,
            None,
        ),
        ("EXIF of 20 MB", 33, png_chunk(b"eXIf", _exif(65_000, MOST - 10_000)), 1, None),
    ):
        yield f"PNG: {case}", after(ping, place, chunk, count), code
    yield "WebP: EXIF of 20 MB", encode(small, "WEBP", exif=_exif(65_000, MOST - 10_000)), None
    for case, count, code in (("2.6 million chunks", 2_600_000, many), ("49,000 chunks", 49_000, None)):
        body = encode(small, "WEBP") + b"abcd\0\0\0\0" * count
        yield f"WebP: {case}", body[:4] + struct.pack("<I", len(body) - 8) + body[8:], code
    yield from _tiffs()
    yield from _avifs()
    yield "BMP: eight million runs of a pixel", bmp_runs(SIDE, 1024)[:1078] + b"\1\7" * 8_000_000, many
