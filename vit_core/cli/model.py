"""The model that a command names."""

from __future__ import annotations

import argparse
import sys

import vit_core as vc
from vit_core.checkpoints.report import assumed_defaults, setting_name


def load_model(args: argparse.Namespace) -> vc.VisionTransformer:
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
