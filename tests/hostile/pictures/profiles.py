"""Small, valid colour profiles with any primaries (ICC.1:2010, chapters 7, 9 and 10)."""

from __future__ import annotations

import struct

#: X, Y, Z of a colour space's red, green and blue, adapted to D50 (Bradford).
DISPLAY_P3 = ((0.5151, 0.2412, -0.0011), (0.2919, 0.6922, 0.0419), (0.1571, 0.0666, 0.7841))
ADOBE_RGB = ((0.6097, 0.3111, 0.0195), (0.2053, 0.6257, 0.0609), (0.1492, 0.0632, 0.7446))
D50 = (0.9642, 1.0, 0.8249)


def profile(space: bytes, tags: dict[bytes, bytes], name: str = "a space of ours", pcs: bytes = b"XYZ ") -> bytes:
    """A version 2 profile for a monitor, or for a printer if `space` is CMYK."""
    text = name.encode() + b"\0"
    tags = {
        b"desc": b"desc\0\0\0\0" + struct.pack(">I", len(text)) + text + bytes(78),
        b"cprt": b"text\0\0\0\0none\0",
        b"wtpt": _xyz(D50),
    } | tags
    table, body = struct.pack(">I", len(tags)), b""
    for tag, data in tags.items():
        data += bytes(-len(data) % 4)
        table += struct.pack(">4sII", tag, 132 + 12 * len(tags) + len(body), len(data))
        body += data
    kind = b"prtr" if space == b"CMYK" else b"mntr"
    head = struct.pack(
        ">I4sI4s4s4s12s4s",
        128 + len(table) + len(body),
        b"    ",
        0x02400000,
        kind,
        space,
        pcs,
        struct.pack(">6H", 2026, 1, 1, 0, 0, 0),
        b"acsp",
    )
    return (head + bytes(28) + struct.pack(">3i", *(round(v * 65536) for v in D50))).ljust(128, b"\0") + table + body


def _xyz(values: tuple[float, float, float]) -> bytes:
    return b"XYZ \0\0\0\0" + struct.pack(">3i", *(round(v * 65536) for v in values))


def _gamma(value: float) -> bytes:
    return b"curv\0\0\0\0" + struct.pack(">IH", 1, round(value * 256))


def rgb(primaries: tuple = DISPLAY_P3, gamma: float = 2.2) -> bytes:
    """A matrix profile with a gamma curve."""
    tags = {letter + b"XYZ": _xyz(values) for letter, values in zip((b"r", b"g", b"b"), primaries, strict=True)}
    return profile(b"RGB ", tags | {letter + b"TRC": _gamma(gamma) for letter in (b"r", b"g", b"b")})


def grey(gamma: float) -> bytes:
    return profile(b"GRAY", {b"kTRC": _gamma(gamma)})


def cmyk() -> bytes:
    """A table of two points per ink to L*a*b*: white without ink, then grey to black."""
    ramp = bytes(range(256))
    grid = b"".join(bytes((max(0, 255 - 64 * bin(i).count("1")), 128, 128)) for i in range(16))
    matrix = struct.pack(">9i", *(65536 if i % 4 == 0 else 0 for i in range(9)))
    table = b"mft1\0\0\0\0" + bytes((4, 3, 2, 0)) + matrix + ramp * 4 + grid + ramp * 3
    return profile(b"CMYK", {b"A2B0": table}, pcs=b"Lab ")
