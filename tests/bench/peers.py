"""Vitrine beside its peers: `python tests/bench/peers.py [CASE ...] [--rounds N] [--json FILE]`.

On the CPU, in float32, one picture, random weights. `timm.models` with fused attention is the floor. Each number is a
method's median time divided by the floor's; all methods run in turns in one process. "floor again" measures the floor
a second time and shows how far the numbers can be trusted. Memory is the peak resident memory while a method runs once,
minus what was resident before, each in a process of its own (Linux). Peers are measured where they are installed
(tests/bench/requirements.txt). A peer without rollout gets one as its own examples write it.
"""

from __future__ import annotations

import argparse
import gc
import importlib
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import torch

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

import vit_core as vc  # noqa: E402
from vit_core.checkpoints import import_timm  # noqa: E402

SIZES = {"tiny": (192, 12, 3), "small": (384, 12, 6), "base": (768, 12, 12)}  # width, layers, heads

#: case -> model, side of the picture in pixels, what to run, rollout's options, bound (times the floor), rounds.
CASES = {
    "B/16 at 224: record": ("base", 224, "record", {}, 1.03, 12),
    "B/16 at 224: record, mean rollout": ("base", 224, "rollout", {}, 1.05, 12),
    "B/16 at 224: rollout of another token, once recorded": ("base", 224, "another", {}, 0.01, 12),
    "Ti/16 at 224: record, mean rollout": ("tiny", 224, "rollout", {}, 1.25, 40),
    "Ti/16 at 224: record, rollout, discard 0.9": ("tiny", 224, "rollout", {"discard": 0.9}, 1.7, 40),
    "S/16 at 512: record, mean rollout": ("small", 512, "rollout", {}, 1.25, 8),
    "S/16 at 1024: record, rollout mean": ("small", 1024, "rollout", {}, 1.8, 4),
    "S/16 at 1024: record, rollout max": ("small", 1024, "rollout", {"fusion": "max"}, 1.8, 4),
    "S/16 at 1024: record, rollout min": ("small", 1024, "rollout", {"fusion": "min"}, 1.8, 4),
    "S/16 at 1024: record, rollout, discard 0.9": ("small", 1024, "rollout", {"discard": 0.9}, 2.2, 4),
}
#: What adds memory at 4,097 tokens -> options of the rollout.
MEMORY = {"mean": {}, "max": {"fusion": "max"}, "min": {"fusion": "min"}, "discard 0.9": {"discard": 0.9}}
MAX_ADDED_MIB = 320
MMAP_BYTES = 1 << 20  # glibc returns blocks of this size at once; else the 0 to 150 MB that it retains count too
ONCE_FROM_SIDE = 1024  # peers run only once on pictures of this side


def naive(attentions, fusion: str = "mean", discard: float = 0.0):
    """The paper's product over all tokens, as it is usually written: (N, N)."""
    rolled = None
    for attention in attentions:
        fused = {"mean": attention.mean, "max": attention.amax, "min": attention.amin}[fusion](1)[0]
        if discard:
            fused = fused.where(fused >= fused.flatten().quantile(discard), 0)
        mixed = fused + torch.eye(len(fused))
        mixed = mixed / mixed.sum(-1, keepdim=True)
        rolled = mixed if rolled is None else mixed @ rolled
    return rolled


def made(size: str, side: int, fused: bool = True):
    """timm's model of that size; `fused=False` keeps its attention weights within reach of hooks."""
    timm = import_timm()
    before = timm.layers.use_fused_attn()
    timm.layers.set_fused_attn(fused)
    try:
        torch.manual_seed(0)
        return timm.create_model(f"vit_{size}_patch16_224", pretrained=False, img_size=side).eval()
    finally:
        timm.layers.set_fused_attn(bool(before))


def ours(size: str, side: int, what: str, options: dict) -> Callable:
    model, x = vc.from_timm(made(size, side)), torch.randn(1, 3, side, side)
    if what == "record":
        return lambda: vc.record(model, x)
    if what == "another":
        trace = vc.record(model, x)
        kept = vc.fused_layers(trace)  # what the first token's rollout has made
        return lambda: vc.rollout(trace, token=5, fused=kept)
    return lambda: vc.rollout(vc.record(model, x), **options)


def timm_extract(size, side, what, options):
    from timm.utils import AttentionExtract

    extract, x = AttentionExtract(made(size, side, False), method="hook"), torch.randn(1, 3, side, side)
    return lambda: finish(extract(x).values(), what, options)


