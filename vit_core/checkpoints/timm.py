"""timm's Vision Transformers, DeiTs and DINOv3s: a live module, or `timm:<name>` with its pretrained weights."""

from __future__ import annotations

import inspect
import re
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Any, cast

import torch
from safetensors import SafetensorError
from torch import Tensor, nn

from vit_core.checkpoints.assembly import assemble, check_preprocess, per_channel
from vit_core.checkpoints.errors import first_line, join_names, refusal, shorten
from vit_core.checkpoints.files import fetch, start_probe
from vit_core.checkpoints.labels import choose_imagenet_labels, choose_labels
from vit_core.checkpoints.layouts.keys import Translated, infer_config
from vit_core.checkpoints.layouts.timm_blocks import rename_eva
from vit_core.checkpoints.layouts.timm_vit import translate_timm
from vit_core.checkpoints.processors import IMAGENET
from vit_core.checkpoints.report import DEFAULTS, MODULE, LoadReport
from vit_core.checkpoints.timm_import import (
    DIFFERENTIAL,
    UNSUPPORTED,
    check_windowed,
    import_timm,
    pretrained_files,
    supported_names,
)
from vit_core.errors import InputError
from vit_core.images import Preprocess
from vit_core.models.config import ViTConfig
from vit_core.models.vit import VisionTransformer

#: The settings of timm's rotary positions that are DINOv3's.
_DINOV3_ROPE = {
    "rotate_half": True,
    "normalize_coords": "separate",
    "grid_offset": 0.0,
    "grid_indexing": "ij",
    "min_period": None,
    "max_period": None,
}
_ACTIVATIONS = {"GELU": "gelu", "GELUTanh": "gelu_tanh", "QuickGELU": "quick_gelu", "SiLU": "silu"}
_NORMS = {"LayerNorm": "layer", "RmsNorm": "rms", "RMSNorm": "rms"}


def _refuse(what: str, why: str, reason: str) -> InputError:
    return refusal("checkpoint-architecture", what, why, reason)


def _is_plain_pool(pool: Any, shapes: set[tuple[int, int]]) -> bool:
    """Whether timm's attention pooling is of the kind that our model has."""
    return pool is None or (
        type(pool).__name__ == "AttentionPoolLatent"
        and pool.pos_embed is None
        and pool.latent_len == 1
        and (pool.num_heads, pool.head_dim) in shapes
        and type(pool.q) is nn.Linear
        and type(pool.q_norm) is nn.Identity
    )


