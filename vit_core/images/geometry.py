"""Where the patches of a model's input lie in the picture.

Picture coordinates are continuous, in pixels of the upright picture: x to the right, y down, (0, 0) the top left corner
of the first pixel and (0.5, 0.5) its centre. Sizes are (height, width), boxes are (left, top, right, bottom).
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from PIL import Image


@dataclass(frozen=True)
class Crop:
    """Which region of a picture became the model's input."""

    picture: tuple[int, int]  # (height, width) of the upright picture, pixels
    box: tuple[float, float, float, float]  # the region in picture coordinates; padding lies outside the picture
    input: tuple[int, int]  # (height, width) of the model input, pixels

    @property
    def scale(self) -> tuple[float, float]:
        """Picture pixels per input pixel, (down, across)."""
        left, top, right, bottom = self.box
        return (bottom - top) / self.input[0], (right - left) / self.input[1]


def _grid(crop: Crop, patch_size: int | tuple[int, int]) -> tuple[int, int, float, float]:
    """rows, cols, and the height and width of a patch in picture pixels. Input beyond the last whole patch is cut."""
    ph, pw = (patch_size, patch_size) if isinstance(patch_size, int) else patch_size
    return crop.input[0] // ph, crop.input[1] // pw, crop.scale[0] * ph, crop.scale[1] * pw


def patch_box(index: tuple[int, int], crop: Crop, patch_size: int | tuple[int, int]) -> tuple[float, ...]:
    """(left, top, right, bottom) of the patch at (row, col) in picture coordinates.

    Raises IndexError for a patch that is not on the grid.
    """
    rows, cols, height, width = _grid(crop, patch_size)
    row, col = index
    if not (0 <= row < rows and 0 <= col < cols):
        raise IndexError(f"patch {index} is not on the grid of {rows} x {cols}")
    left, top = crop.box[0] + col * width, crop.box[1] + row * height
    return left, top, left + width, top + height


def crop_to_patches(
    picture: Image.Image,
    crop: Crop,
    patch_size: int | tuple[int, int],
    side: int = 640,
    *,
    squashed: bool = False,
) -> Image.Image:
    """The part of the upright picture that the patch grid covers, its longer side `side` pixels; padding is black.

    It is cut from the picture, not from the model input, so it is sharp even for a model of 32 x 32 pixels. With
    `squashed` it has the proportions of the model input, which differ from the picture's if `crop_mode` is "squash".
    """
    rows, cols, height, width = _grid(crop, patch_size)
    left, top, wide, high = *crop.box[:2], cols * width, rows * height
    down, across = crop.scale if squashed else (1, 1)
    scale = side / max(wide / across, high / down)
    size = max(1, round(wide / across * scale)), max(1, round(high / down * scale))
    x, y = wide / size[0], high / size[1]  # picture pixels per pixel of the result
    # `resize` reads no box beyond the picture, so only the part inside it is resized, and pasted over black.
    inside = (
        max(0, round(-left / x)),
        max(0, round(-top / y)),
        min(size[0], round((picture.width - left) / x)),
        min(size[1], round((picture.height - top) / y)),
    )
    out = Image.new(picture.mode, size)
    if inside[0] < inside[2] and inside[1] < inside[3]:
        box = (
            max(0, left + inside[0] * x),
            max(0, top + inside[1] * y),
            min(picture.width, left + inside[2] * x),
            min(picture.height, top + inside[3] * y),
        )
        part = inside[2] - inside[0], inside[3] - inside[1]
        out.paste(picture.resize(part, Image.Resampling.BICUBIC, box, reducing_gap=3.0), inside[:2])
    return out


def grid_to_picture(
    grid_map: np.ndarray, crop: Crop, patch_size: int | tuple[int, int], *, smooth: bool = False
) -> np.ndarray:
    """A map (rows, cols) over the patches as a float32 map (height, width) over the picture.

    Each pixel takes the value of the patch that holds its centre, or with `smooth` the bilinear mean of the nearest
    patch centres. Pixels that are in no patch are NaN. Raises ValueError if the grid is not the crop's.
    """
    rows, cols, height, width = _grid(crop, patch_size)
    values = np.ascontiguousarray(grid_map, np.float32)
    if values.shape != (rows, cols):
        raise ValueError(f"the map must be {rows} x {cols} for this crop and patch size, not {values.shape}")
    h, w = crop.picture
    y, x = (np.arange(h) + 0.5 - crop.box[1]) / height, (np.arange(w) + 0.5 - crop.box[0]) / width  # in patches
    if smooth:  # OpenCV maps pixel indices to grid indices; the centres of patches are whole numbers
        to_grid = np.array([[1 / width, 0, x[0] - 0.5], [0, 1 / height, y[0] - 0.5]])
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        out = cv2.warpAffine(values, to_grid, (w, h), flags=flags, borderMode=cv2.BORDER_REPLICATE)
    else:
        row, col = np.floor(y).clip(0, rows - 1).astype(int), np.floor(x).clip(0, cols - 1).astype(int)
        out = values[row][:, col]
    out[(y < 0) | (y >= rows)] = np.nan
    out[:, (x < 0) | (x >= cols)] = np.nan
    return out
