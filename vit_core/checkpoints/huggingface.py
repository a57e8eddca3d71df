"""`hf:<folder or id>`: checkpoints of Hugging Face transformers, read without transformers.

ViT, DeiT (with one head or two), DINOv2 with and without registers, MAE, MSN and I-JEPA (all with ViT's names), CLIP
and SigLIP (see `clip.py`), and DINOv3 (see `dinov3.py`); each by the names in the hub's files and by those of the
modules of transformers 5. A folder or repository with timm's config.json goes to `timm.py`.
"""

from __future__ import annotations

import math
import os.path
import re
from collections.abc import Callable
from pathlib import Path
from typing import Literal, overload

from torch import Tensor

from vit_core.checkpoints import clip, dinov3, timm
from vit_core.checkpoints.assembly import assemble, check_preprocess, per_channel
from vit_core.checkpoints.errors import refusal, shorten
from vit_core.checkpoints.files import fetch, not_found, read_json, read_labels_beside, read_tensors
from vit_core.checkpoints.keys import MAX_LAYERS, KeyTable, Translated, infer_config, rename, translate
from vit_core.errors import InputError
from vit_core.images import Preprocess
from vit_core.models.vit import VisionTransformer

KEYS = KeyTable(
    block="encoder.layer.{}.",
    tokens=("embeddings.cls_token", "embeddings.distillation_token", "embeddings.register_tokens"),
    outside=(
        ("patch_embed", ("embeddings.patch_embeddings.projection",)),
        ("positions", ("embeddings.position_embeddings",)),
        ("norm", ("layernorm",)),
        ("head", ("classifier",)),
        ("head", ("cls_classifier",)),
        ("distillation_head", ("distillation_classifier",)),
    ),
    inside=(
        ("norm1", ("layernorm_before",)),
        ("norm1", ("norm1",)),
        ("attn.qkv", ("attention.attention.query", "attention.attention.key", "attention.attention.value")),
        ("attn.qkv", ("attention.q_proj", "attention.k_proj", "attention.v_proj")),
        ("attn.proj", ("attention.output.dense",)),
        ("attn.proj", ("attention.o_proj",)),
        ("ls1.gamma", ("layer_scale1.lambda1",)),
        ("norm2", ("layernorm_after",)),
        ("norm2", ("norm2",)),
        ("mlp.fc1", ("intermediate.dense",)),
        ("mlp.fc1", ("mlp.fc1",)),
        ("mlp.fc1", ("mlp.weights_in",)),
        ("mlp.fc1", ("mlp.gate_proj", "mlp.up_proj")),
        ("mlp.fc2", ("output.dense",)),
        ("mlp.fc2", ("mlp.fc2",)),
        ("mlp.fc2", ("mlp.weights_out",)),
        ("mlp.fc2", ("mlp.down_proj",)),
        ("ls2.gamma", ("layer_scale2.lambda1",)),
    ),
    ignored=("embeddings.mask_token", "pooler.dense"),
)

_FAMILIES = ("vit", "deit", "dinov2", "dinov2_with_registers", "vit_mae", "vit_msn", "ijepa")
_ACTIVATIONS = {
    "gelu": "gelu",
    "gelu_new": "gelu_tanh",
    "gelu_pytorch_tanh": "gelu_tanh",
    "quick_gelu": "quick_gelu",
    "silu": "silu",
    "swish": "silu",
}
_MAX_SIZE = 100_000  # of any number in a config but the layers: beyond any model, yet small enough to lay out
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


