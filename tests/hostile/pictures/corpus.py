"""The corpus of hostile pictures: `make.cases` and more, each with its expected outcome."""

from __future__ import annotations

import zlib

import numpy as np
from PIL import Image, ImageCms, PngImagePlugin

from tests.hostile.pictures import largest, profiles
from tests.hostile.pictures.make import cases, encode, jpeg_header, picture, png_chunk, png_header, tiff

REFUSED = "refused"  # with an InputError of any code, which depends on where the file is cut


def with_chunk(kind: bytes, body: bytes) -> bytes:
    png = encode(picture(8, 8), "PNG")
    return png[:33] + png_chunk(kind, body) + png[33:]


def without_chunk(png: bytes, kind: bytes) -> bytes:
    at = png.index(kind) - 4
    return png[:at] + png[at + 12 + int.from_bytes(png[at : at + 4], "big") :]


def frames(count: int, format: str = "GIF") -> bytes:
    """An animation of black and white frames."""
    shades = [Image.new("L", (16, 16), i % 2 * 255) for i in range(count)]
    return encode(shades[0], format, save_all=True, append_images=shades[1:], duration=20)


def tiffs() -> dict[str, tuple[str, bytes, str | None]]:
    """TIFF files of every compression that is read, and of claims that their bytes do not keep."""
    small, body = picture(48, 64), bytes(4096)
    found = {
        f"TIFF, {mode}, {compression}": ("scan.tif", encode(small.convert(mode), "TIFF", compression=compression), None)
        for mode in ("L", "RGB", "CMYK", "YCbCr")
        for compression in ("tiff_lzw", "tiff_adobe_deflate", "packbits", "jpeg")
    }
    for fax in ("group3", "group4"):
        found[f"TIFF, {fax}"] = ("fax.tif", encode(small.convert("1"), "TIFF", compression=fax), None)
    claims = {
        "a gigapixel": ({256: 32_768, 257: 32_768}, "image-truncated"),
        "a gigapixel of LZW": ({256: 32_768, 257: 32_768, 259: 5, 278: 32_768}, "image-too-large"),
        "2^32 - 1 wide": ({256: 2**32 - 1}, "image-truncated"),
        "tiles of a gigapixel": ({273: None, 322: 32_768, 323: 32_768, 324: 0, 325: 4096}, "image-truncated"),
        "50,000 strips in 4 kB": ({273: [0] * 50_000, 279: [4096] * 50_000, 257: 50_000, 278: 1}, "image-truncated"),
        "text in LZW": ({259: 5}, REFUSED),
        "text in JPEG": ({259: 7}, REFUSED),
        "text in deflate": ({259: 8}, REFUSED),
        "text in group 4": ({259: 4, 258: 1, 292: 1}, REFUSED),
        "LZMA": ({259: 34_925}, "image-format"),
        "Zstandard": ({259: 50_000}, "image-format"),
        "old-style JPEG": ({259: 6, 513: 8, 514: 100}, "image-format"),
        "32 samples": ({277: 32}, "image-format"),
    }
    for case, (changes, code) in claims.items():
        plain = {256: 64, 257: 64, 258: 8, 259: 1, 262: 1, 273: 0, 277: 1, 278: 64, 279: 4096} | changes
        tags = {
            tag: (4, value if isinstance(value, list) else [value]) for tag, value in plain.items() if value is not None
        }
        found[f"TIFF of {case}"] = ("claim.tif", tiff(tags, body), code)
    return found


def profiled() -> dict[str, bytes]:
    """Pictures of one colour with a profile, of the right colour space or another."""
    flat = {
        "RGB": Image.new("RGB", (16, 16), (60, 200, 60)),
        "L": Image.new("L", (16, 16), 100),
        "CMYK": Image.new("CMYK", (16, 16), (255, 0, 0, 0)),
    }
    kinds = {
        "Display P3": ("RGB", profiles.rgb(profiles.DISPLAY_P3)),
        "CMYK": ("CMYK", profiles.cmyk()),
        "Adobe RGB": ("RGB", profiles.rgb(profiles.ADOBE_RGB)),
        "linear grey": ("L", profiles.grey(1.0)),
        "grey, colours in it": ("RGB", profiles.grey(1.0)),
        "RGB, grey in it": ("L", profiles.rgb()),
        "RGB, inks in it": ("CMYK", profiles.rgb()),
        "CMYK, colours in it": ("RGB", profiles.cmyk()),
        "half a profile": ("RGB", profiles.rgb()[:300]),
        "programs": ("RGB", profiles.rgb() + b"mpet"),
    }
    return {
        name: encode(flat[mode], "JPEG" if mode == "CMYK" else "PNG", icc_profile=icc)
        for name, (mode, icc) in kinds.items()
    }


