"""Coverage-guided fuzzing of the picture reader: `python tests/hostile/pictures/fuzz_images.py --runs 1000000`.

Needs atheris (tests/hostile/requirements.txt). The mutator keeps the container valid (PNG's checksums, the lengths of
JPEG's segments and RIFF's chunks, GIF's blocks, TIFF's directory, AVIF's boxes), so that inputs get past the first
check; it also mutates plain bytes.
A finding is any exception but InputError, a picture larger than the budget allows, or one that takes too long.
"""

from __future__ import annotations

import contextlib
import functools
import random
import struct
import sys
import time
import warnings
import zlib
from pathlib import Path

import atheris

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))

with atheris.instrument_imports(include=["PIL", "vit_core.images"]):
    from PIL import Image

    from vit_core.errors import InputError
    from vit_core.images import decode as reader

from tests.hostile.fuzzing import fuzz
from tests.hostile.pictures.corpus import corpus
from tests.hostile.pictures.largest import jpeg, png, pngs
from tests.hostile.pictures.make import encode, picture, png_chunk

MAX_SECONDS = 2  # of the processor for one input, instrumented
BUDGET = 2**19  # bytes: small, so that inputs reach the limits and many are read per second
NUMBERS = (0, 1, 2, 3, 4, 7, 8, 16, 64, 127, 128, 255, 256, 1000, 2**15, 2**16 - 1, 2**31 - 1, 2**31, 2**32 - 1)


def seeds() -> list[bytes]:
    """The small files of the corpus, and each kind of picture once."""
    found = [data for _, data, _ in corpus().values() if len(data) < 10_000]
    found += [png(kind, depth, 64, 5, *chunks) for _, _, kind, depth, chunks in pngs()]
    for mode in ("L", "RGB", "CMYK"):
        found += [
            jpeg(mode, 64, 64),
            jpeg(mode, 64, 64, progressive=True, subsampling=0),
            encode(picture(9, 7, mode), "JPEG", optimize=True),
        ]
    found += [encode(picture(9, 7, mode), "BMP") for mode in ("1", "L", "RGB", "RGBA")]
    still = Image.effect_noise((16, 9), 60)
    found += [
        encode(picture(9, 7, mode), "TIFF", compression=compression)
        for mode in ("1", "L", "P", "RGB", "RGBA", "CMYK", "YCbCr", "LAB")
        for compression in ("raw", "tiff_lzw", "tiff_adobe_deflate", "packbits")
    ]
    found += [encode(picture(9, 7, "1"), "TIFF", compression=c) for c in ("group3", "group4", "tiff_ccitt")]
    found += [encode(picture(16, 16, mode), "TIFF", compression="jpeg") for mode in ("L", "RGB", "CMYK")]
    found += [encode(picture(9, 7, mode), "AVIF") for mode in ("L", "RGB", "RGBA")]
    found.append(encode(picture(9, 7), "AVIF", save_all=True, append_images=[picture(9, 7)]))
    return found + [encode(still, "WEBP", lossless=lossless) for lossless in (True, False)] + [encode(still, "GIF")]


def number(chance: random.Random, most: int) -> int:
    return min(chance.choice(NUMBERS), most)


def shuffled(parts: list, chance: random.Random, change) -> list:
    """The parts with one removed, doubled, moved, or changed by `change(part)`."""
    at = chance.randrange(len(parts))
    what = chance.randrange(8)
    if what == 0:
        return parts[:at] + parts[at + 1 :]
    if what == 1:
        return parts[:at] + [parts[at]] * chance.choice((2, 3, 70)) + parts[at + 1 :]
    if what == 2:
        rest = parts[:at] + parts[at + 1 :]
        rest.insert(chance.randrange(len(parts)), parts[at])
        return rest
    return parts[:at] + [change(parts[at])] + parts[at + 1 :]


def body(data: bytes, chance: random.Random) -> bytes:
    """The bytes changed by libFuzzer, or with a number set."""
    if data and chance.random() < 0.5:
        width = chance.choice((1, 2, 4))
        at = chance.randrange(len(data))
        new = number(chance, 256**width - 1).to_bytes(width, chance.choice(("big", "little")))
        return data[:at] + new + data[at + width :]
    return atheris.Mutate(data, len(data) + 64)


