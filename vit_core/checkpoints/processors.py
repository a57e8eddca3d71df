"""Preprocessing: transformers' image processors as a `Preprocess`, and a family's defaults where no file states it."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from vit_core.checkpoints.assembly import check_preprocess, per_channel
from vit_core.checkpoints.errors import refusal, shorten
from vit_core.checkpoints.files import read_json
from vit_core.checkpoints.report import DEFAULTS, LoadReport
from vit_core.images import INTERPOLATIONS, Preprocess

_RESAMPLE = {0: "nearest", 1: "lanczos", 2: "bilinear", 3: "bicubic", 4: "box", 5: "hamming"}  # Pillow's numbers

#: Mean and standard deviation of a family's pictures.
_HALF = (0.5, 0.5, 0.5), (0.5, 0.5, 0.5)
IMAGENET = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
_CLIP = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)

#: The defaults of transformers' image processors: ViT's, then those in which others differ from it.
_VIT_PROCESSOR = {
    "do_resize": True,
    "default_to_square": True,
    "resample": 2,
    "do_center_crop": False,
    "do_rescale": True,
    "rescale_factor": 1 / 255,
    "do_normalize": True,
    "image_mean": _HALF[0],
    "image_std": _HALF[1],
}
_CLIP_PROCESSOR = {
    "size": {"shortest_edge": 224},
    "default_to_square": False,
    "resample": 3,
    "do_center_crop": True,
    "crop_size": 224,
    "image_mean": _CLIP[0],
    "image_std": _CLIP[1],
}
_PROCESSORS = {
    "ViT": {},
    "DeiT": {"size": 256, "resample": 3, "do_center_crop": True, "crop_size": 224},
    "Beit": {"size": 224, "resample": 3, "crop_size": 224},
    "Bit": _CLIP_PROCESSOR,
    "CLIP": _CLIP_PROCESSOR,
    "ChineseCLIP": _CLIP_PROCESSOR,
    "Blip": {"size": 384, "resample": 3, "image_mean": _CLIP[0], "image_std": _CLIP[1]},
    "Siglip": {"size": {"height": 224, "width": 224}, "default_to_square": False, "resample": 3},
    "DINOv3ViT": {"size": 224, "image_mean": IMAGENET[0], "image_std": IMAGENET[1]},
    "ConvNext": {"size": {"shortest_edge": 384}, "default_to_square": False, "resample": 3, "crop_pct": 224 / 256},
    "Levit": _CLIP_PROCESSOR | {"image_mean": IMAGENET[0], "image_std": IMAGENET[1]},
}
#: What a processor without defaults of its own here must state.
_STATED = ("size", "resample", "image_mean", "image_std")
#: Switches that are followed or change nothing here; and settings without "do_" that would change pixels.
_FOLLOWED = ("do_resize", "do_center_crop", "do_rescale", "do_normalize", "do_convert_rgb", "do_reduce_labels")
_UNSUPPORTED = ("crop_pct", "offset", "rescale_offset", "include_top")


class Family(NamedTuple):
    """What the published checkpoints of a family do to a picture."""

    title: str
    processor: str  # of _PROCESSORS: transformers' class for the family, where a file names none
    statistics: tuple[tuple[float, ...], tuple[float, ...]]
    interpolation: str
    crop_pct: float
    crop_mode: str


_DINO = Family("DINOv2", "Bit", IMAGENET, "bicubic", 224 / 256, "center")
#: model_type -> family. The values are those of the published processors, which the defaults of transformers' classes
#: are not for DeiT, MAE, MSN and DINOv2.
FAMILIES = {
    "vit": Family("ViT", "ViT", _HALF, "bilinear", 1.0, "squash"),
    "ijepa": Family("I-JEPA", "ViT", _HALF, "bilinear", 1.0, "squash"),
    "vit_mae": Family("MAE", "ViT", IMAGENET, "bilinear", 1.0, "squash"),
    "vit_msn": Family("MSN", "ViT", IMAGENET, "bilinear", 1.0, "squash"),
    "deit": Family("DeiT", "DeiT", IMAGENET, "bicubic", 224 / 256, "squash"),
    "dino": _DINO._replace(title="DINO"),
    "dinov2": _DINO,
    "dinov2_with_registers": _DINO,
    "dinov3_vit": Family("DINOv3", "DINOv3ViT", IMAGENET, "bilinear", 224 / 256, "center"),
    "clip": Family("CLIP", "CLIP", _CLIP, "bicubic", 1.0, "center"),
    "siglip": Family("SigLIP", "Siglip", _HALF, "bicubic", 1.0, "squash"),
    # timm's models, whose names do not tell how they crop
    "timm": Family("ViT", "ViT", _HALF, "bicubic", 0.9, "center"),
    "timm_imagenet": Family("DeiT and DINOv2", "ViT", IMAGENET, "bicubic", 0.9, "center"),
    "timm_clip": Family("CLIP", "ViT", _CLIP, "bicubic", 0.9, "center"),
}
#: DINOv2's positions are those of pictures of 518 pixels, but its processor crops 224.
_DINOV2_POSITIONS, _DINOV2_CROP = 518, 224


def find_family(model_type: str) -> str:
    """The key of FAMILIES for a config.json's `model_type`."""
    return model_type.removesuffix("_vision_model")