def eager(size, side):
    """transformers' model of that size, with attention weights."""
    from transformers import ViTConfig, ViTModel

    dim, depth, heads = SIZES[size]
    config = ViTConfig(
        hidden_size=dim,
        num_hidden_layers=depth,
        num_attention_heads=heads,
        intermediate_size=4 * dim,
        image_size=side,
        attn_implementation="eager",
    )
    return ViTModel(config, add_pooling_layer=False).eval()


def transformers(size, side, what, options):
    model, x = eager(size, side), torch.randn(1, 3, side, side)
    return lambda: finish(model(x, output_attentions=True).attentions, what, options)


def glassbox(size, side, what, options):
    from glassbox_vit import AttentionRolloutExplainer

    if what == "record" or options:
        raise NotImplementedError("gives the mean rollout only")
    roll, x = AttentionRolloutExplainer(eager(size, side), None), torch.randn(1, 3, side, side)
    return lambda: roll._calculate_rollout(roll.raw_model(x).attentions)  # its `generate` without the drawing


def vit_pytorch(size, side, what, options):
    from vit_pytorch import ViT
    from vit_pytorch.recorder import Recorder

    dim, depth, heads = SIZES[size]
    model = Recorder(
        ViT(
            image_size=side,
            patch_size=16,
            num_classes=1000,
            dim=dim,
            depth=depth,
            heads=heads,
            dim_head=64,
            mlp_dim=4 * dim,
        )
    ).eval()
    x = torch.randn(1, 3, side, side)
    return lambda: finish(model(x)[1].unbind(1), what, options)


def fast_vit_rollout(size, side, what, options):
    from fast_vit_rollout import ViTAttentionRollout

    if what == "record":
        raise NotImplementedError("gives the rollout only")
    roll = ViTAttentionRollout(made(size, side, False), options.get("fusion", "mean"), options.get("discard", 0.0))
    x = torch.randn(1, 3, side, side)
    return lambda: roll(x)


def torchxai(size, side, what, options):
    from torchxai.methods.attention_rollout import AttentionRollout

    if what == "record":
        raise NotImplementedError("gives the rollout only")
    roll = AttentionRollout(
        made(size, side), head_fusion=options.get("fusion", "mean"), discard_ratio=options.get("discard", 0.0)
    )
    x = torch.randn(1, 3, side, side)
    return lambda: roll(x)


def finish(attentions, what: str, options: dict):
    attentions = list(attentions)
    return attentions if what == "record" else naive(attentions, **options)


PEERS = {
    "timm.utils.AttentionExtract": (timm_extract, "timm"),
    "transformers": (transformers, "transformers"),
    "vit-pytorch Recorder": (vit_pytorch, "vit_pytorch"),
    "torchxai-explain": (torchxai, "torchxai"),
    "fast-vit-rollout": (fast_vit_rollout, "fast_vit_rollout"),
    "glassbox-vit": (glassbox, "glassbox_vit"),
}


def peers(size: str, side: int, what: str, options: dict) -> tuple[dict[str, Callable], dict[str, str]]:
    """(name -> what to time, name -> why there is nothing to time)."""
    found, why = {}, {}
    for name, (make, module) in PEERS.items():
        try:
            if what == "another":
                raise NotImplementedError("offers none")
            importlib.import_module(module)
            found[name] = make(size, side, what, options)
            found[name]()
        except ImportError as error:
            why[name] = f"not installed ({error})"
        except Exception as error:  # a peer's own failure is its result
            found.pop(name, None)
            why[name] = f"{type(error).__name__}: {error}".splitlines()[0]
        gc.collect()
    return found, why


@torch.inference_mode()
def timed(size: str, side: int, what: str, options: dict, limit: float, rounds: int, beside: bool = True) -> dict:
    """The floor's milliseconds, and each method's median over the floor's."""
    floor, x = made(size, side), torch.randn(1, 3, side, side)
    methods = {"floor": lambda: floor(x), "ours": ours(size, side, what, options), "floor again": lambda: floor(x)}
    others, why = peers(size, side, what, options) if beside else ({}, {})
    methods |= others
    times: dict[str, list[float]] = {name: [] for name in methods}
    # The floor and ours alternate, so that neither finds its weights in the cache because it ran just before.
    order = ["floor", "ours", "floor again", "ours", *others]
    for turn in range(rounds + 1):
        for name in order:
            if side >= ONCE_FROM_SIDE and name in others and turn != 1:
                continue
            begun = time.perf_counter()
            methods[name]()
            if turn:  # the first round warms up
                times[name].append(time.perf_counter() - begun)
    middle = {name: statistics.median(of) for name, of in times.items()}
    ratios = {name: round(of / middle["floor"], 4) for name, of in middle.items()}
    return {
        "floor_ms": round(middle["floor"] * 1e3, 1),
        "ratios": ratios,
        "must": limit,
        "not_measured": why,
    }


