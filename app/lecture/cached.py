"""Scenes of the lecture, from the caches."""

from __future__ import annotations

import dataclasses
import json
import time
from typing import Any

from app import lecture
from app.explore.cached import derived
from app.explore.result import Result
from app.lecture.stage import Stage
from app.runtime import cache
from app.text.class_names import translations


def scene(result: Result, digest: str, name: str, want: str, language: str, sample: str | None) -> bytes:
    """A scene for the browser. `want`: its request, as JSON; `sample`: the file name of a sample picture, which the
    next one follows."""
    key = (result.name, "scene", result.serial, digest, name, want, language, sample)
    return derived(result, cache.outputs().get, key, lambda: _scene(result, digest, name, want, language, sample))


def _scene(result: Result, digest: str, name: str, want: str, language: str, sample: str | None) -> bytes:
    begun = time.perf_counter()
    stage, request = stage_of(result, digest), json.loads(want)
    content = cache.run(lecture.build, name, stage, request | {"language": language, "sample": sample})
    frame = {"of": f"{result.name} {digest}", "sample": sample is not None}
    names = {}
    for model in ("embedded:tiny", "embedded:fashion"):  # of the CNNs
        names |= translations(model, language)
    names |= translations(result.name, language, result.model.labels)
    content = dataclasses.replace(content, numbers=_with_names(content.numbers, names))
    packed = lecture.pack(name, stage, content, request, language, frame)
    cache.log.info("scene %s %.0f ms, %d bytes", name, (time.perf_counter() - begun) * 1e3, len(packed))
    return packed


def _with_names(value: Any, names: dict[str, str]) -> Any:
    """The numbers of a scene with its class names translated: they stand under "label", "for" and "against"."""
    if isinstance(value, list | tuple):
        return [_with_names(one, names) for one in value]
    if not isinstance(value, dict):
        return value
    return {
        key: names.get(one, one)
        if key in ("label", "for", "against") and isinstance(one, str)
        else _with_names(one, names)
        for key, one in value.items()
    }


def stage_of(result: Result, digest: str) -> Stage:
    """The stage of a result."""
    key = result.name, "stage", result.serial, digest
    found = cache.outputs().get(key, lambda: Stage(result))
    if not cache.models().holds(result.model):  # evicted meanwhile: the cached stage would keep it in memory
        cache.outputs().drop(lambda one: one == key)
    return found
