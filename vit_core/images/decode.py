"""Bytes -> picture: upright, 8-bit RGB, within bounds of memory and time."""

from __future__ import annotations

import contextlib
import functools
import io
import os
import stat
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageCms
from PIL.JpegImagePlugin import JpegImageFile
from PIL.TiffImagePlugin import TiffImageFile

from vit_core.errors import InputError
from vit_core.images import formats
from vit_core.images.stripped import UnsupportedKindError

FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "GIF", "TIFF", "AVIF")  # none of them runs code
MAX_FILE_BYTES = 20 * 2**20
MAX_PIXELS = 200_000_000  # of a JPEG, by its header
MAX_DECODING_BYTES = 2**28  # at the worst moment of reading, besides the file and one band
MAX_RATIO = 100  # longer side / shorter side: beyond it, a square model sees less than a hundredth of the picture
BAND_PIXELS = 2**18  # converted at a time

#: EXIF tag 0x0112 -> what makes the picture upright (CIPA DC-008, "Orientation"); 1 needs nothing.
UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


class _Opened(NamedTuple):
    """A picture whose header was read and whose pixels were not."""

    image: Image.Image
    name: str  # of its format
    exif: bytes = b""
    streamed: bool = False  # a JPEG whose rows are decoded as they are read, without storing coefficients
    frames: int = 1
    pages: int = 1
    pixels: int = 0  # that decoding may produce, where they can be more than the picture's
    pixel_bytes: float = 0.0  # see `Stripped`


def read_image(
    source: str | os.PathLike | bytes | Image.Image,
    *,
    max_pixels: int = MAX_PIXELS,
    max_bytes: int = MAX_FILE_BYTES,
) -> Image.Image:
    """The picture in a file (a path or its bytes) or an open image: upright, 8-bit RGB, without metadata.

    The content decides the format, not the file's name. EXIF orientation is applied, transparency is laid over white,
    16-bit values keep their high byte, and a colour profile other than sRGB is converted to sRGB. Damaged EXIF data and
    profiles are ignored. Of an animation, the first frame is read, and `info["frames"]` is the number of frames; of a
    TIFF, the first page, and `info["pages"]` is the number of pages. Floating-point values of a TIFF are taken as 0
    (black) to 1 (white).

    Reading takes at most 300 MB and 2 s of one processor. The largest size depends on the bytes that decoding needs per
    pixel: 7.9 to 13.4 million pixels of AVIF, 16.8 million of WebP, 33.6 million of colour, 38 million of GIF, 53.7
    million of grey or with a palette. A larger JPEG, such as a phone's, is read at 1/2, 1/4 or 1/8 of its size, and
    `info["part"]` is that 2, 4 or 8: up to `max_pixels`, or about 44 million if it is progressive (all its coefficients
    are held at any size).

    Raises only InputError, whatever the bytes are. Codes: "image-missing", "image-empty", "image-too-heavy" (more than
    `max_bytes`), "image-not-a-picture", "image-format" (not one of FORMATS, or a kind of TIFF or AVIF that is not
    read), "image-truncated" (cut off, damaged, or of
    more parts than any program writes), "image-too-large" (decided from the header, before decoding), "image-too-thin"
    (one side more than MAX_RATIO times the other).
    """
    if isinstance(source, Image.Image):
        opened = _Opened(source, "picture", source.info.get("exif", b""))
    else:
        opened = _open(source if isinstance(source, bytes) else _file_bytes(source, max_bytes), max_bytes)
    name, image, counts = opened.name, opened.image, {"frames": opened.frames, "pages": opened.pages}
    try:
        part = _draft(opened, max_pixels)
        image.load()
        turn = UPRIGHT.get(formats.orientation(opened.exif))
        del opened
        if name == "TIFF" and image.mode in ("F", "I"):
            image = _scaled_values(image)
        image = image if turn is None else image.transpose(turn)  # frees the other, to stay within the memory
        picture = _to_rgb(image)
    except InputError:
        raise
    except MemoryError as error:
        raise _too_large(name, image.width * image.height) from error
    except Exception as error:  # decoders raise a dozen types on damaged files, SyntaxError among them
        raise _damaged(name) from error
    # Without its EXIF data, reading the result again does not turn it again.
    picture.info = {key: n for key, n in (counts | {"part": part}).items() if n > 1}
    return picture


def _file_bytes(path: str | os.PathLike, max_bytes: int) -> bytes:
    name = os.path.basename(os.fspath(path))
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):  # a folder, or a pipe that never ends
            raise OSError("not a regular file")
        with open(path, "rb") as file:
            return file.read(max_bytes + 1)
    except (OSError, ValueError) as error:  # ValueError: a name that the system does not allow
        raise missing_image(name) from error


