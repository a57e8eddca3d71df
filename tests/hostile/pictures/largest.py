"""Pictures of the largest size that is read, and slightly larger ones: one strip or row repeated."""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Iterator

import numpy as np
from PIL import Image

from tests.hostile.pictures.make import encode, picture, png_chunk
from tests.hostile.pictures.profiles import cmyk, rgb

SIDE = 8192
CLEAR = struct.pack(">HHH", 1, 2, 3)  # tRNS of a colour that no pixel has
#: {bytes per pixel at the worst moment of reading: rows of SIDE pixels that are read}; 2**28 bytes in all.
HIGH = {5: 6553, 6: 5461, 8: 4096, 10: 3276, 16: 2048, 20: 1638}


def tall(strip: bytes, height: int) -> bytes:
    """A JPEG of eight rows of blocks, with a restart marker after each, repeated until it is `height` high."""
    frame = re.search(rb"\xff[\xc0-\xc2]..\x08", strip, re.DOTALL).end()
    times = -(-height // struct.unpack(">H", strip[frame : frame + 2])[0])
    data = strip[:frame] + struct.pack(">H", height) + strip[frame + 2 :]
    out, at = b"", 0
    for scan in re.finditer(rb"\xff\xda", data):
        if scan.start() < at:
            continue  # inside a scan
        start = scan.end() + struct.unpack(">H", data[scan.end() : scan.end() + 2])[0]
        end = re.compile(rb"\xff[^\x00\xd0-\xd7]").search(data, start).start()
        out += data[at:start] + b"\xff\xd7".join([data[start:end]] * times)
        at = end
    return out + data[at:]


def jpeg(mode: str, width: int, height: int, **options) -> bytes:
    rows = 8 * (8 if options.get("subsampling") == 0 or mode != "RGB" else 16)
    strip = Image.fromarray(np.asarray(picture(8, 256)).repeat(rows // 8, 0)).convert(mode).resize((width, rows))
    return tall(encode(strip, "JPEG", restart_marker_rows=1, optimize=False, **options), height)


def png(kind: int, depth: int, width: int, height: int, *chunks: bytes, real: bool = True) -> bytes:
    """A PNG of equal rows, a ramp, with the slowest filter; with `real=False` there is one row."""
    values = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[kind] * depth * width // 8
    row = b"\4" + bytes(i * 7 % 256 for i in range(251)) * (values // 251 + 1)
    packer, body = zlib.compressobj(1), b""
    for count in [128] * (height // 128) + [height % 128] if real else [1]:
        body += packer.compress(row[: values + 1] * count)
    head = struct.pack(">IIBBBBB", width, height, depth, kind, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + png_chunk(b"IHDR", head)
        + b"".join(chunks)
        + png_chunk(b"IDAT", body + packer.flush())
        + png_chunk(b"IEND", b"")
    )


def bmp_runs(width: int, height: int) -> bytes:
    """RLE8 with the longest lines, which Pillow's decoder fills byte by byte."""
    body = b"\x01\x07\x00\x00" * height
    head = struct.pack("<IiiHHIIiiII", 40, width, height, 1, 8, 1, len(body), 1, 1, 256, 0)
    return (
        b"BM"
        + struct.pack("<IHHI", 14 + 40 + 1024 + len(body), 0, 0, 14 + 40 + 1024)
        + head
        + bytes(range(256)) * 4
        + body
    )


def pngs() -> Iterator[tuple[str, int, int, int, tuple[bytes, ...]]]:
    """(case, bytes per pixel, colour type, depth, chunks); 0 bytes: another case needs as much."""
    icc = png_chunk(b"iCCP", b"x\0\0" + zlib.compress(rgb()))
    exif = png_chunk(b"eXIf", b"MM\0*\0\0\0\x08\0\1\x01\x12\0\3\0\0\0\1\0\6\0\0\0\0\0\0")
    palette, clear = png_chunk(b"PLTE", bytes(range(256)) * 3), png_chunk(b"tRNS", CLEAR)
    yield "grey", 0, 0, 8, ()
    yield "grey with a clear value", 0, 0, 8, (png_chunk(b"tRNS", CLEAR[:2]),)
    yield "1-bit", 0, 0, 1, ()
    yield "palette", 0, 3, 8, (palette,)
    yield "palette and alpha", 5, 3, 8, (palette, png_chunk(b"tRNS", bytes(range(256))))
    yield "16-bit grey", 6, 0, 16, ()
    yield "16-bit grey with a clear value", 0, 0, 16, (png_chunk(b"tRNS", CLEAR[:2]),)
    yield "RGB", 8, 2, 8, ()
    yield "RGB with a clear colour", 0, 2, 8, (clear,)
    yield "16-bit RGB", 0, 2, 16, ()
    yield "grey and alpha", 8, 4, 8, ()
    yield "16-bit RGBA", 16, 6, 16, ()
    yield "RGBA, with a profile, on its side", 10, 6, 8, (icc, exif)
    yield "16-bit RGBA, with a profile, on its side", 20, 6, 16, (icc, exif)


def _tiffs() -> Iterator[tuple[str, bytes, tuple[int, int] | str]]:
    """TIFF files of one strip, whose buffer is the largest: of the most rows that are read, and of one more."""
    for name, mode, compression, high in (
        ("grey, LZW", "L", "tiff_lzw", 6553),
        ("1-bit, group 4", "1", "group4", 6553),
        ("RGB, deflate", "RGB", "tiff_adobe_deflate", 4096),
        ("RGB, JPEG", "RGB", "jpeg", 4096),
        ("CMYK, deflate", "CMYK", "tiff_adobe_deflate", 2048),
        ("LAB, LZW", "LAB", "tiff_lzw", 2048),
        ("YCbCr, deflate", "YCbCr", "tiff_adobe_deflate", 2978),
        ("RGBA, on its side", "RGBA", "tiff_adobe_deflate", 4096),
        ("32-bit floating point", "F", "tiff_adobe_deflate", 4096),
    ):
        row = np.asarray(picture(8, SIDE).convert("RGB" if mode in ("LAB", "F") else mode))
        rows = np.tile(row, (high // 8 + 1, *[1] * (row.ndim - 1)))[:high]
        image = Image.fromarray(rows)
        if mode == "F":
            image = Image.fromarray((rows[..., 0] / 255).astype(np.float32))
        elif mode in ("CMYK", "LAB", "YCbCr"):
            image = Image.frombytes(mode, image.size, image.tobytes())
        exif = Image.Exif()
        exif[0x0112] = 6 if name.endswith("side") else 1
        data = encode(image, "TIFF", compression=compression, strip_size=2**31 - 1, exif=exif)
        yield f"TIFF, {name}", data, (high, SIDE) if name.endswith("side") else (SIDE, high)
        for tag in (257, 278):  # the rows of the page and of its strip
            at = re.search(struct.pack("<H", tag) + b"[\3\4]\0\1\0\0\0", data).end()
            data = data[:at] + struct.pack("<H", high + 1) + data[at + 2 :]
        yield f"TIFF, {name}, a row more", data, "image-too-large"


def _avifs() -> Iterator[tuple[str, bytes, tuple[int, int] | str]]:
    for name, mode, options, high in (
        ("8 bits", "RGB", {"quality": 80, "subsampling": "4:4:4"}, 3276),
        ("8 bits, film grain", "RGB", {"quality": 60, "advanced": {"film-grain-test": "1"}}, 3276),
        ("8 bits, alpha", "RGBA", {"quality": 80, "subsampling": "4:4:4"}, 2730),
    ):
        noise = Image.effect_noise((512, 512), 20)
        tile = np.tile(np.asarray(Image.merge(mode, [noise] * len(mode))), (high // 512 + 1, 8, 1))
        yield f"AVIF, {name}", encode(Image.fromarray(tile[:high]), "AVIF", speed=10, **options), (4096, high)
    yield "AVIF, 8 bits, a row more", encode(Image.new("RGB", (4096, 3277)), "AVIF", speed=10), "image-too-large"


def largest() -> Iterator[tuple[str, bytes, tuple[int, int] | str]]:
    """(case, bytes, the size that is read or the InputError's code)."""
    for name, cost, kind, depth, chunks in filter(lambda each: each[1], pngs()):
        high = HIGH[cost]
        size = (high, SIDE) if name.endswith("side") else (SIDE, high)
        yield f"PNG, {name}", png(kind, depth, SIDE, high, *chunks), size
        yield f"PNG, {name}, a row more", png(kind, depth, SIDE, high + 1, *chunks, real=False), "image-too-large"
    slow = {"progressive": True, "subsampling": 0}
    for name, mode, options, whole, scale, most in (
        ("baseline", "RGB", {}, 4096, 4, 24_320),
        ("grey", "L", {}, 0, 2, 24_320),
        ("CMYK", "CMYK", {}, 2048, 4, 24_320),
        ("progressive", "RGB", slow, 3264, 8, 5376),
        ("progressive CMYK", "CMYK", slow, 2048, 8, 4032),
    ):
        if whole:
            yield f"JPEG, {name}", jpeg(mode, SIDE, whole, **options), (SIDE, whole)
        yield f"JPEG, {name}, the largest", jpeg(mode, SIDE, most, **options), (SIDE // scale, most // scale)
        yield f"JPEG, {name}, past it", jpeg(mode, SIDE, most + 128, **options), "image-too-large"
    yield "JPEG, baseline, at a half", jpeg("RGB", SIDE, 16_384), (SIDE // 2, 8192)
    baseline = jpeg("RGB", SIDE, 4096)
    exif = b"\xff\xe1\0\x22Exif\0\0MM\0*\0\0\0\x08\0\1\x01\x12\0\3\0\0\0\1\0\6\0\0\0\0\0\0"
    yield "JPEG, baseline, on its side", baseline[:2] + exif + baseline[2:], (4096, SIDE)
    for name, data, icc in (("baseline", baseline, rgb()), ("CMYK", jpeg("CMYK", SIDE, 2048), cmyk())):
        part = b"\xff\xe2" + struct.pack(">H", 16 + len(icc)) + b"ICC_PROFILE\0\1\1" + icc
        yield f"JPEG, {name}, with a profile", data[:2] + part + data[2:], (SIDE, 4096 if data is baseline else 2048)
    for name, mode, options in (
        ("lossy", "RGB", {"quality": 50}),
        ("lossless, alpha", "RGBA", {"lossless": True, "quality": 0}),
    ):
        ramp = Image.linear_gradient("L").resize((4096, 4096))
        webp = encode(Image.merge(mode, [ramp] * len(mode)), "WEBP", method=0, **options)
        yield f"WebP, {name}", webp, (4096, 4096)
    yield "WebP, lossy, a row more", encode(Image.new("RGB", (4096, 4097)), "WEBP", method=0), "image-too-large"
    gif = encode(Image.linear_gradient("L").resize((SIDE, 4681)), "GIF", transparency=0, disposal=2)
    yield "GIF", gif, (SIDE, 4681)
    yield "GIF, a row more", gif[:8] + struct.pack("<H", 4682) + gif[10:], "image-too-large"
    yield from _tiffs()
    yield from _avifs()
    bmp = encode(Image.new("1", (SIDE, 6553), 1), "BMP")
    yield "BMP", bmp, (SIDE, 6553)
    yield "BMP, a row more", bmp[:22] + struct.pack("<i", 6554) + bmp[26:], "image-too-large"
    yield "BMP of runs", bmp_runs(SIDE, 1024), (SIDE, 1024)
    yield "BMP of runs, a row more", bmp_runs(SIDE, 1025), "image-too-large"
