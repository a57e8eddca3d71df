"""`hf:<folder or id>`: checkpoints of Hugging Face transformers, read without transformers.

ViT, DeiT (one head or two), DINOv2, DINOv2 with registers; what MAE, MSN and I-JEPA trained, with ViT's names; the
pictures' half of CLIP and SigLIP (`clip.py`), and DINOv3 (`dinov3.py`). By the names that the hub's files have and by
those of transformers 5's modules. A folder or repository of timm's, with timm's config.json, is handed to `timm.py`.
"""

from __future__ import annotations

import math
import os.path
import re
from pathlib import Path

from torch import Tensor

from vit_core.checkpoints import clip, dinov3
from vit_core.checkpoints.assemble import assemble, per_channel, preprocess, short
from vit_core.checkpoints.files import hub
from vit_core.checkpoints.files import reader as _files
from vit_core.checkpoints.keys import KeyTable, Translated, infer, renamed, translate
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
_LARGEST = {"depth": 1000}  # and 100,000 of anything else: beyond any model, within what can be laid out
_RESAMPLE = {0: "nearest", 1: "lanczos", 2: "bilinear", 3: "bicubic", 4: "box", 5: "hamming"}  # Pillow's numbers

#: What transformers' image processors do where a file does not say, ViT's and then what others do otherwise.
_PLAIN = {
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
_CLIP = {
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
    "Bit": _CLIP,
    "CLIP": _CLIP,
    "Siglip": {"size": 224, "resample": 3},
}
#: Switches that are followed, or change nothing here; and settings without "do_" that change pixels, and are not.
_FOLLOWED = ("do_resize", "do_center_crop", "do_rescale", "do_normalize", "do_convert_rgb", "do_reduce_labels")
_CHANGES = ("crop_pct", "offset", "rescale_offset", "include_top")


def translated(state: dict[str, Tensor], source: str) -> tuple[Translated, dict]:
    """transformers' state by our names, and the facts that its family implies whatever its config says."""
    state = {n: t for n, t in state.items() if not n.startswith("decoder.")}  # MAE's, from tokens back to pixels
    state = renamed(state, rf"^({'|'.join(_FAMILIES)})\.", "", source)
    state = renamed(state, r"^layers\.", "encoder.layer.", source)
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
    }
    facts["pool"] = "avg"  # of I-JEPA, which has no class token
    if weights.facts["class_token"]:
        facts["pool"] = "token_avg" if dino and "head.weight" in weights.state else "token"
    positions, tokens = weights.state.get("positions"), weights.state.get("prefix_tokens")
    if (
        registers
        and positions is not None
        and positions.ndim == 3
        and weights.facts["class_token"]
        and positions.shape[:1] == (1,)
        and positions.shape[1]
        and positions.shape[-1] == tokens.shape[-1]
    ):
        # the class token has a position and the registers have none, so it is carried by the token itself
        tokens = tokens.clone()
        tokens[:, :1] += positions[:, :1]
        weights.state |= {"prefix_tokens": tokens, "positions": positions[:, 1:]}
        facts["position_prefix"] = False
    return weights, facts


def _pair(value: object, name: str, source: str) -> tuple[int, int]:
    value = [value, value] if isinstance(value, int) else value
    if not (
        isinstance(value, list | tuple) and len(value) == 2 and all(type(v) is int and 0 < v <= 65536 for v in value)
    ):
        raise InputError(
            "checkpoint-config",
            f"{source}: {name} should be one or two whole numbers and is {short(repr(value))}.",
            source=source,
            field=name,
            reason=f"{name} = {short(repr(value))}",
        )
    return tuple(value)


def _eps(value: object, source: str) -> float:
    if not isinstance(value, int | float) or not 0 <= value < 1:
        raise InputError(
            "checkpoint-config",
            f"{source}: layer_norm_eps should be a small number and is {short(repr(value))}.",
            source=source,
            field="layer_norm_eps",
            reason=f"layer_norm_eps = {short(repr(value))}",
        )
    return float(value)


