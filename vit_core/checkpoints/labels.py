"""Class names: from files beside the weights, from a config.json, or ImageNet's."""

from __future__ import annotations

import argparse
import csv
import json
import os.path
import re
from collections.abc import Sequence
from pathlib import Path

from vit_core.checkpoints.assembly import check_labels
from vit_core.checkpoints.errors import join_names, shorten
from vit_core.checkpoints.files import read_json, read_text
from vit_core.checkpoints.report import IMAGENET, LACKING_NUMBERS, NO_NAMES, OTHER_COUNT, LoadReport
from vit_core.checkpoints.timm_import import IMAGENET_SUBSETS, imagenet_info
from vit_core.errors import InputError
from vit_core.models.config import ViTConfig

#: Files beside the weights, in the order in which they are looked for. `{}` is the name of the weights' file.
LABEL_FILES = (
    *("{}.labels.txt", "{}.labels.json", "{}.labels.csv"),
    *("labels.txt", "labels.json", "labels.csv"),
    *("class_names.txt", "class_names.json", "class_names.csv"),
    *("classes.txt", "classes.json", "classes.csv"),
    *("id2label.json", "idx_to_class.json", "class_to_idx.json", "class_indices.json", "label2id.json"),
    "imagenet_class_index.json",
)
#: Keys under which an object holds all class names; the first that there is counts.
NAME_KEYS = (
    *("label_names", "class_names", "names", "classes", "labels", "categories"),
    *("id2label", "idx_to_class", "class_to_idx", "class_indices", "label2id"),
)
_DESCRIPTION_KEYS = ("label_descriptions", "descriptions")
#: Keys of one class, in a list of objects or in the header of a table.
_NUMBERS = ("id", "index", "idx", "class_id", "class_index", "class_idx", "label_id", "number", "target")
_NAMES = ("name", "class_name", "label_name", "label", "class", "names", "labels", "classes", "category")
_OTHERS = ("synset", "wnid", "description", "supercategory", "")

#: Keys of a checkpoint under which training programs keep their settings.
_SETTINGS = ("hyper_parameters", "hparams", "config", "args", "meta")

_DIGITS = re.compile(r"\d{1,9}", re.ASCII)
_SYNSET = re.compile(r"n\d{8}", re.ASCII)
_NUMBER_FIRST = re.compile(r"(\d{1,9})(?:\s*[:,;=|\t]\s*|\s+-\s+|[.)]\s+|\s+)(\S.*)", re.ASCII)
_NUMBER_LAST = re.compile(r"(?<=[\s:,;=|])\d{1,9}$", re.ASCII)
_PYTHON_ENTRY = re.compile(r"(\d{1,9})\s*:\s*(['\"])(.*)\2", re.ASCII)
_SYNSET_FIRST = re.compile(r"n\d{8}\s+(\S.*)", re.ASCII)
_MAX_LINE = 1100  # characters; a longer line is no name, and patterns are not tried on it


class _WrongNumbersError(ValueError):
    def __init__(self, count: int, missing: list[int]):
        super().__init__(f"missing: {join_names(missing)}")
        self.count, self.missing = count, missing


def _number(value: object) -> int | None:
    """A class's number, as a number or as text; None if it is none."""
    if isinstance(value, str):
        return int(value) if _DIGITS.fullmatch(value.strip()) else None
    return value if type(value) is int and value >= 0 else None


def _in_order(numbers: list[int], names: list[str]) -> list[str]:
    """The names by their numbers. Raises _WrongNumbersError unless these are 0, 1, 2, ..., each once."""
    named = dict(zip(numbers, names, strict=True))
    if missing := [n for n in range(len(names)) if n not in named]:
        raise _WrongNumbersError(len(names), missing)
    return [named[n] for n in range(len(names))]