def _module_fields(module: Any, what: str) -> dict:
    """The config fields that weights do not show, from a timm module. Refuses what our model has no equivalent of."""
    kinds = sorted({type(m).__name__ for m in module.blocks})
    kind = kinds[0] if len(kinds) == 1 else ", ".join(kinds)
    if "Diff" in kind or any(type(m).__name__ == "DiffAttention" for m in module.modules()):
        raise _refuse(what, DIFFERENTIAL, "DiffAttention")
    if kind not in ("Block", "ResPostBlock", "ParallelScalingBlock", "ParallelThingsBlock", "EvaBlock"):
        raise _refuse(what, f"its blocks ({kind or None}) have no equivalent", f"blocks = {kind or None}")
    own = {type(m).__name__ for m in module.modules() if type(m).__module__.split(".")[0] not in ("torch", "timm")}
    if own := sorted(own | {type(m).__name__ for m in (module.pos_drop, module.head_drop)} - {"Dropout", "Identity"}):
        raise _refuse(what, f"the effect of its parts {', '.join(own)} is unknown", ", ".join(own))
    norms = {(type(m).__name__, m.eps) for m in module.modules() if type(m).__name__ in _NORMS}
    strange = {type(m).__name__ for m in module.modules() if "Norm" in type(m).__name__} - _NORMS.keys()
    if len(norms) != 1 or strange:
        found = ", ".join(sorted(map(str, norms)) + sorted(strange)) or None
        raise _refuse(what, f"its norms should all be the same, {' or '.join(_NORMS)}: {found}", f"norm = {found}")
    acts = {
        (type(m).__name__, getattr(m, "approximate", "none"))
        for n, m in module.named_modules()
        if re.search(r"(\.act|mlp_act)$", n)
    }
    if len(acts) != 1 or next(iter(acts))[0] not in _ACTIVATIONS:
        found = ", ".join(name for name, _ in sorted(acts)) or None
        raise _refuse(what, f"its activation ({found}) is none of {', '.join(_ACTIVATIONS)}", f"act = {found}")
    act, approximate = acts.pop()
    cores = [m for m in module.blocks.modules() if hasattr(m, "num_heads")]
    shapes = {(m.num_heads, m.head_dim) for m in cores}
    if len(shapes) != 1 or any(getattr(m, "gate", None) is not None for m in cores):
        found = f"num_heads, head_dim = {', '.join(map(str, sorted(shapes))) or None}"
        raise _refuse(what, f"its attention is gated or differs between layers ({found})", found)
    if any(getattr(m, "gate_last", False) for m in module.modules()):
        raise _refuse(what, "its gated MLP packs the gate last", "gate_last = True")
    pooling = ("token", "avg", "avgmax", "max", "map", "")
    if module.global_pool not in pooling or not _is_plain_pool(module.attn_pool, shapes):
        found = f"global_pool = {module.global_pool!r}"
        raise _refuse(what, f"its pooling has no equivalent ({found})", found)
    if getattr(module, "head_dist", None) is not None and type(module.fc_norm) is not nn.Identity:
        raise _refuse(what, "its two heads ignore its fc_norm", "fc_norm")
    if module.patch_embed.dynamic_img_pad:
        why = "it pads pictures to whole patches, so some patches would show no part of the picture"
        raise _refuse(what, why, "dynamic_img_pad = True")
    heads, head_dim = shapes.pop()
    ((norm, eps),) = norms
    return dict(
        image_size=tuple(module.patch_embed.img_size),
        heads=heads * len(cores) // len(module.blocks),
        head_dim=head_dim,
        norm=_NORMS[norm],
        norm_eps=eps,
        activation="gelu_tanh" if approximate == "tanh" else _ACTIVATIONS[act],
        block={"ResPostBlock": "res_post", "ParallelScalingBlock": "parallel"}.get(kind, "pre"),
        position="rope" if kind == "EvaBlock" else "none" if module.pos_embed is None else "learned",
        rope_base=getattr(getattr(module, "rope", None), "temperature", ViTConfig.rope_base),
        position_prefix=not module.no_embed_class,
        pool=module.global_pool or ("token" if module.cls_token is not None else "avg"),
        pool_prefix=getattr(module, "pool_include_prefix", False),
        patch_bias=module.patch_embed.proj.bias is not None,
        final_norm=type(module.norm) is not nn.Identity,
    )


def _check_type(module: nn.Module, what: str) -> None:
    models = import_timm().models
    if type(module) is models.eva.Eva:
        rope = module.rope
        settings = {name: getattr(rope, name, None) for name in _DINOV3_ROPE}
        if type(rope).__name__ != "RotaryEmbeddingDinoV3" or settings != _DINOV3_ROPE or module.pos_embed is not None:
            why = "of the models with rotary positions, only DINOv3 is supported"
            raise _refuse(what, why, f"rope = {type(rope).__name__}")
    elif type(module) not in (models.vision_transformer.VisionTransformer, models.deit.VisionTransformerDistilled):
        why = "of timm's modules, only VisionTransformer, VisionTransformerDistilled and DINOv3 are supported"
        raise _refuse(what, why, type(module).__name__)


def _unwrap(module: nn.Module) -> tuple[nn.Module, list[str]]:
    """The module inside DataParallel, torch.compile, AveragedModel and the like; and the names of the wrappers."""
    wrappers = []
    while isinstance(inner := getattr(module, "_orig_mod", getattr(module, "module", None)), nn.Module):
        wrappers.append(type(module).__name__)
        module = inner
    return module, wrappers


def from_timm(module: nn.Module, *, copy: bool = True) -> VisionTransformer:
    """Our model with the same logits as timm's VisionTransformer, VisionTransformerDistilled or DINOv3.

    `module` may be wrapped: by DataParallel, torch.compile, torch's AveragedModel or timm's ModelEma. The weights are
    copies, unless `copy` is False. Positions are resized as `dynamic_img_size=True` does. `labels` are
    ImageNet's if the module still has the classes of its pretrained weights.

    Raises InputError "checkpoint-architecture" for a module without an equivalent, "checkpoint-config" if its
    `pretrained_cfg` states no valid preprocessing.
    """
    module, wrappers = _unwrap(module)
    what = f"timm's {type(module).__name__}"
    _check_type(module, what)
    cfg = getattr(module, "pretrained_cfg", None) or {}
    what = f"timm:{cfg['architecture']}" if cfg.get("architecture") else what
    weights = translate_timm(rename_eva({n: t.detach() for n, t in module.state_dict().items()}), what)
    config = infer_config(weights, what, **_module_fields(module, what))
    report = LoadReport({"architecture": MODULE, "weights": MODULE}, unwrapped=wrappers)
    labels = choose_labels(config, None, _stated_names({}, cfg, config.classes, "pretrained_cfg"), report)
    if labels is None and cfg.get("num_classes") == config.classes:
        labels = choose_imagenet_labels(config.classes, report, stated=True)
    report.origins["preprocessing"] = "pretrained_cfg"
    return _assemble_with(cfg, config, weights, what, labels, report, copy=copy)


