"""`hf:<folder or id>`: checkpoints of Hugging Face transformers, read without transformers.

`layouts` has the key tables of its families: ViT, DeiT, DINOv2, MAE, MSN, I-JEPA, CLIP, SigLIP and DINOv3, each by the
names in the hub's files and by those of the modules of transformers 5. A folder or repository with timm's config.json
goes to `timm.py`.
"""

from __future__ import annotations

import os.path
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from torch import Tensor

from vit_core.checkpoints import timm
from vit_core.checkpoints.assembly import assemble, set_problem_type
from vit_core.checkpoints.errors import refusal, shorten, windowed
from vit_core.checkpoints.files import (
    Repository,
    check_tensors,
    find_weights,
    read_content,
    read_json,
    read_tensors,
)
from vit_core.checkpoints.labels import choose_labels
from vit_core.checkpoints.layouts import clip, dinov3
from vit_core.checkpoints.layouts.adapter import adapter_error, merge_adapter
from vit_core.checkpoints.layouts.keys import MAX_LAYERS, infer_config
from vit_core.checkpoints.layouts.transformers_vit import FAMILIES, translate_vit
from vit_core.checkpoints.processors import choose_preprocess, find_family, read_processor
from vit_core.checkpoints.report import LoadReport
from vit_core.errors import InputError
from vit_core.models.vit import VisionTransformer

_ACTIVATIONS = {
    "gelu": "gelu",
    "gelu_new": "gelu_tanh",
    "gelu_pytorch_tanh": "gelu_tanh",
    "quick_gelu": "quick_gelu",
    "silu": "silu",
    "swish": "silu",
}
#: transformers' problem_type -> ours.
_PROBLEM_TYPES = {
    "single_label_classification": "single_label",
    "multi_label_classification": "multi_label",
    "regression": "regression",
}
#: The `model_type` of transformers' models with windowed attention.
_WINDOWED = ("donut-swin", "hiera", "maskformer-swin", "swin", "swin2sr", "swinv2")
WEIGHT_FILES = [
    "model.safetensors",
    "model.safetensors.index.json",
    "pytorch_model.bin",
    "pytorch_model.bin.index.json",
]
_MAX_SIZE = 100_000  # of any number in a config but the layers: beyond any model, yet small enough to lay out


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


def _stated_problem_type(config: dict, outputs: int, source: str) -> dict:
    """{"problem_type": ours} as config.json states it for a head of so many outputs; {} if it does not.

    transformers trains a head of one output without a problem_type as a regression, but such a head is more often a
    sigmoid classifier that another program trained. It is left to `infer_config`, whose assumption is reported. So is
    one output with "single_label_classification", which transformers itself refuses since version 5.
    """
    stated = config.get("problem_type")
    if stated is None or not outputs:
        return {}
    if not isinstance(stated, str) or stated not in _PROBLEM_TYPES:
        raise _bad_field(source, "problem_type", stated, f"one of {', '.join(_PROBLEM_TYPES)}")
    ours = _PROBLEM_TYPES[stated]
    return {} if outputs == 1 and ours == "single_label" else {"problem_type": ours}


def check_attention(config: dict, source: str) -> None:
    """Raises InputError "checkpoint-windowed" if a config.json describes a model with windowed attention."""
    if config.get("model_type") in _WINDOWED:
        width = config.get("embed_dim")  # 96 in Swin-T and Swin-S, 128 in Swin-B, 192 in Swin-L
        width = width if isinstance(width, int) else 0
        raise windowed(source, "small" if width < 128 else "base" if width < 192 else "large")


def build(
    config: dict,
    processor: tuple[Any, str],
    state: dict[str, Tensor],
    source: str,
    report: LoadReport,
    path: Path | None = None,
    names: Sequence[tuple[object, str]] = (),
) -> VisionTransformer:
    """The model of a config.json, what `read_processor` found, and weights.

    `path`: the weights' file, if labels may lie beside it. `names`: class names in that file, as `names_inside` finds
    them. Fills in `report`.
    """
    if "architecture" in config and config.get("model_type") in (None, "timm_wrapper"):  # transformers wraps timm's
        model = timm.from_config(config, state, source, report, path, names)
        kind = _stated_problem_type(config, model.config.classes, source)
        return set_problem_type(model, **kind, source=source) if kind else model
    check_attention(config, source)
    family = config.get("model_type")
    families = (*FAMILIES, *clip.FAMILIES, dinov3.FAMILY)
    if family not in families:
        kind = f"model_type = {shorten(repr(family))}"
        raise refusal("checkpoint-architecture", source, f"{kind} is none of {', '.join(families)}", kind)
    if family in clip.FAMILIES:
        (weights, implied), stated = clip.translate_clip(state, source), clip.vision_config(config)
    elif family == dinov3.FAMILY:
        (weights, implied), stated = dinov3.translate_dinov3(state, source), dinov3.with_defaults(config)
    else:
        (weights, implied), stated = translate_vit(state, source), config
    report.ignored += weights.ignored
    head = weights.state.get("head.weight")
    kind = _stated_problem_type(config, 0 if head is None or not head.ndim else len(head), source)
    ours = infer_config(weights, source, **implied | _stated_fields(stated, source) | kind)
    if kind:
        report.origins["head"] = f"config.json: problem_type = {config['problem_type']}"
    stated = [(config.get(key), f"config.json {key}") for key in ("id2label", "label2id")]
    labels = choose_labels(ours, path, stated, report, names)
    report.origins["architecture"] = f"config.json: model_type = {family}"
    transform = choose_preprocess(processor, find_family(family), ours.image_size, ours.channels, source, report)
    return assemble(ours, weights.state, source, labels, transform, spell=weights.spell, report=report)


