"""Maps as pictures: one colour scale for all of them."""

from __future__ import annotations

import functools

import cv2
import numpy as np
from PIL import Image

SCALE = cv2.COLORMAP_VIRIDIS  # perceptually uniform and readable by the colour-blind (van der Walt & Smith 2015)


@functools.cache
def colours() -> np.ndarray:
    """The scale's 256 steps, (256, 3) uint8 RGB, from low to high. Read-only."""
    levels = np.arange(256, dtype=np.uint8)[:, None]
    steps = cv2.applyColorMap(levels, SCALE)[:, 0, ::-1].copy()
    steps.flags.writeable = False
    return steps


def colour_map(values: np.ndarray, low: float | None = None, high: float | None = None) -> np.ndarray:
    """Values (rows, cols) as RGB (rows, cols, 3) uint8; `low` and `high` default to their range. NaN is grey."""
    known = np.isfinite(values)
    low = float(values[known].min()) if low is None else low
    high = float(values[known].max()) if high is None else high
    level = np.clip((np.where(known, values, low) - low) / max(high - low, 1e-12), 0, 1)
    out = np.take(colours(), np.round(level * 255).astype(np.uint8), 0)
    out[~known] = 128
    return out


def overlay(picture: Image.Image, values: np.ndarray, opacity: float = 0.65, **scale) -> Image.Image:
    """A map (rows, cols) laid over all of a picture in grey, each value one flat rectangle; where it is NaN the picture
    stays as it is."""
    base = cv2.cvtColor(np.asarray(picture.convert("L")), cv2.COLOR_GRAY2RGB)
    colour = _enlarged(colour_map(values, **scale), picture.size)  # coloured before: a patch is many pixels
    mixed = cv2.addWeighted(base, 1 - opacity, colour, opacity, 0)
    unseen = ~np.isfinite(values)
    if unseen.any():
        unseen = _enlarged(unseen.astype(np.uint8), picture.size) > 0
        mixed[unseen] = np.asarray(picture.convert("RGB"))[unseen]
    return Image.fromarray(mixed)


def _enlarged(cells: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Cells (rows, cols, ...) as that many pixels (width, height): each is of the cell that its centre lies in."""
    return cv2.resize(cells, size, interpolation=cv2.INTER_NEAREST_EXACT)


def tile(maps: np.ndarray, cell: int = 96, gap: int = 2, columns: int | None = None, **scale) -> Image.Image:
    """Maps (k, rows, cols) side by side on one scale, `columns` a line, each about `cell` pixels high."""
    k, rows, cols = maps.shape
    columns = columns or k
    factor = max(1, round(cell / rows))
    height, width = rows * factor, cols * factor
    lines = -(-k // columns)
    out = np.full((lines * (height + gap) - gap, columns * (width + gap) - gap, 3), 255, np.uint8)
    scale = {"low": float(maps.min()), "high": float(maps.max())} | scale
    for i, one in enumerate(maps):
        top, left = i // columns * (height + gap), i % columns * (width + gap)
        enlarged = colour_map(one, **scale).repeat(factor, 0).repeat(factor, 1)
        out[top : top + height, left : left + width] = enlarged
    return Image.fromarray(out)
