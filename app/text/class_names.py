"""Class names in the reader's language: from the model's file, or those of ImageNet's 1,000 classes.

In the core, in tables and in downloads a class has the model's own name; only what people read on a page is translated.
"""

from __future__ import annotations

import csv
import functools
from collections.abc import Sequence
from pathlib import Path

from app.text.plain import plain
from vit_core.checkpoints import embedded, split_problem_type

#: A class of ImageNet a line, in the order of its models: synset, first English name, Korean name.
IMAGENET = Path(__file__).with_name("imagenet_ko.tsv")


def translated(model: str, name: str, language: str, labels: Sequence[str] | None = None) -> str:
    """The class `name` of the model called `model` in a language; the name itself without a translation."""
    return translations(model, language, labels).get(name, name)


def translations(model: str, language: str, labels: Sequence[str] | None = None) -> dict[str, str]:
    """{class name: name in `language`} of the model called `model`, whose class names are `labels`. Read-only."""
    found = _read(split_problem_type(model)[0]).get(language, {})
    return found or (_imagenet(tuple(labels)) if labels and language == "ko" else {})


@functools.lru_cache(maxsize=32)
def _read(model: str) -> dict[str, dict[str, str]]:
    return embedded.label_translations(model)


@functools.cache
def imagenet_names() -> list[tuple[str, str, str]]:
    """(synset, first English name, Korean name) of ImageNet's 1,000 classes, in order."""
    with IMAGENET.open(encoding="utf-8", newline="") as file:
        return [(row["synset"], row["english"], row["korean"]) for row in csv.DictReader(file, delimiter="\t")]


@functools.lru_cache(maxsize=32)
def _imagenet(labels: tuple[str, ...]) -> dict[str, str]:
    """{label: Korean name} of a model's labels; empty unless most of them are ImageNet's, in its order.

    A label is a synset or a list of synonyms. Pages shorten long ones, so the shortened forms are keys, too.
    """
    names = imagenet_names()
    if len(labels) != len(names):
        return {}
    korean: dict[str, list[str]] = {}
    for label, (synset, english, name) in zip(labels, names, strict=True):
        if label == synset or label.split(",")[0].strip().casefold() == english.casefold():
            for form in {label, plain(label), plain(label, 40)}:
                korean.setdefault(form, []).append(name)
    if 2 * len(korean) < len(names):
        return {}
    return {label: " / ".join(found) for label, found in korean.items()}  # ImageNet has two classes called "crane"