def _split_config(config: dict) -> tuple[Any, Any, Any]:
    """A config.json's `pretrained_cfg`, `model_args` and number of classes, as timm resolves them.

    Before timm 0.8, all stood on one level. The size, channels and pooling of the pretrained_cfg are arguments, too,
    unless `model_args` has others.
    """
    cfg = config.get("pretrained_cfg", config)
    args = config.get("model_args") or {}
    if not isinstance(cfg, dict) or not isinstance(args, dict):
        return cfg or {}, args, config.get("num_classes", 1000)
    size = cfg.get("input_size")
    implied = {"global_pool": cfg.get("global_pool")}
    if isinstance(size, list) and len(size) == 3:
        implied |= {"in_chans": size[0], "img_size": size[1:]}
    args = {name: value for name, value in implied.items() if value is not None} | args
    classes = config.get("num_classes", cfg.get("num_classes", 1000))
    classes = args.pop("num_classes", classes)  # since timm 1.0.31, it stands there too, and takes precedence
    return cfg, args, classes


def _stated_names(config: dict, cfg: Any, classes: int, origin: str) -> list[tuple[object, str]]:
    """What a config.json and its pretrained_cfg call the classes, as `choose_labels` wants it.

    The pretrained_cfg may still be that of the weights from which a head with other classes was trained.
    """
    stated = []
    for part in (config, cfg if isinstance(cfg, dict) and cfg.get("num_classes", classes) == classes else {}):
        for key in ("label_names", "labels"):
            if isinstance(names := part.get(key), list | dict):
                described = {"label_names": names, "label_descriptions": part.get("label_descriptions")}
                stated.append((described, f"{origin} {key}"))
    return stated


def from_config(
    config: dict,
    state: dict[str, Tensor],
    source: str,
    report: LoadReport,
    path: Path | None,
    names: Sequence[tuple[object, str]] = (),
) -> VisionTransformer:
    """The model of a config.json that timm wrote ("architecture", "model_args", "pretrained_cfg") with its weights.

    `path`: the weights' file, if labels may lie beside it. `names`: class names in that file. Raises InputError
    "checkpoint-architecture", "checkpoint-config", and the errors of `assemble`.
    """
    package, name = import_timm(), shorten(config["architecture"])
    if name in UNSUPPORTED:
        raise _refuse(source, UNSUPPORTED[name], "DiffAttention")
    check_windowed(name, source)
    if name not in supported_names(package):
        raise _refuse(source, f"timm has no Vision Transformer called {name!r}", f"architecture = {name!r}")
    cfg, args, classes = _split_config(config)
    _check_arguments(args, classes, len(state), source)
    is_fixed = "img_size" in (config.get("model_args") or {}) or isinstance(cfg, dict) and cfg.get("fixed_input_size")
    try:
        module = _build(package, name, dict(args, num_classes=classes), bool(is_fixed), state)
    except (TypeError, ValueError, RuntimeError, AssertionError, LookupError, AttributeError, ArithmeticError) as error:
        why = f"timm cannot build {name} with its config.json ({first_line(error)})"
        raise refusal("checkpoint-config", source, why, first_line(error)) from error
    _check_type(module, source)
    weights = translate_timm(rename_eva(state) if type(module).__name__ == "Eva" else state, source)
    report.ignored += weights.ignored
    ours = infer_config(weights, source, depth=len(module.blocks), **_module_fields(module, source))
    stated = _stated_names(config, cfg, ours.classes, "config.json")
    labels = choose_labels(ours, path, stated, report, names)
    if labels is None:
        is_stated = cfg is not config and isinstance(cfg, dict) and cfg.get("num_classes") == ours.classes
        labels = choose_imagenet_labels(ours.classes, report, stated=is_stated)
    report.origins |= {"architecture": f"config.json: architecture = {name}", "preprocessing": "config.json"}
    return _assemble_with(cfg, ours, weights, source, labels, report)


