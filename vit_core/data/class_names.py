"""Which class of a model is which class of a dataset: by a user's table, by name, by WordNet synset, by index.

Nothing is guessed: a name that fits two of the model's classes equally well is unknown, and reported as ambiguous.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher, get_close_matches

import numpy as np

from vit_core.checkpoints import IMAGENET_SUBSETS, imagenet_info
from vit_core.errors import InputError

SYNSET = re.compile(r"n\d{8}")  # WordNet's number of a noun, as ImageNet names its classes
#: Separators that differ between spellings of one name: "T-shirt/top" cannot be a folder, "T_shirt top" can.
_SEPARATORS = re.compile(r"[\s_/\-\u2010-\u2015]+")
SEVERAL = -2  # fits more than one of the model's classes; becomes -1 in the end
_PLACEHOLDER = re.compile(r"(label|class)?[\s_]*\d+", re.IGNORECASE)  # "LABEL_17", as in models without class names


@dataclass(frozen=True, eq=False)
class ClassMatch:
    """`target` (k,) int32: the model's class for each class of the dataset, -1 where it has none.

    `unknown` are the names of the dataset's classes with -1, `ambiguous` those of them that fit several of the model's
    classes, `unused` the model's classes that none maps to. `by` is how they were found: "name", "synset", "table" or
    "index".
    """

    target: np.ndarray
    unknown: list[str]
    ambiguous: list[str]
    unused: list[str]
    by: str


def match_classes(
    classes: Sequence[str], model_labels: Sequence[str], table: Mapping[str, str] | None = None
) -> ClassMatch:
    """The model's class for each class of a dataset.

    `table` maps a dataset's class to the model's label, or to its number if no label has that name. Classes not in the
    table are matched by name: exactly, then ignoring case, hyphens and underscores, then by one of the synonyms in a
    label ("tench, Tinca tinca"). Synset ids (n01440764) are matched by timm's tables. Class names 0 to k-1 are the
    numbers of a model's k classes, unless a label is a different number.
    Raises InputError "evaluate-table-rows" (the table names a class that the dataset does not have); for synset ids
    also "timm-missing" and "timm-broken".
    """
    labels = list(model_labels)
    target, by = _by_name(classes, _Labels(labels)), "name"
    if (target < 0).any() and _are_numbers(classes, len(labels)):
        numbers = np.array([int(c) for c in classes], np.int32)
        if ((target == numbers) | (target == -1)).all():  # else the labels are numbers in another order
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
    return ClassMatch(
        target,
        [c for c, t in zip(classes, target, strict=True) if t < 0],
        ambiguous,
        [name for i, name in enumerate(labels) if i not in used],
        by,
    )


def fold(name: str) -> str:
    """A name without the differences that spelling allows: case, width, hyphens, underscores, spaces, slashes."""
    name = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold())
    return _SEPARATORS.sub(" ", name).strip()


def suggest_classes(
    names: Sequence[str], labels: Sequence[str], also: Mapping[str, str] | None = None, limit: int = 5
) -> list[list[int]]:
    """For each of `names`, the numbers of the labels that it may mean, the likeliest first, at most `limit`.

    For people to choose from: `match_classes` never uses them. Compared are all synonyms of a label, its words in
    `also` (label -> a translation), and what WordNet calls a synset id in a name. Equal names come first, then names
    whose words are all in the other, then similar spellings and names with the same end.
    """
    lemmas = synset_names() if any(SYNSET.search(name) for name in (*names, *labels)) else {}
    forms: dict[str, set[int]] = {}
    for number, label in enumerate(labels):
        for form in _forms(label, lemmas) | _forms((also or {}).get(label, ""), {}):
            forms.setdefault(form, set()).add(number)
    return [_suggest(_forms(name, lemmas), forms, limit) for name in names]


def _forms(name: str, lemmas: Mapping[str, str]) -> set[str]:
    """The folded synonyms of a name; those of a synset id in it; without a number at its beginning."""
    said = [lemmas.get(synset, "") for synset in SYNSET.findall(name)] + [SYNSET.sub(" ", name)]
    parts = {fold(part) for names in said for part in re.split(r"[,;/]", names)}
    return {re.sub(r"^\d+[. ]+", "", part) for part in parts} - {""}


def _suggest(wanted: set[str], forms: Mapping[str, set[int]], limit: int) -> list[int]:
    scores: dict[int, float] = {}
    for name in wanted:
        near = get_close_matches(name, forms, n=4 * limit, cutoff=0.7)
        found = {form: 0.8 * SequenceMatcher(None, name, form).ratio() for form in near}
        words = set(name.split())
        for form in forms:
            there = set(form.split())
            same_end = form.rsplit(" ", 1)[-1] == name.rsplit(" ", 1)[-1]  # a "tabby cat" is a cat, a "cat fish" is not
            if form == name:
                found[form] = 1.0
            elif words <= there or there <= words:
                found[form] = (0.9 if same_end else 0.55) - 0.01 * abs(len(there) - len(words))
            elif same_end or (min(len(form), len(name)) > 2 and (form.endswith(name) or name.endswith(form))):
                found[form] = max(found.get(form, 0), 0.6)
        for form, score in found.items():
            for number in forms[form]:
                scores[number] = max(score, scores.get(number, 0.0))
    return sorted(scores, key=lambda number: (-scores[number], number))[:limit]


def class_table(mapping: Mapping[str, int], labels: Sequence[str]) -> dict[str, str]:
    """A table for `match_classes` that maps classes of a dataset to these numbers of labels; -1 is no class."""
    names = _Labels(labels)

    def value(number: int) -> str:
        if number < 0:
            return ""
        return labels[number] if names.find(labels[number]) == number else str(number)

    return {source: value(number) for source, number in mapping.items()}


class _Labels:
    """Finds labels by name. The strictest comparison that any label passes decides."""

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
        """The number of the one label that fits, -1 if none fits, SEVERAL if more than one does."""
        spellings = (name, unicodedata.normalize("NFC", name), fold(name), fold(name))
        for way, spelt in zip(self._ways, spellings, strict=True):
            if fitting := way.get(spelt):
                return next(iter(fitting)) if len(fitting) == 1 else SEVERAL
        return -1

    def find_any(self, names: str) -> int:
        """The number of the one label that fits a list of synonyms, as a whole or one by one."""
        if (whole := self.find(names)) >= 0:
            return whole
        found = {self.find(name.strip()) for name in names.split(",")} - {-1}
        certain = found - {SEVERAL}
        return certain.pop() if len(certain) == 1 else SEVERAL if found else -1


def _by_name(classes: Sequence[str], labels: _Labels) -> np.ndarray:
    return np.array([labels.find(c) for c in classes], np.int32)


def _are_numbers(classes: Sequence[str], count: int) -> bool:
    """Whether the names are the numbers 0 to count-1, each once ("007" is 7)."""
    plain = all(c.isascii() and c.isdecimal() for c in classes)
    return plain and len(classes) == count and {int(c) for c in classes if len(c) < 10} == set(range(count))


def _by_table(classes: Sequence[str], labels: list[str], table: Mapping[str, str], target: np.ndarray) -> np.ndarray:
    """`target` with the table's rows applied. A row that names no class of the model makes its class unknown."""
    names, sources = _Labels(labels), _Labels(classes)
    target, unused_rows = target.copy(), []
    for source, label in table.items():
        if (row := sources.find(source)) < 0:
            unused_rows.append(source)
            continue
        label = str(label).strip()
        number = names.find(label)
        if number < 0 and label.isascii() and label.isdecimal() and len(label) < 10 and int(label) < len(labels):
            number = int(label)
        target[row] = number
    if unused_rows:  # probably misspelt: the author relies on that row
        raise InputError(
            "evaluate-table-rows",
            f"The table of classes has rows for {', '.join(map(repr, unused_rows[:12]))}, "
            "and the pictures have no such class, or several; correct or delete these rows.",
            names=unused_rows,
        )
    return target


