"""The models that people can choose by name, and what they are called."""

from __future__ import annotations

from pathlib import Path

from app.runtime import cache, recent
from app.runtime.guard import is_public
from app.text import Text
from app.text.model_names import model_title
from app.text.plain import plain
from vit_core.checkpoints import split_problem_type
from vit_core.checkpoints.catalogue import CURATED, list_cached, needs_download


def embedded() -> list[str]:
    """Names of the embedded models, the one of photographs first."""
    names = (a.name for a in cache.sources() if a.source == "embedded")
    return sorted(names, key=lambda name: name != "embedded:photo")


def earlier() -> list[str]:
    """Names of models that this computer has and no list recommends. None if other people may open pages: files,
    folders and the cache are the server owner's."""
    if is_public():
        return []
    curated = {model.name for model in CURATED}
    return [name for name in dict.fromkeys((*recent.names(), *list_cached())) if name not in curated]


def on_this_computer() -> list[str]:
    """Names of all models that can be loaded without a download."""
    curated = [model.name for model in CURATED if not needs_download(model.name)]
    return [*embedded(), *curated, *(name for name in earlier() if not needs_download(split_problem_type(name)[0]))]


def title_of(name: str, t: Text) -> str:
    """What people call a model."""
    title, parts = model_title(name, t), Path(name.partition(":")[2]).parts
    if title == name:
        return {a.name: a.title for a in cache.sources()}.get(name, title)
    # Files in two folders may have one name.
    return f"{title} · {plain(parts[-2])}" if len(parts) > 2 and title == plain(parts[-1], 60) else title
