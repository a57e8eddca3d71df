"""What an evaluation runs: model, pictures, class mapping and batches, and whether a folder's run is of the same."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path

import numpy as np
import torch

from vit_core.checkpoints import embedded_digest
from vit_core.data import ClassMatch, ImageDataset, match_classes
from vit_core.data.dataset import root_name
from vit_core.errors import InputError
from vit_core.evaluation.folder import read_run
from vit_core.evaluation.store import storable
from vit_core.models.digest import weights_digest
from vit_core.models.parameters import multiplications
from vit_core.models.predictions import class_names, named_classes
from vit_core.models.vit import VisionTransformer

BATCH_PICTURES = 64
BATCH_MULTIPLICATIONS = 64 * 18e9  # on a CPU: those of 64 pictures in a ViT-B/16 at 224
FOLDER, FILE = "pictures' folder", "pictures' file"  # keys of a run's identity that an error quotes


def check_predicts_classes(model: VisionTransformer) -> None:
    """Raises InputError "model-no-head" or "evaluate-regression" for a model whose answers are not classes."""
    if model.head is None:
        raise InputError("model-no-head", "this model has no classification head, so it predicts nothing")
    if model.config.problem_type == "regression":
        raise InputError(
            "evaluate-regression",
            "This model gives numbers (a regression), and labelled pictures hold classes to compare with, so there is "
            "nothing to evaluate. Choose a classifier; if this model is one, load it with another problem type.",
        )


def match_model(model: VisionTransformer, dataset: ImageDataset, table: dict[str, str] | None = None) -> ClassMatch:
    """Which of the model's classes is which of the dataset's.

    Raises InputError "model-no-head", "evaluate-regression", and as `match_classes` does.
    """
    check_predicts_classes(model)
    return match_classes(dataset.classes, class_names(model), table)


def default_workers(device: torch.device) -> int:
    """Processes that decode: few on a CPU, whose cores the model needs, more beside a GPU."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(4, cores // 2)) if device.type == "cpu" else min(16, cores)


def default_batch(model: VisionTransformer) -> int:
    """Pictures in a batch: 64, fewer for a large model on a CPU, since a run reports and stops between batches."""
    if next(model.parameters()).device.type == "cuda":
        return BATCH_PICTURES
    c = model.config
    height, width = model.transform.size if model.transform else c.image_size
    tokens = c.num_prefix_tokens + (height // c.patch_size[0]) * (width // c.patch_size[1])
    return max(1, min(BATCH_PICTURES, int(BATCH_MULTIPLICATIONS / multiplications(model, tokens))))


def choose_batch(batch: int | None, model: VisionTransformer, before: dict) -> int:
    """The batch size given, else that of the run in run.json (`before`), else the default."""
    stored = before.get("identity", {}).get("batch")
    return batch or (stored if type(stored) is int and stored > 0 else default_batch(model))


def make_plan(name: str, model: VisionTransformer, dataset: ImageDataset, match: ClassMatch, batch: int) -> dict:
    """What is run, as run.json holds it. A resumed run must have the same "identity" as the first.

    "checkpoint" is the digest of an embedded model's file, which tells without loading the model whether the run is of
    the weights that are installed.
    """
    device, digest = next(model.parameters()).device, dataset.digest()
    chosen = {"input": input_text(model)} if model.shares_weights else {}
    return {
        "model": name,
        "checkpoint": embedded_digest(name),
        "labels": named_classes(model),
        "problem_type": model.config.problem_type,
        "total": len(dataset),
        "source": {
            "title": storable(dataset.title),
            "kind": dataset.kind,
            "root": root_name(dataset.root),
            "classes": [storable(c) for c in dataset.classes],
            "left_out": dataset.left_out,
            "formats": dataset.formats,
        },
        "match": {"by": match.by, "target": match.target.tolist(), "unknown": [storable(c) for c in match.unknown]},
        "identity": {
            "model": weights_digest(model),
            "source": _names_digest(dataset, model.config.problem_type == "multi_label"),
            "classes": hashlib.blake2b(np.asarray(match.target, np.int32).tobytes(), digest_size=16).hexdigest(),
            "batch": batch,
            "device": device.type,
            "torch": torch.__version__,
            **chosen,
            **({FOLDER: os.path.realpath(dataset.root)} if digest is None else {FILE: digest}),
        },
    }


def input_text(model: VisionTransformer) -> str:
    """The input size and framing of a model's view, as run.json and an error about another run say them."""
    height, width = model.transform.size
    return f"{height} x {width}, {'whole' if model.transform.fit == 'whole' else 'crop'}"


def _names_digest(dataset: ImageDataset, several: bool) -> str:
    """The digest of the pictures' names, classes and labels (`several`: all labels), not of their bytes."""
    labels = [dataset.labels_of(i) for i in range(len(dataset))] if several else dataset.labels.tolist()
    text = json.dumps([list(dataset.classes), list(dataset.names), labels])
    return hashlib.blake2b(text.encode("ascii"), digest_size=16).hexdigest()


def differences(was: dict, now: dict) -> list[str]:
    """The keys of two identities that differ."""
    return sorted(name for name in was.keys() | now.keys() if was.get(name) != now.get(name))


def other_run(out: Path, differs: list[str]) -> InputError:
    """The error about a folder that holds another run; `differs`: from `differences`."""
    return InputError(
        "evaluate-other",
        f"{out} holds an evaluation of something else (different: {', '.join(differs)}); choose another folder, or use "
        "--restart to delete it.",
        out=str(out),
        differs=differs,
    )


def identity_digest(identity: dict) -> str:
    """16 hex digits that name an identity; equal identities have equal ones."""
    return hashlib.blake2b(json.dumps(identity, sort_keys=True).encode(), digest_size=8).hexdigest()


def differs_from_run(
    model: VisionTransformer,
    dataset: ImageDataset,
    out: str | os.PathLike,
    table: dict[str, str] | None = None,
    batch: int | None = None,
) -> list[str]:
    """What differs from the run in `out`, so that `evaluate` would not continue it; empty if there is no run."""
    before = read_run(Path(out))
    plan = make_plan("", model, dataset, match_model(model, dataset, table), choose_batch(batch, model, before))
    return differences(before["identity"], plan["identity"]) if "identity" in before else []
