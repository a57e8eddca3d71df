"""The command line: `python -m vit_core explain IMAGE... --model NAME --out DIR`, `evaluate SOURCE --model NAME --out
DIR`, `serve --model NAME` and `models`."""

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
from vit_core.images import grid_to_picture, overlay, read_image, tile
from vit_core.serving.queue import roomy

#: By `model.assumed`: what a file did not tell, and what it was taken for.
_ASSUMED = {
    "heads": ("heads", "heads {width} wide"),
    "pool": ("pooling", "class token"),
    "average": ("pooling", "mean of the patches"),
    "grid": ("grid", "square"),
    "layers": ("layers", "norms first, {activation}"),
    "preprocess": ("preprocessing", "mean 0.5"),
}


def _loaded(args: argparse.Namespace) -> vc.VisionTransformer:
    """The model that was asked for. What its file did not tell is said in one sentence; so is that the CPU runs it for
    want of room."""
    model = vc.load(args.model, device=args.device)
    if model.assumed:
        *names, last = (_ASSUMED[fact][0] for fact in model.assumed)
        told = f"{', '.join(names)} and {last}" if names else last
        taken = ", ".join(_ASSUMED[fact][1] for fact in model.assumed).format(
            width=model.config.head_dim, activation=model.config.activation
        )
        print(
            f"{args.model} does not tell its {told}: taken as usual ({taken}); vc.save writes a file that does.",
            file=sys.stderr,
        )
    if args.device is None and next(model.parameters()).device.type != vc.best_device().type:
        print(f"The GPU's memory was too small for {args.model}, so the CPU runs it.", file=sys.stderr)
    return model


