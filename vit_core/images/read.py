"""bytes -> checked image -> model input, and the way back to picture coordinates.

Picture coordinates are continuous, in pixels of the upright picture: x to the right, y down, (0, 0) the
top left corner of the first pixel and (0.5, 0.5) its centre. Sizes are (height, width), boxes are
(left, top, right, bottom).
"""

from __future__ import annotations

import contextlib
import functools
import io
import math
import os
import stat
from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from PIL import Image, ImageCms
from PIL.JpegImagePlugin import JpegImageFile
from torch import Tensor

from vit_core.errors import InputError
from vit_core.images import formats

FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "GIF")  # what a browser shows; nothing that runs code or pages a disk
MAX_PIXELS = 200_000_000  # of a JPEG, by its header
BUDGET = 2**28  # bytes at the worst moment of reading; there is the file itself beside them, and a band
BAND = 2**18  # pixels
MAX_BYTES = 20 * 1024 * 1024
MAX_RATIO = 100  # longer side / shorter side: past it a square model sees under a hundredth of the picture
MAX_RESIZED = 16_000_000  # pixels of the picture between resize and crop
#: Pillow's ways to resize.
INTERPOLATIONS = ("nearest", "box", "bilinear", "hamming", "bicubic", "lanczos")

#: (offset, bytes there, name): enough to tell a person what their file is when it cannot be opened.
SIGNATURES = (
    (0, b"\x89PNG", "PNG"),
    (0, b"\xff\xd8\xff", "JPEG"),
    (0, b"GIF8", "GIF"),
    (8, b"WEBP", "WEBP"),
    (0, b"BM", "BMP"),
    (0, b"II*\0", "TIFF"),
    (0, b"MM\0*", "TIFF"),
    (0, b"8BPS", "Photoshop"),
    (0, b"%!PS", "PostScript"),
    (0, b"%PDF", "PDF"),
    (0, b"<svg", "SVG"),
    (4, b"ftypavif", "AVIF"),
    (4, b"ftyphei", "HEIC"),
    (4, b"ftypmif1", "HEIC"),
    (0, b"\0\0\0\x0cjP", "JPEG 2000"),
    (0, b"\xff\x0a", "JPEG XL"),
    (0, b"\0\0\1\0", "icon"),
)

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


def read(
    source: str | os.PathLike | bytes | Image.Image, *, max_pixels: int = MAX_PIXELS, max_bytes: int = MAX_BYTES
) -> Image.Image:
    """The picture in a file (a path, or its bytes) or an open image: upright, 8-bit RGB, its metadata gone.

    The content decides the format, not the file's name. EXIF orientation is applied; transparency is laid
    over white; 16-bit values keep their high byte; a colour profile other than sRGB is converted to sRGB
    where it is intact; of an animation, the first frame, and how many there are as `info["frames"]`. Corrupt EXIF data
    or profiles are passed over.

    No file takes more than 300 MB and 2 s of a processor. How many pixels that is depends on what decoding holds for
    each (`_peak`): 16.8 million of WebP, 33.6 million in colour, 38 million of GIF, 53.7 million in grey or with a
    palette. A larger JPEG, as a telephone takes it, comes at 1/2, 1/4 or 1/8 of its size, up to `max_pixels`, and then
    `info["part"]` is that 2, 4 or 8; a progressive one, whose coefficients are all held whatever the size, up to some
    44 million.

    Raises InputError, and nothing else, for whatever the bytes are; the codes:
    "image-missing" no such file, or it cannot be opened; "image-empty" no bytes; "image-too-heavy" more than
    `max_bytes`; "image-not-a-picture"; "image-format" a picture, of a kind not in FORMATS; "image-truncated"
    cut off or damaged, or of more parts than any program writes; "image-too-large" more pixels than that, by the
    header, before anything is decoded; "image-too-thin" one side over MAX_RATIO times the other.
    """
    if isinstance(source, Image.Image):
        image, name, whole, frames = source, "picture", False, 1
    else:
        image, name, whole, frames = _open(
            source if isinstance(source, bytes) else _bytes(source, max_bytes), max_bytes
        )
    try:
        part = _check_size(image, name, max_pixels, whole)
        image.load()
        turn = UPRIGHT.get(formats.orientation(image.info.get("exif", b"")))
        image = image if turn is None else image.transpose(turn)
        picture = _rgb(image)
    except InputError:
        raise
    except MemoryError as error:
        raise _too_large(name, image.width * image.height) from error
    except Exception as error:  # decoders raise a dozen types on damage, SyntaxError among them
        raise _damaged(name) from error
    # No EXIF, or a second reading would turn it again.
    picture.info = {name: n for name, n in (("frames", frames), ("part", part)) if n > 1}
    return picture


