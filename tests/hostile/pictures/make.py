"""Small good and bad picture files, made on the spot, and the functions that make them."""

from __future__ import annotations

import io
import struct
import zlib

import numpy as np
from PIL import Image


def picture(height: int, width: int, mode: str = "RGB") -> Image.Image:
    """A smooth picture with a different colour in each corner; JPEG changes it little."""
    y, x = np.mgrid[0:height, 0:width] / max(height, width)
    return Image.fromarray((np.stack([x, y, 1 - x], -1) * 255).astype(np.uint8)).convert(mode)


def encode(image: Image.Image, format: str, **options) -> bytes:
    out = io.BytesIO()
    image.save(out, format, **options)
    return out.getvalue()


def png_chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png_header(width: int, height: int) -> bytes:
    """A PNG of that size with a valid header and one byte of pixels."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + png_chunk(b"IHDR", header)
        + png_chunk(b"IDAT", zlib.compress(b"\0"))
        + png_chunk(b"IEND", b"")
    )


def png_text_bomb() -> bytes:
    """A small PNG with a comment of 65 kB that unpacks to 64 MB."""
    png = encode(picture(8, 8), "PNG")
    return png[:33] + png_chunk(b"zTXt", b"Comment\0\0" + zlib.compress(bytes(2**26), 9)) + png[33:]


def jpeg_header(width: int, height: int) -> bytes:
    data = bytearray(encode(picture(8, 8), "JPEG"))
    at = data.index(b"\xff\xc0") + 5
    data[at : at + 4] = struct.pack(">HH", height, width)
    return bytes(data)


def tiff(tags: dict[int, tuple[int, list[int]]], pixels: bytes, order: str = "<", big: bool = False) -> bytes:
    """A TIFF of one directory, {tag: (type, values)}, behind the pixels; strip offsets count from the pixels' start."""
    start, size = 16, {1: 1, 2: 1, 3: 2, 4: 4, 7: 1, 16: 8}
    word, inline, entry = ("Q", 8, 20) if big else ("I", 4, 12)
    place = start + len(pixels) + len(pixels) % 2
    head = (b"II" if order == "<" else b"MM") + struct.pack(
        f"{order}HHHQ" if big else f"{order}HI8x", *((43, 8, 0, place) if big else (42, place))
    )
    table, behind = b"", b""
    end = place + (8 if big else 2) + entry * len(tags) + inline
    for tag, (kind, values) in sorted(tags.items()):
        values = [value + start for value in values] if tag in (273, 324) else values
        letter = {1: "B", 2: "B", 3: "H", 4: "I", 7: "B", 16: "Q"}[kind]
        body = struct.pack(f"{order}{len(values)}{letter}", *values)
        if size[kind] * len(values) > inline:
            body, behind = struct.pack(order + word, end + len(behind)), behind + body + bytes(len(body) % 2)
        table += struct.pack(f"{order}HH{word}", tag, kind, len(values)) + body.ljust(inline, b"\0")
    count = struct.pack(f"{order}{'Q' if big else 'H'}", len(tags))
    return head + pixels + bytes(len(pixels) % 2) + count + table + bytes(inline) + behind


