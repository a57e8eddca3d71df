"""Reduces a TIFF file to its first page, before Pillow and libtiff see it.

A new directory is written behind the file's bytes: only the tags that the pixels depend on, with checked values. Tags,
directories and pages that would cost time, and compressions whose decoders take memory as the file demands, never reach
the decoder. Source: TIFF 6.0, Adobe 1992; BigTIFF.
"""

from __future__ import annotations

import math
import re
import struct

from vit_core.images.stripped import MAX_PROFILE_BYTES, Stripped, UnsupportedKindError, exif_of

MAX_PAGES = 10_000  # counted
MAX_CHUNKS = 50_000  # strips or tiles
MAX_TILE_PIXELS = 2**22
MAX_JPEG_SCANS = 4  # in a strip or tile: a scan for each component
MAX_JPEG_TABLES_BYTES = 2**16
#: Compressions that are read; their decoders need a buffer of one strip or tile. Not read: LZMA and Zstandard, which
#: take as much memory as the file demands; old-style JPEG and the rare ones, whose decoders are little tested.
COMPRESSIONS = (1, 2, 3, 4, 5, 7, 8, 32773, 32946)
RAW, JPEG = 1, 7
NAMES = {6: "old-style JPEG", 34925: "LZMA", 50000: "Zstandard", 50001: "WebP", 34712: "JPEG 2000", 50002: "JPEG XL"}

WIDTH, HEIGHT, BITS, COMPRESSION, PHOTOMETRIC, FILL_ORDER = 256, 257, 258, 259, 262, 266
STRIP_OFFSETS, ORIENTATION, SAMPLES, STRIP_ROWS, STRIP_BYTES, PLANAR = 273, 274, 277, 278, 279, 284
PREDICTOR, PALETTE, TILE_WIDTH, TILE_HEIGHT, TILE_OFFSETS, TILE_BYTES = 317, 320, 322, 323, 324, 325
EXTRA, SAMPLE_FORMAT, JPEG_TABLES, SUBSAMPLING, PROFILE = 338, 339, 347, 530, 34675
SUBFILE, SUBDIRECTORIES, DNG_VERSION = 254, 330, 50706
YCBCR, CAMERA = 6, (32803, 34892)  # photometric interpretations

_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 13: 4, 16: 8, 18: 8}  # bytes of a value by its type
_INTEGERS = {1: "B", 3: "H", 4: "I", 13: "I", 16: "Q", 18: "Q"}
#: Tag -> the most values it may have; all are integers.
_NUMBERS = {
    **dict.fromkeys((WIDTH, HEIGHT, COMPRESSION, PHOTOMETRIC, FILL_ORDER, ORIENTATION, SAMPLES, STRIP_ROWS), 1),
    **dict.fromkeys((PLANAR, PREDICTOR, TILE_WIDTH, TILE_HEIGHT, SUBFILE, 292, 293, 531), 1),  # 292, 293: CCITT
    **dict.fromkeys((BITS, EXTRA, SAMPLE_FORMAT), 8),
    **dict.fromkeys((STRIP_OFFSETS, STRIP_BYTES, TILE_OFFSETS, TILE_BYTES), MAX_CHUNKS),
    SUBSAMPLING: 2,
    PALETTE: 3 * 256,
}
_BLOCKS = {JPEG_TABLES: MAX_JPEG_TABLES_BYTES, PROFILE: MAX_PROFILE_BYTES}  # tag -> the most bytes it may have
_RATIONALS = {529: 3, 532: 6}  # YCbCr coefficients and reference values -> how many
_MARKER = re.compile(rb"\xff[^\x00\x01\xd0-\xd8\xff]")


def strip_tiff(data: bytes) -> Stripped:
    """The first page. Raises UnsupportedKindError, and ValueError or struct.error for a damaged file."""
    order = "<" if data[:2] == b"II" else ">"
    big = struct.unpack_from(f"{order}H", data, 2)[0] == 43
    start = struct.unpack_from(f"{order}Q" if big else f"{order}I", data, 8 if big else 4)[0]
    tags, kept, rationals, present = _directory(data, order, big, start)
    _check_kind(data, tags, present)
    width, height = tags[WIDTH][0], tags[HEIGHT][0]
    if min(width, height) < 1 or max(width, height) > 2**24:
        raise ValueError(f"{width} x {height} pixels")
    chunk_bytes = _check_chunks(data, tags, kept.get(JPEG_TABLES, b""))
    turn = tags.pop(ORIENTATION, [1])[0]
    pages = _count_pages(data, order, big, start)
    return Stripped(
        _with_directory(data, order, tags, kept, rationals), exif_of(turn), pages=pages, pixel_bytes=chunk_bytes
    )


