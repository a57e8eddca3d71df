"""`bundled:photos`: labelled photographs that ship with Vitrine, with their authors and licences."""

from __future__ import annotations

import functools
import hashlib
import json
from typing import TypedDict

from vit_core.assets import ASSETS
from vit_core.data.dataset import BUNDLED, FileDataset
from vit_core.data.folders import folder_dataset

PHOTOS = ASSETS / BUNDLED["bundled:photos"]
CREDITS = "photos.json"  # beside the class folders


class Credit(TypedDict):
    """Where a photograph comes from. `file` is "<class folder>/<file name>"."""

    file: str
    author: str
    source: str
    licence: str


class PhotoDataset(FileDataset):
    """The bundled photographs. Their evaluation ships with them, so nothing depends on where and when they were
    installed: not `digest`, which other folders do not have, and not the times in `stat`, which are 0."""

    def stat(self, index: int) -> tuple[int, int]:
        return super().stat(index)[0], 0

    def digest(self) -> str:
        digest = hashlib.blake2b(digest_size=16)
        for index, name in enumerate(self.names):
            data = self.data(index)
            digest.update(f"{name}\0{len(data)}\0".encode())
            digest.update(data)
        return digest.hexdigest()


def bundled_photos() -> PhotoDataset:
    """The photographs, one folder for each class. Raises InputError "dataset-missing" if they are not installed."""
    found = folder_dataset(PHOTOS)
    return PhotoDataset("photographs", found.kind, found.root, found.classes, found.names, found.labels)


@functools.cache
def photo_credits() -> dict[str, Credit]:
    """The credit of each photograph by its name in `bundled_photos`; empty if there is no list."""
    try:
        listed = json.loads((PHOTOS / CREDITS).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return {credit["file"]: credit for credit in listed}
