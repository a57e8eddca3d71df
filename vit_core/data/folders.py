"""Datasets from class folders."""

from __future__ import annotations

import os
from pathlib import Path

from vit_core.data.class_names import SYNSET
from vit_core.data.dataset import SPLITS, FileDataset, empty_error, file_dataset, missing_error
from vit_core.data.paths import list_folder, walk
from vit_core.data.tables import VALIDATION, imagenet_dataset


def folder_dataset(root: Path) -> FileDataset:
    """Every picture at any depth below a folder of the root, labelled with that folder's name.

    A root that holds nothing but splits (train, val, test) is read at the first of SPLITS with labelled pictures.
    ImageNet's flat validation folder has no class folders; LOC_val_solution.csv gives the labels there.
    Raises InputError "dataset-missing", "dataset-empty", and what `imagenet_dataset` raises.
    """
    try:
        folders = {name.lower(): name for name, _, is_folder in list_folder(root) if is_folder}
    except OSError as error:
        raise missing_error(str(root)) from error
    splits = [folders[s] for s in SPLITS if s in folders] if set(folders) <= set(SPLITS) else []
    for split in splits or [""]:
        pictures, classes, left_out = walk(root, split)
        start = len(split) + 1 if split else 0
        names = sorted(p for p in pictures if "/" in p[start:])
        unlabelled = [p for p in pictures if "/" not in p[start:]]
        if not names and any(VALIDATION.fullmatch(os.path.basename(p)) for p in unlabelled):
            return imagenet_dataset(root, unlabelled, left_out)
        if names:
            break
    else:
        raise empty_error(", ".join(os.path.join(root, split) for split in splits) or str(root), len(classes))
    return file_dataset(
        root,
        "imagenet" if classes and all(map(SYNSET.fullmatch, classes)) else "folder",
        names,
        [n[start:].split("/", 1)[0] for n in names],
        classes,
        left_out + [(p, "unlabelled") for p in unlabelled],
        os.path.basename(os.path.realpath(root)) + f"/{split}" * bool(split),
    )