def _bytes(path: str | os.PathLike, max_bytes: int) -> bytes:
    name = os.path.basename(os.fspath(path))
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):  # a folder, or a pipe that would never end
            raise OSError("not a regular file")
        with open(path, "rb") as file:
            return file.read(max_bytes + 1)
    except (OSError, ValueError) as error:  # ValueError: a name that the system cannot hold
        raise InputError(
            "image-missing",
            f"There is no picture file {name!r} that can be opened; check its name, its folder and who may read it.",
            name=name,
        ) from error


def _open(data: bytes, max_bytes: int) -> tuple[Image.Image, str, bool, int]:
    """The image, its header read and its pixels not; the name of its format; whether a JPEG's rows are decoded as they
    are read, and forgotten; and the number of frames."""
    if not data:
        raise InputError("image-empty", "The file is empty (0 bytes); copy or download the picture again.")
    if len(data) > max_bytes:
        limit = max_bytes / 2**20
        raise InputError(
            "image-too-heavy",
            f"The file is larger than {limit:.3g} MB; save the picture smaller, or as JPEG, and try again.",
            max_bytes=max_bytes,
        )
    name = next((name for at, magic, name in SIGNATURES if data.startswith(magic, at)), None)
    if name is None and b"<svg" in data[:1000]:
        name = "SVG"
    try:
        lean, whole = formats.lean(name, data), False
        if name == "JPEG":  # Image.open would go on to the pictures behind it
            image = JpegImageFile(formats.Patient(lean.data))
            whole = lean.components == image.layers and "progressive" not in image.info
        else:
            image = Image.open(formats.Patient(lean.data), formats=FORMATS)
        image.info["exif"] = lean.exif
        return image, name or "picture", whole, lean.frames
    except (Image.DecompressionBombError, Image.DecompressionBombWarning, MemoryError) as error:
        raise _too_large(name or "picture", BUDGET // (16 if name == "WEBP" else 5)) from error
    except Exception as error:
        if name in FORMATS:
            raise _damaged(name) from error
        if name:
            raise InputError(
                "image-format",
                f"{name} pictures cannot be read; save the picture as JPEG or PNG and try again.",
                format=name,
            ) from error
        raise InputError(
            "image-not-a-picture",
            "The file is not a picture, whatever its name says; choose a JPEG, PNG, WebP, BMP or GIF file.",
        ) from error


def _damaged(name: str) -> InputError:
    return InputError(
        "image-truncated", f"The {name} file is damaged or cut off; copy, download or export it again.", format=name
    )


def _too_large(name: str, limit: float, width: int | None = None, height: int | None = None) -> InputError:
    size, megapixels = f" ({width:,} x {height:,} pixels)" if width else "", f"{limit / 1e6:.3g}"
    return InputError(
        "image-too-large",
        f"The picture is too large{size}: a {name} file like this one can be opened "
        f"with at most {megapixels} megapixels, and fewer when memory is short; scale it down and try "
        "again.",
        format=name,
        megapixels=megapixels,
        width=width,
        height=height,
    )


def _check_size(image: Image.Image, name: str, max_pixels: int, whole: bool) -> int:
    """Refuses what is too large or too thin; a JPEG will be decoded at a scale that fits: one part in so many."""
    width, height = image.size
    if width < 1 or height < 1:
        raise _damaged(name)
    scales = (1, 2, 4, 8) if getattr(image, "tile", ()) and isinstance(image, JpegImageFile) else (1,)
    scale = next((s for s in scales if width * height * _peak(image, whole, s) <= BUDGET), None)
    if scale is None or width * height > max_pixels:
        raise _too_large(name, min(BUDGET / _peak(image, whole, scales[-1]), max_pixels), width, height)
    if max(width, height) > MAX_RATIO * min(width, height):
        raise InputError(
            "image-too-thin",
            f"The picture is {width:,} x {height:,} pixels, too thin a strip to look "
            f"at; crop it until one side is at most {MAX_RATIO} times the other.",
            width=width,
            height=height,
            max_ratio=MAX_RATIO,
        )
    if scale > 1:
        image.draft(None, (width // scale, height // scale))
    return scale


def _peak(image: Image.Image, whole: bool, scale: int = 1) -> float:
    """Bytes that reading holds at its worst moment, for each pixel of the file, decoded at 1/`scale` of its size."""
    if image.format == "WEBP":  # two canvases, what Pillow is handed, and what it makes of that
        return 16
    pixel = 1 if image.mode in ("1", "L", "P") else 2 if image.mode.startswith("I;16") else 4
    pixel += 2 * (image.format == "GIF")  # what the next frame would be drawn on, and comments
    end = (pixel + (12 if image.mode == "CMYK" else 4)) / scale**2  # with the RGB made of it; inks are slow to convert
    if isinstance(image, JpegImageFile) and not whole:  # two bytes for each coefficient until the last scan is read
        return max(2 * image.layers + pixel / scale**2, end)
    for codec, _, _, how in getattr(image, "tile", ()):  # time rather:
        if codec == "bmp_rle":  # Python unpacks it
            return 32
        if codec == "zip" and pixel == 4 and str(how).endswith("16B"):  # twice the bytes go through the filters
            end = 16
        if codec == "zip" and image.has_transparency_data and "icc_profile" in image.info:
            end *= 1.25
    return end


def _rgb(image: Image.Image) -> Image.Image:
    """8-bit sRGB of any mode; transparency over white. A band at a time: what lies in between is never there whole."""
    clear = image.has_transparency_data
    convert = _srgb("RGB" if clear else image.mode, image.info.get("icc_profile"))
    if convert is None and not clear and not image.mode.startswith("I"):
        return image.convert("RGB")
    out, rows = Image.new("RGB", image.size), max(1, BAND // image.width)
    for top in range(0, image.height, rows):
        band = image.crop((0, top, image.width, min(top + rows, image.height)))
        out.paste(_flat(band, clear, convert or (lambda part: part.convert("RGB"))), (0, top))
    return out


def _flat(image: Image.Image, clear: bool, convert: Callable[[Image.Image], Image.Image]) -> Image.Image:
    if image.mode.startswith("I"):  # Pillow would clip; it reads 16-bit RGB by the high byte, so grey too
        values = np.asarray(image)
        grey = (np.clip(values, 0, 65535) >> 8).astype(np.uint8)
        if clear:  # the one value that is
            grey[values == image.info["transparency"]] = 255
        return Image.fromarray(grey).convert("RGB")
    if not clear:
        return convert(image)
    rgba = image.convert("RGBA")
    over = Image.new("RGB", image.size, "white")
    over.paste(convert(rgba.convert("RGB")), mask=rgba.getchannel("A"))
    return over


def _srgb(mode: str, profile: bytes | None) -> Callable[[Image.Image], Image.Image] | None:
    """What converts pixels of that mode and profile to sRGB; None where they are, or nobody can tell."""
    if profile and mode in ("RGB", "L", "CMYK"):
        with contextlib.suppress(Exception):  # corrupt, or of another colour space than the pixels
            if b"mpet" in profile:  # programs, of any length, for each colour
                return None
            there = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            if "sRGB" not in ImageCms.getProfileDescription(there):
                transform = ImageCms.buildTransform(there, ImageCms.createProfile("sRGB"), mode, "RGB")
                return functools.partial(ImageCms.applyTransform, transform=transform)
    return None


@dataclass(frozen=True)
class Crop:
    """Which region of a picture became the model's input."""

    picture: tuple[int, int]  # (height, width) of the upright picture, pixels
    box: tuple[float, float, float, float]  # the region, picture coordinates; in border mode it may stand over the edge
    input: tuple[int, int]  # (height, width) of the model input, pixels

    @property
    def scale(self) -> tuple[float, float]:
        """Picture pixels for each input pixel, (down, across)."""
        left, top, right, bottom = self.box
        return (bottom - top) / self.input[0], (right - left) / self.input[1]


@dataclass(frozen=True)
class Preprocess:
    """How a model wants its pictures; the fields are timm's eval transform's (`timm.data.create_transform`).

    Calling it gives the tensor that timm's transform gives, without torchvision.
    """

    size: tuple[int, int] = (224, 224)  # (height, width) of the model input, pixels
    mean: tuple[float, ...] = (0.5, 0.5, 0.5)
    std: tuple[float, ...] = (0.5, 0.5, 0.5)
    interpolation: str = "bicubic"  # one of INTERPOLATIONS
    crop_pct: float = 0.9  # model input size / size after the resize
    crop_mode: str = "center"  # "center" | "squash" | "border"

    @property
    def channels(self) -> int:
        return len(self.mean)

    def __call__(self, image: Image.Image) -> tuple[Tensor, Crop]:
        """A picture, as `read` gives it, to (1, channels, height, width) float32, normalised, and its crop."""
        pixels = torch.from_numpy(np.array(self.seen(image))).view(*self.size, self.channels)
        pixels = pixels.permute(2, 0, 1).float().div(255)  # channels height width
        mean, std = (torch.tensor(v, dtype=torch.float32).view(-1, 1, 1) for v in (self.mean, self.std))
        return ((pixels - mean) / std)[None].contiguous(), self.crop((image.height, image.width))

    def seen(self, image: Image.Image) -> Image.Image:
        """The picture that the model receives, before normalisation: `size`, RGB or (one channel) L.

        Raises InputError "image-channels" for a model that wants neither one channel nor three.
        """
        if self.channels not in (1, 3):
            raise InputError(
                "image-channels",
                f"This model wants {self.channels} channels; a picture has 3, or 1 when "
                "grey. Choose a model for pictures.",
                channels=self.channels,
            )
        image = image.convert("L" if self.channels == 1 else "RGB")
        (H, W), (rh, rw) = self.size, self._resized((image.height, image.width))
        top, left = _offset(rh, H), _offset(rw, W)
        window = max(left, 0), max(top, 0), min(left + W, rw), min(top + H, rh)  # what is picture, not padding
        method = Image.Resampling[self.interpolation.upper()]
        if rh * rw <= MAX_RESIZED:
            part = image.resize((rw, rh), method).crop(window)
        else:  # a long strip: resample only what the crop keeps; equal but for the last bit here and there
            x, y = image.width / rw, image.height / rh
            box = window[0] * x, window[1] * y, min(window[2] * x, image.width), min(window[3] * y, image.height)
            part = image.resize((window[2] - window[0], window[3] - window[1]), method, box=box)
        if part.size == (W, H):
            return part
        fill = tuple(round(255 * m) if self.crop_mode == "border" else 0 for m in self.mean)
        canvas = Image.new(image.mode, (W, H), fill if self.channels > 1 else fill[0])
        canvas.paste(part, (window[0] - left, window[1] - top))
        return canvas

    def crop(self, picture: tuple[int, int]) -> Crop:
        """The region of a (height, width) picture that the model sees."""
        (H, W), (rh, rw) = self.size, self._resized(picture)
        top, left, y, x = _offset(rh, H), _offset(rw, W), picture[0] / rh, picture[1] / rw
        return Crop(tuple(picture), (left * x, top * y, (left + W) * x, (top + H) * y), tuple(self.size))

    def _resized(self, picture: tuple[int, int]) -> tuple[int, int]:
        """(height, width) of the picture after the resize, rounded as timm 1.0 does."""
        (h, w), (H, W) = picture, (math.floor(s / self.crop_pct) for s in self.size)
        if self.crop_mode == "squash":
            return H, W
        if self.crop_mode == "center" and H == W:  # the shorter side is H, the longer rounded down
            return (int(H * h / w), H) if w <= h else (H, int(H * w / h))
        if self.crop_mode not in ("center", "border"):
            raise ValueError(f"crop_mode must be 'center', 'squash' or 'border', not {self.crop_mode!r}")
        ratio = (max if self.crop_mode == "border" else min)(h / H, w / W)
        return max(1, round(h / ratio)), max(1, round(w / ratio))


def _offset(resized: int, wanted: int) -> int:
    """Where the input begins in the resized picture; negative where it begins with padding. As torchvision rounds."""
    return round((resized - wanted) / 2) if resized >= wanted else -((wanted - resized) // 2)


def _grid(crop: Crop, patch_size: int | tuple[int, int]) -> tuple[int, int, float, float]:
    """rows, cols, and the height and width of a patch in picture pixels; what is left over is not seen."""
    ph, pw = (patch_size, patch_size) if isinstance(patch_size, int) else patch_size
    return crop.input[0] // ph, crop.input[1] // pw, crop.scale[0] * ph, crop.scale[1] * pw


def patch_box(index: tuple[int, int], crop: Crop, patch_size: int | tuple[int, int]) -> tuple[float, ...]:
    """(left, top, right, bottom) of the patch at (row, col), picture coordinates; padding lies outside the picture.

    Raises IndexError for a patch that is not on the grid.
    """
    rows, cols, height, width = _grid(crop, patch_size)
    row, col = index
    if not (0 <= row < rows and 0 <= col < cols):
        raise IndexError(f"patch {index} is not on the grid of {rows} x {cols}")
    left, top = crop.box[0] + col * width, crop.box[1] + row * height
    return left, top, left + width, top + height


def patch_at(x: float, y: float, crop: Crop, patch_size: int | tuple[int, int]) -> tuple[int, int] | None:
    """(row, col) of the patch that holds the point (x, y), picture coordinates; None where the model sees nothing."""
    rows, cols, height, width = _grid(crop, patch_size)
    row, col = math.floor((y - crop.box[1]) / height), math.floor((x - crop.box[0]) / width)
    return (row, col) if 0 <= row < rows and 0 <= col < cols else None


def grid_to_picture(
    grid_map: np.ndarray, crop: Crop, patch_size: int | tuple[int, int], *, smooth: bool = False
) -> np.ndarray:
    """A map (rows, cols) over the patches as a map (height, width) over the picture, float32.

    Each pixel takes the value of the patch that holds its centre, or with `smooth` the bilinear mean of the
    nearest patch centres. NaN where the model saw nothing. Raises ValueError if the grid is not the crop's.
    """
    rows, cols, height, width = _grid(crop, patch_size)
    values = np.ascontiguousarray(grid_map, np.float32)
    if values.shape != (rows, cols):
        raise ValueError(f"the map must be {rows} x {cols} for this crop and patch size, not {values.shape}")
    h, w = crop.picture
    y, x = (np.arange(h) + 0.5 - crop.box[1]) / height, (np.arange(w) + 0.5 - crop.box[0]) / width  # in patches
    if smooth:  # pixel (i, j) -> grid position, where a patch's centre has whole numbers
        to_grid = np.array([[1 / width, 0, x[0] - 0.5], [0, 1 / height, y[0] - 0.5]])
        out = cv2.warpAffine(
            values, to_grid, (w, h), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP, borderMode=cv2.BORDER_REPLICATE
        )
    else:
        row, col = np.floor(y).clip(0, rows - 1).astype(int), np.floor(x).clip(0, cols - 1).astype(int)
        out = values[row][:, col]
    out[(y < 0) | (y >= rows)] = np.nan
    out[:, (x < 0) | (x >= cols)] = np.nan
    return out