def resident(name: str) -> int:
    """VmRSS or VmHWM of this process, kB."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith(name)).split()[1])


@torch.inference_mode()
def memory(method: str, options: dict, size: str = "small", side: int = 1024) -> float:
    """MiB that running `method` once adds to what is resident before it; in a process of its own."""
    if method == "floor":
        model, x = made(size, side), torch.randn(1, 3, side, side)
        run = lambda: model(x)  # noqa: E731
    else:
        run = (ours if method == "ours" else PEERS[method][0])(size, side, "rollout", options)
    gc.collect()
    Path("/proc/self/clear_refs").write_text("5")  # forget the peak
    before = resident("VmRSS")
    run()
    return round((resident("VmHWM") - before) / 1024, 1)


def in_a_process(method: str, options: dict) -> float | str:
    command = [sys.executable, __file__, "--memory", method, json.dumps(options)]
    env = os.environ | {"MALLOC_MMAP_THRESHOLD_": str(MMAP_BYTES)}
    done = subprocess.run(command, capture_output=True, text=True, env=env)
    lines = done.stdout.split()
    return float(lines[-1]) if done.returncode == 0 else (done.stderr.strip().splitlines() or ["it was killed"])[-1]


def bf16(rounds: int = 8) -> dict:
    """B/16 at 224 recorded in bf16 on the CPU: times the float32 floor, and the largest difference of a logit."""
    model, x = vc.from_timm(made("base", 224)), torch.randn(1, 3, 224, 224)
    exact, rough = vc.record(model, x).logits, vc.record(model, x, bf16=True).logits
    times: dict[bool, list[float]] = {False: [], True: []}
    for _ in range(rounds):
        for kind, of in times.items():
            begun = time.perf_counter()
            vc.record(model, x, bf16=kind)
            of.append(time.perf_counter() - begun)
    return {
        "times_float32": round(statistics.median(times[True]) / statistics.median(times[False]), 3),
        "largest_logit_error": round((rough - exact).abs().max().item(), 5),
        "logits_standard_deviation": round(exact.std().item(), 5),
    }


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("cases", nargs="*", help="parts of cases' names (default: all)")
    parser.add_argument("--rounds", type=int, help="in place of each case's own")
    parser.add_argument("--alone", action="store_true", help="without the peers: they take minutes at 4,097 tokens")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--memory", nargs=2, metavar=("METHOD", "OPTIONS"), help=argparse.SUPPRESS)
    args = parser.parse_args(argv)
    if args.memory:
        print(memory(args.memory[0], json.loads(args.memory[1])))
        return 0
    result: dict = {"torch": torch.__version__, "threads": torch.get_num_threads(), "cases": {}, "memory_mib": {}}
    wanted = [c.lower() for c in args.cases] or [""]
    print(f"torch {torch.__version__}, {torch.get_num_threads()} threads; times the floor, medians\n")
    for name, (size, side, what, options, limit, rounds) in CASES.items():
        if any(part in name.lower() for part in wanted):
            row = timed(size, side, what, options, limit, args.rounds or rounds, not args.alone)
            result["cases"][name] = row
            ours_, again = row["ratios"]["ours"], row["ratios"]["floor again"]
            print(
                f"{name}: ours {ours_} (bound {limit}{'' if ours_ <= limit + 0.04 else ', NOT MET'}), floor "
                f"{row['floor_ms']} ms, floor again {again}"
            )
            for peer, ratio in row["ratios"].items():
                if peer in PEERS:
                    print(f"    {peer}: {ratio}")
            for peer, reason in row["not_measured"].items():
                print(f"    {peer}: {reason}")
            sys.stdout.flush()
    if any(part in "memory" for part in wanted):
        added = {"floor": in_a_process("floor", {})}
        for name, options in MEMORY.items():
            added[f"ours, {name}"] = in_a_process("ours", options)
            print(
                f"S/16 at 1024, MiB added by record and rollout ({name}): ours {added[f'ours, {name}']} (at most "
                f"{MAX_ADDED_MIB}), floor {added['floor']}",
                flush=True,
            )
        for peer in () if args.alone else PEERS:
            added[peer] = in_a_process(peer, {})
            print(f"    {peer}: {added[peer]}", flush=True)
        result["memory_mib"] = added
    if any(part in "bf16" for part in wanted):
        result["bf16"] = bf16()
        print(f"bf16: {result['bf16']}")
    if args.json:
        args.json.write_text(json.dumps(result, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
