"""Class names in the reader's language, where the model's file holds them.

Names of classes in the core, in tables and in downloads are always the model's own; only what people read is translated.
"""

from __future__ import annotations

import functools

from app.runtime import cache
from vit_core.checkpoints import embedded
from vit_core.checkpoints.names import plain_name


def translated(model: str, name: str, language: str) -> str:
    """The class `name` of the model called `model` in a language; the name itself if the file has no translation."""
    return translations(model, language).get(name, name)


def translations(model: str, language: str) -> dict[str, str]:
    """{class name: name in `language`} of the model called `model`. Read-only."""
    return _read(model, cache.stamp(model)).get(language, {})


@functools.lru_cache(maxsize=32)
def _read(model: str, stamp: tuple) -> dict[str, dict[str, str]]:
    return embedded.label_translations(model)