def missing_image(name: str) -> InputError:
    """The error for a picture file that cannot be opened."""
    return InputError(
        "image-missing",
        f"The picture file {name!r} cannot be opened. Check its name, its folder and its permissions.",
        name=name,
    )


def _open(data: bytes, max_bytes: int) -> _Opened:
    if not data:
        raise InputError("image-empty", "The file is empty (0 bytes). Copy or download the picture again.")
    check_file_size(len(data), max_bytes)
    name = formats.format_name(data)
    try:
        stripped, streamed = formats.strip(name, data), False
        reader = formats.LimitedReader(stripped.data)
        if name == "JPEG":  # `Image.open` would also read the pictures behind the first
            image = JpegImageFile(reader)
            streamed = stripped.components == image.layers and "progressive" not in image.info
        elif name == "TIFF":
            image = _open_tiff(reader)
        else:
            image = Image.open(reader, formats=FORMATS)
        # Pillow gives the orientation of an AVIF as EXIF data.
        exif = image.info.get("exif", b"") if name == "AVIF" else stripped.exif
        return _Opened(image, name or "picture", exif, streamed, *stripped[3:])
    except UnsupportedKindError as error:
        raise _unsupported(str(error)) from error
    except (Image.DecompressionBombError, Image.DecompressionBombWarning, MemoryError) as error:
        raise _too_large(name or "picture", MAX_DECODING_BYTES // (16 if name == "WEBP" else 5)) from error
    except Exception as error:
        if name in FORMATS:
            raise _damaged(name) from error
        if name:
            raise _unsupported(name) from error
        raise InputError(
            "image-not-a-picture",
            "This file is not a picture, whatever its name says. Choose a JPEG, PNG, WebP, BMP, GIF, TIFF or AVIF "
            "file.",
        ) from error


def _open_tiff(reader: formats.LimitedReader) -> TiffImageFile:
    """The first page. Raises UnsupportedKindError for pixels that Pillow does not know."""
    try:
        return TiffImageFile(reader)
    except SyntaxError as error:
        raise UnsupportedKindError("TIFF (this kind of pixels)") from error


def _unsupported(name: str) -> InputError:
    return InputError("image-format", f"{name} pictures cannot be read. Save the picture as JPEG or PNG.", format=name)


def check_file_size(size: int, max_bytes: int = MAX_FILE_BYTES) -> None:
    """Raises InputError "image-too-heavy" for a file of more than `max_bytes` bytes."""
    if size > max_bytes:
        megabytes = f"{max_bytes / 2**20:.3g}"
        raise InputError(
            "image-too-heavy",
            f"The file is larger than {megabytes} MB. Save the picture smaller, or as JPEG.",
            max_bytes=max_bytes,
            megabytes=megabytes,
        )


def _damaged(name: str) -> InputError:
    return InputError(
        "image-truncated", f"The {name} file is damaged or cut off. Copy, download or export it again.", format=name
    )


def _too_large(name: str, limit: float, width: int | None = None, height: int | None = None) -> InputError:
    size, megapixels = f" ({width:,} x {height:,} pixels)" if width else "", f"{limit / 1e6:.3g}"
    return InputError(
        "image-too-large",
        f"The picture is too large{size}. {name} files of this kind can have at most {megapixels} megapixels, or "
        "fewer if memory is short. Scale it down and try again.",
        format=name,
        megapixels=megapixels,
        width=width,
        height=height,
    )


def _draft(opened: _Opened, max_pixels: int) -> int:
    """Refuses a picture that is too large or too thin. Returns 2, 4 or 8 if a JPEG is decoded at that part, else 1."""
    image, name = opened.image, opened.name
    width, height = image.size
    if width < 1 or height < 1:
        raise _damaged(name)
    pixels = max(width * height, opened.pixels)
    scales = (1, 2, 4, 8) if getattr(image, "tile", ()) and isinstance(image, JpegImageFile) else (1,)
    scale = next((s for s in scales if pixels * _peak_bytes(opened, s) <= MAX_DECODING_BYTES), None)
    if scale is None or pixels > max_pixels:
        most = min(MAX_DECODING_BYTES / _peak_bytes(opened, scales[-1]), max_pixels)
        raise _too_large(name, most, width, height)
    if max(width, height) > MAX_RATIO * min(width, height):
        raise InputError(
            "image-too-thin",
            f"The picture is {width:,} x {height:,} pixels, which is too thin. Crop it until one side is at most "
            f"{MAX_RATIO} times the other.",
            width=width,
            height=height,
            max_ratio=MAX_RATIO,
        )
    if scale > 1:
        image.draft(None, (width // scale, height // scale))
    return scale


def _peak_bytes(opened: _Opened, scale: int = 1) -> float:
    """Bytes held at the worst moment of reading, per pixel of the file, if it is decoded at 1/`scale` of its size."""
    image = opened.image
    if image.format == "AVIF":
        return opened.pixel_bytes
    if image.format == "WEBP":  # two canvases, the buffer that Pillow gets, and the picture made of it
        return 16
    pixel = 1 if image.mode in ("1", "L", "P") else 2 if image.mode.startswith("I;16") else 4
    pixel += 2 * (image.format == "GIF")  # the background of the next frame, and comments
    total = (pixel + (12 if image.mode == "CMYK" else 4)) / scale**2  # with the RGB result; CMYK is slow to convert
    if image.format == "TIFF":  # a strip is decoded beside the pixels; LAB and CMYK are slow to convert
        return pixel + max(opened.pixel_bytes, 12 if image.mode in ("CMYK", "LAB") else 4)
    if (
        isinstance(image, JpegImageFile) and not opened.streamed
    ):  # two bytes per coefficient until the last scan is read
        return max(2 * image.layers + pixel / scale**2, total)
    for codec, _, _, how in getattr(image, "tile", ()):  # what follows bounds the time rather than the memory
        if codec == "bmp_rle":  # Pillow unpacks it in Python
            return 32
        if codec == "zip" and pixel == 4 and str(how).endswith("16B"):  # twice the bytes go through the filters
            total = 16
        if codec == "zip" and image.has_transparency_data and "icc_profile" in image.info:
            total *= 1.25
    return total


def _to_rgb(image: Image.Image) -> Image.Image:
    """8-bit sRGB of an image of any mode, transparency over white. Converts in bands, to hold little in between."""
    transparent = image.has_transparency_data
    convert = _to_srgb("RGB" if transparent else image.mode, image.info.get("icc_profile"))
    if convert is None and not transparent and not image.mode.startswith("I"):
        return image.convert("RGB")
    out, rows = Image.new("RGB", image.size), max(1, BAND_PIXELS // image.width)
    for top in range(0, image.height, rows):
        band = image.crop((0, top, image.width, min(top + rows, image.height)))
        out.paste(_band_to_rgb(band, transparent, convert or (lambda part: part.convert("RGB"))), (0, top))
    return out


def _scaled_values(image: Image.Image) -> Image.Image:
    """A TIFF of 32-bit numbers as 8-bit grey: floating-point values from 0 to 1, integers of 16 bits.

    Raises InputError "image-format" for other values, whose black and white nothing tells.
    """
    grey, rows = Image.new("L", image.size), max(1, BAND_PIXELS // image.width)
    most = 1 if image.mode == "F" else 65_535
    for top in range(0, image.height, rows):
        values = np.asarray(image.crop((0, top, image.width, min(top + rows, image.height))))
        if not ((values >= 0) & (values <= most)).all():
            raise _unsupported(f"TIFF (numbers outside 0 to {most})")
        part = values * 255 + 0.5 if image.mode == "F" else values >> 8
        grey.paste(Image.fromarray(part.astype(np.uint8)), (0, top))
    return grey


def _band_to_rgb(image: Image.Image, transparent: bool, convert: Callable[[Image.Image], Image.Image]) -> Image.Image:
    if image.mode.startswith("I"):  # Pillow would clip 16-bit grey; of 16-bit RGB it too keeps the high byte
        values = np.asarray(image)
        grey = (np.clip(values, 0, 65535) >> 8).astype(np.uint8)
        if transparent:
            grey[values == image.info["transparency"]] = 255
        return Image.fromarray(grey).convert("RGB")
    if not transparent:
        return convert(image)
    rgba = (image.convert("LA") if image.mode == "La" else image).convert("RGBA")
    over = Image.new("RGB", image.size, "white")
    over.paste(convert(rgba.convert("RGB")), mask=rgba.getchannel("A"))
    return over


def _to_srgb(mode: str, profile: bytes | None) -> Callable[[Image.Image], Image.Image] | None:
    """The conversion of pixels of a mode and profile to sRGB; None if they are sRGB or the profile cannot be used."""
    if profile and mode in ("RGB", "L", "CMYK"):
        with contextlib.suppress(Exception):  # damaged, or for another colour space than the pixels'
            if b"mpet" in profile:  # programs of any length that run for each colour
                return None
            given = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            if "sRGB" not in ImageCms.getProfileDescription(given):
                transform = ImageCms.buildTransform(given, ImageCms.createProfile("sRGB"), mode, "RGB")
                return functools.partial(ImageCms.applyTransform, transform=transform)  # pyright: ignore[reportReturnType]
    return None
