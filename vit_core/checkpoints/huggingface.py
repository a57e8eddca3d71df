"""`hf:<folder or id>`: checkpoints of Hugging Face transformers, read without transformers.

ViT, DeiT (one head or two), DINOv2, DINOv2 with registers; by the names that the hub's files have and by those of
transformers 5's modules. A folder or repository of timm's, with timm's config.json, is handed to `timm.py`.
"""

from __future__ import annotations

import math
import os.path
import re
from pathlib import Path

from torch import Tensor

from vit_core.checkpoints import _files, _hub
from vit_core.checkpoints._assemble import assemble, preprocess, short
from vit_core.checkpoints._keys import KeyTable, Translated, infer, translate
from vit_core.errors import InputError
from vit_core.images import Preprocess
from vit_core.model import VisionTransformer

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

_FAMILIES = ("vit", "deit", "dinov2", "dinov2_with_registers")
_ACTIVATIONS = {"gelu": "gelu", "gelu_new": "gelu_tanh", "gelu_pytorch_tanh": "gelu_tanh", "quick_gelu": "quick_gelu",
                "silu": "silu", "swish": "silu"}
_LARGEST = {"depth": 1000}  # and 100,000 of anything else: beyond any model, within what can be laid out
_RESAMPLE = {2: "bilinear", 3: "bicubic"}  # Pillow's numbers


def translated(state: dict[str, Tensor], source: str) -> tuple[Translated, dict]:
    """transformers' state by our names, and the facts that its family implies whatever its config says."""
    count = len(state)
    state = {re.sub(rf"^({'|'.join(_FAMILIES)})\.", "", n): t for n, t in state.items()}
    state = {re.sub(r"^layers\.", "encoder.layer.", n): t for n, t in state.items()}
    if len(state) != count:
        raise InputError("checkpoint-keys", f"{source} holds {count - len(state)} tensors twice, under two names.",
                         source=source, missing=[], extra=[f"{count - len(state)} x 2"], shapes=[])
    dino = not any("layernorm_before" in n or "layernorm_after" in n for n in state)
    weights = translate(KEYS, state, source)
    registers = "embeddings.register_tokens" in state
    facts = {"norm": "layer", "norm_eps": 1e-6 if dino else 1e-12, "patch_bias": True, "final_norm": True,
             "proj_bias": True, "mlp_bias": True, "layer_scale": dino,
             "position_resize": "bicubic_antialias" if registers else "bicubic",
             "pool": "token_avg" if dino and "head.weight" in weights.state else "token"}
    positions, tokens = weights.state.get("positions"), weights.state.get("prefix_tokens")
    if registers and positions is not None and positions.ndim == 3 and weights.facts["class_token"] \
            and positions.shape[:1] == (1,) and positions.shape[1] and positions.shape[-1] == tokens.shape[-1]:
        # the class token has a position and the registers have none, so it is carried by the token itself
        tokens = tokens.clone()
        tokens[:, :1] += positions[:, :1]
        weights.state |= {"prefix_tokens": tokens, "positions": positions[:, 1:]}
        facts["position_prefix"] = False
    return weights, facts


def _pair(value: object, name: str, source: str) -> tuple[int, int]:
    value = [value, value] if isinstance(value, int) else value
    if not (isinstance(value, list | tuple) and len(value) == 2
            and all(type(v) is int and 0 < v <= 65536 for v in value)):
        raise InputError("checkpoint-config", f"{source}: {name} should be one or two whole numbers and is "
                         f"{short(repr(value))}.", source=source, field=name, reason=f"{name} = {short(repr(value))}")
    return tuple(value)


def _eps(value: object, source: str) -> float:
    if not isinstance(value, int | float) or not 0 <= value < 1:
        raise InputError("checkpoint-config", f"{source}: layer_norm_eps should be a small number and is "
                         f"{short(repr(value))}.", source=source, field="layer_norm_eps",
                         reason=f"layer_norm_eps = {short(repr(value))}")
    return float(value)