def _by_synset(classes: Sequence[str], labels: list[str], target: np.ndarray) -> np.ndarray:
    """`target`, with unknown classes looked up in timm's tables where either side has synset ids."""
    lost = [row for row in np.flatnonzero(target < 0).tolist() if SYNSET.fullmatch(classes[row])]
    ids_in_model = bool(labels) and all(map(SYNSET.fullmatch, labels))
    if not lost and not (ids_in_model and (target < 0).any()):
        return target
    target, lemmas = target.copy(), synset_names()
    if ids_in_model:
        names = _Labels([lemmas.get(i, i) for i in labels])
        for row in np.flatnonzero(target < 0).tolist():
            target[row] = names.find(classes[row])
        return target
    order = _imagenet_order(labels)
    names = _Labels(labels)
    for row in lost:
        synset = classes[row]
        target[row] = order[synset] if synset in order else -1 if order else names.find_any(lemmas.get(synset, ""))
    return target


def synset_names() -> dict[str, str]:
    """Synset id -> its names ("tench, Tinca tinca"), for all of ImageNet. Raises InputError "timm-missing"."""
    lemmas: dict[str, str] = {}
    for subset in ("imagenet-22k", "imagenet-1k"):
        info = imagenet_info(subset)
        lemmas |= {i: info.label_name_to_description(i) for i in info.label_names()}
    return lemmas


def _imagenet_order(labels: list[str]) -> dict[str, int]:
    """Synset id -> class of a model with ImageNet's number of classes; empty if its labels contradict that order."""
    if len(labels) not in IMAGENET_SUBSETS:
        return {}
    info = imagenet_info(IMAGENET_SUBSETS[len(labels)])
    ids = info.label_names()
    named = [
        (label, info.label_name_to_description(i))
        for label, i in zip(labels, ids, strict=True)
        if not _PLACEHOLDER.fullmatch(label)
    ]
    matching = sum(bool(_synonyms(a) & _synonyms(b)) for a, b in named)
    return {i: n for n, i in enumerate(ids)} if 2 * matching >= len(named) else {}


def _synonyms(label: str) -> set[str]:
    return {fold(part) for part in label.split(",")} - {""}
