"""Imports timm, when it is first needed, and reads its tables of ImageNet's classes.

timm takes seconds to import, and nothing else imports it.
"""

from __future__ import annotations

import functools
import importlib
import sys
from types import ModuleType

import torch

from vit_core.errors import InputError

#: torchvision's Python side registers fake kernels for these operators while it is imported. Its compiled side defines
#: them, unless it was built for another torch. timm needs only the Python side.
_OPERATORS = ("nms", "qnms")
_SIGNATURE = "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"
_libraries: list[torch.library.Library] = []  # a Library that is collected takes its operators with it

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