def changed_png(data: bytes, chance: random.Random) -> bytes:
    parts, at = [], 8
    while at + 8 <= len(data) and len(parts) < 500:
        length, kind = struct.unpack_from(">I4s", data, at)
        parts.append((kind, data[at + 8 : at + 8 + length]))
        at += 12 + length

    def change(part):
        kind, inside = part
        if kind == b"IDAT" and chance.random() < 0.5:
            return kind, zlib.compress(body(zlib.decompressobj().decompress(inside, 100_000), chance), 1)
        if kind == b"iCCP" and chance.random() < 0.7:
            name, _, packed = inside.partition(b"\0\0")
            return kind, name + b"\0\0" + zlib.compress(body(zlib.decompressobj().decompress(packed, 100_000), chance))
        if chance.random() < 0.1:
            kind = chance.choice((b"IDAT", b"tRNS", b"eXIf", b"acTL", b"fcTL", b"fdAT", b"iTXt", b"IEND", b"PLTE"))
        return kind, body(inside, chance)

    return data[:8] + b"".join(png_chunk(*part) for part in shuffled(parts, chance, change))


def changed_jpeg(data: bytes, chance: random.Random) -> bytes:
    parts, at = [], 2
    while at + 4 <= len(data) and data[at] == 0xFF and data[at + 1] != 0xDA:
        end = at + 2 + int.from_bytes(data[at + 2 : at + 4], "big")
        parts.append((data[at + 1], data[at + 4 : end]))
        at = end

    def change(part):
        marker, inside = part
        if chance.random() < 0.1:
            marker = chance.choice((0xC0, 0xC1, 0xC2, 0xC3, 0xC4, 0xC9, 0xCA, 0xDB, 0xDD, 0xE1, 0xE2, 0xEE, 0xFE))
        return marker, body(inside, chance)[:65_533]

    rest = data[at:]
    if parts and chance.random() < 0.7:
        parts = shuffled(parts, chance, change)
    else:
        rest = body(rest, chance)
    return data[:2] + b"".join(struct.pack(">BBH", 255, m, len(b) + 2) + b for m, b in parts) + rest


def changed_riff(data: bytes, chance: random.Random) -> bytes:
    parts, at = [], 12
    while at + 8 <= len(data) and len(parts) < 500:
        kind, length = struct.unpack_from("<4sI", data, at)
        parts.append((kind, data[at + 8 : at + 8 + length]))
        at += 8 + length + length % 2

    def change(part):
        kind, inside = part
        if chance.random() < 0.1:
            kind = chance.choice((b"VP8X", b"VP8 ", b"VP8L", b"ALPH", b"ANIM", b"ANMF", b"ICCP", b"EXIF", b"XMP "))
        return kind, body(inside, chance)

    inside = b"".join(
        struct.pack("<4sI", k, len(b)) + b + bytes(len(b) % 2) for k, b in shuffled(parts, chance, change)
    )
    return b"RIFF" + struct.pack("<I", len(inside) + 4) + b"WEBP" + inside


def changed_gif(data: bytes, chance: random.Random) -> bytes:
    """The GIF with an extension inserted before the picture, or with changed bytes."""
    start = 13 + (3 << (data[10] & 7) + 1 if data[10] & 128 else 0)
    if chance.random() < 0.5:
        block = chance.randbytes(chance.randrange(1, 12))
        part = b"!" + chance.choice((b"\xf9", b"\xfe", b"\xff", b"\x01")) + bytes([len(block)]) + block + b"\0"
        return data[:start] + part + data[start:]
    return data[:6] + body(data[6:], chance)


def changed_tiff(data: bytes, chance: random.Random) -> bytes:
    """The TIFF with a changed directory, or with changed bytes."""
    order = "<" if data[:2] == b"II" else ">"
    (start,) = struct.unpack_from(f"{order}I", data, 4)
    (count,) = struct.unpack_from(f"{order}H", data, start)
    entries = [struct.unpack_from(f"{order}HHII", data, start + 2 + 12 * i) for i in range(min(count, 100))]

    def change(entry):
        tag, kind, values, value = entry
        what = chance.randrange(4)
        if what == 0:
            tag = chance.choice((254, 256, 257, 258, 259, 262, 266, 273, 277, 278, 279, 284, 292, 317, 320, 322, 338))
        elif what == 1:
            kind = chance.choice((1, 2, 3, 4, 5, 7, 13, 16))
        elif what == 2:
            values = number(chance, 2**32 - 1)
        else:
            value = chance.choice((number(chance, 2**32 - 1), chance.choice((5, 7, 8, 32_773, len(data)))))
        return tag, kind, values, value

    if chance.random() < 0.4:
        at = chance.randrange(8, len(data))
        return data[:at] + body(data[at:], chance)
    entries = shuffled(entries, chance, change)
    table = struct.pack(f"{order}H", len(entries)) + b"".join(struct.pack(f"{order}HHII", *e) for e in entries)
    return data[:4] + struct.pack(f"{order}I", len(data)) + data[8:] + table + bytes(4)