def _directory(
    data: bytes, order: str, big: bool, start: int
) -> tuple[dict[int, list[int]], dict[int, bytes], dict[int, bytes], set[int]]:
    """(integers, blocks of bytes, rationals as bytes; all by tag; every tag that is present) of a directory."""
    numbers: dict[int, list[int]] = {}
    blocks: dict[int, bytes] = {}
    rationals: dict[int, bytes] = {}
    present: set[int] = set()
    count = struct.unpack_from(f"{order}Q" if big else f"{order}H", data, start)[0]
    first, entry, inline = start + (8 if big else 2), (20 if big else 12), (8 if big else 4)
    for at in range(first, first + min(count, 65_535) * entry, entry):
        tag, kind, values = struct.unpack_from(f"{order}HHQ" if big else f"{order}HHI", data, at)
        if tag in present:
            continue
        present.add(tag)
        size, here = _SIZES.get(kind, 1) * values, at + entry - inline
        if size > inline:
            here = struct.unpack_from(f"{order}Q" if big else f"{order}I", data, here)[0]
        if tag in _NUMBERS and kind in _INTEGERS and values:
            most = _NUMBERS[tag]
            if values > most and most == MAX_CHUNKS:
                raise ValueError(f"{values:,} strips or tiles")
            values = min(values, most)
            numbers[tag] = list(struct.unpack_from(f"{order}{values}{_INTEGERS[kind]}", data, here))
        elif tag in _BLOCKS and size <= _BLOCKS[tag] and here + size <= len(data):
            blocks[tag] = data[here : here + size]
        elif _RATIONALS.get(tag) == values and kind == 5 and here + size <= len(data):
            rationals[tag] = data[here : here + size]
    return numbers, blocks, rationals, present


def _check_kind(data: bytes, tags: dict[int, list[int]], present: set[int]) -> None:
    """Fills in defaults. Raises UnsupportedKindError for compressions and pixels that are not read."""
    photometric = tags.setdefault(PHOTOMETRIC, [0])[0]
    preview = tags.pop(SUBFILE, [0])[0] & 1 and SUBDIRECTORIES in present
    if preview or DNG_VERSION in present or photometric in CAMERA or data[8:10] == b"CR":
        raise UnsupportedKindError("TIFF (camera raw)")  # the first page is a small preview
    compression = tags.setdefault(COMPRESSION, [1])[0]
    if compression not in COMPRESSIONS:
        raise UnsupportedKindError(f"TIFF ({NAMES.get(compression, f'compression {compression}')})")
    bits, samples = tags.setdefault(BITS, [1]), tags.setdefault(SAMPLES, [1])[0]
    if not 1 <= samples <= 8 or not all(1 <= b <= 32 for b in bits):
        raise UnsupportedKindError(f"TIFF ({samples} x {bits[0]} bits)")
    tags[BITS] = bits = (bits * samples if len(bits) == 1 else bits)[:samples]
    if len(bits) < samples:
        raise ValueError(f"bits of {len(bits)} of {samples} samples")
    if bits[0] == 12 or (photometric == 0 and bits[0] > 8):  # Pillow would show them too dark, or as a negative
        raise UnsupportedKindError(f"TIFF ({bits[0]} bits{', white is zero' * (photometric == 0)})")
    if photometric == YCBCR and compression == RAW and tags.get(SUBSAMPLING) != [1, 1]:
        raise UnsupportedKindError("TIFF (subsampled YCbCr without compression)")


