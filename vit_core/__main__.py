"""The command line: `python -m vit_core explain IMAGE... --model NAME --out DIR` and `python -m vit_core models`."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

import numpy as np

import vit_core as vc
from vit_core.draw import overlay, tile
from vit_core.images import grid_to_picture, read


def explain(args: argparse.Namespace) -> int:
    """For each picture: <name>.json, <name>.rollout.png, <name>.layer<NN>.png (a head a tile), <name>.npz.

    A picture that cannot be read gets its sentence and the others go on.
    """
    model = vc.load(args.model, device=args.device)
    args.out.mkdir(parents=True, exist_ok=True)
    taken: set[str] = set()
    status = 0
    for path in args.images:
        try:
            picture = read(path)
        except vc.InputError as error:
            print(f"{path}: {error}", file=sys.stderr)
            status = 2
            continue
        trace = vc.record(model, picture)
        row = vc.rollout(trace, args.fusion, args.residual, args.discard, token=args.token)
        rollout = trace.on_grid(row).cpu().numpy()
        heads = np.stack([
            trace.on_grid(trace.attention(layer, [args.token])[:, 0]).cpu().numpy() for layer in range(trace.depth)
        ])  # layers, heads, rows, cols

        stem = path.stem
        while stem in taken:  # two folders may hold a cat.jpg each
            stem += "_"
        taken.add(stem)
        labels = None if trace.logits is None else vc.top_k(model, trace, args.k)
        facts = {
            "image": str(path),
            "model": args.model,
            "device": str(trace.tokens.device),
            "predictions": labels and [{"label": label, "probability": p} for label, p in labels],
            "grid": trace.grid,
            "prefix": model.config.prefix_names,
            "crop": {"box": trace.crop.box, "picture": trace.crop.picture, "input": trace.crop.input},
            "rollout": {name: getattr(args, name) for name in ("fusion", "residual", "discard", "token")},
        }
        out = args.out / stem
        Path(f"{out}.json").write_text(json.dumps(facts, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        shown = grid_to_picture(rollout, trace.crop, model.config.patch_size, smooth=True)
        overlay(picture, shown).save(f"{out}.rollout.png")
        for layer, maps in enumerate(heads):
            tile(maps).save(f"{out}.layer{layer + 1:02}.png")
        np.savez_compressed(f"{out}.npz", rollout=rollout, rollout_row=row.cpu().numpy(), attention=heads,
                            logits=np.zeros(0) if trace.logits is None else trace.logits.cpu().numpy(),
                            token_norms=trace.token_norms.cpu().numpy())
        said = ", ".join(f"{label} {p:.0%}" for label, p in labels[:3]) if labels else "no head, no prediction"
        print(f"{path}: {said} -> {out}.*")
    return status


def models(args: argparse.Namespace) -> int:
    """What can be loaded here."""
    for one in vc.available():
        print(f"{one.name:28} {one.title}")
    return 0


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m vit_core", description="Look into a Vision Transformer.")
    commands = parser.add_subparsers(required=True, metavar="command")
    one = commands.add_parser("explain", help="predictions, rollout and head maps of pictures, as files")
    one.add_argument("images", nargs="+", type=Path, metavar="IMAGE")
    one.add_argument("--model", default="embedded:photo", help="see `models` (default: %(default)s)")
    one.add_argument("--out", type=Path, required=True, metavar="DIR")
    one.add_argument("--k", type=int, default=5, help="predictions to list (default: %(default)s)")
    one.add_argument("--fusion", default="mean", help="heads in rollout: mean, max or min (default: %(default)s)")
    one.add_argument("--residual", type=float, default=0.5, help="weight of the residual, 0-1 (default: %(default)s)")
    one.add_argument("--discard", type=float, default=0.0, help="share of lowest weights to drop (default: 0)")
    one.add_argument("--token", type=int, default=0, help="whose row, counted from 0 (default: the first token)")
    one.add_argument("--device", help="cuda, mps or cpu (default: the best there is)")
    one.set_defaults(run=explain)
    commands.add_parser("models", help="what can be loaded here").set_defaults(run=models)
    args = parser.parse_args(argv)
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