def translate_vit(state: dict[str, Tensor], source: str) -> tuple[Translated, dict]:
    """transformers' state by our names, and the config fields that its family implies."""
    state = {n: t for n, t in state.items() if not n.startswith("decoder.")}  # MAE's, from tokens back to pixels
    state = rename(state, rf"^({'|'.join(_FAMILIES)})\.", "", source)
    state = rename(state, r"^layers\.", "encoder.layer.", source)
    dino = not any("layernorm_before" in n or "layernorm_after" in n for n in state)
    weights = translate(KEYS, state, source)
    registers = "embeddings.register_tokens" in state
    facts = {
        "norm": "layer",
        "norm_eps": 1e-6 if dino else 1e-12,
        "patch_bias": True,
        "final_norm": True,
        "proj_bias": True,
        "mlp_bias": True,
        "layer_scale": dino,
        "position_resize": "bicubic_antialias" if registers else "bicubic",
        "pool": "avg",  # of I-JEPA, which has no class token
    }
    if weights.facts["class_token"]:
        facts["pool"] = "token_avg" if dino and "head.weight" in weights.state else "token"
    positions, tokens = weights.state.get("positions"), weights.state.get("prefix_tokens")
    if (
        registers
        and positions is not None
        and tokens is not None
        and positions.ndim == 3
        and weights.facts["class_token"]
        and positions.shape[:1] == (1,)
        and positions.shape[1]
        and positions.shape[-1] == tokens.shape[-1]
    ):
        # The class token has a position and the registers have none, so the class token's is added to the token.
        tokens = tokens.clone()
        tokens[:, :1] += positions[:, :1]
        weights.state |= {"prefix_tokens": tokens, "positions": positions[:, 1:]}
        facts["position_prefix"] = False
    return weights, facts


def _bad_field(source: str, field: str, value: object, wanted: str) -> InputError:
    given = f"{field} = {shorten(repr(value))}"
    return refusal("checkpoint-config", source, f"{given} should be {wanted}", given, field=field)


def _pair(config: dict, field: str, default: int, source: str) -> tuple[int, int]:
    value = config.get(field, default)
    pair = [value, value] if isinstance(value, int) else value
    if not (isinstance(pair, list | tuple) and len(pair) == 2 and all(type(v) is int and 0 < v <= 65536 for v in pair)):
        raise _bad_field(source, field, value, "one or two whole numbers")
    return pair[0], pair[1]


def _stated_fields(config: dict, source: str) -> dict:
    """Our config's fields that transformers' config.json states, with its family's defaults."""
    family = config["model_type"]
    activation = config.get("hidden_act", "gelu")
    if not isinstance(activation, str) or activation not in _ACTIVATIONS:
        given = f"hidden_act = {shorten(repr(activation))}"
        why = f"its activation, {given}, is none of {', '.join(_ACTIVATIONS)}"
        raise refusal("checkpoint-architecture", source, why, given)
    facts = {}
    for ours, field, default, most in (
        ("dim", "hidden_size", 768, _MAX_SIZE),
        ("depth", "num_hidden_layers", 12, MAX_LAYERS),
        ("heads", "num_attention_heads", 12, _MAX_SIZE),
        ("channels", "num_channels", 3, _MAX_SIZE),
    ):
        facts[ours] = config.get(field, default)
        if type(facts[ours]) is not int or not 1 <= facts[ours] <= most:
            raise _bad_field(source, field, facts[ours], f"a whole number from 1 to {most:,}")
    if facts["dim"] % facts["heads"]:
        field = "num_attention_heads"
        raise _bad_field(source, field, facts["heads"], f"a divisor of hidden_size = {facts['dim']}")
    dino = family.startswith("dinov2")
    eps = config.get("layer_norm_eps", 1e-6 if dino or family == "vit_msn" else 1e-12)
    if not isinstance(eps, int | float) or not 0 <= eps < 1:
        raise _bad_field(source, "layer_norm_eps", eps, "a small number")
    facts |= {
        "image_size": _pair(config, "image_size", 224, source),
        "patch_size": _pair(config, "patch_size", 14 if family == "dinov2" else 16, source),
        "norm_eps": float(eps),
        "qkv_bias": bool(config.get("qkv_bias", True)),
        "head_dim": facts["dim"] // facts["heads"],
    }
    if config.get("use_swiglu_ffn"):
        facts |= {"mlp": "glu", "activation": "silu"}
    else:
        facts |= {"mlp": "glu" if config.get("use_gated_mlp") else "mlp", "activation": _ACTIVATIONS[activation]}
    if "rope_theta" in config:
        base = config["rope_theta"]
        if type(base) not in (int, float) or not 1 < base < 1e9:
            raise _bad_field(source, "rope_theta", base, "a number above 1")
        facts["rope_base"] = float(base)
    return facts


def _stated_labels(config: dict) -> list[str] | None:
    """config.json's `id2label` as a list; None if there is none, or if it only numbers the classes."""
    names = config.get("id2label")
    if not isinstance(names, dict) or not all(str(i) in names for i in range(len(names))):
        return None
    labels = [str(names[str(i)]) for i in range(len(names))]
    return None if not labels or all(n == f"LABEL_{i}" for i, n in enumerate(labels)) else labels


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


