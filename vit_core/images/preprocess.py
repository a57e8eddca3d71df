"""Picture -> model input: resize, crop, normalise."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from vit_core.errors import InputError
from vit_core.images.geometry import Crop

#: Pillow's resampling filters.
INTERPOLATIONS = ("nearest", "box", "bilinear", "hamming", "bicubic", "lanczos")
CROP_MODES = ("center", "squash", "border")
#: How the margin left of and above a centre crop is rounded, where half a pixel is over: to the even number, as timm
#: and torchvision do, or down, as the image processors of transformers do.
CROP_ROUNDINGS = ("round", "floor")
MAX_RESIZED_PIXELS = 16_000_000  # of the picture between resize and crop


@dataclass(frozen=True)
class Preprocess:
    """How a model wants its pictures. The fields are those of timm's eval transform (`timm.data.create_transform`),
    and `crop_rounding`, in which transformers' image processors differ from it.

    Calling it gives the same tensor as timm's transform, without torchvision.
    """

    size: tuple[int, int] = (224, 224)  # (height, width) of the model input, pixels
    mean: tuple[float, ...] = (0.5, 0.5, 0.5)
    std: tuple[float, ...] = (0.5, 0.5, 0.5)
    interpolation: str = "bicubic"  # one of INTERPOLATIONS
    crop_pct: float = 0.9  # model input size / size after the resize
    crop_mode: str = "center"  # one of CROP_MODES
    crop_rounding: str = "round"  # one of CROP_ROUNDINGS

    @property
    def channels(self) -> int:
        return len(self.mean)

    @property
    def resized(self) -> tuple[int, int]:
        """(height, width), pixels, that a resized picture covers ("center"), has ("squash") or fits into ("border")."""
        height, width = (math.floor(side / self.crop_pct) for side in self.size)
        return height, width

    @property
    def fit(self) -> str:
        """How a picture gets the size of the model input: `crop_mode`, or "exact" if it is stretched without a crop."""
        return "exact" if self.crop_mode == "squash" and self.resized == self.size else self.crop_mode

    def facts(self) -> dict[str, str]:
        """Its values as texts for a sentence: `resized`, `size` (pixels), `mean` and `std` (for values from 0 to 1)."""
        return {
            "resized": "{} × {}".format(*self.resized),
            "size": "{} × {}".format(*self.size),
            "mean": _one_or_all(self.mean),
            "std": _one_or_all(self.std),
        }

    def input_size(self, picture: tuple[int, int]) -> tuple[int, int]:
        """(height, width), pixels, of the model input of a (height, width) picture: `size`, whatever the picture."""
        return self.size

    def __call__(self, image: Image.Image) -> tuple[Tensor, Crop]:
        """The model input of an upright picture, (1, channels, height, width) float32, normalised; and its crop.

        Raises InputError "image-channels" as `input_image` does.
        """
        pixels = torch.from_numpy(np.array(self.input_image(image)))
        pixels = pixels.view(*self.input_size((image.height, image.width)), self.channels)
        pixels = pixels.permute(2, 0, 1).float().div(255)  # channels height width
        mean, std = (torch.tensor(v, dtype=torch.float32).view(-1, 1, 1) for v in (self.mean, self.std))
        return ((pixels - mean) / std)[None].contiguous(), self.crop((image.height, image.width))

    def input_image(self, image: Image.Image) -> Image.Image:
        """The model input before normalisation, mode RGB, or L for a model of one channel.

        Raises InputError "image-channels" if the model wants neither one channel nor three.
        """
        if self.channels not in (1, 3):
            raise InputError(
                "image-channels",
                f"This model wants {self.channels} channels; a picture has 3, or 1 if it is grey. Choose a model for "
                "pictures.",
                channels=self.channels,
            )
        image = image.convert("L" if self.channels == 1 else "RGB")
        picture = image.height, image.width
        (H, W), (rh, rw) = self.input_size(picture), self._resized(picture)
        top, left = self._offset(rh, H), self._offset(rw, W)
        window = max(left, 0), max(top, 0), min(left + W, rw), min(top + H, rh)  # the input without its padding
        method = Image.Resampling[self.interpolation.upper()]
        if rh * rw <= MAX_RESIZED_PIXELS:
            part = image.resize((rw, rh), method).crop(window)
        else:  # a long strip: resample only what the crop keeps; a few pixels differ by 1
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
        """The region of a (height, width) picture that becomes the model input."""
        (H, W), (rh, rw) = self.input_size(picture), self._resized(picture)
        top, left, y, x = self._offset(rh, H), self._offset(rw, W), picture[0] / rh, picture[1] / rw
        return Crop((picture[0], picture[1]), (left * x, top * y, (left + W) * x, (top + H) * y), (H, W))

    def _resized(self, picture: tuple[int, int]) -> tuple[int, int]:
        """(height, width) of the picture after the resize, rounded as timm 1.0 does."""
        (h, w), (H, W) = picture, self.resized
        if self.crop_mode == "squash":
            return H, W
        if self.crop_mode == "center" and H == W:  # the shorter side becomes H, the longer is rounded down
            return (int(H * h / w), H) if w <= h else (H, int(H * w / h))
        if self.crop_mode not in CROP_MODES:
            raise ValueError(f"crop_mode must be one of {', '.join(CROP_MODES)}, not {self.crop_mode!r}")
        ratio = (max if self.crop_mode == "border" else min)(h / H, w / W)
        return max(1, round(h / ratio)), max(1, round(w / ratio))

    def _offset(self, resized: int, wanted: int) -> int:
        """Where the input begins in the resized picture, pixels; negative if it begins with padding.

        Padding is rounded down in either case.
        """
        if self.crop_rounding not in CROP_ROUNDINGS:
            raise ValueError(f"crop_rounding must be one of {', '.join(CROP_ROUNDINGS)}, not {self.crop_rounding!r}")
        if resized < wanted:
            return -((wanted - resized) // 2)
        return round((resized - wanted) / 2) if self.crop_rounding == "round" else (resized - wanted) // 2


@dataclass(frozen=True)
class WholePicture(Preprocess):
    """A `Preprocess` that crops nothing: the input has the picture's own aspect ratio, in whole patches.

    Its area is about that of `size`, so that it takes about as long. Both sides are rounded to whole patches, by which
    the picture is stretched a little. A strip too long for one row of patches is squeezed into one row.
    """

    patch: tuple[int, int] = (16, 16)  # (height, width), pixels

    @property
    def fit(self) -> str:
        return "whole"

    def input_size(self, picture: tuple[int, int]) -> tuple[int, int]:
        """(height, width), pixels, of the model input of a (height, width) picture."""
        (height, width), (ph, pw) = picture, self.patch
        patches = (self.size[0] // ph) * (self.size[1] // pw)
        rows = math.sqrt(patches * (height / ph) / (width / pw))
        return ph * min(max(1, round(rows)), patches), pw * min(max(1, round(patches / rows)), patches)

    def _resized(self, picture: tuple[int, int]) -> tuple[int, int]:
        return self.input_size(picture)


def _one_or_all(values: tuple[float, ...]) -> str:
    """One value per channel for a sentence: "0.5" or "(0.485, 0.456, 0.406)"."""
    texts = [f"{value:.3g}" for value in values]
    return texts[0] if len(set(texts)) == 1 else f"({', '.join(texts)})"
