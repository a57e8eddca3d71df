"""Values read from a model's weights alone, the same for every picture. They live exactly as long as the model."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Hashable
from typing import Any

import numpy as np

from vit_core import VisionTransformer

_VALUES: weakref.WeakKeyDictionary[VisionTransformer, dict[Hashable, Any]] = weakref.WeakKeyDictionary()


def model_value(model: VisionTransformer, key: Hashable, make: Callable[[], Any]) -> Any:
    """The model's value of that key, made by `make` if there is none."""
    values = _VALUES.setdefault(model, {})
    return values[key] if key in values else values.setdefault(key, make())


def has_model_value(model: VisionTransformer, key: Hashable) -> bool:
    """Whether the model's value of that key was made."""
    return key in _VALUES.get(model, {})


def model_values_nbytes(model: VisionTransformer) -> int:
    """Bytes of the model's values so far."""
    return sum(array.nbytes for array in arrays_among(list(_VALUES.get(model, {}).values())))


def arrays_among(values: list) -> list[np.ndarray]:
    """The arrays among values, and among values that are tuples."""
    found = [item for value in values for item in (value if isinstance(value, tuple) else (value,))]
    return [item for item in found if isinstance(item, np.ndarray)]
