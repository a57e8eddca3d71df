"""What attribution methods cost: `python tests/bench/attribution.py [--rounds N] [--side PIXELS] [MODEL ...]`.

On the CPU, in float32, one picture, random weights. Each number is a method's median time divided by that of a plain
forward pass without gradients; all run in turns in one process. "forward again" measures the forward pass a second time
and shows how far the numbers can be trusted. captum's methods run beside ours where it is installed
(tests/bench/requirements.txt); its layer Grad-CAM is on the same layer as ours.
"""

from __future__ import annotations

import argparse
import importlib
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

import torch

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

import vit_core as vc  # noqa: E402
from vit_core.attribution import METHODS, attribute  # noqa: E402
from vit_core.models import ViTConfig  # noqa: E402

SIZES = {"small": (384, 12, 6), "base": (768, 12, 12)}  # width, layers, heads
TARGET = 1
#: Costs a forward pass for each patch, so it is measured in fewer rounds.
SLOW = ("occlusion", "captum occlusion")


def build(size: str, side: int) -> vc.VisionTransformer:
    dim, depth, heads = SIZES[size]
    config = ViTConfig(
        image_size=(side, side), dim=dim, depth=depth, heads=heads, head_dim=dim // heads, mlp_dim=4 * dim
    )
    return vc.VisionTransformer(config).eval()


def captum_methods(model: vc.VisionTransformer, images: torch.Tensor) -> dict[str, Callable[[], object]]:
    """captum's counterparts of our methods; empty where it is not installed."""
    try:
        attr = importlib.import_module("captum.attr")
    except ImportError:
        return {}
    patch = model.config.patch_size
    pixels = images.clone().requires_grad_()
    return {
        "captum input_gradient": lambda: attr.InputXGradient(model).attribute(pixels, target=TARGET),
        "captum grad_cam": lambda: attr.LayerGradCam(model, model.blocks[-1].norm1).attribute(images, target=TARGET),
        "captum occlusion": lambda: attr.Occlusion(model).attribute(
            images, (3, *patch), strides=(3, *patch), target=TARGET, perturbations_per_eval=16
        ),
    }


def measure(runs: dict[str, Callable[[], object]], rounds: int) -> dict[str, float]:
    """Median seconds of each run, all in turns."""
    times: dict[str, list[float]] = {name: [] for name in runs}
    for number in range(rounds + 1):  # the first round warms up
        for name, run in runs.items():
            if name in SLOW and number > 1:
                continue
            begun = time.perf_counter()
            run()
            if number or name in SLOW:
                times[name].append(time.perf_counter() - begun)
    return {name: statistics.median(found) for name, found in times.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("models", nargs="*", default=[*SIZES], metavar="MODEL", help="small, base (default: both)")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--side", type=int, default=224, help="pixels of the input's side (default: %(default)s)")
    args = parser.parse_args()
    for size in args.models:
        torch.manual_seed(0)
        model, images = build(size, args.side), torch.randn(1, 3, args.side, args.side)

        @torch.inference_mode()
        def forward(model=model, images=images) -> object:
            return model(images)

        runs: dict[str, Callable[[], object]] = {"forward": forward, "forward again": forward}
        runs |= {
            name: lambda name=name, model=model, images=images: attribute(model, images, TARGET, name)
            for name in METHODS
        }
        runs |= captum_methods(model, images)
        seconds = measure(runs, args.rounds)
        tokens = 1 + (args.side // model.config.patch_size[0]) ** 2
        print(f"{size}, {args.side} pixels, {tokens:,} tokens: a forward pass takes {seconds['forward'] * 1e3:.0f} ms")
        for name, value in seconds.items():
            print(f"{name:24} {value / seconds['forward']:8.2f} forward passes")
        if not any(name.startswith("captum") for name in runs):
            print("captum is not installed")
        print()


if __name__ == "__main__":
    main()