def _name(value: object) -> str | None:
    """The name in what stands for one class: a text, [synset, name] or an object with a name."""
    if isinstance(value, str):
        return value
    if isinstance(value, list | tuple) and len(value) == 2 and _SYNSET.fullmatch(str(value[0])):
        return value[1] if isinstance(value[1], str) else None
    if isinstance(value, dict):
        return next((value[key] for key in _NAMES if isinstance(value.get(key), str)), None)
    return None


def _from_pairs(pairs: list[tuple]) -> list[str] | None:
    """Names from (number, name) or (name, number)."""
    for first, second in ((0, 1), (1, 0)):
        numbers = [n for n in (_number(pair[first]) for pair in pairs) if n is not None]
        names = [name for name in (_name(pair[second]) for pair in pairs) if name is not None]
        if len(numbers) == len(names) == len(pairs):
            return _in_order(numbers, names)
    return None


def _from_list(values: list | tuple) -> list[str] | None:
    if all(isinstance(value, str) for value in values):
        return list(values) or None
    if all(isinstance(value, dict) for value in values):
        key = next((key for key in _NUMBERS if all(key in value for value in values)), None)
        if key is not None:
            return _from_pairs([(value[key], value) for value in values])
    pairs = [tuple(value) for value in values if isinstance(value, list | tuple) and len(value) == 2]
    if len(pairs) == len(values) and (names := _from_pairs(pairs)) is not None:
        return names
    names = [name for name in map(_name, values) if name is not None]
    return names if len(names) == len(values) else None


def _from_value(value: object) -> list[str] | None:
    """Names from a list, or from an object that is one mapping or holds one under one of NAME_KEYS."""
    if isinstance(value, list | tuple):
        return _from_list(value)
    if not isinstance(value, dict) or not value:
        return None
    if (names := _from_pairs(list(value.items()))) is not None:
        return names
    inner = next((value[key] for key in NAME_KEYS if isinstance(value.get(key), list | tuple | dict)), None)
    if not inner:
        return None
    names = _from_pairs(list(inner.items())) if isinstance(inner, dict) else _from_list(inner)
    descriptions = next((value[key] for key in _DESCRIPTION_KEYS if key in value), None)
    return _with_descriptions(names, descriptions) if names else None


def _with_descriptions(names: list[str], descriptions: object) -> list[str]:
    """`names`; the descriptions instead, if the names are synsets of WordNet and each of them has one."""
    if not isinstance(descriptions, dict) or not all(_SYNSET.fullmatch(name) for name in names):
        return names
    described = [text for text in map(descriptions.get, names) if isinstance(text, str)]
    return described if len(described) == len(names) else names


def labels_from(value: object, source: str = "labels") -> list[str] | None:
    """Class names in the order of their numbers, from any form that training programs write; None for anything else.

    The forms: a list of names, of [number, name] or of objects with "id" and "name"; an object from number to name (or
    to [synset, name], as Keras writes it) or from name to number (torchvision's `class_to_idx`); or an object with one
    of these under one of NAME_KEYS. Numbers may be texts. `source` is its name in messages.

    Raises InputError "labels-numbers" if the numbers are not 0, 1, 2, ..., each once.
    """
    try:
        return _from_value(value)
    except _WrongNumbersError as error:
        raise _wrong_numbers(source, error) from error


def _wrong_numbers(source: str, error: _WrongNumbersError) -> InputError:
    last, missing = error.count - 1, join_names(error.missing)
    return InputError(
        "labels-numbers",
        f"{source} names {error.count} class{'es' * (error.count != 1)}, so the numbers should go from 0 to {last}, "
        f"each once. Missing: {missing}. Correct the numbers, or write a JSON list of the names in their order.",
        source=source,
        count=error.count,
        last=last,
        missing=missing,
    )


def _unquoted(name: str) -> str:
    return name[1:-1].replace('""', '"') if len(name) > 1 and name[0] == name[-1] == '"' else name


