"""Downloads a model's files into the hub's cache: only those that `load` reads."""

from __future__ import annotations

import os.path

from vit_core.checkpoints import huggingface, split_problem_type, timm_import
from vit_core.checkpoints.catalogue.curated import find_curated
from vit_core.checkpoints.files import Repository, download
from vit_core.checkpoints.processors import read_processor
from vit_core.downloads import Progress, ShouldStop, ignore_progress, never_stop


def download_model(name: str, progress: Progress = ignore_progress, should_stop: ShouldStop = never_stop) -> None:
    """Downloads what `load(name)` would download, telling its progress. An interrupted download is continued.

    Other sources than the hub have nothing to download. Raises Stopped, InputError "hub-unreachable", "hub-not-found",
    "hub-gated", "hub-missing", the errors of `download_file`, and those of `pretrained_files`.
    """
    source, _, rest = split_problem_type(name)[0].partition(":")
    if source == "timm" and rest:
        curated = find_curated(f"timm:{rest}")  # the others need timm's registry, which takes seconds to import
        repo, files = (curated.repo, timm_import.WEIGHT_FILES) if curated else timm_import.pretrained_files(rest)
        download(repo, files, f"timm:{rest}", progress, should_stop)
    elif source == "hf" and rest:
        _download_repository(rest, progress, should_stop)


def _download_repository(name: str, progress: Progress, should_stop: ShouldStop) -> None:
    """The files of `hf:<name>`. An adapter's base model is left to `load`."""
    repository = Repository(name)
    if os.path.isdir(repository.folder):
        return
    source = repository.source
    config = repository.find(["config.json"])
    if config is None:
        return
    huggingface.check_attention(huggingface.read_object(config, source), source)
    weights = download(name, huggingface.WEIGHT_FILES, source, progress, should_stop)
    if weights.suffix == ".json":
        for file in huggingface.shards(weights):
            download(name, [file], source, progress, should_stop)
    read_processor(repository.find)