def shards(index: Path) -> list[str]:
    """The names of the files that an index names."""
    names = read_json(index)
    names = names.get("weight_map") if isinstance(names, dict) else None
    if (
        not isinstance(names, dict)
        or len(set(map(str, names.values()))) > 1000
        or not all(isinstance(n, str) and re.fullmatch(r"[\w.-]+", n) for n in names.values())
    ):
        raise refusal("checkpoint-config", index.name, "it has no weight_map of file names", "weight_map")
    return sorted(set(names.values()))


def _read_weights(repository: Repository, report: LoadReport) -> dict[str, Tensor]:
    """The tensors of a folder or repository, in one file or in several with an index. Fills in `report`.

    Raises InputError as `read_content` and `find_weights` do.
    """
    first = repository.get(WEIGHT_FILES)
    files = [repository.get([name]) for name in shards(first)] if first.suffix == ".json" else [first]
    content: dict = {}
    for file in files:
        part = read_content(file)
        content |= part if isinstance(part, dict) else {file.name: part}
    state = find_weights(content, repository.source, None, report)
    report.origins["weights"] = first.name
    return check_tensors(state, repository.source, sum(file.stat().st_size for file in files))


def read_object(path: Path, source: str) -> dict:
    """The JSON object in a config. Raises InputError "checkpoint-config"."""
    config = read_json(path)
    if not isinstance(config, dict):
        why = f"{path.name} holds a {type(config).__name__}, not an object"
        raise refusal("checkpoint-config", source, why, f"{path.name}: {type(config).__name__}")
    return config


def load_huggingface(name: str) -> VisionTransformer:
    """The model `hf:<folder or id>`; of a PEFT adapter's folder, its base model with the adapter merged.

    Raises InputError "checkpoint-not-found", "checkpoint-config", "checkpoint-architecture", "checkpoint-windowed",
    "checkpoint-adapter", and the errors of `fetch`, `read_content`, `find_weights` and `assemble`.
    """
    repository, report = Repository(name), LoadReport()
    source = repository.source
    adapter = None if repository.find(WEIGHT_FILES) else repository.find(["adapter_config.json"])
    if adapter:
        return _load_adapted(repository, read_object(adapter, source), report)
    config = read_object(repository.get(["config.json"]), source)
    check_attention(config, source)  # before the weights, which may have to be downloaded
    state = _read_weights(repository, report)
    return build(config, read_processor(repository.find), state, source, report, repository.find(WEIGHT_FILES))


def _load_adapted(repository: Repository, settings: dict, report: LoadReport) -> VisionTransformer:
    """The base model that adapter_config.json (`settings`) names, with the adapter in `repository` merged.

    A head that the adapter brings has not the labels of the base model's head. Raises InputError "checkpoint-adapter".
    """
    source, base_name = repository.source, settings.get("base_model_name_or_path")
    if not isinstance(base_name, str) or not base_name:
        raise adapter_error(source, "adapter_config.json does not name the base model (base_model_name_or_path)")
    try:
        base = Repository(base_name)
        config, state = read_object(base.get(["config.json"]), base.source), _read_weights(base, report)
    except InputError as error:
        raise adapter_error(source, f"the base model {shorten(base_name)} is not at hand ({error})") from error
    path = repository.get(["adapter_model.safetensors", "adapter_model.bin"])
    tensors = read_tensors(path)
    report.origins["weights"] = f"{base_name} + {path.name}"
    merged = merge_adapter(state, tensors, settings, source)
    if any(re.search(r"(^|\.)classifier\.", name) for name in tensors):
        config = {key: value for key, value in config.items() if key not in ("id2label", "label2id", "problem_type")}
    processor = read_processor(lambda names: repository.find(names) or base.find(names))
    labels_beside = path if os.path.isdir(repository.folder) else None
    return build(config, processor, merged, source, report, labels_beside)