def _from_table(lines: list[str], is_table: bool) -> list[str] | None:
    """Names from a table with a header that names its columns (one column only if it `is_table`); None for others."""
    if not lines or len(lines[0]) > _MAX_LINE:
        return None
    delimiter = max(",;\t", key=lines[0].count)
    rows = [[cell.strip() for cell in row] for row in csv.reader(lines, delimiter=delimiter, skipinitialspace=True)]
    header, rows = [cell.lower().replace(" ", "_") for cell in rows[0]], rows[1:]
    if (
        len(header) < (1 if is_table else 2)
        or not {*header} <= {*_NUMBERS, *_NAMES, *_OTHERS}
        or {len(row) for row in rows} != {len(header)}
    ):
        return None
    columns = {key: [row[at] for row in rows] for at, key in enumerate(header)}
    numeric = [
        key
        for key in (*_NUMBERS, "label", "class", "")
        if key in columns and all(_DIGITS.fullmatch(cell) for cell in columns[key])
    ]
    named = [key for key in _NAMES if key in columns and key not in numeric]
    if not named:
        return None
    names = columns[named[0]]
    return _in_order([int(n) for n in columns[numeric[0]]], names) if numeric else names


def _numbered(lines: list[str]) -> tuple[list[int], list[str]] | None:
    """The numbers and names of lines that all have a number, before the name or after it; None for other lines.

    Where a number is part of the name ("2 stars", "class 0", "Boeing 737"), little else tells the names apart, or the
    numbers are not those of the classes.
    """
    for pattern, name, strip in ((_PYTHON_ENTRY, 3, " \t{},"), (_NUMBER_FIRST, 2, None)):
        found = [match for match in (pattern.fullmatch(line.strip(strip)) for line in lines) if match]
        names = [match[name] for match in found]
        if len(found) == len(lines) and 2 * len({*names}) > len(names):
            return [int(match[1]) for match in found], names
    found = [match for match in map(_NUMBER_LAST.search, lines) if match]
    numbers = [int(match[0]) for match in found]
    names = [match.string[: match.start()].rstrip(" \t:,;=|") for match in found]
    is_numbered = len({*names}) == len(lines) and {*numbers} == {*range(len(lines))}
    return (numbers, names) if is_numbered else None


def _from_lines(lines: list[str]) -> list[str]:
    """One name a line; with a number before or after it, the numbers tell the order. A synset before it is left out."""
    if not lines or max(map(len, lines)) > _MAX_LINE:
        return lines
    if numbered := _numbered(lines):
        lines = _in_order(*numbered)
    synsets = [match for match in map(_SYNSET_FIRST.fullmatch, lines) if match]
    names = [match[1] for match in synsets] if len(synsets) == len(lines) else lines
    return [_unquoted(name) for name in names]


def _from_text(text: str, is_table: bool) -> list[str]:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if lines and lines[0][0] in "[{":
        try:
            if names := _from_value(json.loads(text)):
                return names
        except (json.JSONDecodeError, RecursionError):
            pass  # it is no JSON: the lines are names
    names = _from_table(lines, is_table)
    return _from_lines(lines) if names is None else names


def _read_labels(path: Path) -> list[str]:
    """The class names in one of LABEL_FILES. Raises InputError "labels-format" or "labels-numbers"."""
    try:
        if path.suffix != ".json":
            return _from_text(read_text(path), path.suffix == ".csv")
        labels = _from_value(read_json(path, "labels-format", unique=True))
        if labels is None:
            raise TypeError("list of names")
        return labels
    except _WrongNumbersError as error:
        raise _wrong_numbers(path.name, error) from error
    except (OSError, ValueError, TypeError, csv.Error) as error:
        raise InputError(
            "labels-format",
            f"{path.name} cannot be read as labels ({shorten(error)}). Write a UTF-8 text file with one name per "
            "line, or a JSON list of names.",
            source=path.name,
            reason=shorten(error),
        ) from error


