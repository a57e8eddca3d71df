"""timm's Vision Transformers, DeiTs and DINOv3s: a live module, or `timm:<name>` with its pretrained weights."""

from __future__ import annotations

import difflib
import inspect
import re
from pathlib import Path
from types import ModuleType

import torch
from torch import Tensor, nn

from vit_core.checkpoints.assemble import assemble, listed, per_channel, preprocess, short
from vit_core.checkpoints.files import hub as _hub
from vit_core.checkpoints.keys import KeyTable, Translated, infer, translate
from vit_core.checkpoints.timm_blocks import of_eva, unfolded
from vit_core.checkpoints.timm_import import timm
from vit_core.errors import InputError
from vit_core.images import Preprocess
from vit_core.models.config import ViTConfig
from vit_core.models.vit import VisionTransformer

_DIFFERENTIAL = (
    "differential attention is a difference of two softmaxes: its weights are negative in places and "
    "their rows do not sum to one, so they are not the attention shown here"
)

#: timm names of vision_transformer.py and deit.py that cannot be shown, and why.
UNSUPPORTED = {
    "vit_dlittle_patch16_reg1_gap_256": _DIFFERENTIAL,
    "vit_dpwee_patch16_reg1_gap_256": _DIFFERENTIAL,
    "vit_dwee_patch16_reg1_gap_256": _DIFFERENTIAL,
}

KEYS = KeyTable(
    block="blocks.{}.",
    tokens=("cls_token", "dist_token", "reg_token"),
    outside=(
        ("patch_embed", ("patch_embed.proj",)),
        ("patch_norm", ("patch_embed.norm",)),
        ("positions", ("pos_embed",)),
        ("embed_norm", ("norm_pre",)),
        ("norm", ("norm",)),
        ("attention_pool.latent", ("attn_pool.latent",)),
        ("attention_pool.q", ("attn_pool.q",)),
        ("attention_pool.kv", ("attn_pool.kv",)),
        ("attention_pool.proj", ("attn_pool.proj",)),
        ("attention_pool.norm", ("attn_pool.norm",)),
        ("attention_pool.fc1", ("attn_pool.mlp.fc1",)),
        ("attention_pool.fc2", ("attn_pool.mlp.fc2",)),
        ("pool_norm", ("fc_norm",)),
        ("head", ("head",)),
        ("distillation_head", ("head_dist",)),
    ),
    inside=(
        ("norm1", ("norm1",)),
        ("attn.qkv", ("attn.qkv",)),
        ("attn.q_norm", ("attn.q_norm",)),
        ("attn.k_norm", ("attn.k_norm",)),
        ("attn.norm", ("attn.norm",)),
        ("attn.proj", ("attn.proj",)),
        ("ls1", ("ls1",)),
        ("norm2", ("norm2",)),
        ("mlp.fc1", ("mlp.fc1",)),
        ("mlp.fc1", ("mlp.fc1_g", "mlp.fc1_x")),
        ("mlp.norm", ("mlp.norm",)),
        ("mlp.fc2", ("mlp.fc2",)),
        ("ls2", ("ls2",)),
    ),
)

#: How DINOv3 turns queries and keys, of what timm's module for it could do.
_DINOV3 = {
    "rotate_half": True,
    "normalize_coords": "separate",
    "grid_offset": 0.0,
    "grid_indexing": "ij",
    "min_period": None,
    "max_period": None,
}
_ACTIVATIONS = {"GELU": "gelu", "GELUTanh": "gelu_tanh", "QuickGELU": "quick_gelu", "SiLU": "silu"}
_NORMS = {"LayerNorm": "layer", "RmsNorm": "rms", "RMSNorm": "rms"}


def translated(state: dict[str, Tensor], source: str) -> Translated:
    """timm's state by our names."""
    weights = translate(KEYS, unfolded(state, source), source)
    if any(re.match(r"blocks\.\d+\.in_proj\.", n) for n in state):
        weights.facts["block"] = "parallel"
    return weights


def _refuse(what: str, why: str, reason: str) -> InputError:
    """`why` for a sentence in English; `reason` in timm's own terms, for one in any language."""
    return InputError("checkpoint-architecture", f"{what} cannot be shown: {why}.", source=what, reason=reason)


