"""`catalogue:<name>`: data sets that are downloaded once, when somebody asks for it, and read as the archive they are.

Sizes are those in fastai's `fastai/data/checks.txt`. The MD5 digests, the only ones that are published of these
versions, are those of torchvision's `datasets.Imagenette` and of catalyst's `contrib.datasets.cv.imagewoof`. They find
damage; that nobody replaced the file is what HTTPS is for.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import platformdirs

from vit_core.checkpoints import IMAGENET_SUBSETS
from vit_core.data.archives import PackedDataset, archive_dataset
from vit_core.data.class_names import match_classes
from vit_core.downloads import Progress, ShouldStop, download_file, ignore_progress, never_stop
from vit_core.errors import InputError

PREFIX = "catalogue:"


class CatalogueSet(NamedTuple):
    """A data set that can be downloaded. `pictures` are those of the split that is evaluated, validation."""

    title: str
    url: str
    size: int  # bytes
    digest: str  # "md5:<hex>"
    licence: str
    pictures: int
    classes: dict[str, str]  # synset id, the name of the class's folder -> English names, the usual one first


IMAGENETTE = {
    "n01440764": "tench, Tinca tinca",
    "n02102040": "English springer, English springer spaniel",
    "n02979186": "cassette player",
    "n03000684": "chain saw, chainsaw",
    "n03028079": "church, church building",
    "n03394916": "French horn, horn",
    "n03417042": "garbage truck, dustcart",
    "n03425413": "gas pump, gasoline pump, petrol pump",
    "n03445777": "golf ball",
    "n03888257": "parachute, chute",
}
IMAGEWOOF = {
    "n02086240": "Shih-Tzu",
    "n02087394": "Rhodesian ridgeback",
    "n02088364": "beagle",
    "n02089973": "English foxhound",
    "n02093754": "Border terrier",
    "n02096294": "Australian terrier",
    "n02099601": "golden retriever",
    "n02105641": "Old English sheepdog, bobtail",
    "n02111889": "Samoyed, Samoyede",
    "n02115641": "dingo, Canis dingo",
}
HOME = "https://s3.amazonaws.com/fast-ai-imageclas"
CATALOGUE = {
    "imagenette2-160": CatalogueSet(
        "Imagenette",
        f"{HOME}/imagenette2-160.tgz",
        99_003_388,
        "md5:e793b78cc4c9e9a4ccc0c1155377a412",
        "Apache-2.0",
        3_925,
        IMAGENETTE,
    ),
    "imagewoof2-160": CatalogueSet(
        "Imagewoof",
        f"{HOME}/imagewoof2-160.tgz",
        92_612_825,
        "md5:3d200a7be99704a0d7509be2a9fbfe15",
        "Apache-2.0",
        3_929,
        IMAGEWOOF,
    ),
}


def datasets_folder() -> Path:
    """Where downloaded data sets are: VITRINE_DATA, or "datasets" in the user's data folder."""
    if named := os.environ.get("VITRINE_DATA"):
        return Path(named)
    return platformdirs.user_data_path("vitrine", appauthor=False) / "datasets"


def catalogue_path(name: str) -> Path:
    """Where the archive of "catalogue:<name>" is, once it is downloaded. Raises InputError "dataset-unknown"."""
    _entry(name)
    return datasets_folder() / f"{name.removeprefix(PREFIX)}.tgz"


def fetch(name: str, progress: Progress = ignore_progress, should_stop: ShouldStop = never_stop) -> Path:
    """Download "catalogue:<name>" unless it is there; the path of its archive.

    A download that was stopped or cut continues where it ended. Raises Stopped and the InputErrors of `download_file`,
    and "dataset-unknown".
    """
    entry = _entry(name)
    return download_file(entry.url, catalogue_path(name), progress, should_stop, size=entry.size, digest=entry.digest)


def open_catalogue(name: str) -> PackedDataset:
    """The validation pictures of "catalogue:<name>". Nothing is downloaded.

    Raises InputError "dataset-unknown", "dataset-not-downloaded", and as `archive_dataset` does.
    """
    entry, path = _entry(name), catalogue_path(name)
    if not path.is_file():
        raise InputError(
            "dataset-not-downloaded",
            f"The data set {name} is not on this computer. Download it on the page Mistakes, or run `vitrine evaluate "
            f"{name} --download`.",
            name=name,
        )
    dataset = archive_dataset(path)
    dataset.title = entry.title
    return dataset


def known_classes(entry: CatalogueSet, labels: Sequence[str] | None) -> int | None:
    """How many of a set's classes have a name among a model's labels; None where the labels do not tell."""
    if not labels:
        return None
    names = [(synset, name) for synset, listed in entry.classes.items() for name in listed.split(", ")]
    target = match_classes([name for _, name in names], labels).target
    known = {synset for (synset, _), number in zip(names, target, strict=True) if number >= 0}
    return len(known) if known or len(labels) not in IMAGENET_SUBSETS else None


def class_title(name: str) -> str:
    """The English name of a class folder of the catalogue's sets; any other name as it is."""
    names = next((entry.classes[name] for entry in CATALOGUE.values() if name in entry.classes), name)
    return names.split(", ")[0] if names != name else name


def _entry(name: str) -> CatalogueSet:
    entry = CATALOGUE.get(name.removeprefix(PREFIX))
    if entry is None:
        names = [PREFIX + known for known in CATALOGUE]
        raise InputError(
            "dataset-unknown",
            f"The catalogue has no data set {name!r}. It has {', '.join(names)}.",
            name=name,
            available=names,
        )
    return entry