def _build(package: ModuleType, name: str, args: dict, is_fixed: bool, state: dict[str, Tensor]) -> Any:
    """timm's module without weights. If its size is not fixed, one for which the positions in `state` are.

    timm takes the architecture's own default then and resizes the positions, where it reads a config.json. Raises what
    timm does.
    """
    own = {key: value for key, value in args.items() if key != "img_size"}
    options = [args] if is_fixed else [own | {"pretrained_cfg": {"architecture": name}}, args, own]
    positions = state.get("pos_embed")
    modules = []
    for option in options:
        with torch.device("meta"):
            module = package.create_model(name, **option)
        modules.append(module)
        if positions is None or getattr(module, "pos_embed", None) is None:
            break
        if module.pos_embed.shape == positions.shape:
            return module
    return modules[0]


def _assemble_with(
    cfg: dict,
    config: ViTConfig,
    weights: Translated,
    source: str,
    labels: list[str] | None,
    report: LoadReport,
    copy: bool = False,
) -> VisionTransformer:
    """`assemble` with the evaluation transform of a `pretrained_cfg`, whose gaps get timm's defaults.

    Raises InputError "checkpoint-config" too.
    """
    try:
        stated = [cfg.get(name) or default for name, default in zip(("mean", "std"), IMAGENET, strict=True)]
        mean, std = (per_channel(tuple(values), config.channels) for values in stated)
        transform = Preprocess(
            size=config.image_size,
            mean=mean,
            std=std,
            interpolation=cfg.get("interpolation") or "bicubic",
            crop_pct=float(cfg.get("crop_pct") or 0.875),
            crop_mode=cfg.get("crop_mode") or "center",
        )
    except (TypeError, ValueError, AttributeError, OverflowError) as error:
        why = f"its pretrained_cfg states no valid preprocessing ({shorten(error)})"
        raise refusal("checkpoint-config", source, why, f"pretrained_cfg: {shorten(error)}") from error
    check_preprocess(transform, config.channels, source)
    if not (cfg.get("mean") and cfg.get("std")):
        report.assumed.append("preprocess")
        report.origins["preprocessing"] = DEFAULTS.format("timm")
    return assemble(config, weights.state, source, labels, transform, spell=weights.spell, copy=copy, report=report)


def _check_arguments(args: object, classes: object, tensors: int, source: str) -> None:
    """Raises InputError "checkpoint-config" unless the arguments are plain values of timm's VisionTransformer.

    Other arguments (pretrained, checkpoint_path, ...) would make timm download or open what the file names.
    """
    known = inspect.signature(import_timm().models.vision_transformer.VisionTransformer).parameters.keys()

    def plain(value: object) -> bool:
        if isinstance(value, int | float):
            return abs(value) <= 100_000
        return value is None or isinstance(value, str) and len(value) <= 100

    def valid(name: str, value: object) -> bool:
        values = value if isinstance(value, list) and len(value) <= 2 else [value]
        return (name in known or name == "dynamic_img_size") and all(map(plain, values))

    wrong = {k: v for k, v in args.items() if not valid(k, v)} if isinstance(args, dict) else {"model_args": args}
    if type(classes) is not int or not 0 <= classes <= 1_000_000:
        wrong["num_classes"] = classes
    depth = args.get("depth") if isinstance(args, dict) else None
    if not wrong and isinstance(depth, int) and depth > tensors:
        wrong["depth"] = depth
    if wrong:
        stated = join_names(f"{k} = {v!r}" for k, v in wrong.items())
        why = f"config.json asks for {stated}, which no Vision Transformer of timm takes"
        raise refusal("checkpoint-config", source, why, stated)


def load_timm(name: str) -> VisionTransformer:
    """The model `timm:<name>` with its pretrained weights, from the hub's cache or the hub.

    Raises InputError "hub-unreachable", "hub-not-found", "hub-gated", and as `pretrained_files` does.
    """
    probe = start_probe()  # the hub answers while timm is imported, which takes seconds
    package = import_timm()
    repo, files = pretrained_files(name)
    path = cast(Path, fetch(repo, files, f"timm:{name}", probe=probe))
    try:
        module = package.create_model(name, pretrained=True, pretrained_cfg_overlay={"file": str(path)})
    except (RuntimeError, OSError, KeyError, ValueError, SafetensorError) as error:
        why = f"timm cannot read its own weights in {path} ({first_line(error)})"
        raise refusal("checkpoint-format", f"timm:{name}", why, first_line(error)) from error
    model = from_timm(module, copy=False)
    architecture = package.get_pretrained_cfg(name).architecture
    model.report.origins |= {"architecture": f"timm: {architecture}", "weights": f"{repo}: {path.name}"}
    return model