def _facts(config: dict, source: str) -> dict:
    """Our config's fields that transformers' config.json states; what it leaves out has its family's default."""
    family = config["model_type"]
    activation = config.get("hidden_act", "gelu")
    if not isinstance(activation, str) or activation not in _ACTIVATIONS:
        raise InputError("checkpoint-architecture", f"{source}: its activation should be one of "
                         f"{', '.join(_ACTIVATIONS)} and is {short(repr(activation))}.", source=source,
                         reason=f"hidden_act = {short(repr(activation))}")
    numbers = {"dim": ("hidden_size", 768), "depth": ("num_hidden_layers", 12), "heads": ("num_attention_heads", 12),
               "channels": ("num_channels", 3)}
    facts = {ours: config.get(theirs, default) for ours, (theirs, default) in numbers.items()}
    for ours, value in facts.items():
        largest = _LARGEST.get(ours, 100_000)
        if type(value) is not int or not 1 <= value <= largest:
            raise InputError("checkpoint-config", f"{source}: {numbers[ours][0]} should be a whole number from 1 to "
                             f"{largest:,} and is {short(repr(value))}.", source=source, field=numbers[ours][0],
                             reason=f"{numbers[ours][0]} = {short(repr(value))}")
    if facts["dim"] % facts["heads"]:
        raise InputError("checkpoint-config", f"{source}: hidden_size {facts['dim']} cannot be cut into "
                         f"{facts['heads']} heads (num_attention_heads).", source=source, field="num_attention_heads",
                         reason=f"hidden_size / num_attention_heads = {facts['dim']} / {facts['heads']}")
    dino = family.startswith("dinov2")
    facts |= {"image_size": _pair(config.get("image_size", 224), "image_size", source),
              "patch_size": _pair(config.get("patch_size", 14 if dino else 16), "patch_size", source),
              "norm_eps": _eps(config.get("layer_norm_eps", 1e-6 if dino else 1e-12), source),
              "qkv_bias": bool(config.get("qkv_bias", True)), "head_dim": facts["dim"] // facts["heads"]}
    if config.get("use_swiglu_ffn"):
        facts |= {"mlp": "glu", "activation": "silu"}
    else:
        facts |= {"mlp": "mlp", "activation": _ACTIVATIONS[activation]}
    return facts


def labels_of(config: dict) -> list[str] | None:
    """config.json's `id2label` as a list; None without one, or where it only numbers the classes."""
    names = config.get("id2label")
    if not isinstance(names, dict) or not all(str(i) in names for i in range(len(names))):
        return None
    labels = [str(names[str(i)]) for i in range(len(names))]
    return None if not labels or all(n == f"LABEL_{i}" for i, n in enumerate(labels)) else labels


def preprocess_of(settings: dict, image_size: tuple[int, int], channels: int) -> Preprocess:
    """preprocessor_config.json as a `Preprocess`. Missing: the fallback, mean and std 0.5, bicubic, crop 0.9."""
    grey = (0.5,) * channels
    if not isinstance(settings, dict) or not settings:
        return Preprocess(size=image_size, mean=grey, std=grey)
    mean, std = tuple(settings.get("image_mean") or grey), tuple(settings.get("image_std") or grey)
    if settings.get("do_normalize") is False:
        mean, std = (0.0,) * channels, (1.0,) * channels
    if len(mean) != channels or len(std) != channels:
        mean, std = grey, grey
    size, crop = settings.get("size"), settings.get("crop_size")
    shortest = size.get("shortest_edge") if isinstance(size, dict) else None
    sizes = [s["height"] if isinstance(s, dict) and "height" in s else s for s in (size, crop)]
    if not isinstance(sizes[0], int | dict | list | None):
        raise TypeError(f"size {short(size)}")
    resized = shortest or (sizes[0] if isinstance(sizes[0], int) else image_size[0])
    crops = settings.get("do_center_crop", False) and isinstance(sizes[1], int)
    target = sizes[1] if crops else resized
    if not all(type(n) is int and 1 <= n <= 65536 for n in (target, resized)):
        raise TypeError(f"size {short(size)}, crop_size {short(crop)}")
    crop_pct = target / resized
    while math.floor(target / crop_pct) < resized:  # the resize takes the whole part, which must not fall short
        crop_pct = math.nextafter(crop_pct, 0)
    return Preprocess(size=(target, target), mean=mean, std=std, crop_pct=crop_pct,
                      interpolation=_RESAMPLE.get(settings.get("resample", 2), "bicubic"),
                      crop_mode="center" if shortest else "squash")


def model_of(config: dict, settings: dict, state: dict[str, Tensor], source: str,
             labels: list[str] | None = None) -> VisionTransformer:
    """The model that a config.json, a preprocessor_config.json ({} without one) and weights make."""
    if "architecture" in config and "model_type" not in config:
        from vit_core.checkpoints import timm

        return timm.from_config(config, state, source, labels)
    if config.get("model_type") not in _FAMILIES:
        kind = short(repr(config.get("model_type")))
        raise InputError("checkpoint-architecture", f"{source} is a {kind} model; those that can be shown are "
                         f"{', '.join(_FAMILIES)}.", source=source, reason=f"model_type = {kind}")
    weights, implied = translated(state, source)
    ours = infer(weights, source, **implied | _facts(config, source))
    labels = labels or (labels_of(config) if ours.classes else None)
    transform = _stated_preprocess(settings, ours.image_size, ours.channels, source)
    return assemble(ours, weights.state, source, labels, transform, spell=weights.spell)


def _stated_preprocess(settings: dict, image_size: tuple[int, int], channels: int, source: str) -> Preprocess:
    try:
        return preprocess(preprocess_of(settings, image_size, channels), channels, source)
    except (TypeError, ArithmeticError, AttributeError, LookupError) as error:
        raise InputError("checkpoint-config", f"{source}: its preprocessor_config.json cannot be followed: "
                         f"{short(error)}.", source=source, reason=f"preprocessor_config: {short(error)}") from error


def _shards(index: Path, get) -> dict[str, Tensor]:
    names = _files.read_json(index, "checkpoint-config")
    names = names.get("weight_map") if isinstance(names, dict) else None
    if not isinstance(names, dict) or len(set(map(str, names.values()))) > 1000 or not all(
            isinstance(n, str) and re.fullmatch(r"[\w.-]+", n) for n in names.values()):
        raise InputError("checkpoint-config", f"{index.name} has no weight_map of file names.", source=index.name,
                         reason="weight_map")
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
                raise InputError("checkpoint-not-found", f"{folder} has no {' or '.join(names)}.", source=source,
                                 files=names, path=f"{folder}: {' | '.join(names)}")
            return found
    elif re.fullmatch(r"[\w.-]+/[\w.-]+|[\w-]+", name):
        def get(names: list[str], optional: bool = False) -> Path | None:
            return _hub.fetch(name, names, source, optional=optional)
    else:
        raise InputError("checkpoint-not-found", f"{short(repr(name))} is neither a folder here nor an id of the "
                         "hub's.", source=short(source), path=short(name))
    config = _files.read_json(get(["config.json"]), "checkpoint-config")
    if not isinstance(config, dict):
        raise InputError("checkpoint-config", f"{source}: config.json should be an object.", source=source,
                         reason=f"config.json: {type(config).__name__}")
    weights = get(["model.safetensors", "model.safetensors.index.json", "pytorch_model.bin"])
    state = _shards(weights, get) if weights.suffix == ".json" else _files.read(weights)
    settings = get(["preprocessor_config.json"], optional=True)
    return model_of(config, _files.read_json(settings, "checkpoint-config") if settings else {}, state, source)
