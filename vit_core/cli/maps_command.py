"""`maps`: attribution maps of an evaluation's errors, and what the errors have in common."""

from __future__ import annotations

import argparse
import sys

import vit_core as vc
from vit_core.cli.model import load_model
from vit_core.cli.progress import progress_line, stop_signals


def maps(args: argparse.Namespace) -> int:
    """Write a map for each error, and for as many correct pictures, to <out>/maps.parquet, and print the clusters.

    Ctrl-C stops after the picture; the same command continues.
    """
    from vit_core.data import open_dataset, read_boxes
    from vit_core.evaluation import Rows
    from vit_core.evaluation.maps import compute_maps, load_maps, maps_folder

    rows = Rows(args.out / "rows.parquet")  # an error without an evaluation, before the lock makes a folder
    try:
        # The lock comes before anything is loaded, so that a second start fails at once.
        with stop_signals() as stopped, maps_folder(args.out):
            path = compute_maps(
                load_model(args),
                open_dataset(args.source, args.labels),
                args.out,
                method=args.method,
                limit=args.limit,
                boxes=read_boxes(args.boxes) if args.boxes else None,
                on_progress=progress_line(),
                should_stop=lambda: bool(stopped),
                restart=args.restart,
            )
    except vc.InputError as error:
        if error.code != "evaluate-cancelled":
            raise
        print(f"\n{error}", file=sys.stderr)
        return 130
    found = load_maps(args.out, rows)
    print()
    print("\n".join(summary(found) if found else ["no errors, so no maps"]))
    print(path)
    return 0


def summary(found) -> list[str]:
    """The lines that say where the maps lie: of the errors, of the correct pictures, and of each cluster of errors."""
    from vit_core.evaluation.maps import find_clusters, region_weights

    errors = found.chosen(found.wrong)
    clusters = find_clusters(errors)
    groups = {"errors": errors, "correct": found.chosen(~found.wrong)}
    if len(clusters.clusters) > 1:
        groups |= {f"cluster {i}": errors.chosen(one.members) for i, one in enumerate(clusters.clusters, 1)}
    regions = found.regions
    lines = [f"{'':10} {'pictures':>8}" + "".join(f" {region:>8}" for region in regions)]
    for name, group in groups.items():
        shares = "".join(f" {group.mean_share(region):8.1%}" for region in regions)
        lines.append(f"{name:10} {len(group.numbers):8,}{shares}")
    grid = found.values.shape[1:]
    area = "".join(f" {region_weights(region, *grid).mean():8.1%}" for region in regions[:2])
    lines.append(f"{'(area)':10} {'':8}{area}")
    if len(clusters.clusters) > 1:
        lines.append(f"silhouette of the clusters: {clusters.silhouette:.2f}")
    return lines