def _facts(module: nn.Module, what: str) -> dict:
    """The config fields that weights do not tell, read off a timm module; refuses what we have no term for."""
    name = {type(m).__name__ for m in module.blocks}
    if len(name) != 1:
        raise _refuse(
            what,
            f"its blocks should be of one kind and are {', '.join(sorted(name)) or 'none'}",
            f"blocks = {', '.join(sorted(name)) or None}",
        )
    kind = name.pop()
    if "Diff" in kind or any(type(m).__name__ == "DiffAttention" for m in module.modules()):
        raise _refuse(what, _DIFFERENTIAL, "DiffAttention")
    if kind not in ("Block", "ResPostBlock", "ParallelScalingBlock", "ParallelThingsBlock", "EvaBlock"):
        raise _refuse(what, f"there is no equivalent of its {kind}", f"blocks = {kind}")
    own = {type(m).__name__ for m in module.modules() if type(m).__module__.split(".")[0] not in ("torch", "timm")}
    if own := sorted(own | {type(m).__name__ for m in (module.pos_drop, module.head_drop)} - {"Dropout", "Identity"}):
        raise _refuse(what, f"what its parts {', '.join(own)} do is not known", ", ".join(own))
    norms = {(type(m).__name__, m.eps) for m in module.modules() if type(m).__name__ in _NORMS}
    strange = {type(m).__name__ for m in module.modules() if "Norm" in type(m).__name__} - _NORMS.keys()
    if len(norms) != 1 or strange:
        found = sorted(map(str, norms)) + sorted(strange)
        raise _refuse(what, f"its norms should all be alike and are {found}", f"norm = {', '.join(found) or None}")
    acts = {
        (type(m).__name__, getattr(m, "approximate", "none"))
        for n, m in module.named_modules()
        if re.search(r"(\.act|mlp_act)$", n)
    }
    if len(acts) != 1 or next(iter(acts))[0] not in _ACTIVATIONS:
        raise _refuse(
            what,
            f"its activation should be one of {', '.join(_ACTIVATIONS)} and is {sorted(acts)}",
            f"act = {', '.join(name for name, _ in sorted(acts)) or None}",
        )
    act, approximate = acts.pop()
    cores = [m for m in module.blocks.modules() if hasattr(m, "num_heads")]
    shapes = {(m.num_heads, m.head_dim) for m in cores}
    if len(shapes) != 1 or any(getattr(m, "gate", None) is not None for m in cores):
        raise _refuse(
            what,
            f"its attention should be plain and alike in all layers; (heads, width) are {shapes}",
            f"num_heads, head_dim = {', '.join(map(str, sorted(shapes))) or None}",
        )
    if any(getattr(m, "gate_last", False) for m in module.modules()):
        raise _refuse(what, "its gated MLP packs the gate last", "gate_last = True")
    pool = module.attn_pool
    if module.global_pool not in ("token", "avg", "avgmax", "max", "map", "") or (
        pool is not None
        and (
            type(pool).__name__ != "AttentionPoolLatent"
            or pool.pos_embed is not None
            or pool.latent_len != 1
            or (pool.num_heads, pool.head_dim) not in shapes
            or type(pool.q) is not nn.Linear
            or type(pool.q_norm) is not nn.Identity
        )
    ):
        raise _refuse(
            what,
            f"there is no equivalent of its pooling {module.global_pool!r}",
            f"global_pool = {module.global_pool!r}",
        )
    if getattr(module, "head_dist", None) is not None and type(module.fc_norm) is not nn.Identity:
        raise _refuse(what, "its two heads pass over its fc_norm", "fc_norm")
    if module.patch_embed.dynamic_img_pad:
        raise _refuse(
            what,
            "it pads pictures up to whole patches, which would show patches that are not there",
            "dynamic_img_pad = True",
        )
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


def transform_of(pretrained_cfg: dict, image_size: tuple[int, int], channels: int) -> Preprocess:
    """timm's evaluation transform as a `Preprocess`, from a model's `pretrained_cfg`, at `image_size`."""
    cfg = pretrained_cfg or {}
    mean, std = (per_channel(tuple(cfg.get(name) or (0.5,) * 3), channels) for name in ("mean", "std"))
    return Preprocess(
        size=tuple(image_size),
        mean=mean,
        std=std,
        interpolation=cfg.get("interpolation") or "bicubic",
        crop_pct=float(cfg.get("crop_pct") or 0.9),
        crop_mode=cfg.get("crop_mode") or "center",
    )


#: Number of classes of a head -> timm's name for that subset of ImageNet.
IMAGENET_SUBSETS = {
    1000: "imagenet-1k",
    11221: "imagenet-21k-miil",
    11821: "imagenet-12k",
    21841: "imagenet-22k",
    21843: "imagenet-21k-goog",
}


def imagenet_info(subset: str):
    """timm's `ImageNetInfo` of a subset: its synset ids and their names. Raises InputError "timm-missing"."""
    timm()
    from timm.data import ImageNetInfo

    return ImageNetInfo(subset)


def imagenet_labels(classes: int) -> list[str] | None:
    """timm's class names for a head with as many classes as one of IMAGENET_SUBSETS, else None."""
    if classes not in IMAGENET_SUBSETS:
        return None
    info = imagenet_info(IMAGENET_SUBSETS[classes])
    return [info.index_to_description(i) for i in range(classes)]