def _looked_at(model: vc.VisionTransformer, picture, args: argparse.Namespace) -> tuple[vc.Trace, Tensor, np.ndarray]:
    """The trace, the token's rollout (N,), and where it looks, (layers, heads, rows, cols); the latter on the CPU."""
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
    """For each picture: <name>.json, <name>.rollout.png, <name>.layer<NN>.png (a head a tile), <name>.npz.

    A picture that cannot be read, or whose numbers are not finite, gets its sentence and the others go on.
    """
    model = _loaded(args)
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
        (trace, row, heads), where = roomy(_looked_at, model, picture, args)
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
        facts = {
            "image": str(path),
            "model": args.model,
            "device": str(trace.tokens.device),
            "arithmetic": str(trace.queries.dtype).removeprefix("torch."),
            "predictions": labels and [{"label": label, "probability": p} for label, p in labels],
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
        said = ", ".join(f"{label} {p:.0%}" for label, p in labels[:3]) if labels else "no head, no prediction"
        print(f"{path}{f' (opened at 1/{part} of its size)' if part > 1 else ''}: {said} -> {out}.*")
    return status


def evaluate(args: argparse.Namespace) -> int:
    """One row a picture in <out>/rows.parquet; Ctrl-C stops after the batch, and the same command goes on."""
    from vit_core.data import open_dataset, read_class_table
    from vit_core.evaluation import run

    stopped: list[int] = []

    def stop(number: int, frame) -> None:
        stopped.append(number)
        signal.signal(number, signal.SIG_DFL)  # the second time, at once

    said = [0.0]

    def say(p: run.Progress) -> None:
        now = time.monotonic()
        if p.done == p.total or now - said[0] >= (0.5 if sys.stdout.isatty() else 10):
            said[0] = now
            line = (
                f"{p.done:,} of {p.total:,}  {p.rate:,.1f} pictures/s  {p.seconds_left:,.0f} s left  "
                f"{p.errors:,} unreadable"
            )
            print(f"\r{line:78}" if sys.stdout.isatty() else line, end="" if sys.stdout.isatty() else "\n", flush=True)

    before = {s: signal.signal(s, stop) for s in (signal.SIGINT, signal.SIGTERM)}
    try:
        with run.session(args.out, args.lock) as held:  # before anything is loaded: two cannot start at once
            source = open_dataset(args.source, args.labels)
            model = _loaded(args)
            table = read_class_table(args.table) if args.table else None
            _mapping(source, run.mapped(model, source, table))
            path = run.evaluate(
                model,
                source,
                args.out,
                name=args.model,
                table=table,
                batch=args.batch,
                workers=args.workers,
                on_progress=say,
                should_stop=lambda: bool(stopped),
                restart=args.restart,
                lock=held,
                engine=args.engine,
            )
    except vc.InputError as error:
        if error.code != "evaluate-cancelled":
            raise
        print(f"\n{error}", file=sys.stderr)
        return 130
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    end = run.described(args.out)
    share = f"{end['right'] / end['known']:.2%}" if end["known"] else "none"
    print(
        f"\naccuracy {share} ({end['right']:,} of {end['known']:,}; {end['errors']:,} unreadable, "
        f"{end['done'] - end['known'] - end['errors']:,} of classes that the model does not know)\n{path}"
    )
    return 0


def _mapping(source, match) -> None:
    """What maps and what does not, before anything runs."""
    known = len(source.classes) - len(match.unknown)
    print(
        f"{source.title}: {len(source):,} pictures, {len(source.classes):,} classes; the model knows {known:,} of "
        f"them, by {match.by}"
    )
    several = "fit several of the model's classes, so none is taken (a --table may say which, by its number from 0)"
    for title, names in (
        ("not known to the model", [name for name in match.unknown if name not in match.ambiguous]),
        (several, match.ambiguous),
        ("classes of the model without pictures", match.unused),
    ):
        if names:
            more = f" and {len(names) - 12:,} more" if len(names) > 12 else ""
            print(f"{title}: {', '.join(map(str, names[:12]))}{more}")
    sys.stdout.flush()


def serve(args: argparse.Namespace) -> int:
    """One model for many apps, until Ctrl-C."""
    from vit_core.serving.server import run

    return run(args.model, args.replicas, args.port, args.host, args.queue, args.device)


def models(args: argparse.Namespace) -> int:
    """What can be loaded here."""
    for one in vc.available():
        print(f"{one.name:28} {one.title}")
    return 0


def _count(least: int):
    def number(text: str) -> int:
        if (value := int(text)) < least:
            raise argparse.ArgumentTypeError(f"must be {least} or more")
        return value

    return number


def main(argv: list[str] | None = None, prog: str = "python -m vit_core") -> int:
    parser = argparse.ArgumentParser(prog=prog, description="Look into a Vision Transformer.")
    commands = parser.add_subparsers(required=True, metavar="command")
    one = commands.add_parser("explain", help="predictions, rollout and head maps of pictures, as files")
    one.add_argument("images", nargs="+", type=Path, metavar="IMAGE")
    one.add_argument("--model", default="embedded:photo", help="see `models` (default: %(default)s)")
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
        "CIFAR or Fashion-MNIST files, or bundled:fashion",
    )
    one.add_argument("--model", default="embedded:photo", help="see `models` (default: %(default)s)")
    one.add_argument("--out", type=Path, required=True, metavar="DIR", help="one that holds such a run goes on")
    one.add_argument("--labels", metavar="FILE", help="CSV or Parquet of paths (in SOURCE) and labels")
    one.add_argument("--table", metavar="FILE", help="CSV of two columns: the source's class, the model's name for it")
    one.add_argument("--batch", type=_count(1), help="pictures at once (default: 64, on a CPU fewer of a large model)")
    one.add_argument("--workers", type=_count(0), help="processes that decode; 0: none (default: by the cores)")
    one.add_argument("--device", help="cuda, mps or cpu (default: the best there is)")
    one.add_argument(
        "--engine",
        choices=["local", "ray"],
        default="local",
        help="what runs it; ray needs requirements-ray.txt (default: %(default)s)",
    )
    one.add_argument("--restart", action="store_true", help="throw away what DIR holds of an earlier run")
    one.add_argument("--lock", type=int, help=argparse.SUPPRESS)  # a descriptor, from `vit_core.evaluation.run.start`
    one.set_defaults(run=evaluate)
    one = commands.add_parser("serve", help="one model for many apps, on Ray Serve (requirements-ray.txt)")
    one.add_argument("--model", default="embedded:photo", help="see `models` (default: %(default)s)")
    one.add_argument("--replicas", type=_count(1), default=2, help="processes that run it (default: %(default)s)")
    one.add_argument("--queue", type=_count(1), default=32, help="pictures that may wait (default: %(default)s)")
    one.add_argument("--host", default="127.0.0.1", help="where to listen (default: %(default)s, this machine alone)")
    one.add_argument("--port", type=_count(0), default=8000, help="0: any that is free (default: %(default)s)")
    one.add_argument("--device", help="cuda, mps or cpu (default: the best there is)")
    one.set_defaults(run=serve)
    commands.add_parser("models", help="what can be loaded here").set_defaults(run=models)
    args = parser.parse_args(argv)
    for stream in (sys.stdout, sys.stderr):  # a name that the terminal cannot show is spelt out
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