CONTAINERS = (b"meta", b"iprp", b"ipco", b"iinf", b"iref", b"moov", b"trak", b"mdia", b"minf", b"stbl")


def changed_avif(data: bytes, chance: random.Random) -> bytes:
    """The AVIF with a changed box, at any depth; the lengths of boxes stay right."""
    parts, at = [], 0
    while at + 8 <= len(data) and len(parts) < 100:
        size, kind = struct.unpack_from(">I4s", data, at)
        size = max(size, 8) if size else len(data) - at
        parts.append((kind, data[at + 8 : at + size]))
        at += size

    def change(part):
        kind, inside = part
        if kind in CONTAINERS and chance.random() < 0.8:
            skip = {b"meta": 4, b"iref": 4, b"iinf": 6}.get(kind, 0)
            return kind, inside[:skip] + changed_avif(inside[skip:], chance)
        return kind, body(inside, chance)

    if chance.random() < 0.9:  # any other change moves the picture away from where "iloc" places it
        at = chance.randrange(len(parts))
        parts[at] = change(parts[at])
    else:
        parts = shuffled(parts, chance, change)
    return b"".join(struct.pack(">I4s", 8 + len(inside), kind) + inside for kind, inside in parts)


CHANGED = {
    b"II*\0": changed_tiff,
    b"MM\0*": changed_tiff,
    **{struct.pack(">I", size) + b"ftyp": changed_avif for size in range(16, 64, 4)},
    b"\x89PNG": changed_png,
    b"\xff\xd8\xff": changed_jpeg,
    b"RIFF": changed_riff,
    b"GIF8": changed_gif,
}


@functools.cache
def whole() -> list[bytes]:
    """The seeds that can be read."""
    found = []
    for data in seeds():
        with contextlib.suppress(InputError):
            reader.read_image(data)
            found.append(data)
    return found


def mutate(data: bytes, most: int, seed: int) -> bytes:
    chance = random.Random(seed)
    if chance.random() < 0.4:  # else nearly all would be broken, and no decoder reached
        data = chance.choice(whole())
    change = next((change for magic, change in CHANGED.items() if data.startswith(magic)), None)
    if change is None or chance.random() < 0.1:
        return body(data, chance)[:most]
    try:
        for _ in range(chance.choice((1, 1, 1, 3))):
            data = change(data, chance)
    except Exception:  # an invalid container is changed as bytes
        data = body(data, chance)
    return data[:most]


class Target:
    """Reads each input."""

    def __init__(self, runs: int):
        self.runs, self.count, self.read = runs, 0, 0
        self.codes: dict[str, int] = {}
        self.begun = time.monotonic()

    def __call__(self, data: bytes) -> None:
        self.count += 1
        begun = time.process_time()
        try:
            image = reader.read_image(data)
            self.read += 1
            if (
                image.mode != "RGB"
                or image.info.keys() - {"frames", "pages", "part"}
                or image.width * image.height * 5 > BUDGET
            ):
                raise ValueError(f"{image.mode}, {image.size}, {image.info}")
        except InputError as error:
            self.codes[error.code] = self.codes.get(error.code, 0) + 1
        if (seconds := time.process_time() - begun) > MAX_SECONDS:
            raise ValueError(f"{seconds:.1f} s of processor")
        if self.count % 10_000 == 0 or self.count == self.runs:
            rate = self.count / (time.monotonic() - self.begun)
            print(f"{self.count:,} executions, {rate:.0f} a second, {self.read:,} read, {self.codes}", flush=True)


if __name__ == "__main__":
    warnings.simplefilter("ignore")  # Pillow's, about odd pictures
    Image.init()
    reader.MAX_DECODING_BYTES = BUDGET
    fuzz("images", __doc__, seeds(), Target, mutate)