def guess_family(shapes: dict[str, tuple[int, ...]]) -> str:
    """The key of FAMILIES that the names and shapes of a bare file's tensors suggest."""

    def has(pattern: str) -> bool:
        return any(re.search(pattern, name) for name in shapes)

    if has(r"embeddings\.patch_embeddings\.projection\."):
        is_mae, is_dino = has(r"(^|\.)decoder\."), has(r"layer_scale1\.")
        is_deit = has(r"embeddings\.distillation_token$")
        return "vit_mae" if is_mae else "dinov2" if is_dino else "deit" if is_deit else "vit"
    if has(r"embeddings\.patch_embeddings\."):
        return "dinov3_vit"
    if has(r"embeddings\.patch_embedding\."):
        return "clip" if has(r"embeddings\.class_embedding$") else "siglip"
    scaled, token = has(r"^blocks\..*\bls1\."), "cls_token" in shapes
    if has(r"(^|\.)(dino_)?head\.last_layer\."):  # the projection head of its training
        return "dinov2" if scaled else "dino"
    if has(r"(^|\.)(mask_token|register_tokens)$"):  # Meta's own files
        return "dinov2" if scaled else "vit_mae"
    if "dist_token" in shapes or scaled and token and _is_dino_or_deit(shapes):
        return "timm_imagenet"
    return "timm_clip" if token and has(r"^norm_pre\.") else "timm"


def _is_dino_or_deit(shapes: dict[str, tuple[int, ...]]) -> bool:
    """Whether timm's tensors with layer scale and a class token are DINOv2's or DeiT III's, not of a later recipe."""
    registers = shapes.get("reg_token", (1, 0, 0))[1:2]
    return registers == (0,) or registers == (4,) and shapes.get("patch_embed.proj.weight", ())[-1:] == (14,)


def default_preprocess(family: str, image_size: tuple[int, int], channels: int) -> Preprocess:
    """The preprocessing of a checkpoint of one of FAMILIES that states none, for a model of `image_size`."""
    made = FAMILIES[family]
    if made is _DINO and image_size == (_DINOV2_POSITIONS, _DINOV2_POSITIONS):
        image_size = (_DINOV2_CROP, _DINOV2_CROP)
    mean, std = (per_channel(values, channels) for values in made.statistics)
    rounding = "round" if family.startswith("timm") else "floor"
    return Preprocess(image_size, mean, std, made.interpolation, made.crop_pct, made.crop_mode, rounding)


def read_processor(get: Callable[[list[str]], Path | None]) -> tuple[Any, str]:
    """The settings of a checkpoint's image processor, and the name of the file that states them; ({}, "") without one.

    `get` returns the path of the first of some file names that there is. transformers 5 nests the settings in
    processor_config.json, which goes before preprocessor_config.json; in older versions that file holds none.
    """
    names = ["processor_config.json", "preprocessor_config.json"]
    path = get(names)
    if path is not None and path.name == names[0]:
        stated = read_json(path)
        if isinstance(stated, dict) and stated.get("image_processor") is not None:
            return stated["image_processor"], names[0]
        path = get(names[1:])
    return ({}, "") if path is None else (read_json(path), names[1])


