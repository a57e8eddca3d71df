"""`localisation`: whether the maps of attribution methods lie on the object, as a table and in a Parquet file."""

from __future__ import annotations

import argparse
import json

from vit_core.attribution import METHODS
from vit_core.cli.model import load_model
from vit_core.cli.progress import progress_line

LEFT_OUT = {
    "unreadable": "unreadable",
    "class": "of a class that the model does not know",
    "box": "without a box",
    "outside": "with a box outside the model's input",
}


def localisation(args: argparse.Namespace) -> int:
    """Write a row for each picture and method to --out, and print a row a method."""
    import pyarrow.parquet as pq

    from vit_core.data import open_dataset, read_boxes
    from vit_core.evaluation.localisation import measure_localisation, summarise_localisation

    boxes = None if args.boxes is None else read_boxes(args.boxes)
    path = measure_localisation(
        load_model(args),
        open_dataset(args.source, args.labels),
        args.out,
        name=args.model,
        boxes=boxes,
        methods=args.methods,
        limit=args.limit,
        mosaics=args.mosaics,
        seed=args.seed,
        on_progress=progress_line(),
    )
    about = json.loads(pq.read_schema(path).metadata[b"vitrine"])
    print(f"\n{about['pictures']:,} pictures, {about['right']:,} classified correctly, {about['chosen']:,} mosaics")
    for reason, count in about["left_out"].items():
        print(f"left out: {count:,} {LEFT_OUT[reason]}")
    print("\n".join(table(summarise_localisation(path))))
    print(path)
    return 0


def table(methods: list) -> list[str]:
    """The lines of a summary. Intervals hold 95 %; "random" and "uniform" are what such maps get."""
    lines = [
        f"{'method':23} {'pictures':>8}  {'pointing':>8} {'95 %':^13} {'random':>6}  {'energy':>6} {'95 %':^13} "
        f"{'uniform':>7}  {'mosaics':>7}  {'GridPG':>6} {'95 %':^13} {'uniform':>7}"
    ]
    for one in methods:
        name = one.method if METHODS[one.method].depends_on_class else f"{one.method} (class-blind)"
        lines.append(
            f"{name:23} {one.pictures:8,}  {_mean(one.pointing, 8)} {_number(one.pointing_random, 6)}  "
            f"{_mean(one.energy, 6)} {_number(one.energy_uniform, 7)}  {one.mosaics:7,}  {_mean(one.grid, 6)} "
            f"{_number(0.25 if one.grid else None, 7)}"
        )
    return lines


def _mean(value, width: int) -> str:
    """A mean with its interval."""
    return f"{_number(value and value.mean, width)} {f'{value.low:.3f}-{value.high:.3f}' if value else '-':^13}"


def _number(value: float | None, width: int) -> str:
    return f"{'-' if value is None else f'{value:.3f}':>{width}}"
