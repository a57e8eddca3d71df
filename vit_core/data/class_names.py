"""Which class of a model is which class of a labelled source: by a user's table, by name, by WordNet synset, by index.

Nothing is guessed: where two of the model's classes fit a name equally well, it is unknown, and ambiguous.
"""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from vit_core.errors import InputError

SYNSET = re.compile(r"n\d{8}")  # WordNet's number of a noun, as ImageNet names its classes
#: What keeps words apart in one place and not in another: "T-shirt/top" cannot be a folder, "T_shirt top" can.
_APART = re.compile(r"[\s_/\-\u2010-\u2015]+")
SEVERAL = -2  # what fits more than one of the model's classes, until it is counted as unknown
_PLACEHOLDER = re.compile(r"(label|class)?[\s_]*\d+", re.IGNORECASE)  # "LABEL_17": what a model without names says


@dataclass(frozen=True, eq=False)
class Match:
    """`target` (k,) int32: for each class of the source the model's class, -1 where the model knows none.

    `unknown` are the names of the source's classes with -1, `ambiguous` those among them that fit several of the
    model's classes, `unused` the model's classes that none maps to, `by` is how they were found: "name", "synset",
    "table" or "index".
    """

    target: np.ndarray
    unknown: list[str]
    ambiguous: list[str]
    unused: list[str]
    by: str

    def say(self) -> dict:
        """What a sentence about it is made of: `by`, the names, and how many there are of each."""
        return {
            "by": self.by,
            "classes": len(self.target),
            "known": len(self.target) - len(self.unknown),
            "unknown": self.unknown,
            "unknown_count": len(self.unknown),
            "ambiguous": self.ambiguous,
            "ambiguous_count": len(self.ambiguous),
            "unused": self.unused,
            "unused_count": len(self.unused),
        }


def match(
    classes: Sequence[str], model_labels: Sequence[str], table: Mapping[str, str] | str | os.PathLike | None = None
) -> Match:
    """The model's class for each of the source's.

    `table`: source name -> model's label, or its number where no label is called so; or a CSV of both (columns
    `source` and `model`). It goes first; what it does not name is matched by name: exactly, then whatever the case,
    hyphens and underscores, then with one of the synonyms in a label ("tench, Tinca tinca"). Synset ids (n01440764)
    are matched by timm's tables. Classes 0 to k-1 are the model's numbers where it has k classes, unless a label says
    another number.
    Raises InputError: "evaluate-table-rows" (rows of the table that name no class of the source), "timm-missing",
    "timm-broken" (synset ids only), and what `tables.mapping` raises.
    """
    labels = list(model_labels)
    if isinstance(table, str | os.PathLike):
        from vit_core.data.tables import mapping

        table = mapping(table)
    target, by = _by_name(classes, _Labels(labels)), "name"
    if (target < 0).any() and _numbers(classes, len(labels)):
        numbers = np.array([int(c) for c in classes], np.int32)
        if ((target == numbers) | (target == -1)).all():  # else the labels are numbers too, and count otherwise
            target, by = numbers, "index"
    by_synset = _by_synset(classes, labels, target)
    if (by_synset[target < 0] >= 0).any():
        by = "synset"
    target = by_synset
    if table:
        target, by = _by_table(classes, labels, table, target), "table"
    ambiguous = [c for c, t in zip(classes, target, strict=True) if t == SEVERAL]
    target = target.clip(-1)
    target.flags.writeable = False
    used = set(target.tolist())
    return Match(
        target,
        [c for c, t in zip(classes, target, strict=True) if t < 0],
        ambiguous,
        [name for i, name in enumerate(labels) if i not in used],
        by,
    )


def fold(name: str) -> str:
    """A name without what people spell as they like: case, width, hyphens, underscores, spaces, slashes."""
    name = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold())
    return _APART.sub(" ", name).strip()