def more() -> dict[str, tuple[str, bytes, str | None]]:
    """{case: (file name, bytes, the InputError's code or REFUSED, or None for a file that must be read)}."""
    small = picture(48, 64)
    noise = Image.fromarray(np.random.default_rng(1).integers(0, 256, (48, 64, 3), dtype=np.uint8))
    found: dict[str, tuple[str, bytes, str | None]] = {}
    for format in ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF", "AVIF"):
        data = encode(noise, format)  # noise: every byte matters
        for eighth in range(1, 8):
            found[f"{format} cut at {eighth}/8"] = (f"cut.{format}", data[: len(data) * eighth // 8], REFUSED)
    png, jpeg = encode(small, "PNG"), encode(small, "JPEG")
    broken = bytearray(png)
    broken[png.index(b"IDAT") + 9] ^= 0xFF
    draw = np.random.default_rng(0)
    clear = Image.new("RGBA", (32, 32), (10, 200, 30, 0))
    found |= {
        "144 megapixels of nothing": ("bomb.png", largest.png(0, 1, 12_000, 12_000), "image-too-large"),
        "88 megapixels, of which Pillow says nothing": ("bomb.png", largest.png(0, 1, 9_400, 9_400), "image-too-large"),
        "4 gigapixels of JPEG": ("bomb.jpg", jpeg_header(65_500, 65_500), "image-too-large"),
        "65,535 x 65,535 png": ("huge.png", png_header(65_535, 65_535), "image-too-large"),
        "2^31 - 1 wide": ("huge.png", png_header(2**31 - 1, 2**31 - 1), "image-too-large"),
        "2^31 wide": ("huge.png", png_header(2**31, 1), REFUSED),
        "iccp bomb": ("bomb.png", with_chunk(b"iCCP", b"x\0\0" + zlib.compress(bytes(2**27), 9)), REFUSED),
        "itxt bomb": ("bomb.png", with_chunk(b"iTXt", b"x\0\1\0\0\0" + zlib.compress(bytes(2**27), 9)), None),
        "a palette that is missing": (
            "palette.png",
            without_chunk(encode(small.quantize(64), "PNG"), b"PLTE"),
            "image-truncated",
        ),
        "wrong checksum": ("crc.png", bytes(broken), REFUSED),
        "html": ("page.png", b"<!DOCTYPE html><script>alert(1)</script>" * 20, "image-not-a-picture"),
        "photoshop": ("layers.jpg", b"8BPS\0\1" + bytes(200), "image-format"),
        "icon": ("icon.png", b"\0\0\1\0\1\0" + bytes(200), "image-format"),
        "random bytes": ("noise.png", draw.bytes(50_000), "image-not-a-picture"),
        "a png's name on random bytes": ("noise.png", b"\x89PNG\r\n\x1a\n" + draw.bytes(5_000), REFUSED),
        "fully transparent": ("clear.png", encode(clear, "PNG"), None),
        **{
            f"3,000 frames of {format}": (f"long.{format}", frames(3_000, format), None)
            for format in ("GIF", "PNG", "WEBP")
        },
        "3,000 frames of AVIF": ("long.avif", frames(3_000, "AVIF"), None),
        "300 pages of TIFF": ("long.tif", frames(300, "TIFF"), None),
        **tiffs(),
        **{f"profile: {name}": ("profile.png", data, None) for name, data in profiled().items()},
        "tiff of no numbers": (
            "nan.tif",
            encode(Image.fromarray(np.full((9, 9), np.nan, np.float32)), "TIFF"),
            "image-format",
        ),
        "gif that is javascript": ("code.gif", encode(small, "GIF")[:-1] + b"*/=alert(1)//;", None),
        "jpeg that is a zip": ("zip.jpg", jpeg + b"PK\x03\x04" + bytes(200), None),
        "wide gamut": (
            "wide.png",
            encode(small, "PNG", icc_profile=ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()),
            None,
        ),
        "text of many kinds": ("text.png", encode(small, "PNG", pnginfo=_texts()), None),
    }
    for value in (*range(1, 9), 99, 65_535):
        exif = Image.Exif()
        exif[0x0112] = value
        found[f"turned {value}"] = (f"{value}.jpg", encode(small, "JPEG", exif=exif), None)
    return found


def _texts() -> PngImagePlugin.PngInfo:
    texts = PngImagePlugin.PngInfo()
    for i in range(200):
        texts.add_text(f"<script>{i}", "\u202e" * 50, zip=bool(i % 2))
    return texts


def corpus() -> dict[str, tuple[str, bytes, str | None]]:
    """The whole corpus."""
    return cases() | more()
