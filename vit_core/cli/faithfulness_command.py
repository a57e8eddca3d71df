"""`faithfulness`: how true attribution methods are to a model, over a data set, as a table and in a Parquet file."""

from __future__ import annotations

import argparse
import sys

import vit_core as vc
from vit_core.attribution import METHODS
from vit_core.cli.model import load_model
from vit_core.cli.progress import progress_line, stop_signals


def faithfulness(args: argparse.Namespace) -> int:
    """Write a row for each picture and method to <out>/rows.parquet, and print a row a method.

    Ctrl-C stops after the picture; the same command continues.
    """
    from vit_core.data import open_dataset
    from vit_core.evaluation.faithfulness import measure_faithfulness, summarise
    from vit_core.evaluation.folder import locked_folder, read_run

    try:
        # The lock comes before anything is loaded, so that a second start fails at once.
        with stop_signals() as stopped, locked_folder(args.out):
            path = measure_faithfulness(
                load_model(args),
                open_dataset(args.source, args.labels),
                args.out,
                name=args.model,
                methods=args.methods,
                limit=args.limit,
                steps=args.steps,
                fill=args.fill,
                score=args.score,
                orders=args.orders,
                on_progress=progress_line(),
                should_stop=lambda: bool(stopped),
                restart=args.restart,
            )
    except vc.InputError as error:
        if error.code != "evaluate-cancelled":
            raise
        print(f"\n{error}", file=sys.stderr)
        return 130
    run = read_run(args.out)
    print(
        f"\n{run['done'] - run['errors']:,} pictures ({run['errors']:,} unreadable), {args.steps} steps, fill "
        f"{args.fill}, {args.score} of the predicted class, {args.orders} random maps a picture"
    )
    print("\n".join(table(summarise(path))))
    print(path)
    return 0


def table(methods: list) -> list[str]:
    """The lines of a summary. Intervals hold 95 %; "beats" is the share of pictures above chance."""
    lines = [f"{'method':23} {'deletion':>8} {'95 %':^13} {'beats':>6}  {'insertion':>9} {'95 %':^13} {'beats':>6}"]
    for one in methods:
        name = one.method if METHODS[one.method].depends_on_class else f"{one.method} (class-blind)"
        deletion, insertion = (f"{low:.3f}-{high:.3f}" for low, high in (one.deletion_interval, one.insertion_interval))
        lines.append(
            f"{name:23} {one.deletion:8.3f} {deletion:^13} {one.deletion_beats_chance:6.0%}  "
            f"{one.insertion:9.3f} {insertion:^13} {one.insertion_beats_chance:6.0%}"
        )
    return lines
