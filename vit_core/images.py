"""bytes -> checked image -> model input, and the way back to picture coordinates."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Preprocess:
    """How a model wants its pictures; the fields are timm's eval transform's (`timm.data.create_transform`)."""

    size: tuple[int, int] = (224, 224)  # (height, width) of the model input, pixels
    mean: tuple[float, ...] = (0.5, 0.5, 0.5)
    std: tuple[float, ...] = (0.5, 0.5, 0.5)
    interpolation: str = "bicubic"  # or "bilinear"
    crop_pct: float = 0.9  # model input size / size after the resize
    crop_mode: str = "center"  # "center" | "squash" | "border"

    @property
    def channels(self) -> int:
        return len(self.mean)