def _check_chunks(data: bytes, tags: dict[int, list[int]], tables: bytes) -> float:
    """Checks strips or tiles; sets their number and lengths. Returns the bytes of one, per pixel of the picture.

    Together they may not be longer than the file: no byte is decoded twice.
    """
    width, height = tags[WIDTH][0], tags[HEIGHT][0]
    samples, bits, planar = tags[SAMPLES][0], tags[BITS], tags.get(PLANAR, [1])[0] == 2
    if TILE_OFFSETS in tags:
        offsets_tag, bytes_tag = TILE_OFFSETS, TILE_BYTES
        across, rows = tags[TILE_WIDTH][0], tags[TILE_HEIGHT][0]
        if min(across, rows) < 1 or across * rows > MAX_TILE_PIXELS:
            raise ValueError(f"tiles of {across} x {rows} pixels")
        for tag in (STRIP_OFFSETS, STRIP_BYTES, STRIP_ROWS):
            tags.pop(tag, None)
    else:
        offsets_tag, bytes_tag = STRIP_OFFSETS, STRIP_BYTES
        across, rows = width, max(1, min(tags.get(STRIP_ROWS, [height])[0], height))
        tags[STRIP_ROWS] = [rows]
        for tag in (TILE_OFFSETS, TILE_BYTES, TILE_WIDTH, TILE_HEIGHT):
            tags.pop(tag, None)
    down = math.ceil(height / rows)
    number = math.ceil(width / across) * down * (samples if planar else 1)
    if number > MAX_CHUNKS:
        raise ValueError(f"{number:,} strips or tiles")
    row_bytes = math.ceil(across * (bits[0] if planar else sum(bits)) / 8)
    offsets, lengths = tags[offsets_tag][:number], tags.get(bytes_tag, [])[:number]
    compression = tags[COMPRESSION][0]
    if compression == RAW:
        # The last strip has the rows that are left.
        short = height - (down - 1) * rows if offsets_tag == STRIP_OFFSETS else rows
        lengths = [row_bytes * (short if i % down == down - 1 else rows) for i in range(number)]
    elif not lengths and number == 1:
        lengths = [len(data) - offsets[0]]
    if not len(offsets) == len(lengths) == number:
        raise ValueError(f"{len(offsets)} of {number} strips or tiles")
    if sum(lengths) > len(data) or any(
        o < 8 or n < 1 or o + n > len(data) for o, n in zip(offsets, lengths, strict=True)
    ):
        raise ValueError("strips or tiles outside the file")
    if compression == JPEG:
        for at, length in [(0, len(tables)), *zip(offsets, lengths, strict=True)]:
            _check_jpeg(data[at : at + length] if at else tables)
    tags[offsets_tag], tags[bytes_tag] = offsets, lengths
    if tags[PHOTOMETRIC][0] == YCBCR:  # libtiff converts it in a buffer of its own
        row_bytes += 4 * across
    return rows * row_bytes / (width * height)


def _check_jpeg(data: bytes) -> None:
    """Refuses a strip that is not sequential or has many scans, each of which would cover it. T.81, annex B."""
    at, scans = 2, 0
    while found := _MARKER.search(data, at):
        marker, at = data[found.end() - 1], found.end()
        if marker == 0xD9:
            return
        scans += marker == 0xDA
        if 0xC0 <= marker <= 0xCF and marker not in (0xC0, 0xC1, 0xC4, 0xC8, 0xCC):
            raise UnsupportedKindError("TIFF (progressive JPEG)")
        if scans > MAX_JPEG_SCANS:
            raise ValueError("a strip of more scans than any program writes")
        at += int.from_bytes(data[at : at + 2], "big")


def _count_pages(data: bytes, order: str, big: bool, start: int) -> int:
    """The number of directories, without smaller copies of a page."""
    pages, visited = 0, set()
    while start and start not in visited and len(visited) < MAX_PAGES:
        visited.add(start)
        try:
            count = struct.unpack_from(f"{order}Q" if big else f"{order}H", data, start)[0]
            first = start + (8 if big else 2)
            tag, kind = struct.unpack_from(f"{order}HH", data, first)
            value = struct.unpack_from(f"{order}I", data, first + (12 if big else 8))[0]
            pages += not (tag == SUBFILE and kind == 4 and value & 1)
            start = struct.unpack_from(f"{order}Q" if big else f"{order}I", data, first + count * (20 if big else 12))[
                0
            ]
        except struct.error:  # later pages may be damaged
            break
    return max(pages, 1)


def _with_directory(
    data: bytes, order: str, tags: dict[int, list[int]], blocks: dict[int, bytes], rationals: dict[int, bytes]
) -> bytes:
    """The file's bytes with a new directory behind them, as a TIFF of 32-bit offsets."""
    data += bytes(len(data) % 2)
    entries: dict[int, tuple[int, int, bytes]] = {}  # tag -> (type, number of values, the values)
    for tag, values in tags.items():
        kind = 3 if max(values) < 65_536 else 4
        entries[tag] = (kind, len(values), struct.pack(f"{order}{len(values)}{_INTEGERS[kind]}", *values))
    entries |= {tag: (7, len(value), value) for tag, value in blocks.items() if value}
    entries |= {tag: (5, len(value) // 8, value) for tag, value in rationals.items()}
    directory = struct.pack(f"{order}H", len(entries))
    behind, end = b"", len(data) + 2 + 12 * len(entries) + 4
    for tag, (kind, count, value) in sorted(entries.items()):
        if len(value) <= 4:
            place = value.ljust(4, b"\0")
        else:
            place = struct.pack(f"{order}I", end + len(behind))
            behind += value + bytes(len(value) % 2)
        directory += struct.pack(f"{order}HHI", tag, kind, count) + place
    head = data[:2] + struct.pack(f"{order}HI", 42, len(data))
    return b"".join([head, data[8:], directory, bytes(4), behind])
