"""Class names: from files beside the weights, from a config.json, or ImageNet's."""

from __future__ import annotations

import os.path
from pathlib import Path

from vit_core.checkpoints.errors import shorten
from vit_core.checkpoints.files import read_json, read_text
from vit_core.checkpoints.timm_import import IMAGENET_SUBSETS, imagenet_info
from vit_core.errors import InputError


def read_labels_beside(path: Path) -> list[str] | None:
    """Class names from `<stem>.labels.txt`, `labels.txt` or `labels.json` beside a checkpoint; None without one.

    A text file has one name per line; JSON is a list, or an object from class number to name. Raises InputError
    "labels-format"; the number of names is not checked.
    """
    names = (path.stem + ".labels.txt", "labels.txt", "labels.json")
    found = next((p for p in map(path.with_name, names) if os.path.isfile(p)), None)
    if found is None:
        return None
    try:
        if found.suffix != ".json":
            return [line.strip() for line in read_text(found).splitlines() if line.strip()]
        labels = read_json(found, "labels-format")
        labels = [labels[str(i)] for i in range(len(labels))] if isinstance(labels, dict) else labels
        if not isinstance(labels, list) or not all(isinstance(n, str) for n in labels):
            raise TypeError("list of names")
        return labels
    except InputError:
        raise
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(
            "labels-format",
            f"{found.name} cannot be read as labels ({shorten(error)}). Write a UTF-8 text file with one name per "
            "line, or a JSON list of names.",
            source=found.name,
            reason=shorten(error),
        ) from error


def stated_labels(config: dict) -> list[str] | None:
    """config.json's `id2label` as a list; None if there is none, or if it only numbers the classes."""
    names = config.get("id2label")
    if not isinstance(names, dict) or not all(str(i) in names for i in range(len(names))):
        return None
    labels = [str(names[str(i)]) for i in range(len(names))]
    return None if not labels or all(n == f"LABEL_{i}" for i, n in enumerate(labels)) else labels


def imagenet_labels(classes: int) -> list[str] | None:
    """timm's class names for a head with as many classes as one of IMAGENET_SUBSETS, else None.

    Raises as `import_timm`.
    """
    if classes not in IMAGENET_SUBSETS:
        return None
    info = imagenet_info(IMAGENET_SUBSETS[classes])
    return [info.index_to_description(i) for i in range(classes)]
