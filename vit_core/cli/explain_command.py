"""`explain`: predictions, rollout and head maps of pictures, as files."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

import numpy as np
from torch import Tensor

import vit_core as vc
from vit_core.cli.model import load_model
from vit_core.images import grid_to_picture, overlay, read_image, tile
from vit_core.models.device import with_cpu_fallback
from vit_core.models.predictions import has_probabilities
from vit_core.percentage import percent


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
    model = load_model(args)
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
        form = "{} {}" if number == "probability" else "{} = {:.4g}"
        shown = [(name, percent(p) if number == "probability" else p) for name, p in (labels or [])[:3]]
        said = ", ".join(form.format(*pair) for pair in shown).replace("\u00a0", " ") or "no head, no prediction"
        print(f"{path}{f' (opened at 1/{part} of its size)' if part > 1 else ''}: {said} -> {out}.*")
    return status
