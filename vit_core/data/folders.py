"""Datasets from class folders."""

from __future__ import annotations

import itertools
import os
from pathlib import Path

from vit_core.data.class_names import SYNSET
from vit_core.data.dataset import FileDataset, empty_error, file_dataset, missing_error
from vit_core.data.kinds import class_depth, split_rank
from vit_core.data.paths import holds_picture, list_folder, walk
from vit_core.data.tables import VALIDATION, imagenet_dataset

MAX_ENCLOSING = 8  # folders around the splits


def folder_dataset(root: Path) -> FileDataset:
    """Every picture at any depth below a class folder, labelled with that folder's name.

    The class folders are those of the root, or of the folder that encloses everything. Folders without a picture are no
    classes, except that an empty folder whose name is a number counts among classes that are all numbers: their
    positions are a model's classes. Where there are splits (train, val, test, in any spelling of SPLITS), the first of
    SPLITS with labelled pictures is read; see `_find_splits`.
    ImageNet's flat validation folder has no class folders; LOC_val_solution.csv gives the labels there.
    Raises InputError "dataset-missing", "dataset-empty", "dataset-formats", and what `imagenet_dataset` raises.
    """
    try:
        splits, beside = _find_splits(root)
    except OSError as error:
        raise missing_error(str(root)) from error
    searched: list[tuple[str, str]] = []
    for split in splits or [""]:
        pictures, folders, left_out = walk(root, split)
        start = len(split) + 1 if split else 0
        formats = [path for path, reason in left_out if reason == "format"]
        parts = {path: path[start:].split("/") for path in [*pictures, *formats]}
        depth = class_depth(parts.values())
        names = sorted(p for p in pictures if len(parts[p]) > depth + 1)
        unlabelled = [p for p in pictures if len(parts[p]) <= depth + 1]
        if not names and any(VALIDATION.fullmatch(os.path.basename(p)) for p in unlabelled):
            return imagenet_dataset(root, unlabelled, left_out)
        if names:
            break
        searched += left_out
    else:
        where = ", ".join(os.path.join(root, split) for split in splits) or str(root)
        raise empty_error(where, len(folders), searched)
    classes = {path[depth] for path in parts.values() if len(path) > depth + 1}
    if depth == 0 and all(c.isascii() and c.isdecimal() for c in classes):
        classes |= {folder for folder in folders if folder.isascii() and folder.isdecimal()}
    unlabelled += [path for other in beside for path in walk(root, other)[0]]
    return file_dataset(
        root,
        "imagenet" if classes and all(map(SYNSET.fullmatch, classes)) else "folder",
        names,
        [parts[n][depth] for n in names],
        classes,
        left_out + [(p, "unlabelled") for p in unlabelled],
        os.path.basename(os.path.realpath(root)) + f"/{split}" * bool(split),
    )


def _find_splits(root: Path) -> tuple[list[str], list[str]]:
    """(folders that are splits, in the order of SPLITS; folders beside them that hold pictures); none without splits.

    They are looked for in the root and in folders that enclose all pictures. Folders without pictures, such as
    "annotations" or "logs", are not in the way. If another folder beside "train" holds pictures, both are classes,
    unless at least two splits hold class folders: then the pictures of that folder belong to no class.
    """
    part = ""
    for _ in range(MAX_ENCLOSING):
        inside = [f"{part}/{name}" if part else name for name, _, is_folder in list_folder(root, part) if is_folder]
        ranks = {path: rank for path in inside if (rank := split_rank(os.path.basename(path))) is not None}
        splits = sorted(ranks, key=ranks.__getitem__)
        others = (path for path in inside if path not in ranks and holds_picture(root, path))
        if splits:
            beside = list(others)
            if beside and sum(_holds_classes(root, split) for split in splits) < 2:
                return [], []
            return splits, beside
        enclosing = list(itertools.islice(others, 2))
        if len(enclosing) != 1:
            break
        part = enclosing[0]
    return [], []


def _holds_classes(root: Path, split: str) -> bool:
    """Whether the folder has subfolders with pictures, or ImageNet's validation pictures."""
    entries = list_folder(root, split)
    return any(VALIDATION.fullmatch(name) for name, _, _ in entries) or any(
        holds_picture(root, f"{split}/{name}") for name, _, is_folder in entries if is_folder
    )
