"""Which models are on this computer, in the hub's cache. Does not import timm, and asks no network."""

from __future__ import annotations

import functools
import os
import re
from pathlib import Path

from vit_core.checkpoints import huggingface, split_problem_type, timm_import
from vit_core.checkpoints.catalogue.curated import find_curated
from vit_core.checkpoints.files import cache_folder, cached_file, read_json
from vit_core.checkpoints.layouts import clip, dinov3
from vit_core.checkpoints.layouts.transformers_vit import FAMILIES
from vit_core.errors import InputError

#: timm's repositories of Vision Transformers that can be shown, by name: a part of them, but no others.
_TIMM_VIT = re.compile(
    r"(vit|deit3?|flexivit)_(?!.*(rope|relpos|rpn|_pe_|pe_|sapiens|lingbot|mci|_r\d|_r_|dlittle|dpwee|dwee))"
)
_HF_FAMILIES = (*FAMILIES, *clip.FAMILIES, dinov3.FAMILY)


def needs_download(name: str) -> bool:
    """Whether `load(name)` would have to download weights. A guess for timm's names without a tag: True."""
    source, _, rest = split_problem_type(name)[0].partition(":")
    if not rest:
        return False
    if source == "timm":
        curated = find_curated(f"timm:{rest}")
        return cached_file(curated.repo if curated else f"timm/{rest}", timm_import.WEIGHT_FILES) is None
    return source == "hf" and not os.path.isdir(os.path.expanduser(rest)) and not _is_whole(rest)


def _is_whole(repo: str) -> bool:
    """Whether the cache holds a repository's config and all its weights."""
    weights = cached_file(repo, huggingface.WEIGHT_FILES)
    if weights is None or cached_file(repo, ["config.json"]) is None:
        return False
    try:
        return weights.suffix != ".json" or all(cached_file(repo, [file]) for file in huggingface.shards(weights))
    except InputError:
        return False


def list_cached() -> list[str]:
    """Names of the models in the hub's cache that can be shown, in alphabetical order."""
    cache = cache_folder()
    try:
        folders = sorted(os.listdir(cache)) if cache else []
    except OSError:
        return []
    repos = [
        folder.removeprefix("models--").replace("--", "/", 1) for folder in folders if folder.startswith("models--")
    ]
    names = []
    for repo in repos:
        if repo.startswith("timm/") and _TIMM_VIT.match(repo.removeprefix("timm/")):
            if cached_file(repo, timm_import.WEIGHT_FILES):
                names.append(f"timm:{repo.removeprefix('timm/')}")
        elif _is_whole(repo) and _can_be_shown(repo):
            names.append(f"hf:{repo}")
    return names


def _can_be_shown(repo: str) -> bool:
    path = cached_file(repo, ["config.json"])
    return path is not None and _family(path, os.stat(path).st_mtime_ns) in _HF_FAMILIES


@functools.lru_cache(maxsize=1000)
def _family(path: Path, changed: int) -> str | None:
    """`model_type` in a config.json that was `changed` at that time; None if it has none."""
    try:
        config = read_json(path)
    except InputError:
        return None
    family = config.get("model_type") if isinstance(config, dict) else None
    return family if isinstance(family, str) else None
