"""Class names in the reader's language, where the model's file holds them.

In the core, in tables and in downloads a class has the model's own name; only what people read on a page is translated.
"""

from __future__ import annotations

import functools

from vit_core.checkpoints import embedded, split_problem_type


def translated(model: str, name: str, language: str) -> str:
    """The class `name` of the model called `model` in a language; the name itself if the file has no translation."""
    return translations(model, language).get(name, name)


def translations(model: str, language: str) -> dict[str, str]:
    """{class name: name in `language`} of the model called `model`. Read-only."""
    return _read(split_problem_type(model)[0]).get(language, {})


@functools.lru_cache(maxsize=32)
def _read(model: str) -> dict[str, dict[str, str]]:
    return embedded.label_translations(model)
