"""Measures over a data set whether the maps of attribution methods lie on the object, and writes a Parquet table."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import torch
from PIL import Image
from torch import Tensor

from vit_core import attribution as at
from vit_core.attention.trace import prepare
from vit_core.attribution.localisation import QUADRANTS, Box
from vit_core.data import ImageDataset
from vit_core.errors import InputError
from vit_core.evaluation.faithfulness import spread_sample
from vit_core.evaluation.folder import EvaluationProgress, RateMeter, disk_errors
from vit_core.evaluation.localisation.mosaics import Candidate, choose_mosaics
from vit_core.evaluation.plan import match_model
from vit_core.evaluation.run import check_model
from vit_core.evaluation.store import storable
from vit_core.models import predictions
from vit_core.models.digest import weights_digest
from vit_core.models.vit import VisionTransformer

#: Columns of the table: a row for each method and picture with a box, and for each method and picture of a mosaic.
COLUMNS = pa.schema(
    {
        "path": pa.string(),
        "mosaic": pa.int32(),  # number of the mosaic, from 0; null for a picture with a box
        "quadrant": pa.int32(),  # of the mosaic, row by row: 0 to 3
        "target": pa.int32(),  # the picture's class, which the map explains
        "predicted": pa.int32(),  # the class that the model predicts for the picture by itself
        "method": pa.string(),
        "pointing": pa.bool_(),  # whether the highest patch lies in the box, or the quadrant
        "pointing_random": pa.float64(),  # the probability that a random patch does
        "energy": pa.float64(),  # share of the map's positive sum in the box, or the quadrant
        "energy_uniform": pa.float64(),  # what a uniform map has there
        "error": pa.string(),  # why there is no map; pointing and energy are null
    }
)


def measure_localisation(
    model: VisionTransformer,
    dataset: ImageDataset,
    out: str | os.PathLike,
    *,
    name: str,
    boxes: Mapping[str, Sequence[Box]] | None = None,
    methods: Sequence[str] = tuple(at.METHODS),
    limit: int | None = None,
    mosaics: int | None = None,
    seed: int = 0,
    on_progress: Callable[[EvaluationProgress], None] | None = None,
) -> Path:
    """Measure `methods` on a data set's pictures, each for its labelled class, and write a table to the file `out`.

    `name`: what the table calls the model. `boxes`: for each path of a picture the boxes of its object, in picture
    coordinates, as `data.read_boxes` gives them; None: mosaics only. `limit`: how many pictures (`spread_sample`).
    `mosaics`: at most so many are chosen among these pictures; None is as many as there are, 0 is none; `seed` decides
    which pictures stand together. Both are described in `attribution.localisation`.

    The table's metadata counts the pictures that were left out: "unreadable"; "class" (the model does not know their
    class); if there are `boxes`, "box" (none) and "outside" (the box does not reach into the model's input).

    Raises ValueError for an unknown method or a number out of range, and InputError "model-no-head",
    "evaluate-regression", "checkpoint-config", "evaluate-disk", and unless `mosaics` is 0 "localisation-grid" and
    "tensor-grid" (a model with rotary positions that cannot take a mosaic).
    """
    if unknown := [method for method in methods if method not in at.METHODS]:
        raise ValueError(f"no such method: {', '.join(unknown)}; there are {', '.join(at.METHODS)}")
    if (limit is not None and limit < 1) or (mosaics is not None and mosaics < 0):
        raise ValueError("limit must be at least 1, and mosaics at least 0")
    check_model(model)
    if mosaics != 0:  # a model that cannot take them is refused before hours of work
        prepare(model, at.mosaic(model, [Image.new("RGB", (1, 1))] * QUADRANTS))
    classes = match_model(model, dataset).target
    numbers = spread_sample(len(dataset), limit)
    left_out, rows, right = Counter[str](), list[dict](), list[Candidate]()
    meter = RateMeter(0, len(numbers))

    def measure_picture(number: int) -> str | None:
        """Measures one picture by itself. Returns why it is left out, None if it is not."""
        target, path = int(classes[dataset.labels[number]]), dataset.names[number]
        try:
            images, crop = model.transform(dataset.read(number))
        except InputError:
            return "unreadable"
        if target < 0:
            return "class"
        scores = _scores(model, images)
        about = {"path": storable(path), "target": target, "predicted": int(scores.argmax())}
        if about["predicted"] == target:
            right.append(Candidate(number, target, float(scores[target])))
        if boxes is None:
            return None
        coverage = at.patch_coverage(boxes.get(path, ()), crop, model.config.patch_size)
        if not coverage.any():
            return "outside" if path in boxes else "box"
        rows.extend(about | _measure(model, images, target, method, coverage) for method in methods)
        return None

    def progress(done: int, total: int) -> None:
        rate, left = meter.update(done)
        if on_progress:
            on_progress(EvaluationProgress(done, total, left_out["unreadable"], rate, left, "running"))

    for done, number in enumerate(numbers, 1):
        if reason := measure_picture(number):
            left_out[reason] += 1
        progress(done, len(numbers))
    chosen = choose_mosaics(right, mosaics, seed)
    meter = RateMeter(0, len(chosen))
    for place, four in enumerate(chosen):
        images = at.mosaic(model, [dataset.read(one.number) for one in four])
        for quadrant in range(QUADRANTS):
            one, coverage = four[quadrant], at.quadrant_coverage(quadrant, model.grid(images))
            about = {"path": storable(dataset.names[one.number]), "target": one.target, "predicted": one.target}
            about |= {"mosaic": place, "quadrant": quadrant}
            rows += [about | _measure(model, images, one.target, method, coverage) for method in methods]
        progress(place + 1, len(chosen))
    asked = {"methods": list(methods), "limit": limit, "mosaics": mosaics, "seed": seed}
    counts = {"pictures": len(numbers), "right": len(right), "chosen": len(chosen), "left_out": dict(left_out)}
    return _write(rows, Path(out), {"model": name, "weights": weights_digest(model)} | asked | counts)


@torch.no_grad()
def _scores(model: VisionTransformer, images: Tensor) -> Tensor:
    logits = model(images.to(next(model.parameters()).device))
    return predictions.scores(logits[0], model.config.problem_type)


def _measure(model: VisionTransformer, images: Tensor, target: int, method: str, coverage: Tensor) -> dict:
    """The columns of one map that lies well if it lies where `coverage` (rows, cols) is high."""
    inside = at.on_object(coverage)
    row = {"method": method, "pointing_random": float(inside.double().mean()), "energy_uniform": float(coverage.mean())}
    try:
        values = at.attribute(model, images, target, method).on_grid.cpu()
    except InputError as error:
        if error.code != "attribution-empty":
            raise
        return row | {"error": str(error)}
    if not (values > 0).any():
        return row | {"error": "No patch of the map speaks for the class."}
    return row | {"pointing": at.pointing_game(values, inside), "energy": at.energy_in_box(values, coverage).share}


def _write(rows: list[dict], path: Path, about: dict) -> Path:
    part = path.with_name(f".{path.name}.part")
    table = pa.Table.from_pylist(rows, schema=COLUMNS.with_metadata({"vitrine": json.dumps(about)}))
    with disk_errors(path.parent):
        path.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(table, part, compression="zstd")
        os.replace(part, path)
    return path
