"""Imports timm, when it is first needed, and reads its tables: which models it publishes, and ImageNet's classes.

timm takes seconds to import, and nothing else imports it.
"""

from __future__ import annotations

import difflib
import functools
import importlib
import sys
from types import ModuleType

import torch

from vit_core.checkpoints.errors import refusal, shorten, windowed
from vit_core.errors import InputError

#: torchvision's Python side registers fake kernels for these operators while it is imported. Its compiled side defines
#: them, unless it was built for another torch. timm needs only the Python side.
_OPERATORS = ("nms", "qnms")
_SIGNATURE = "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"
_libraries: list[torch.library.Library] = []  # a Library that is collected takes its operators with it

DIFFERENTIAL = (
    "differential attention is a difference of two softmaxes, so some of its weights are negative and its rows do not "
    "sum to one"
)

#: timm's names in vision_transformer.py and deit.py that cannot be shown, and why.
UNSUPPORTED = dict.fromkeys(
    ("vit_dlittle_patch16_reg1_gap_256", "vit_dpwee_patch16_reg1_gap_256", "vit_dwee_patch16_reg1_gap_256"),
    DIFFERENTIAL,
)

#: How timm's names of models with windowed attention begin.
_WINDOWED = ("davit", "gcvit", "hiera", "maxvit", "sam2_hiera", "samvit", "swin", "twins_svt")

WEIGHT_FILES = ["model.safetensors", "pytorch_model.bin"]  # of a repository, the preferred one first

#: Number of classes of a head -> timm's name for that subset of ImageNet.
IMAGENET_SUBSETS = {
    1000: "imagenet-1k",
    11221: "imagenet-21k-miil",
    11821: "imagenet-12k",
    21841: "imagenet-22k",
    21843: "imagenet-21k-goog",
}


def _define_missing_operators() -> None:
    library = torch.library.Library("torchvision", "DEF")
    for name in _OPERATORS:
        if not hasattr(torch.ops.torchvision, name):
            library.define(name + _SIGNATURE)
    _libraries.append(library)


def _forget(package: str) -> None:
    """Drops what a failed import left behind, so that the next one starts clean."""
    for name in [n for n in sys.modules if n == package or n.startswith(package + ".")]:
        del sys.modules[name]


@functools.cache
def import_timm() -> ModuleType:
    """The timm package, imported on the first call.

    timm imports torchvision. A CPU build of torch beside a CUDA build of torchvision, as the package index serves them,
    fails there with "operator torchvision::nms does not exist". Only then, the missing operators are declared (without
    a kernel: nothing here detects boxes) and the import is tried once more.

    Raises InputError "timm-missing" if timm is not installed, "timm-broken" if it cannot be imported.
    """
    try:
        try:
            return importlib.import_module("timm")
        except RuntimeError as error:
            if "torchvision::" not in str(error):
                raise
            _forget("timm")
            _forget("torchvision")
            _define_missing_operators()
            return importlib.import_module("timm")
    except (ImportError, RuntimeError) as error:
        if isinstance(error, ModuleNotFoundError) and error.name == "timm":
            raise InputError(
                "timm-missing", "timm is not installed, so its models are not available. Run: pip install timm"
            ) from None
        raise InputError(
            "timm-broken",
            f"timm is installed but cannot be imported: {error}. Reinstall timm together with a torchvision that fits "
            "this torch.",
            reason=str(error),
        ) from error


def imagenet_info(subset: str):
    """timm's `ImageNetInfo` of one of IMAGENET_SUBSETS: its synset ids and their names. Raises as `import_timm`."""
    return import_timm().data.ImageNetInfo(subset)


def supported_names(package: ModuleType) -> set[str]:
    """timm's names of the architectures that can be shown, and of a few that cannot."""
    return {
        *package.list_models(module="vision_transformer"),
        *package.list_models(module="deit"),
        *package.list_models("*_dinov3*", module="eva"),
    }


def check_windowed(architecture: str, source: str) -> None:
    """Raises InputError "checkpoint-windowed" if timm's model of that name has windowed attention."""
    if architecture.startswith(_WINDOWED):
        size = next((size for size in ("base", "large", "huge", "giant") if size in architecture.split("_")), "small")
        raise windowed(source, size)


def _check_name(package: ModuleType, name: str) -> None:
    """Raises InputError unless `name` ("<architecture>" or "<architecture>.<tag>") is a ViT of timm with weights."""
    architecture, _, tag = name.partition(".")
    known = supported_names(package)
    if architecture in UNSUPPORTED:
        raise refusal("checkpoint-architecture", f"timm:{architecture}", UNSUPPORTED[architecture], "DiffAttention")

    def unknown(code: str, sentence: str, available: list[str]) -> InputError:
        return InputError(code, sentence, name=shorten(f"timm:{name}"), available=available)

    check_windowed(architecture, f"timm:{shorten(architecture)}")
    if architecture not in known:
        near = difflib.get_close_matches(architecture, sorted(known), 3, 0.5)
        is_model = package.is_model(architecture)
        kind = "not a Vision Transformer" if is_model else "not a model"
        hint = f"Similar names: {', '.join(near)}." if near else "See timm.list_models(module='vision_transformer')."
        sentence = f"{shorten(repr(architecture))} is {kind} of timm. {hint}"
        raise unknown("timm-not-a-vit" if is_model else "timm-unknown", sentence, near)
    tags = package.list_pretrained(architecture)
    if tag and name not in tags:
        choice = f"Choose one of {', '.join(tags)}." if tags else "There are none for this architecture."
        raise unknown("timm-weights-unknown", f"timm has no weights {shorten(repr(name))}. {choice}", tags)
    if not tags:
        raise _no_weights(name)


def _no_weights(name: str) -> InputError:
    return InputError(
        "hub-no-weights",
        f"There are no published weights for timm:{name}. Choose another model.",
        name=f"timm:{name}",
    )


def pretrained_files(name: str) -> tuple[str, list[str]]:
    """The hub's repository of `timm:<name>`, and the possible names of its weights, the preferred one first.

    Raises InputError "timm-unknown", "timm-not-a-vit", "checkpoint-windowed", "timm-weights-unknown", "hub-no-weights",
    "checkpoint-architecture", "timm-missing".
    """
    package = import_timm()
    _check_name(package, name)
    cfg = package.get_pretrained_cfg(name)
    if not cfg.hf_hub_id:
        raise _no_weights(name)
    repo = cfg.hf_hub_id if not cfg.hf_hub_id.endswith("/") else f"{cfg.hf_hub_id}{cfg.architecture}.{cfg.tag}"
    return repo, [cfg.hf_hub_filename] if cfg.hf_hub_filename else WEIGHT_FILES
