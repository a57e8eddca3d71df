"""Rewrites timm's parallel blocks and those of its Eva as plain blocks."""

from __future__ import annotations

import re

import torch
from torch import Tensor

from vit_core.checkpoints.errors import shorten
from vit_core.errors import InputError


def _fold(branch: dict[str, Tensor], first: str, last: str) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """A branch's first and last layer (weight, bias, weight, bias) with its norm's affine and LayerScale folded in.

    first(norm(x) * g + b) = (first.weight * g) norm(x) + first.weight b + first.bias, and gamma * last(y) likewise.
    """
    weight, out = branch[f"{first}.weight"], branch[f"{last}.weight"]
    wide = {f"{first}.bias": 0, "norm.weight": 1, "norm.bias": 1}
    if (
        weight.ndim != 2
        or out.ndim != 2
        or any(branch[n].shape != weight.shape[axis : axis + 1] for n, axis in wide.items() if n in branch)
        or any(branch[n].shape != out.shape[:1] for n in (f"{last}.bias", "ls.gamma") if n in branch)
    ):
        raise ValueError(f"{first}, {last}: shapes")
    bias = branch.get(f"{first}.bias", weight.new_zeros(len(weight)))
    out_bias = branch.get(f"{last}.bias", out.new_zeros(len(out)))
    if unused := branch.keys() - {*wide, f"{first}.weight", f"{last}.weight", f"{last}.bias", "ls.gamma"}:
        raise ValueError(f"{', '.join(sorted(unused))} cannot be folded into {first} and {last}")
    bias = bias + weight @ branch["norm.bias"] if "norm.bias" in branch else bias
    gamma = branch.get("ls.gamma", out.new_ones(len(out)))
    return weight * branch["norm.weight"], bias, out * gamma[:, None], out_bias * gamma


def _parallel_things(block: dict[str, Tensor]) -> dict[str, Tensor]:
    """Parallel attentions, then parallel MLPs (Touvron et al. 2022, arXiv:2203.09795), as one wide block."""
    count = 1 + max(int(k.split(".")[1][:9]) for k in block)
    if count > len(block):
        raise ValueError(f"{count} branches")
    sides = {
        kind: [
            {k.removeprefix(f"{kind}.{i}."): t for k, t in block.items() if k.startswith(f"{kind}.{i}.")}
            for i in range(count)
        ]
        for kind in ("attns", "ffns")
    }
    attns = [_fold(b, "attn.qkv", "attn.proj") for b in sides["attns"]]
    mlps = [_fold(b, "mlp.fc1", "mlp.fc2") for b in sides["ffns"]]
    norm = sides["attns"][0]["norm.weight"]
    out = {f"norm{i}.weight": torch.ones_like(norm) for i in (1, 2)}
    if "norm.bias" in sides["attns"][0]:
        out |= {f"norm{i}.bias": torch.zeros_like(norm) for i in (1, 2)}
    # Heads are slices of query, key and value each: [q1 q2 | k1 k2 | v1 v2].
    out["attn.qkv.weight"] = torch.cat([a[0].chunk(3)[part] for part in range(3) for a in attns])
    out["attn.qkv.bias"] = torch.cat([a[1].chunk(3)[part] for part in range(3) for a in attns])
    halves = 2 if len(mlps[0][0]) == 2 * mlps[0][2].shape[1] else 1  # gated: [gate1 gate2 | value1 value2]
    out["mlp.fc1.weight"], out["mlp.fc1.bias"] = (
        torch.cat([m[i].chunk(halves)[part] for part in range(halves) for m in mlps]) for i in (0, 1)
    )
    for name, branches in (("attn.proj", attns), ("mlp.fc2", mlps)):
        out[f"{name}.weight"] = torch.cat([b[2] for b in branches], dim=1)
        out[f"{name}.bias"] = torch.stack([b[3] for b in branches]).sum(0)
    return out


def _parallel_scaling(block: dict[str, Tensor]) -> dict[str, Tensor]:
    """Attention beside the MLP with one input projection (Dehghani et al. 2023, arXiv:2302.05442), split."""
    dim = len(block["in_norm.weight"])
    fused = "out_proj.weight" in block
    hidden = block["out_proj.weight"].shape[1] - dim if fused else block["mlp_out_proj.weight"].shape[1]
    out = {k.replace("in_norm.", "norm1."): t for k, t in block.items() if k.startswith("in_norm.")}
    out |= {f"attn.{k}": t for k, t in block.items() if k.startswith(("q_norm.", "k_norm."))}
    for suffix in ("weight", "bias"):
        if f"in_proj.{suffix}" in block:
            out[f"mlp.fc1.{suffix}"], out[f"attn.qkv.{suffix}"] = block[f"in_proj.{suffix}"].tensor_split([hidden])
    if "mlp_bias" in block:
        out["mlp.fc1.bias"] = block["mlp_bias"]
    if fused:
        out["attn.proj.weight"], out["mlp.fc2.weight"] = block["out_proj.weight"].tensor_split([dim], dim=1)
        if "out_proj.bias" in block:
            out["attn.proj.bias"], out["mlp.fc2.bias"] = block["out_proj.bias"], torch.zeros(dim)
    else:
        for theirs, ours in (("attn_out_proj.", "attn.proj."), ("mlp_out_proj.", "mlp.fc2.")):
            out |= {k.replace(theirs, ours): t for k, t in block.items() if k.startswith(theirs)}
    if "ls.gamma" in block:
        out["ls1.gamma"] = out["ls2.gamma"] = block["ls.gamma"]
    used = (
        "in_norm.",
        "q_norm.",
        "k_norm.",
        "in_proj.",
        "mlp_bias",
        "out_proj.",
        "attn_out_proj.",
        "mlp_out_proj.",
        "ls.gamma",
    )
    return out | {k: t for k, t in block.items() if not k.startswith(used)}  # the rest is refused by name


def fold_parallel_blocks(state: dict[str, Tensor], source: str) -> dict[str, Tensor]:
    """timm's state with its two kinds of parallel block as plain blocks. Raises InputError "checkpoint-keys"."""
    groups: dict[str, dict[str, Tensor]] = {}
    for key, tensor in state.items():
        match = re.match(r"blocks\.\d+\.", key)
        groups.setdefault(match[0] if match else "", {})[key[match.end() if match else 0 :]] = tensor
    out = {}
    for prefix, block in groups.items():
        try:
            if prefix and any(k.startswith("attns.") for k in block):
                block = _parallel_things(block)
            elif prefix and any(k.startswith("in_proj.") for k in block):
                block = _parallel_scaling(block)
        except (KeyError, IndexError, RuntimeError, ValueError, TypeError) as error:
            raise InputError(
                "checkpoint-keys",
                f"{source}: the parallel block {prefix[:-1]} cannot be read ({shorten(error)}). Choose a file that "
                "holds one whole Vision Transformer.",
                source=source,
                missing=[f"{prefix[:-1]}: {shorten(error)}"],
                extra=[],
                shapes=[],
            ) from error
        out |= {prefix + k: t for k, t in block.items()}
    return out


def rename_eva(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """The state of timm's Eva, which it builds DINOv3 from, by the names of its VisionTransformer."""
    state = {re.sub(r"\.gamma_([12])$", r".ls\1.gamma", n): t for n, t in state.items()}
    for name in [n for n in state if n.endswith("attn.q_bias")]:
        query, value = state.pop(name), state.pop(name.replace("q_bias", "v_bias"), None)
        if value is not None:  # keys have none
            state[name.replace("q_bias", "qkv.bias")] = torch.cat([query, torch.zeros_like(query), value])
    return state