def find_labels(path: Path) -> Path | None:
    """The first of LABEL_FILES beside the weights at `path`; None without one."""
    stem = re.sub(r"\.pth\.tar$|\.[^.]*$", "", path.name)
    names = (name.format(stem) for name in LABEL_FILES)
    return next((p for p in map(path.with_name, names) if os.path.isfile(p)), None)


def names_inside(content: object) -> list[tuple[object, str]]:
    """What a checkpoint's own dict may call its classes, beside the weights or in its settings, for `choose_labels`."""
    if not isinstance(content, dict):
        return []
    parts = {"": content, **{key: content.get(key) for key in _SETTINGS}}
    meta = parts["meta"]
    if isinstance(meta, dict):
        parts["meta.dataset_meta"] = meta.get("dataset_meta")
    found = []
    for part, values in parts.items():
        values = vars(values) if isinstance(values, argparse.Namespace) else values
        for key in (*NAME_KEYS, "CLASSES"):
            if isinstance(values, dict) and isinstance(values.get(key), list | tuple | dict):
                found.append((values[key], f"{part}.{key}".lstrip(".") + " in the checkpoint"))
    return found


def choose_labels(
    config: ViTConfig,
    path: Path | None,
    stated: Sequence[tuple[object, str]],
    report: LoadReport,
    inside: Sequence[tuple[object, str]] = (),
) -> list[str] | None:
    """The class names of a model: those beside its weights at `path`, else the first of `inside` and `stated`, or None.

    `stated`: values in one of the forms of `labels_from`, each with what states it, such as "config.json id2label".
    `inside`: the same, from `names_inside`. "LABEL_0", "LABEL_1", ... are no names. Fills in `report`. Names that are
    numbered wrongly, or names inside of another number of classes, are not used, and the report says so: the model
    works without them.

    Raises InputError "labels-format", "labels-numbers" or "labels-count" for a file that holds other names.
    """
    if not config.classes:
        return None
    if path and (found := find_labels(path)):
        labels, origin = _read_labels(found), found.name
        check_labels(labels, config, origin)
        report.origins["labels"] = origin
        return labels
    for value, origin in (*inside, *stated):
        try:
            labels = labels_from(value, origin)
            if labels is None or all(name == f"LABEL_{i}" for i, name in enumerate(labels)):
                continue
            check_labels(labels, config, origin)
            report.origins["labels"] = origin
            return labels
        except InputError as error:
            if error.code != "labels-numbers" and (value, origin) in stated:
                raise
            report.origins["labels"] = _why_not(error, origin)
    return None


def _why_not(error: InputError, origin: str) -> str:
    """Why names cannot be used, for the report."""
    if error.code == "labels-numbers":
        return LACKING_NUMBERS.format(origin, error.values["missing"])
    if error.code == "labels-count":
        return OTHER_COUNT.format(origin, error.values["labels"], error.values["classes"])
    return NO_NAMES.format(origin)


def imagenet_labels(classes: int) -> list[str] | None:
    """timm's class names for a head with as many classes as one of IMAGENET_SUBSETS, else None.

    Raises as `import_timm`.
    """
    if classes not in IMAGENET_SUBSETS:
        return None
    info = imagenet_info(IMAGENET_SUBSETS[classes])
    return [info.index_to_description(i) for i in range(classes)]


def choose_imagenet_labels(classes: int, report: LoadReport, *, stated: bool = False) -> list[str] | None:
    """ImageNet's class names for a model without names of its own; None if it has another number of classes.

    They are assumed, unless the source has `stated` that the classes are ImageNet's. None without timm, too.
    """
    if "labels" in report.origins:  # there are names, though they cannot be used
        return None
    try:
        labels = imagenet_labels(classes)
    except InputError:  # without timm, the model works without its class names
        return None
    if labels is not None:
        report.origins["labels"] = IMAGENET
        report.assumed += [] if stated else ["labels"]
    return labels