class _Labels:
    """A model's labels to be asked by name: the closest way of writing that any of them fits decides."""

    def __init__(self, labels: Iterable[str]):
        self._ways: list[dict[str, set[int]]] = [{}, {}, {}, {}]
        for number, label in enumerate(labels):
            synonyms = [fold(part) for part in label.split(",")] if "," in label else []
            for way, names in zip(
                self._ways, ([label], [unicodedata.normalize("NFC", label)], [fold(label)], synonyms), strict=True
            ):
                for name in filter(None, names):
                    way.setdefault(name, set()).add(number)

    def find(self, name: str) -> int:
        """The number of the one label that fits, -1 if none does, SEVERAL if more do."""
        asked = (name, unicodedata.normalize("NFC", name), fold(name), fold(name))
        for way, spelt in zip(self._ways, asked, strict=True):
            if fitting := way.get(spelt):
                return next(iter(fitting)) if len(fitting) == 1 else SEVERAL
        return -1

    def find_any(self, names: str) -> int:
        """The one label that a list of synonyms leads to, as it stands or by each of them."""
        if (whole := self.find(names)) >= 0:
            return whole
        found = {self.find(name.strip()) for name in names.split(",")} - {-1}
        certain = found - {SEVERAL}
        return certain.pop() if len(certain) == 1 else SEVERAL if found else -1


def _by_name(classes: Sequence[str], labels: _Labels) -> np.ndarray:
    return np.array([labels.find(c) for c in classes], np.int32)


def _numbers(classes: Sequence[str], count: int) -> bool:
    """Whether the names are 0 to count-1, each once ("007" is 7)."""
    plain = all(c.isascii() and c.isdecimal() for c in classes)
    return plain and len(classes) == count and {int(c) for c in classes if len(c) < 10} == set(range(count))


def _by_table(classes: Sequence[str], labels: list[str], table: Mapping[str, str], target: np.ndarray) -> np.ndarray:
    """`target` with the table's answers laid over it; an answer that is no class of the model's is unknown."""
    names, sources = _Labels(labels), _Labels(classes)
    target, idle = target.copy(), []
    for source, label in table.items():
        if (row := sources.find(source)) < 0:
            idle.append(source)
            continue
        label = str(label).strip()
        number = names.find(label)
        if number < 0 and label.isascii() and label.isdecimal() and len(label) < 10 and int(label) < len(labels):
            number = int(label)
        target[row] = number
    if idle:  # misspelt, and who wrote the row counts on it
        raise InputError(
            "evaluate-table-rows",
            f"The table of classes has rows for {', '.join(map(repr, idle[:12]))}, "
            "and the pictures have no such class, or several; correct or delete these rows.",
            names=idle,
        )
    return target


def _by_synset(classes: Sequence[str], labels: list[str], target: np.ndarray) -> np.ndarray:
    """`target`, its unknown classes looked up in timm's tables where one side says synset ids."""
    lost = [row for row in np.flatnonzero(target < 0) if SYNSET.fullmatch(classes[row])]
    ids_in_model = bool(labels) and all(map(SYNSET.fullmatch, labels))
    if not lost and not (ids_in_model and (target < 0).any()):
        return target
    target, lemmas = target.copy(), lemmas_of()
    if ids_in_model:
        names = _Labels([lemmas.get(i, i) for i in labels])
        for row in np.flatnonzero(target < 0):
            target[row] = names.find(classes[row])
        return target
    order = _order(labels)
    names = _Labels(labels)
    for row in lost:
        synset = classes[row]
        target[row] = order[synset] if synset in order else -1 if order else names.find_any(lemmas.get(synset, ""))
    return target


def lemmas_of() -> dict[str, str]:
    """Synset id -> its names, "tench, Tinca tinca"; all of ImageNet's. Raises InputError "timm-missing"."""
    lemmas: dict[str, str] = {}
    for subset in ("imagenet-22k", "imagenet-1k"):
        info = _info(subset)
        lemmas |= {i: info.label_name_to_description(i) for i in info.label_names()}
    return lemmas


def _info(subset: str):
    from vit_core.checkpoints.timm_import import timm

    timm()
    from timm.data import ImageNetInfo

    return ImageNetInfo(subset)


def _order(labels: list[str]) -> dict[str, int]:
    """Synset id -> class of a model with ImageNet's number of classes; empty if its labels say something else."""
    subset = {
        1000: "imagenet-1k",
        11221: "imagenet-21k-miil",
        11821: "imagenet-12k",
        21841: "imagenet-22k",
        21843: "imagenet-21k-goog",
    }.get(len(labels))
    if subset is None:
        return {}
    info = _info(subset)
    ids = info.label_names()
    said = [
        (label, info.label_name_to_description(i))
        for label, i in zip(labels, ids, strict=True)
        if not _PLACEHOLDER.fullmatch(label)
    ]
    alike = sum(bool(_synonyms(a) & _synonyms(b)) for a, b in said)
    return {i: n for n, i in enumerate(ids)} if 2 * alike >= len(said) else {}


def _synonyms(label: str) -> set[str]:
    return {fold(part) for part in label.split(",")} - {""}
