"""Reduces an AVIF file to its first picture and its transparency, before libavif sees it.

A new file is written that holds the primary item, the item with its alpha channel, and the properties that the pixels
depend on. What an AV1 stream may make the decoder allocate is read from the stream: a file's own word for its size
binds nobody. Sources: ISO/IEC 14496-12 and 23008-12 (boxes), AVIF 1.1, AV1 bitstream specification 5.3 to 5.5.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

from vit_core.images.stripped import MAX_PARTS, MAX_PROFILE_BYTES, Stripped, UnsupportedKindError

MAX_ITEMS = 1000
MAX_EXTENTS = 10_000  # of all items
#: (more than 8 bits, alpha channel) -> bytes per pixel at the worst moment of reading, with film grain.
PIXEL_BYTES = {(False, False): 20, (False, True): 24, (True, False): 28, (True, True): 34}
#: Properties that are kept, of the picture and of its alpha channel.
_PICTURE = (b"ispe", b"av1C", b"pixi", b"colr", b"irot", b"imir")
_ALPHA = (b"ispe", b"av1C", b"pixi", b"auxC")
_ALPHA_NAMES = (b"urn:mpeg:mpegB:cicp:systems:auxiliary:alpha\0", b"urn:mpeg:hevc:2015:auxid:1\0")
_SEQUENCE, _FRAME_HEADER, _FRAME = 1, 3, 6  # kinds of units in an AV1 stream
_TRACK = (b"trak", b"mdia", b"minf", b"stbl")  # boxes around a track's table of samples


class _Reader:
    """Big-endian numbers from bytes, in order. Raises struct.error past the end."""

    def __init__(self, data: bytes):
        self.data, self.at = data, 0

    def take(self, size: int) -> int:
        if size and self.at + size > len(self.data):
            raise struct.error("cut off")
        self.at += size
        return int.from_bytes(self.data[self.at - size : self.at], "big")


class _Bits:
    """Bits from bytes, the highest first. Raises struct.error past the end."""

    def __init__(self, data: bytes):
        self.value, self.left = int.from_bytes(data, "big"), 8 * len(data)

    def take(self, count: int) -> int:
        if count > self.left:
            raise struct.error("cut off")
        self.left -= count
        return self.value >> self.left & (1 << count) - 1


def strip_avif(data: bytes) -> Stripped:
    """The first picture alone. Raises UnsupportedKindError, and ValueError or struct.error for a damaged file."""
    top = dict(reversed(list(_boxes(data))))
    if b"meta" not in top:
        raise UnsupportedKindError("AVIF (without a still picture)")
    meta = dict(reversed(list(_boxes(top[b"meta"][4:]))))
    if missing := {b"pitm", b"iinf", b"iprp", b"iloc"} - meta.keys():
        raise ValueError(f"boxes {sorted(missing)} are missing")
    item = _item_number(_Reader(meta[b"pitm"]), 0)
    kinds, properties = _item_kinds(meta[b"iinf"]), _properties(meta[b"iprp"])
    if kinds.get(item) != b"av01":
        kind = kinds.get(item, b"no item").decode("ascii", "replace")
        raise UnsupportedKindError(f"AVIF ({kind if kind.isalnum() else 'unknown'})")
    alpha, premultiplied = _alpha_item(meta.get(b"iref", bytes(4)), item, kinds, properties)
    items = [(item, _PICTURE), (alpha, _ALPHA)] if alpha else [(item, _PICTURE)]
    streams = [_item_data(data, meta, number) for number, _ in items]
    kept = [[p for p in properties.get(number, []) if _is_kept(p, names)] for number, names in items]
    found = list(map(_stream_pixels, streams))
    pixels = max([*(_declared_pixels(box) for listed in kept for _, box in listed), *(count for count, _ in found)])
    cost = PIXEL_BYTES[any(deep for _, deep in found), bool(alpha)]
    frames = _count_frames(top.get(b"moov", b""))
    return Stripped(_file(streams, kept, premultiplied), frames=frames, pixels=pixels, pixel_bytes=cost)


def _boxes(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """(kind, body) of the boxes in a row."""
    at = 0
    for _ in range(MAX_PARTS):
        if at + 8 > len(data):
            return
        size, kind = struct.unpack_from(">I4s", data, at)
        start = at + 8
        if size == 1:
            size, start = struct.unpack_from(">Q", data, start)[0], at + 16
        end = len(data) if size == 0 else at + size
        if end < start:
            raise ValueError("a box shorter than its head")
        yield kind, data[start:end]
        at = end
    raise ValueError("an AVIF file of more parts than any program writes")


def _item_number(reader: _Reader, short_until: int) -> int:
    """The item that a box with a version names: 16 bits up to that version, else 32."""
    version = reader.take(1)
    reader.take(3)
    return reader.take(2 if version <= short_until else 4)


def _item_kinds(body: bytes) -> dict[int, bytes]:
    """Item -> its kind, such as b"av01", from box "iinf"."""
    kinds: dict[int, bytes] = {}
    for kind, entry in _boxes(body[6 if body[:1] == b"\0" else 8 :]):
        if kind != b"infe" or entry[:1] not in (b"\2", b"\3"):
            continue
        reader = _Reader(entry)
        number = _item_number(reader, 2)
        reader.take(2)
        kinds[number] = entry[reader.at : reader.at + 4]
        if len(kinds) > MAX_ITEMS:
            raise ValueError("more items than any program writes")
    return kinds


def _properties(body: bytes) -> dict[int, list[tuple[bool, tuple[bytes, bytes]]]]:
    """Item -> [(must be understood, (kind, body) of the property)], from box "iprp"."""
    parts = list(_boxes(body))
    listed = [box for kind, inside in parts if kind == b"ipco" for box in _boxes(inside)]
    found: dict[int, list[tuple[bool, tuple[bytes, bytes]]]] = {}
    for kind, inside in parts:
        if kind != b"ipma":
            continue
        reader = _Reader(inside)
        version, flags = reader.take(1), reader.take(3)
        for _ in range(min(reader.take(4), MAX_ITEMS)):
            number, width = reader.take(2 if version < 1 else 4), 2 if flags & 1 else 1
            for _ in range(reader.take(1)):
                value = reader.take(width)
                index, essential = value & (1 << 8 * width - 1) - 1, bool(value >> 8 * width - 1)
                if 1 <= index <= len(listed):
                    found.setdefault(number, []).append((essential, listed[index - 1]))
    return found


def _is_kept(entry: tuple[bool, tuple[bytes, bytes]], names: tuple[bytes, ...]) -> bool:
    kind, body = entry[1]
    return kind in names and len(body) <= MAX_PROFILE_BYTES


def _alpha_item(
    body: bytes, item: int, kinds: dict[int, bytes], properties: dict[int, list[tuple[bool, tuple[bytes, bytes]]]]
) -> tuple[int, bool]:
    """(the item with the alpha channel of `item`, or 0; whether the colours are multiplied by it), from box "iref"."""
    width, alpha, premultiplied = (2 if body[:1] == b"\0" else 4), 0, False
    for kind, inside in _boxes(body[4:]):
        reader = _Reader(inside)
        source, count = reader.take(width), reader.take(2)
        targets = [reader.take(width) for _ in range(min(count, MAX_ITEMS))]
        if kind == b"auxl" and item in targets and kinds.get(source) == b"av01":
            names = [body[4:] for _, (name, body) in properties.get(source, []) if name == b"auxC"]
            if any(name.startswith(_ALPHA_NAMES) for name in names):
                alpha = alpha or source
        premultiplied |= kind == b"prem" and source == item
    return alpha, bool(alpha) and premultiplied


def _item_data(data: bytes, meta: dict[bytes, bytes], item: int) -> bytes:
    """The bytes of an item, which box "iloc" places in the file or in box "idat"."""
    reader = _Reader(meta[b"iloc"])
    version = reader.take(1)
    reader.take(3)
    sizes = reader.take(2)
    left = MAX_EXTENTS
    offset_size, length_size, base_size, index_size = (sizes >> shift & 15 for shift in (12, 8, 4, 0))
    for _ in range(min(reader.take(2 if version < 2 else 4), MAX_ITEMS)):
        number = reader.take(2 if version < 2 else 4)
        method = reader.take(2) & 15 if version in (1, 2) else 0
        reader.take(2)
        base, count = reader.take(base_size), reader.take(2)
        left -= count
        if left < 0:  # an extent may take no byte of this box
            raise ValueError("more extents than any program writes")
        extents = []
        for _ in range(count):
            reader.take(index_size if version in (1, 2) else 0)
            extents.append((base + reader.take(offset_size), reader.take(length_size)))
        if number != item:
            continue
        source = data if method == 0 else meta[b"idat"] if method == 1 else b""
        if sum(length for _, length in extents) > len(source):
            raise ValueError("an item longer than the file")
        parts = [source[at : at + length or None] for at, length in extents]
        if any(length and len(part) < length for part, (_, length) in zip(parts, extents, strict=True)):
            raise ValueError("an item that is cut off")
        if sum(map(len, parts)) > len(source):
            raise ValueError("an item longer than the file")
        return b"".join(parts)
    raise ValueError("an item without a place")


def _declared_pixels(box: tuple[bytes, bytes]) -> int:
    kind, body = box
    if kind != b"ispe":
        return 0
    width, height = struct.unpack_from(">II", body, 4)
    return width * height


def _stream_pixels(stream: bytes) -> tuple[int, bool]:
    """(the most pixels that a frame of an AV1 stream can have, whether they may have more than 8 bits).

    Raises UnsupportedKindError for more than one frame.
    """
    at, pixels, frames, deep = 0, 0, 0, False
    for _ in range(MAX_PARTS):
        if at >= len(stream):
            break
        head = stream[at]
        at += 2 if head & 4 else 1
        size = len(stream) - at
        if head & 2:
            size = 0
            for place in range(8):
                byte = stream[at] if at < len(stream) else 0
                size |= (byte & 127) << 7 * place
                at += 1
                if byte < 128:
                    break
        kind = head >> 3 & 15
        if kind == _SEQUENCE:
            count, more = _sequence_pixels(stream[at : at + min(size, 256)])
            pixels, deep = max(pixels, count), deep or more
        frames += kind in (_FRAME_HEADER, _FRAME)
        at += size
    else:
        raise ValueError("an AV1 stream of more parts than any program writes")
    if frames > 1:
        raise UnsupportedKindError("AVIF (layers)")
    if not pixels or not frames:
        raise ValueError("an AV1 stream without a frame")
    return pixels, deep


def _sequence_pixels(header: bytes) -> tuple[int, bool]:
    """(the most pixels that a sequence header allows, whether they may have more than 8 bits); AV1, 5.5.1.

    A frame may have a size of its own unless the header is the reduced one of still pictures. Its sides then have at
    most the number of bits that the header says.
    """
    bits = _Bits(header)
    bits.take(4)
    reduced = bits.take(1)
    if reduced:
        bits.take(5)
    else:
        _pass_operating_points(bits)
    wide, high = bits.take(4) + 1, bits.take(4) + 1
    width, height = bits.take(wide) + 1, bits.take(high) + 1
    if not reduced:
        return 2 ** (wide + high), True
    bits.take(6)  # tools
    return width * height, bool(bits.take(1))


def _pass_operating_points(bits: _Bits) -> None:
    delay_bits = 0
    if bits.take(1):  # timing
        bits.take(64)
        if bits.take(1):  # a number after as many zeros as it has bits
            zeros = 0
            while not bits.take(1):
                zeros += 1
            bits.take(min(zeros, 32))
        if bits.take(1):  # decoder model
            delay_bits = bits.take(5) + 1
            bits.take(42)
    has_display_delay = bits.take(1)
    for _ in range(bits.take(5) + 1):
        bits.take(12)
        if bits.take(5) > 7:
            bits.take(1)
        if delay_bits and bits.take(1):
            bits.take(2 * delay_bits + 1)
        if has_display_delay and bits.take(1):
            bits.take(4)


def _count_frames(body: bytes, around: tuple[bytes, ...] = _TRACK) -> int:
    """The largest number of samples in a track of box "moov"."""
    if around:
        return max([_count_frames(inside, around[1:]) for kind, inside in _boxes(body) if kind == around[0]], default=1)
    tables = [inside for kind, inside in _boxes(body) if kind == b"stsz" and len(inside) >= 12]
    return max([int.from_bytes(table[8:12], "big") for table in tables], default=1)


def _box(kind: bytes, *parts: bytes) -> bytes:
    body = b"".join(parts)
    return struct.pack(">I4s", 8 + len(body), kind) + body


def _file(streams: list[bytes], properties: list[list[tuple[bool, tuple[bytes, bytes]]]], premultiplied: bool) -> bytes:
    """An AVIF file of a picture, item 1, and its alpha channel, item 2."""
    boxes, associations = b"", b""
    index = 0
    for number, listed in enumerate(properties, 1):
        associations += struct.pack(">HB", number, len(listed))
        for essential, (kind, body) in listed:
            index += 1
            if index > 127:
                raise ValueError("more properties than any program writes")
            boxes += _box(kind, body[:4] if kind == b"av1C" else body)
            associations += bytes([essential << 7 | index])
    count = struct.pack(">H", len(streams))
    ftyp = _box(b"ftyp", b"avif", bytes(4), b"avifmif1miaf")
    hdlr = _box(b"hdlr", bytes(8), b"pict", bytes(13))
    entries = [
        _box(b"infe", b"\2\0\0\0", struct.pack(">HH4s", i, 0, b"av01"), b"\0") for i in range(1, len(streams) + 1)
    ]
    references = b""
    if len(streams) > 1:
        references = _box(b"auxl", struct.pack(">HHH", 2, 1, 1))
        if premultiplied:
            references += _box(b"prem", struct.pack(">HHH", 1, 1, 2))
        references = _box(b"iref", bytes(4), references)

    def head(start: int) -> bytes:
        places = b""
        for number, stream in enumerate(streams, 1):
            places += struct.pack(">HHHII", number, 0, 1, start, len(stream))
            start += len(stream)
        iprp = _box(b"iprp", _box(b"ipco", boxes), _box(b"ipma", bytes(4), bytes(2), count, associations))
        iloc = _box(b"iloc", bytes(4), b"\x44\0", count, places)
        iinf = _box(b"iinf", bytes(4), count, *entries)
        pitm = _box(b"pitm", bytes(4), b"\0\1")
        return ftyp + _box(b"meta", bytes(4), hdlr, pitm, iloc, iinf, references, iprp)

    return head(len(head(0)) + 8) + _box(b"mdat", *streams)