def choose_preprocess(
    found: tuple[Any, str], family: str, image_size: tuple[int, int], channels: int, source: str, report: LoadReport
) -> Preprocess:
    """The preprocessing that `read_processor` found; without settings, the defaults of the family. Fills in `report`.

    Raises InputError "checkpoint-config" for settings that cannot be applied.
    """
    settings, origin = found
    if not isinstance(settings, dict) or not settings:
        report.assumed.append("preprocess")
        report.origins["preprocessing"] = DEFAULTS.format(FAMILIES[family].title)
        return default_preprocess(family, image_size, channels)
    try:
        made = parse_processor(settings, image_size, channels, FAMILIES[family].processor)
    except (TypeError, ValueError, ArithmeticError, AttributeError, LookupError) as error:
        why = f"{origin} cannot be applied ({shorten(error)})"
        raise refusal("checkpoint-config", source, why, f"{origin}: {shorten(error)}") from error
    report.origins["preprocessing"] = origin
    return check_preprocess(made, channels, source)


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
    listed = [(values,) if type(values) is float or type(values) is int else tuple(values) for values in pair]
    return [tuple(v / factor for v in per_channel(values, channels)) for values in listed]


def _interpolation(value: object) -> str:
    """The filter that Pillow calls by this number or name ("bicubic", "PIL.Image.BICUBIC"). Raises ValueError."""
    name = value.rpartition(".")[2].lower() if isinstance(value, str) else _RESAMPLE.get(value)  # pyright: ignore
    if name not in INTERPOLATIONS:
        raise ValueError(f"resample = {shorten(value)}")
    return name


def _with_defaults(settings: dict, image_size: tuple[int, int], processor: str) -> tuple[str, dict]:
    """The processor that the settings name, else `processor`; and the settings with its defaults. Raises ValueError."""
    stated = {name: value for name, value in settings.items() if value is not None}
    named = stated.get("image_processor_type") or stated.get("feature_extractor_type")
    kind = re.sub(r"(ImageProcessor|FeatureExtractor)\w*$", "", str(named)) if named else processor
    if kind not in _PROCESSORS and (missing := [name for name in _STATED if name not in stated]):
        raise ValueError(f"image_processor_type = {shorten(named)} without {', '.join(missing)}")
    defaults = {"size": list(image_size), **_VIT_PROCESSOR, **_PROCESSORS.get(kind, {})}
    if kind == "CLIP" and stated.get("use_square_size"):  # then transformers ignores the size that is stated
        stated["size"] = {"height": 224, "width": 224}
    return kind, defaults | stated


def _sizes_of_convnext(stated: dict) -> dict:
    """ConvNext's resize in the terms of the other processors: a crop below 384 pixels, none from there on."""
    (edge,) = _sides(stated["size"], "size", stated["default_to_square"])
    if stated["do_center_crop"]:
        raise ValueError(f"do_center_crop = {shorten(stated['do_center_crop'])}")
    if edge >= 384:
        return {"size": edge, "default_to_square": True, "crop_pct": None}
    resized = {"shortest_edge": int(edge / stated["crop_pct"])}
    return {"size": resized, "do_center_crop": True, "crop_size": edge, "crop_pct": None}


def parse_processor(settings: dict, image_size: tuple[int, int], channels: int, processor: str = "ViT") -> Preprocess:
    """The settings of an image processor of transformers as a `Preprocess`.

    A setting that is left out has the default of the processor that the settings name, else of `processor`. Raises
    ValueError, naming the setting, for what no `Preprocess` does.
    """
    kind, stated = _with_defaults(settings, image_size, processor)
    if kind == "ConvNext":
        stated |= _sizes_of_convnext(stated)
    odd = [
        name
        for name, value in stated.items()
        if (name in _UNSUPPORTED or name.startswith("do_")) and value and name not in _FOLLOWED
    ] + ["do_resize"] * (not stated["do_resize"])
    if odd:
        raise ValueError(", ".join(f"{shorten(name)} = {shorten(stated[name])}" for name in odd))
    interpolation = _interpolation(stated["resample"])
    size = resized = _sides(stated["size"], "size", stated["default_to_square"])
    if kind == "Levit" and len(resized) == 1:
        resized = (int(256 / 224 * resized[0]),)
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
