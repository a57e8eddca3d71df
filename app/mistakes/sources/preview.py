"""What an evaluation would cover, before it starts. No widgets."""

from __future__ import annotations

from dataclasses import dataclass, replace

from app.mistakes import find
from app.mistakes.find import FASHION, PHOTOS, EvaluationRequest
from app.runtime.uploads import upload_home
from vit_core import VisionTransformer
from vit_core.data import open_dataset, read_class_table
from vit_core.data.named import class_title
from vit_core.evaluation import folder as runs
from vit_core.evaluation.plan import default_batch, differences, identity_digest, make_plan, match_model


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
    changed: bool  # whether there is an evaluation of the same names, but of other weights, pictures or classes


def preview(request: EvaluationRequest, model: VisionTransformer) -> EvaluationPreview:
    """List the pictures and map their classes to the model's; nothing is decoded. Raises InputError."""
    source = open_dataset(request.source, request.labels)
    match = match_model(model, source, read_class_table(request.table) if request.table else None)
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
        _has_other(request),
    )


def with_version(request: EvaluationRequest, identity: dict) -> EvaluationRequest:
    """The request of exactly these weights, pictures and classes, so that no other evaluation is overwritten.

    It has no version if that names this evaluation already: one from before versions, or one of the bundled pictures.
    """
    plain = replace(request, version=None)
    before = runs.read_run(find.shown_folder(plain)).get("identity")
    if (before and not differences(before, identity)) or (not before and plain in (PHOTOS, FASHION)):
        return plain
    return replace(plain, version=identity_digest(identity))


def _has_other(request: EvaluationRequest) -> bool:
    """Whether there is a finished evaluation that differs only in its version, and none of this version."""
    if runs.read_progress(find.shown_folder(request)).state == "done":
        return False
    same = replace(request, version=None)
    listed = find.list_runs(upload_home(request.source))
    others = [other for other in listed if replace(other, version=None) == same]
    return any(runs.read_progress(find.shown_folder(other)).state == "done" for other in others)