def _parse_processor(settings: dict, image_size: tuple[int, int], channels: int) -> Preprocess:
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
    return Preprocess(
        (size[0], size[1]), mean, std, interpolation, crop_pct, "squash" if len(resized) == 2 else "center"
    )


def build(
    config: dict, settings: dict, state: dict[str, Tensor], source: str, path: Path | None = None
) -> VisionTransformer:
    """The model of a config.json, a preprocessor_config.json ({} without one) and weights.

    `path`: the weights' file, if labels may lie beside it.
    """
    if "architecture" in config and "model_type" not in config:
        return timm.from_config(config, state, source, path)
    family = config.get("model_type")
    families = (*_FAMILIES, *clip.FAMILIES, dinov3.FAMILY)
    if family not in families:
        kind = f"model_type = {shorten(repr(family))}"
        raise refusal("checkpoint-architecture", source, f"{kind} is none of {', '.join(families)}", kind)
    if family in clip.FAMILIES:
        (weights, implied), stated = clip.translate_clip(state, source), clip.vision_config(config)
    elif family == dinov3.FAMILY:
        (weights, implied), stated = dinov3.translate_dinov3(state, source), dinov3.with_defaults(config)
    else:
        (weights, implied), stated = translate_vit(state, source), config
    ours = infer_config(weights, source, **implied | _stated_fields(stated, source))
    labels = None
    if ours.classes:
        labels = read_labels_beside(path) if path else None
        labels = _stated_labels(config) if labels is None else labels
    try:
        transform = _parse_processor(settings, ours.image_size, ours.channels)
    except (TypeError, ValueError, ArithmeticError, AttributeError, LookupError) as error:
        why = f"preprocessor_config.json cannot be applied ({shorten(error)})"
        raise refusal("checkpoint-config", source, why, f"preprocessor_config: {shorten(error)}") from error
    check_preprocess(transform, ours.channels, source)
    assumed = () if settings else ("preprocess",)
    return assemble(ours, weights.state, source, labels, transform, spell=weights.spell, assumed=assumed)


def _read_shards(index: Path, get: Callable) -> dict[str, Tensor]:
    """The tensors of all files that an index names."""
    names = read_json(index)
    names = names.get("weight_map") if isinstance(names, dict) else None
    if (
        not isinstance(names, dict)
        or len(set(map(str, names.values()))) > 1000
        or not all(isinstance(n, str) and re.fullmatch(r"[\w.-]+", n) for n in names.values())
    ):
        raise refusal("checkpoint-config", index.name, "it has no weight_map of file names", "weight_map")
    state = {}
    for name in sorted(set(names.values())):
        state |= read_tensors(get([name]))
    return state


def load_huggingface(name: str) -> VisionTransformer:
    """The model `hf:<folder or id>`.

    Raises InputError "checkpoint-not-found", "checkpoint-config", "checkpoint-architecture", and the errors of
    `fetch`, `read_tensors` and `assemble`.
    """
    folder, source = Path(os.path.expanduser(name)), f"hf:{name}"

    @overload
    def get(names: list[str], optional: Literal[False] = False) -> Path: ...
    @overload
    def get(names: list[str], optional: bool) -> Path | None: ...
    def get(names: list[str], optional: bool = False) -> Path | None:
        if not os.path.isdir(folder):
            return fetch(name, names, source, optional=optional)
        found = next((folder / n for n in names if os.path.isfile(folder / n)), None)
        if found is None and not optional:
            raise not_found(f"{folder}: {' | '.join(names)}", source)
        return found

    if not os.path.isdir(folder) and not re.fullmatch(r"[\w.-]+/[\w.-]+|[\w-]+", name):  # nor a name on the hub
        raise not_found(shorten(name), shorten(source))
    config = read_json(get(["config.json"]))
    if not isinstance(config, dict):
        why = f"config.json holds a {type(config).__name__}, not an object"
        raise refusal("checkpoint-config", source, why, f"config.json: {type(config).__name__}")
    weights = get(["model.safetensors", "model.safetensors.index.json", "pytorch_model.bin"])
    state = _read_shards(weights, get) if weights.suffix == ".json" else read_tensors(weights)
    settings = get(["preprocessor_config.json"], optional=True)
    return build(config, read_json(settings) if settings else {}, state, source)
