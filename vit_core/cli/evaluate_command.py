"""`evaluate`: a model's predictions for labelled pictures, as a Parquet table."""

from __future__ import annotations

import argparse
import sys
import time

import vit_core as vc
from vit_core.cli.model import load_model
from vit_core.cli.progress import progress_line, stop_signals
from vit_core.downloads import Stopped

#: Reason of `ImageDataset.left_out` -> what was left out.
LEFT_OUT = {
    "outside": "links to places outside the folder",
    "again": "folders reached a second time through a link",
    "unreadable": "folders that cannot be opened",
    "repeated": "repeated rows",
    "unlabelled": "without a label",
    "format": "pictures in formats that are not read",
}
RESPELLED = {"end": "were found by their last folders and name", "case": "were found by ignoring upper and lower case"}


def evaluate(args: argparse.Namespace) -> int:
    """Write a row for each picture to <out>/rows.parquet. Ctrl-C stops after the batch; the same command continues."""
    from vit_core.data import open_dataset, read_class_table
    from vit_core.data.named import PREFIX
    from vit_core.evaluation import Rows, read_run, run
    from vit_core.evaluation.folder import locked_folder
    from vit_core.evaluation.multi_label import multi_label
    from vit_core.evaluation.plan import match_model

    try:
        # The lock comes before anything is loaded, so that a second start fails at once.
        with stop_signals() as stopped, locked_folder(args.out):
            if args.download and args.source.startswith(PREFIX):
                _download(args.source, stopped)
            source = open_dataset(args.source, args.labels)
            model = load_model(args)
            table = read_class_table(args.table) if args.table else None
            _print_mapping(source, match_model(model, source, table))
            path = run.evaluate(
                model,
                source,
                args.out,
                name=args.model,
                table=table,
                batch=args.batch,
                workers=args.workers,
                on_progress=progress_line(),
                should_stop=lambda: bool(stopped),
                restart=args.restart,
                engine=args.engine,
            )
    except Stopped:
        print("\nThe download was stopped; run the command again to continue it.", file=sys.stderr)
        return 130
    except vc.InputError as error:
        if error.code != "evaluate-cancelled":
            raise
        print(f"\n{error}", file=sys.stderr)
        return 130
    end = read_run(args.out)
    share = f"{end['right'] / end['known']:.2%}" if end["known"] else "none"
    what = "accuracy"
    if end.get("problem_type") == "multi_label":
        of = multi_label(Rows(path))
        print(f"\nmean average precision {of.mean_average_precision:.4f} over {(of.positives > 0).sum():,} classes")
        what = "most probable class is a label:"
    print(
        f"\n{what} {share} ({end['right']:,} of {end['known']:,}; {end['errors']:,} unreadable, "
        f"{end['done'] - end['known'] - end['errors']:,} of classes that the model does not know)\n{path}"
    )
    return 0


def _download(name: str, stopped: list[int]) -> None:
    """Download a data set of the catalogue unless it is there, and print how far that is."""
    from vit_core.data.named import CATALOGUE, PREFIX, catalogue_path, fetch

    if catalogue_path(name).exists():
        return
    entry, printed = CATALOGUE[name.removeprefix(PREFIX)], [0.0]
    print(f"downloading {entry.title}: {entry.size / 1e6:.0f} MB, licence {entry.licence}")

    def show(done: int, total: int | None) -> None:
        now = time.monotonic()
        if done == total or now - printed[0] >= (0.5 if sys.stdout.isatty() else 10):
            printed[0] = now
            print(f"{done / 1e6:,.0f} of {(total or entry.size) / 1e6:,.0f} MB", flush=True)

    fetch(name, show, lambda: bool(stopped))


def _print_mapping(source, match) -> None:
    """Print which classes the model knows and what is left out, before anything runs."""
    from vit_core.data import list_formats

    known = len(source.classes) - len(match.unknown)
    print(
        f"{source.title}: {len(source):,} pictures, {len(source.classes):,} classes; the model knows {known:,} of "
        f"them, by {match.by}"
    )
    several = "fit several of the model's classes, so not mapped (a --table may name one, by its number from 0)"
    for title, names in (
        ("not known to the model", [name for name in match.unknown if name not in match.ambiguous]),
        (several, match.ambiguous),
        ("classes of the model without pictures", match.unused),
    ):
        if names:
            more = f" and {len(names) - 12:,} more" if len(names) > 12 else ""
            print(f"{title}: {', '.join(map(str, names[:12]))}{more}")
    for reason, count in source.left_out.items():
        names = f" ({list_formats(source.formats)})" if reason == "format" else ""
        print(f"left out: {count:,} {LEFT_OUT[reason]}{names}")
    for how, count in source.respelled.items():
        print(f"{count:,} paths of the table {RESPELLED[how]}")
    sys.stdout.flush()