def _check_type(module: nn.Module, what: str) -> None:
    timm()
    from timm.models import deit, eva, vision_transformer

    if type(module) is eva.Eva:
        rope = module.rope
        how = {name: getattr(rope, name, None) for name in _DINOV3}
        if type(rope).__name__ != "RotaryEmbeddingDinoV3" or how != _DINOV3 or module.pos_embed is not None:
            raise _refuse(
                what,
                "of timm's Eva, those have an equivalent whose positions are rotary and DINOv3's",
                f"rope = {type(rope).__name__}",
            )
    elif type(module) not in (vision_transformer.VisionTransformer, deit.VisionTransformerDistilled):
        raise _refuse(
            what,
            "only timm's VisionTransformer, VisionTransformerDistilled and DINOv3 have an equivalent",
            type(module).__name__,
        )


def from_timm(module: nn.Module, *, copy: bool = True) -> VisionTransformer:
    """Our model with the same logits as timm's VisionTransformer, VisionTransformerDistilled or DINOv3.

    The weights are copies, unless `copy` is False. Positions are resized as `dynamic_img_size=True` does. `labels` are
    ImageNet's where the module still has the classes of its pretrained weights. Raises InputError
    "checkpoint-architecture" when there is no equivalent, saying what there is none of, and "checkpoint-config" for a
    `pretrained_cfg` that tells no preprocessing.
    """
    what = f"timm's {type(module).__name__}"
    _check_type(module, what)
    cfg = getattr(module, "pretrained_cfg", None) or {}
    what = f"timm:{cfg['architecture']}" if cfg.get("architecture") else what
    weights = translated(of_eva({n: t.detach() for n, t in module.state_dict().items()}), what)
    config = infer(weights, what, **_facts(module, what))
    labels = imagenet_labels(config.classes) if cfg.get("num_classes") == config.classes else None
    return assemble(
        config,
        weights.state,
        what,
        labels,
        _stated_transform(cfg, config, what),
        spell=weights.spell,
        copy=copy,
        assumed=_assumed(cfg),
    )


def from_config(config: dict, state: dict[str, Tensor], source: str, labels: list[str] | None) -> VisionTransformer:
    """The model of a config.json that timm wrote ("architecture", "model_args", "pretrained_cfg") with its weights."""
    package, name = timm(), short(config["architecture"])
    if name in UNSUPPORTED:
        raise _refuse(source, UNSUPPORTED[name], "DiffAttention")
    if name not in _names(package):
        raise InputError(
            "checkpoint-architecture",
            f"{source}: timm has no Vision Transformer called {name!r}.",
            source=source,
            reason=f"architecture = {name!r}",
        )
    args, classes = config.get("model_args") or {}, config.get("num_classes", 1000)
    if isinstance(args, dict):  # since timm 1.0.31 the number of classes is written there too, and holds
        args = dict(args)
        classes = args.pop("num_classes", classes)
    _check_arguments(args, classes, len(state), source)
    try:
        with torch.device("meta"):
            module = package.create_model(name, num_classes=classes, **args)
    except (TypeError, ValueError, RuntimeError, AssertionError, LookupError, AttributeError, ArithmeticError) as error:
        reason = short((str(error).splitlines() or [type(error).__name__])[0])
        raise InputError(
            "checkpoint-config",
            f"{source}: timm cannot build {name} as its config.json says: {reason}.",
            source=source,
            reason=reason,
        ) from error
    _check_type(module, source)
    weights = translated(of_eva(state) if type(module).__name__ == "Eva" else state, source)
    ours = infer(weights, source, depth=len(module.blocks), **_facts(module, source))
    names = config.get("label_names")
    names = (
        [str(n) for n in names]
        if isinstance(names, list) and len(names) == ours.classes
        else imagenet_labels(ours.classes)
    )
    cfg = config.get("pretrained_cfg") or {}
    return assemble(
        ours,
        weights.state,
        source,
        labels or names,
        _stated_transform(cfg, ours, source),
        spell=weights.spell,
        assumed=_assumed(cfg),
    )


def _assumed(cfg: dict) -> tuple[str, ...]:
    return () if cfg.get("mean") and cfg.get("std") else ("preprocess",)


def _stated_transform(cfg: object, ours: ViTConfig, source: str) -> Preprocess:
    """`transform_of` of what a file or module states. InputError "checkpoint-config"."""
    try:
        made = transform_of(cfg, ours.image_size, ours.channels)
    except (TypeError, ValueError, AttributeError, OverflowError) as error:
        raise InputError(
            "checkpoint-config",
            f"{source}: its pretrained_cfg tells no preprocessing: {short(error)}.",
            source=source,
            reason=f"pretrained_cfg: {short(error)}",
        ) from error
    return preprocess(made, ours.channels, source)


