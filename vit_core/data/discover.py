"""Finds out what kind of dataset a path is."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from vit_core.assets import ASSETS
from vit_core.data.archives import archive_dataset, packed_dataset
from vit_core.data.dataset import BUNDLED, ImageDataset, missing_error
from vit_core.data.folders import folder_dataset
from vit_core.data.members import is_archive, is_excel
from vit_core.data.named import PREFIX, bundled_photos, open_catalogue
from vit_core.data.tables import table_dataset


def open_dataset(path: str | os.PathLike, labels: str | os.PathLike | None = None) -> ImageDataset:
    """The labelled pictures at `path`: a folder, a CSV or Parquet table, a tar or zip archive, a name of BUNDLED, or
    "catalogue:<name>" if that was downloaded.

    `labels`: a CSV or Parquet table with a column of paths, relative to the folder `path`, and a column of labels. The
    paths in a table given as `path` are relative to the folder that holds the table.
    Raises InputError "dataset-missing", "dataset-empty", "dataset-formats", "dataset-format", "dataset-column",
    "dataset-encoding", "dataset-labels", "dataset-pickle", "dataset-outside", "dataset-unknown",
    "dataset-not-downloaded".
    """
    if str(path) == "bundled:photos":
        return bundled_photos()
    if str(path).startswith(PREFIX):
        return open_catalogue(str(path))
    root = ASSETS / BUNDLED[str(path)] if str(path) in BUNDLED else Path(os.path.abspath(path))
    try:
        mode = os.stat(root).st_mode
    except (OSError, ValueError):
        mode = 0
    if stat.S_ISREG(mode):
        if is_archive(root) and not is_excel(root):
            return archive_dataset(root)
        return table_dataset(Path(labels or root), root.parent)
    if not stat.S_ISDIR(mode):
        raise missing_error(str(path))
    if labels is not None:
        return table_dataset(Path(labels), root)
    return packed_dataset(root) or folder_dataset(root)
