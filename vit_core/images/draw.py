"""Maps and thumbnails as pictures."""

from __future__ import annotations

import io
import math

import cv2
import numpy as np
from PIL import Image


def _read_only(colours: np.ndarray) -> np.ndarray:
    colours.flags.writeable = False
    return colours


def _diverging() -> np.ndarray:
    lab = np.array([[72, -4, -42], [22, 0, 0], [72, 22, 66]], np.float32)  # blue, dark grey, orange
    steps = np.linspace(0, 2, 256)
    mixed = np.stack([np.interp(steps, [0, 1, 2], lab[:, i]) for i in range(3)], -1)[None].astype(np.float32)
    return (cv2.cvtColor(mixed, cv2.COLOR_Lab2RGB)[0].clip(0, 1) * 255).round().astype(np.uint8)


#: The colour scale of all maps, (256, 3) uint8 RGB from low to high. It is perceptually uniform and safe for
#: colour-blind readers (van der Walt & Smith 2015).
VIRIDIS = _read_only(
    cv2.applyColorMap(np.arange(256, dtype=np.uint8)[:, None], cv2.COLORMAP_VIRIDIS)[:, 0, ::-1].copy()
)
#: The scale of differences: blue for negative, dark grey for 0, orange for positive, (256, 3) uint8 RGB. Interpolated
#: in CIELAB; the two ends have the same lightness, and colour-blind readers can tell them apart.
DIVERGING = _read_only(_diverging())


#: The rule of `scale_end`.
CLIP_PERCENTILE = 99
CLIP_FACTOR = 3
CLIP_REST = 0.25


def scale_end(values: np.ndarray, outliers: int = 0) -> float:
    """The value of the brightest colour of a map, so that a few patches do not leave all others dark.

    That is the largest value or, if this exceeds 3 times the 99th percentile (numpy's method "lower"), the percentile.
    With `outliers`, the picture's outlier tokens, as many more patches may be above. A map whose patches up to the
    percentile hold less than a quarter of its sum is not clipped: it has nothing else to show.
    `values`: any shape, none negative. app/components/scale.js has the same rule in JavaScript.
    """
    values = np.sort(np.asarray(values, np.float64).ravel())
    above = math.ceil((len(values) - 1) * (100 - CLIP_PERCENTILE) / 100) + outliers
    top, end = values[-1], values[max(0, len(values) - 1 - above)]
    clipped = top > CLIP_FACTOR * end and values[values <= end].sum() >= CLIP_REST * values.sum()
    return float(end if clipped else top)


def colour_map(values: np.ndarray, low: float | None = None, high: float | None = None) -> np.ndarray:
    """Values (rows, cols) as RGB (rows, cols, 3) uint8. `low` and `high` default to their range; NaN is grey."""
    known = np.isfinite(values)
    low = float(values[known].min()) if low is None else low
    high = float(values[known].max()) if high is None else high
    level = np.clip((np.where(known, values, low) - low) / max(high - low, 1e-12), 0, 1)
    out = np.take(VIRIDIS, np.round(level * 255).astype(np.uint8), 0)
    out[~known] = 128
    return out


def overlay(picture: Image.Image, values: np.ndarray, opacity: float = 0.65, **scale) -> Image.Image:
    """A map (rows, cols) laid over the whole picture in grey, one flat rectangle per value.

    Where the map is NaN, the picture shows unchanged. `scale` is `low` and `high` of `colour_map`.
    """
    base = cv2.cvtColor(np.asarray(picture.convert("L")), cv2.COLOR_GRAY2RGB)
    colour = _enlarged(colour_map(values, **scale), picture.size)  # colours first: there are fewer patches than pixels
    mixed = cv2.addWeighted(base, 1 - opacity, colour, opacity, 0)
    unknown = ~np.isfinite(values)
    if unknown.any():
        unknown = _enlarged(unknown.astype(np.uint8), picture.size) > 0
        mixed[unknown] = np.asarray(picture.convert("RGB"))[unknown]
    return Image.fromarray(mixed)


def _enlarged(cells: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Cells (rows, cols, ...) enlarged to (width, height) pixels; a pixel belongs to the cell that holds its centre."""
    return cv2.resize(cells, size, interpolation=cv2.INTER_NEAREST_EXACT)


def tile(maps: np.ndarray, cell: int = 96, gap: int = 2, columns: int | None = None, **scale) -> Image.Image:
    """Maps (k, rows, cols) side by side on one scale, `columns` in a line, each about `cell` pixels high."""
    k, rows, cols = maps.shape
    per_line = columns or k
    factor = max(1, round(cell / rows))
    height, width = rows * factor, cols * factor
    lines = -(-k // per_line)
    out = np.full((lines * (height + gap) - gap, per_line * (width + gap) - gap, 3), 255, np.uint8)
    scale = {"low": float(maps.min()), "high": float(maps.max())} | scale
    for i, one in enumerate(maps):
        top, left = i // per_line * (height + gap), i % per_line * (width + gap)
        enlarged = colour_map(one, **scale).repeat(factor, 0).repeat(factor, 1)
        out[top : top + height, left : left + width] = enlarged
    return Image.fromarray(out)


def thumbnail(picture: Image.Image, side: int) -> bytes:
    """The picture as WebP, its longer side at most `side` pixels. Pictures under 64 pixels are stored losslessly."""
    small = picture.copy()
    small.thumbnail((side, side))
    out = io.BytesIO()
    small.save(out, "WEBP", lossless=max(small.size) < 64, quality=85, method=2)
    return out.getvalue()