def _check_arguments(args: object, classes: object, tensors: int, source: str) -> None:
    """InputError "checkpoint-config" unless they are numbers, words and switches of timm's VisionTransformer.

    Anything else (pretrained, checkpoint_path, ...) would have timm fetch or open what the file names.
    """
    from timm.models.vision_transformer import VisionTransformer as Theirs

    known = inspect.signature(Theirs).parameters.keys() | {"dynamic_img_size"}

    def plain(value: object) -> bool:
        return value is None or (
            abs(value) <= 100_000 if isinstance(value, int | float) else isinstance(value, str) and len(value) <= 100
        )

    wrong = {} if isinstance(args, dict) else {"model_args": args}
    wrong |= (
        {}
        if wrong
        else {
            k: v
            for k, v in args.items()
            if k not in known or not all(map(plain, v if isinstance(v, list) and len(v) <= 2 else [v]))
        }
    )
    if type(classes) is not int or not 0 <= classes <= 1_000_000:
        wrong["num_classes"] = classes
    if not wrong and isinstance(args.get("depth"), int) and args["depth"] > tensors:
        wrong["depth"] = args["depth"]
    if wrong:
        said = listed(f"{k} = {v!r}" for k, v in wrong.items())
        raise InputError(
            "checkpoint-config",
            f"{source}: its config.json asks for {said}, which no Vision Transformer of timm's takes.",
            source=source,
            reason=said,
        )


def _names(package: ModuleType) -> set[str]:
    """What timm calls the architectures that can be shown, and a few that cannot."""
    return {
        *package.list_models(module="vision_transformer"),
        *package.list_models(module="deit"),
        *package.list_models("*_dinov3*", module="eva"),
    }


def _known(package: ModuleType, name: str) -> None:
    """InputError "model-unknown" unless `name` ("<architecture>" or "<architecture>.<tag>") is a ViT of timm's."""
    architecture, _, tag = name.partition(".")
    known = _names(package)
    if architecture in UNSUPPORTED:
        raise _refuse(f"timm:{architecture}", UNSUPPORTED[architecture], "DiffAttention")
    if architecture not in known:
        near = difflib.get_close_matches(architecture, sorted(known), 3, 0.5)
        why = (
            "is a model of timm's, but not a Vision Transformer"
            if package.is_model(architecture)
            else "is not a model of timm's"
        )
        hint = f"; near it there is {', '.join(near)}" if near else ""
        raise InputError(
            "model-unknown",
            f"{architecture!r} {why}{hint}. timm.list_models(module='vision_transformer') names them all.",
            name=f"timm:{name}",
            available=near,
        )
    tags = package.list_pretrained(architecture)
    if tag and name not in tags:
        raise InputError(
            "model-unknown",
            f"timm has no weights {name!r}; for {architecture} it has {', '.join(tags) or 'none'}.",
            name=f"timm:{name}",
            available=tags,
        )
    if not tags:
        raise InputError("hub-no-weights", f"timm publishes no weights for {architecture}.", name=f"timm:{name}")


def load(name: str) -> VisionTransformer:
    """`timm:<name>`: the pretrained weights, from the hub's cache or the hub. Raises InputError: "model-unknown",
    "hub-unreachable", "hub-no-weights", "checkpoint-architecture", "timm-missing"."""
    asked = _hub.ask()  # the hub answers while timm is imported, which takes seconds
    package = timm()
    _known(package, name)
    cfg = package.get_pretrained_cfg(name)
    if not cfg.hf_hub_id:
        raise InputError("hub-no-weights", f"timm's weights for {name} are not on the hub.", name=f"timm:{name}")
    repo = cfg.hf_hub_id if not cfg.hf_hub_id.endswith("/") else f"{cfg.hf_hub_id}{cfg.architecture}.{cfg.tag}"
    path = _hub.fetch(
        repo,
        [cfg.hf_hub_filename] if cfg.hf_hub_filename else ["model.safetensors", "pytorch_model.bin"],
        f"timm:{name}",
        asked=asked,
    )
    return from_timm(_pretrained(package, name, path), copy=False)


def _pretrained(package: ModuleType, name: str, path: Path) -> nn.Module:
    try:
        return package.create_model(name, pretrained=True, pretrained_cfg_overlay={"file": str(path)})
    except (RuntimeError, OSError, KeyError, ValueError) as error:
        reason = str(error).splitlines()[0]
        raise InputError(
            "checkpoint-format",
            f"timm cannot read its own weights for {name} in {path}: {reason}.",
            source=f"timm:{name}",
            reason=reason,
        ) from error
