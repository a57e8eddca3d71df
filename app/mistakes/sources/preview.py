"""What an evaluation would cover, before it starts. No widgets."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from app.mistakes import requests
from app.mistakes.requests import FASHION, PHOTOS, EvaluationRequest
from app.runtime.uploads import runs_folder, upload_home
from app.text.class_names import translations
from vit_core import InputError, VisionTransformer
from vit_core.data import (
    ClassMatch,
    ImageDataset,
    class_table,
    class_table_text,
    match_classes,
    open_dataset,
    read_class_table,
    suggest_classes,
)
from vit_core.data.named import class_title
from vit_core.evaluation import folder as runs
from vit_core.evaluation.plan import default_batch, differences, identity_digest, make_plan, match_model
from vit_core.models.predictions import class_names

MAX_SUGGESTED = 100  # unknown classes with suggestions: a thousand would take seconds
MAX_TABLES = 50  # kept mappings that are tried


@dataclass(frozen=True)
class EvaluationPreview:
    """What an evaluation would cover, before anything runs."""

    request: EvaluationRequest  # with its version
    title: str
    pictures: int
    classes: int
    unknown: list[str]  # classes that the model does not know
    ambiguous: list[str]  # those of `unknown` that fit several of the model's classes
    unused: list[str]  # classes of the model without a picture
    by: str  # "name" | "synset" | "table" | "index"
    left_out: dict[str, int]  # by reason
    formats: dict[str, int]  # suffixes of pictures that are not read
    respelled: dict[str, int]  # paths of a table that were found by their "end" or another "case"
    names: tuple[str, ...]  # the classes of the pictures
    target: tuple[int, ...]  # for each of them the model's class, -1 where it has none
    labels: tuple[str, ...]  # the model's classes
    suggestions: dict[str, list[int]]  # for unknown classes, what they may be in the model
    reused: bool  # whether a mapping that was made here earlier is applied
    changed: bool  # whether there is an evaluation of the same names, but of other weights, pictures or classes


def preview(request: EvaluationRequest, model: VisionTransformer) -> EvaluationPreview:
    """List the pictures and map their classes to the model's; nothing is decoded. Raises InputError.

    Without a table, a mapping that somebody made earlier for such classes is applied.
    """
    source, labels = open_dataset(request.source, request.labels), class_names(model)
    match = match_model(model, source, read_class_table(request.table) if request.table else None)
    if found := None if request.table else _earlier_mapping(request, source, labels, match):
        request, match = replace(request, table=str(found[0])), found[1]
    wanted = match.unknown[:MAX_SUGGESTED]
    meant = suggest_classes(wanted, labels, translations(request.model, "ko", labels))
    identity = make_plan(request.model, model, source, match, default_batch(model))["identity"]
    request = with_version(request, identity)
    return EvaluationPreview(
        request,
        source.title,
        len(source),
        len(source.classes),
        list(map(class_title, match.unknown)),
        list(map(class_title, match.ambiguous)),
        list(match.unused),
        match.by,
        dict(source.left_out),
        dict(source.formats),
        dict(source.respelled),
        tuple(source.classes),
        tuple(match.target.tolist()),
        tuple(labels),
        dict(zip(wanted, meant, strict=True)),
        bool(found),
        _has_other(request),
    )


def _tables_folder(source: str) -> Path:
    """Where mappings are kept: beside the pictures that a visitor uploaded, else beside all evaluations."""
    return (upload_home(source) or runs_folder()) / "tables"


def _earlier_mapping(
    request: EvaluationRequest, source: ImageDataset, labels: Sequence[str], match: ClassMatch
) -> tuple[Path, ClassMatch] | None:
    """The latest kept mapping that fits these classes and makes more of them known, and what it gives."""
    if not match.unknown:
        return None
    files = sorted(_tables_folder(request.source).glob("*.csv"), key=lambda file: -file.stat().st_mtime)
    for file in files[:MAX_TABLES]:
        try:
            found = match_classes(source.classes, labels, read_class_table(file))
        except InputError:  # it is of other classes
            continue
        if len(found.unknown) < len(match.unknown):
            return file, found
    return None


def keep_mapping(preview: EvaluationPreview, mapping: Mapping[str, int]) -> Path:
    """Write a mapping {class of the pictures: number of the model's class, -1 for none} as a table of classes.

    Equal mappings have one file, and no file ever changes: evaluations name it. Raises InputError "evaluate-disk".
    """
    data = mapping_text(preview, mapping).encode("utf-8", "backslashreplace")
    folder = _tables_folder(preview.request.source)
    file = folder / f"{hashlib.blake2b(data, digest_size=8).hexdigest()}.csv"
    with runs.disk_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
        part = file.with_suffix(".part")
        part.write_bytes(data)
        os.replace(part, file)
    return file


def table_name(preview: EvaluationPreview) -> str:
    """The name of a mapping's file when it is taken away."""
    words = (os.path.basename(preview.request.model), preview.title)
    return "-".join(["vitrine-classes", *(re.sub(r"[^\w.]+", "-", word).strip("-.")[:40] for word in words)]) + ".csv"


def mapping_text(preview: EvaluationPreview, mapping: Mapping[str, int]) -> str:
    """A mapping as the text of a table of classes. It has the classes that are mapped or were, in any way."""
    before = dict(zip(preview.names, preview.target, strict=True))
    listed = {name: number for name, number in mapping.items() if number >= 0 or before[name] >= 0}
    return class_table_text(class_table(listed, preview.labels))


def with_version(request: EvaluationRequest, identity: dict) -> EvaluationRequest:
    """The request of exactly these weights, pictures and classes, so that no other evaluation is overwritten.

    It has no version if that names this evaluation already: one from before versions, or one of the bundled pictures.
    """
    plain = replace(request, version=None)
    before = runs.read_run(requests.shown_folder(plain)).get("identity")
    if (before and not differences(before, identity)) or (not before and plain in (PHOTOS, FASHION)):
        return plain
    return replace(plain, version=identity_digest(identity))


def _has_other(request: EvaluationRequest) -> bool:
    """Whether there is a finished evaluation that differs only in its version, and none of this version."""
    if runs.read_progress(requests.shown_folder(request)).state == "done":
        return False
    same = replace(request, version=None)
    listed = requests.list_runs(upload_home(request.source))
    others = [other for other in listed if replace(other, version=None) == same]
    return any(runs.read_progress(requests.shown_folder(other)).state == "done" for other in others)