def _facts(config: dict, source: str) -> dict:
    """Our config's fields that transformers' config.json states; what it leaves out has its family's default."""
    family = config["model_type"]
    activation = config.get("hidden_act", "gelu")
    if not isinstance(activation, str) or activation not in _ACTIVATIONS:
        raise InputError(
            "checkpoint-architecture",
            f"{source}: its activation should be one of {', '.join(_ACTIVATIONS)} and is {short(repr(activation))}.",
            source=source,
            reason=f"hidden_act = {short(repr(activation))}",
        )
    numbers = {
        "dim": ("hidden_size", 768),
        "depth": ("num_hidden_layers", 12),
        "heads": ("num_attention_heads", 12),
        "channels": ("num_channels", 3),
    }
    facts = {ours: config.get(theirs, default) for ours, (theirs, default) in numbers.items()}
    for ours, value in facts.items():
        largest = _LARGEST.get(ours, 100_000)
        if type(value) is not int or not 1 <= value <= largest:
            raise InputError(
                "checkpoint-config",
                f"{source}: {numbers[ours][0]} should be a whole number from 1 to "
                f"{largest:,} and is {short(repr(value))}.",
                source=source,
                field=numbers[ours][0],
                reason=f"{numbers[ours][0]} = {short(repr(value))}",
            )
    if facts["dim"] % facts["heads"]:
        raise InputError(
            "checkpoint-config",
            f"{source}: hidden_size {facts['dim']} cannot be cut into {facts['heads']} heads (num_attention_heads).",
            source=source,
            field="num_attention_heads",
            reason=f"hidden_size / num_attention_heads = {facts['dim']} / {facts['heads']}",
        )
    dino = family.startswith("dinov2")
    eps = 1e-6 if dino or family == "vit_msn" else 1e-12
    facts |= {
        "image_size": _pair(config.get("image_size", 224), "image_size", source),
        "patch_size": _pair(config.get("patch_size", 14 if family == "dinov2" else 16), "patch_size", source),
        "norm_eps": _eps(config.get("layer_norm_eps", eps), source),
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
            raise InputError(
                "checkpoint-config",
                f"{source}: rope_theta should be a number above 1 and is {short(repr(base))}.",
                source=source,
                field="rope_theta",
                reason=f"rope_theta = {short(repr(base))}",
            )
        facts["rope_base"] = float(base)
    return facts


def labels_of(config: dict) -> list[str] | None:
    """config.json's `id2label` as a list; None without one, or where it only numbers the classes."""
    names = config.get("id2label")
    if not isinstance(names, dict) or not all(str(i) in names for i in range(len(names))):
        return None
    labels = [str(names[str(i)]) for i in range(len(names))]
    return None if not labels or all(n == f"LABEL_{i}" for i, n in enumerate(labels)) else labels


def _sides(value: object, name: str, square: bool = True) -> tuple[int, ...]:
    """(height, width) of a size in any of transformers' spellings, or (shortest edge,). ValueError for another size."""
    if isinstance(value, int):
        value = {"height": value, "width": value} if square else {"shortest_edge": value}
    elif isinstance(value, list) and len(value) == 2:
        value = dict(zip(("height", "width"), value, strict=True))
    given = {k: v for k, v in value.items() if v is not None} if isinstance(value, dict) else {}
    sides = tuple(given[k] for k in ("height", "width", "shortest_edge") if k in given)
    if given.keys() not in ({"height", "width"}, {"shortest_edge"}) or not all(
        type(n) is int and 1 <= n <= 65536 for n in sides
    ):
        raise ValueError(f"{name} = {short(value)}")
    return sides


def _crop_pct(size: tuple[int, ...], resized: tuple[int, ...]) -> float:
    """The one number by which `Preprocess` finds the size to resize to from the size that is left by the crop."""
    crop_pct = min(s / r for s, r in zip(size, resized, strict=True))
    while any(math.floor(s / crop_pct) < r for s, r in zip(size, resized, strict=True)):
        crop_pct = math.nextafter(crop_pct, 0)  # the resize takes the whole part, which must not fall short
    if tuple(math.floor(s / crop_pct) for s in size) != resized:
        raise ValueError(f"crop_size = {size[0]} x {size[1]} of size = {resized[0]} x {resized[1]}")
    return crop_pct


def _scaled(stated: dict, channels: int) -> list[tuple[float, ...]]:
    """Mean and deviation of pixels from 0 to 1, whatever range the file's are of. ValueError."""
    factor = stated["rescale_factor"] if stated["do_rescale"] else 1
    if not isinstance(factor, int | float) or not 1e-6 <= factor <= 1e6:
        raise ValueError(f"rescale_factor = {short(factor)}")
    factor = 1 if math.isclose(255 * factor, 1, rel_tol=1e-6) else 255 * factor  # 0.0039215687 is meant to be 1 / 255
    pair = (stated["image_mean"], stated["image_std"]) if stated["do_normalize"] else ((0.0,), (1.0,))
    return [tuple(v / factor for v in per_channel(tuple(values), channels)) for values in pair]


def preprocess_of(settings: dict, image_size: tuple[int, int], channels: int) -> Preprocess:
    """preprocessor_config.json as a `Preprocess`. Missing: the fallback, mean and std 0.5, bicubic, crop 0.9.

    A setting that it leaves out is as transformers has it for the processor that it names. Raises ValueError, naming
    the setting, for what no `Preprocess` does.
    """
    if not isinstance(settings, dict) or not settings:
        grey = (0.5,) * channels
        return Preprocess(size=image_size, mean=grey, std=grey)
    kind = str(settings.get("image_processor_type") or settings.get("feature_extractor_type"))
    kind = re.sub(r"(ImageProcessor|FeatureExtractor)\w*$", "", kind)
    stated = {
        "size": list(image_size),
        **_PLAIN,
        **_PROCESSORS.get(kind, {}),
        **{name: value for name, value in settings.items() if value is not None},
    }
    odd = [
        name
        for name, value in stated.items()
        if (name in _CHANGES or name.startswith("do_")) and value and name not in _FOLLOWED
    ] + ["do_resize"] * (not stated["do_resize"])
    if odd:
        raise ValueError(", ".join(f"{short(name)} = {short(stated[name])}" for name in odd))
    if (interpolation := _RESAMPLE.get(stated["resample"])) is None:
        raise ValueError(f"resample = {short(stated['resample'])}")
    size = resized = _sides(stated["size"], "size", stated["default_to_square"])
    if stated["do_center_crop"]:
        size = _sides(stated.get("crop_size"), "crop_size")
    if len(size) < 2 or len(resized) < 2 and size[0] != size[1]:  # then the picture's shape decides what is seen
        raise ValueError(
            f"size = {short(stated['size'])} with do_center_crop = {short(stated['do_center_crop'])}, "
            f"crop_size = {short(stated.get('crop_size'))}"
        )
    mean, std = _scaled(stated, channels)
    return Preprocess(
        size,
        mean,
        std,
        interpolation,
        _crop_pct(size[: len(resized)], resized),
        "squash" if len(resized) == 2 else "center",
    )


def model_of(
    config: dict, settings: dict, state: dict[str, Tensor], source: str, labels: list[str] | None = None
) -> VisionTransformer:
    """The model that a config.json, a preprocessor_config.json ({} without one) and weights make."""
    if "architecture" in config and "model_type" not in config:
        from vit_core.checkpoints import timm

        return timm.from_config(config, state, source, labels)
    family = config.get("model_type")
    families = (*_FAMILIES, *clip.FAMILIES, dinov3.FAMILY)
    if family not in families:
        kind = short(repr(family))
        raise InputError(
            "checkpoint-architecture",
            f"{source} is a {kind} model; those that can be shown are {', '.join(families)}.",
            source=source,
            reason=f"model_type = {kind}",
        )
    if family in clip.FAMILIES:
        (weights, implied), stated = clip.translated(state, source), clip.vision(config)
    elif family == dinov3.FAMILY:
        (weights, implied), stated = dinov3.translated(state, source), dinov3.stated(config)
    else:
        (weights, implied), stated = translated(state, source), config
    ours = infer(weights, source, **implied | _facts(stated, source))
    labels = labels or (labels_of(config) if ours.classes else None)
    transform = _stated_preprocess(settings, ours.image_size, ours.channels, source)
    return assemble(
        ours, weights.state, source, labels, transform, spell=weights.spell, assumed=() if settings else ("preprocess",)
    )


def _stated_preprocess(settings: dict, image_size: tuple[int, int], channels: int, source: str) -> Preprocess:
    try:
        made = preprocess_of(settings, image_size, channels)
    except (TypeError, ValueError, ArithmeticError, AttributeError, LookupError) as error:
        raise InputError(
            "checkpoint-config",
            f"{source}: its preprocessor_config.json cannot be followed: {short(error)}.",
            source=source,
            reason=f"preprocessor_config: {short(error)}",
        ) from error
    return preprocess(made, channels, source)


def _shards(index: Path, get) -> dict[str, Tensor]:
    names = _files.read_json(index, "checkpoint-config")
    names = names.get("weight_map") if isinstance(names, dict) else None
    if (
        not isinstance(names, dict)
        or len(set(map(str, names.values()))) > 1000
        or not all(isinstance(n, str) and re.fullmatch(r"[\w.-]+", n) for n in names.values())
    ):
        raise InputError(
            "checkpoint-config",
            f"{index.name} has no weight_map of file names.",
            source=index.name,
            reason="weight_map",
        )
    state = {}
    for name in sorted(set(names.values())):
        state |= _files.read(get([name]))
    return state


def load(name: str) -> VisionTransformer:
    """`hf:<folder or id>`. Raises InputError: "checkpoint-not-found", "checkpoint-config",
    "checkpoint-architecture", "hub-unreachable", "hub-not-found", and what the file reader and `assemble` raise."""
    folder, source = Path(os.path.expanduser(name)), f"hf:{name}"
    if os.path.isdir(folder):

        def get(names: list[str], optional: bool = False) -> Path | None:
            found = next((folder / n for n in names if os.path.isfile(folder / n)), None)
            if found is None and not optional:
                raise InputError(
                    "checkpoint-not-found",
                    f"{folder} has no {' or '.join(names)}.",
                    source=source,
                    files=names,
                    path=f"{folder}: {' | '.join(names)}",
                )
            return found
    elif re.fullmatch(r"[\w.-]+/[\w.-]+|[\w-]+", name):

        def get(names: list[str], optional: bool = False) -> Path | None:
            return hub.fetch(name, names, source, optional=optional)
    else:
        raise InputError(
            "checkpoint-not-found",
            f"{short(repr(name))} is neither a folder here nor an id of the hub's.",
            source=short(source),
            path=short(name),
        )
    config = _files.read_json(get(["config.json"]), "checkpoint-config")
    if not isinstance(config, dict):
        raise InputError(
            "checkpoint-config",
            f"{source}: config.json should be an object.",
            source=source,
            reason=f"config.json: {type(config).__name__}",
        )
    weights = get(["model.safetensors", "model.safetensors.index.json", "pytorch_model.bin"])
    state = _shards(weights, get) if weights.suffix == ".json" else _files.read(weights)
    settings = get(["preprocessor_config.json"], optional=True)
    return model_of(config, _files.read_json(settings, "checkpoint-config") if settings else {}, state, source)
