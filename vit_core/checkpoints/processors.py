"""transformers' image processors as a `Preprocess`."""

from __future__ import annotations

import math
import re

from vit_core.checkpoints.assembly import per_channel
from vit_core.checkpoints.errors import shorten
from vit_core.images import Preprocess

_RESAMPLE = {0: "nearest", 1: "lanczos", 2: "bilinear", 3: "bicubic", 4: "box", 5: "hamming"}  # Pillow's numbers

#: The defaults of transformers' image processors: ViT's, then those in which others differ from it.
_VIT_PROCESSOR = {
    "do_resize": True,
    "default_to_square": True,
    "resample": 2,
    "do_center_crop": False,
    "do_rescale": True,
    "rescale_factor": 1 / 255,
    "do_normalize": True,
    "image_mean": (0.5,),
    "image_std": (0.5,),
}
_CLIP_PROCESSOR = {
    "size": {"shortest_edge": 224},
    "default_to_square": False,
    "resample": 3,
    "do_center_crop": True,
    "crop_size": 224,
    "image_mean": (0.48145466, 0.4578275, 0.40821073),
    "image_std": (0.26862954, 0.26130258, 0.27577711),
}
_PROCESSORS = {
    "DeiT": {"size": 256, "resample": 3, "do_center_crop": True, "crop_size": 224},
    "Bit": _CLIP_PROCESSOR,
    "CLIP": _CLIP_PROCESSOR,
    "Siglip": {"size": 224, "resample": 3},
}
#: Switches that are followed or change nothing here; and settings without "do_" that would change pixels.
_FOLLOWED = ("do_resize", "do_center_crop", "do_rescale", "do_normalize", "do_convert_rgb", "do_reduce_labels")
_UNSUPPORTED = ("crop_pct", "offset", "rescale_offset", "include_top")


def _sides(value: object, name: str, square: bool = True) -> tuple[int, ...]:
    """(height, width) of a size in any form that transformers allows, or (shortest edge,). Raises ValueError."""
    if isinstance(value, int):
        value = {"height": value, "width": value} if square else {"shortest_edge": value}
    elif isinstance(value, list) and len(value) == 2:
        value = dict(zip(("height", "width"), value, strict=True))
    given = {k: v for k, v in value.items() if v is not None} if isinstance(value, dict) else {}
    sides = tuple(given[k] for k in ("height", "width", "shortest_edge") if k in given)
    if given.keys() not in ({"height", "width"}, {"shortest_edge"}) or not all(
        type(n) is int and 1 <= n <= 65536 for n in sides
    ):
        raise ValueError(f"{name} = {shorten(value)}")
    return sides


def _crop_pct(size: tuple[int, ...], resized: tuple[int, ...]) -> float:
    """The crop_pct for which `Preprocess` resizes to `resized` before it crops `size`. Raises ValueError."""
    crop_pct = min(s / r for s, r in zip(size, resized, strict=True))
    while any(math.floor(s / crop_pct) < r for s, r in zip(size, resized, strict=True)):
        crop_pct = math.nextafter(crop_pct, 0)  # `Preprocess` rounds down
    if tuple(math.floor(s / crop_pct) for s in size) != resized:
        raise ValueError(f"crop_size = {size[0]} x {size[1]} of size = {resized[0]} x {resized[1]}")
    return crop_pct


def _mean_and_std(stated: dict, channels: int) -> list[tuple[float, ...]]:
    """Mean and standard deviation for pixels from 0 to 1, whatever range the file's are for. Raises ValueError."""
    factor = stated["rescale_factor"] if stated["do_rescale"] else 1
    if not isinstance(factor, int | float) or not 1e-6 <= factor <= 1e6:
        raise ValueError(f"rescale_factor = {shorten(factor)}")
    factor = 1 if math.isclose(255 * factor, 1, rel_tol=1e-6) else 255 * factor  # 0.0039215687 is meant to be 1 / 255
    pair = (stated["image_mean"], stated["image_std"]) if stated["do_normalize"] else ((0.0,), (1.0,))
    return [tuple(v / factor for v in per_channel(tuple(values), channels)) for values in pair]


def parse_processor(settings: dict, image_size: tuple[int, int], channels: int) -> Preprocess:
    """preprocessor_config.json as a `Preprocess`; without settings, mean and std 0.5, bicubic, crop 0.9.

    A setting that is left out has the default of the named processor. Raises ValueError, naming the setting, for what
    no `Preprocess` does.
    """
    if not isinstance(settings, dict) or not settings:
        grey = (0.5,) * channels
        return Preprocess(size=image_size, mean=grey, std=grey)
    kind = str(settings.get("image_processor_type") or settings.get("feature_extractor_type"))
    kind = re.sub(r"(ImageProcessor|FeatureExtractor)\w*$", "", kind)
    stated = {
        "size": list(image_size),
        **_VIT_PROCESSOR,
        **_PROCESSORS.get(kind, {}),
        **{name: value for name, value in settings.items() if value is not None},
    }
    odd = [
        name
        for name, value in stated.items()
        if (name in _UNSUPPORTED or name.startswith("do_")) and value and name not in _FOLLOWED
    ] + ["do_resize"] * (not stated["do_resize"])
    if odd:
        raise ValueError(", ".join(f"{shorten(name)} = {shorten(stated[name])}" for name in odd))
    if (interpolation := _RESAMPLE.get(stated["resample"])) is None:
        raise ValueError(f"resample = {shorten(stated['resample'])}")
    size = resized = _sides(stated["size"], "size", stated["default_to_square"])
    if stated["do_center_crop"]:
        size = _sides(stated.get("crop_size"), "crop_size")
    if len(size) < 2 or len(resized) < 2 and size[0] != size[1]:  # the input's size would depend on the picture
        raise ValueError(
            f"size = {shorten(stated['size'])} with do_center_crop = {shorten(stated['do_center_crop'])}, "
            f"crop_size = {shorten(stated.get('crop_size'))}"
        )
    mean, std = _mean_and_std(stated, channels)
    crop_pct = _crop_pct(size[: len(resized)], resized)
    mode = "squash" if len(resized) == 2 else "center"
    return Preprocess((size[0], size[1]), mean, std, interpolation, crop_pct, mode, crop_rounding="floor")