def cases() -> dict[str, tuple[str, bytes, str | None]]:
    """{case: (file name, bytes, the InputError's code, or None for a file that must be read)}."""
    small = picture(48, 64)
    png, jpeg = encode(small, "PNG"), encode(small, "JPEG", quality=95)
    clear = small.copy()
    clear.putalpha(Image.linear_gradient("L").resize(small.size))
    deep = Image.fromarray(np.arange(64 * 48, dtype=np.uint16).reshape(48, 64) * 21)
    exif = Image.Exif()
    exif[0x0112] = 6
    frames = [picture(48, 64), Image.new("RGB", (64, 48), "black")]
    cut = "image-truncated"
    bad = {
        "empty": ("empty.png", b"", "image-empty"),
        "text": ("text.png", "아니, 그림이 아니야\n".encode() * 40, "image-not-a-picture"),
        "zeros": ("zeros.jpg", bytes(4096), "image-not-a-picture"),
        "python pickle": ("weights.png", b"\x80\x04\x95" + bytes(50), "image-not-a-picture"),
        "pdf": ("paper.png", b"%PDF-1.7\n%\xe2\xe3\n" + bytes(50), "image-format"),
        "svg": ("drawing.png", b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"/>', "image-format"),
        "postscript": ("figure.jpg", b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "image-format"),
        "heic": ("phone.jpg", b"\0\0\0\x18ftypheic" + bytes(50), "image-format"),
        "lzma tiff": ("scan.tif", encode(small, "TIFF", compression="lzma"), "image-format"),
        "truncated tiff": ("cut.tif", (scan := encode(small, "TIFF", compression="tiff_lzw"))[: len(scan) // 2], cut),
        "truncated avif": ("cut.avif", (avif := encode(small, "AVIF"))[: len(avif) // 2], "image-truncated"),
        "truncated png": ("cut.png", png[: len(png) // 2], "image-truncated"),
        "truncated jpeg": ("cut.jpg", jpeg[: len(jpeg) // 2], "image-truncated"),
        "truncated webp": ("cut.webp", (webp := encode(small, "WEBP"))[: len(webp) // 2], "image-truncated"),
        "truncated gif": ("cut.gif", (gif := encode(small, "GIF"))[: len(gif) // 2], "image-truncated"),
        "truncated bmp": ("cut.bmp", (bmp := encode(small, "BMP"))[: len(bmp) // 2], "image-truncated"),
        "only a png header": ("cut.png", png[:20], "image-truncated"),
        "only a jpeg header": ("cut.jpg", jpeg[:4], "image-truncated"),
        "no width": ("none.png", png_header(0, 10), "image-truncated"),
        "40,000 x 40,000 png": ("huge.png", png_header(40_000, 40_000), "image-too-large"),
        "10,000 x 10,000 png": ("large.png", png_header(10_000, 10_000), "image-too-large"),
        "65,000 x 65,000 jpeg": ("huge.jpg", jpeg_header(65_000, 65_000), "image-too-large"),
        "too many bytes": ("heavy.png", png + bytes(21 * 2**20), "image-too-heavy"),
        "1 x 10,000": ("strip.png", encode(picture(10_000, 1), "PNG"), "image-too-thin"),
    }
    good = {
        "1 x 1": ("dot.png", encode(picture(1, 1), "PNG")),
        "png called jpg": ("renamed.jpg", png),
        "jpeg called png": ("renamed.png", jpeg),
        "grey": ("grey.png", encode(small.convert("L"), "PNG")),
        "one bit": ("bits.png", encode(small.convert("1"), "PNG")),
        "palette": ("palette.png", encode(small.quantize(64), "PNG")),
        "palette and alpha": ("palette-alpha.png", encode(clear.quantize(64), "PNG")),
        "alpha": ("alpha.png", encode(clear, "PNG")),
        "grey and alpha": ("grey-alpha.png", encode(clear.convert("LA"), "PNG")),
        "16 bit": ("deep.png", encode(deep, "PNG")),
        "cmyk": ("print.jpg", encode(small.convert("CMYK"), "JPEG")),
        "animated gif": ("moving.gif", encode(frames[0], "GIF", save_all=True, append_images=frames[1:])),
        "animated webp": ("moving.webp", encode(frames[0], "WEBP", save_all=True, append_images=frames[1:])),
        "animated png": ("moving.png", encode(frames[0], "PNG", save_all=True, append_images=frames[1:])),
        "two pictures in one jpeg": ("phone.jpg", encode(frames[0], "MPO", save_all=True, append_images=frames[1:])),
        "on its side": ("turned.jpg", encode(small, "JPEG", exif=exif)),
        "corrupt exif": ("exif.jpg", encode(small, "JPEG", exif=b"Exif\0\0II*\0\xff\xff\xff\x7fgarbage")),
        "corrupt profile": ("profile.png", encode(small, "PNG", icc_profile=b"not a profile" * 20)),
        "bmp": ("picture.bmp", bmp),
        "webp": ("picture.webp", webp),
        "tiff": ("scan.tif", scan),
        "tiff called png": ("scan.png", encode(small, "TIFF")),
        "avif": ("picture.avif", avif),
        "alpha avif": ("alpha.avif", encode(clear, "AVIF")),
        "animated avif": ("moving.avif", encode(frames[0], "AVIF", save_all=True, append_images=frames[1:])),
        "two pages": ("pages.tif", encode(picture(48, 64), "TIFF", save_all=True, append_images=[frames[1].copy()])),
        "text bomb": ("bomb.png", png_text_bomb()),
    }
    return bad | {name: (*file, None) for name, file in good.items()}
