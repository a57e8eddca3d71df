"""The one place that imports timm, and only when somebody asks for it."""

from __future__ import annotations

import functools
import importlib
import sys
from types import ModuleType

import torch

from vit_core.errors import InputError

#: torchvision's Python side registers fake kernels for these while it is imported; its compiled side defines
#: them, unless it was built for another torch. timm needs only the Python side.
_OPERATORS = ("nms", "qnms")
_SIGNATURE = "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"
_kept: list[torch.library.Library] = []  # a Library takes its operators along when it is collected


def _define_missing_operators() -> None:
    library = torch.library.Library("torchvision", "DEF")
    for name in _OPERATORS:
        if not hasattr(torch.ops.torchvision, name):
            library.define(name + _SIGNATURE)
    _kept.append(library)


def _forget(package: str) -> None:
    """Drop what a failed import left half done, so that the next one starts clean."""
    for name in [n for n in sys.modules if n == package or n.startswith(package + ".")]:
        del sys.modules[name]


@functools.cache
def timm() -> ModuleType:
    """The timm package, imported on the first call.

    timm imports torchvision, and a CPU build of torch beside the package index's CUDA build of torchvision fails
    there with "operator torchvision::nms does not exist". Only then the missing operators are declared (without a
    kernel: nothing here detects boxes) and the import is tried once more; a matched pair is left alone.

    Raises InputError "timm-missing" when timm is not installed, "timm-broken" when it cannot be imported.
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
    except ModuleNotFoundError as error:
        if error.name != "timm":
            raise InputError(
                "timm-broken", f"timm is installed but cannot be imported: {error}.", reason=str(error)
            ) from error
        raise InputError(
            "timm-missing",
            "timm is not installed, so timm's models and label tables are not available; `pip install timm` adds them.",
        ) from None
    except (ImportError, RuntimeError) as error:
        raise InputError(
            "timm-broken", f"timm is installed but cannot be imported: {error}.", reason=str(error)
        ) from error
