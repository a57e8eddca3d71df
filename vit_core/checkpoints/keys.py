"""Key tables: a source's tensor names to ours, and from translated tensors to the config they imply."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import Tensor

from vit_core.checkpoints.assemble import check_keys, listed, short
from vit_core.errors import InputError
from vit_core.models.config import ViTConfig

#: Layers in one model; ten times what the deepest have.
DEEPEST = 1000
Rows = tuple[tuple[str, tuple[str, ...]], ...]  # (our stem, their stems, which are stacked along axis 0)


@dataclass(frozen=True)
class KeyTable:
    """How one source spells a ViT. A stem is a name without its ".weight" or ".bias", or a whole parameter name."""

    block: str  # their prefix of layer number {}
    tokens: tuple[str | None, ...]  # class, distillation, registers; joined along axis 1 as our prefix_tokens
    outside: Rows  # names outside the blocks
    inside: Rows  # names inside a block; several rows of one stem are alternative spellings
    ignored: tuple[str, ...] = ()  # stems that take no part in the logits


@dataclass
class Translated:
    """Weights by our names, the facts their names tell, and the way back to their names for messages."""

    state: dict[str, Tensor]
    facts: dict = field(default_factory=dict)
    spell: Callable[[str], list[str]] = lambda name: [name]


def _split(key: str, stems) -> tuple[str, str]:
    """(stem, suffix) of a name, where the whole name may be a stem."""
    stem, _, suffix = key.rpartition(".")
    return (key, "") if key in stems else (stem, "." + suffix)


def _tokens(table: KeyTable, state: dict[str, Tensor], source: str) -> tuple[Tensor | None, dict]:
    found = [state.pop(name, None) for name in table.tokens]
    given = {n: t for n, t in zip(table.tokens, found, strict=True) if t is not None}
    width = Counter(t.shape[-1] for t in given.values() if t.ndim == 3)
    width = width.most_common(1)[0][0] if width else 0
    check_keys(
        {n: (1, t.shape[1] if t.ndim == 3 else 1, width) for n, t in given.items()},
        {n: tuple(t.shape) for n, t in given.items()},
        source,
    )
    class_, distillation, registers = found
    facts = {
        "class_token": class_ is not None,
        "distillation_token": distillation is not None,
        "registers": 0 if registers is None else registers.shape[1],
    }
    return (torch.cat(list(given.values()), dim=1) if given else None), facts


def renamed(state: dict[str, Tensor], pattern: str, by: str, source: str) -> dict[str, Tensor]:
    """The same tensors under other names. InputError "checkpoint-keys" when two of them would have one."""
    out = {re.sub(pattern, by, n): t for n, t in state.items()}
    if twice := len(state) - len(out):
        raise InputError(
            "checkpoint-keys",
            f"{source} holds {twice} tensors twice, under two names.",
            source=source,
            missing=[],
            extra=[f"{twice} x 2"],
            shapes=[],
        )
    return out


def translate(table: KeyTable, state: dict[str, Tensor], source: str) -> Translated:
    """Rename and join; what the table does not know keeps its name, to be refused with the rest."""
    state = dict(state)
    prefix, facts = _tokens(table, state, source)
    block = re.compile(re.escape(table.block).replace(r"\{\}", r"(\d+)"))
    where = {
        part: (rows, inside)
        for inside, table_rows in ((False, table.outside), (True, table.inside))
        for rows in table_rows
        for part in rows[1]
    }
    seen, out, parts = set(), {}, {}
    for key, tensor in state.items():
        match = block.match(key)
        rest = key[match.end() :] if match else key
        stem, suffix = _split(rest, where)
        if stem in table.ignored or rest in table.ignored:
            continue
        row, inside = where.get(stem, (None, None))
        if row is None or inside is not bool(match):
            out[key] = tensor
            continue
        seen.add(stem)
        name = (f"blocks.{match[1]}." if match else "") + row[0] + suffix
        parts.setdefault((name, row[1]), {})[stem] = (key, tensor)
    for (name, stems), found in parts.items():
        tensors = [found[s][1] for s in stems if s in found]
        whole = len(tensors) == len(stems) and name not in out
        if whole and len({t.shape[1:] for t in tensors}) == 1 and all(t.ndim for t in tensors):
            out[name] = torch.cat(tensors) if len(tensors) > 1 else tensors[0]
        elif whole and len(tensors) == 1:  # a scalar
            out[name] = tensors[0]
        else:
            out.update(found.values())
    if prefix is not None:
        out["prefix_tokens"] = prefix

    def spell(name: str) -> list[str]:
        match = re.match(r"blocks\.(\d+)\.(.*)", name)
        rows, rest = (table.inside, match[2]) if match else (table.outside, name)
        stem, suffix = _split(rest, {row[0] for row in rows})
        choices = [row[1] for row in rows if row[0] == stem]
        choices = [c for c in choices if seen & set(c)] or choices
        if name == "prefix_tokens":
            return [table.tokens[0]]
        if not choices:
            return [name]
        return [(table.block.format(match[1]) if match else "") + part + suffix for part in choices[0]]

    return Translated(out, facts, spell)


def _square(count: int) -> int | None:
    root = math.isqrt(max(count, 0))
    return root if root and root * root == count else None


def _grid(entries: int, prefix: int, source: str) -> tuple[int, bool, int]:
    """(side, do prefix tokens have positions, prefix tokens missing) for a square grid with `entries` positions."""
    for side, own, missing in (
        (_square(entries - prefix), True, 0),
        (_square(entries), False, 0),
        (_square(entries - prefix - 1), True, 1),
    ):
        if side and (own or prefix):
            return side, own, missing
    if _square(entries):
        return _square(entries), True, 0
    raise InputError(
        "checkpoint-architecture",
        f"{source} has {entries} position entries and {prefix} prefix tokens, "
        "which leaves no square grid of patches, and nothing in it tells the grid's shape.",
        source=source,
        positions=entries,
        prefix=prefix,
        reason=f"√({entries} − {prefix})",
    )


#: Widths whose heads are not 64 wide in any published ViT, and their number of heads.
_HEADS = {1152: 16, 1280: 16, 1408: 16, 1664: 16, 1792: 16, 2048: 16, 3072: 24}


def _heads(inner: int, norm: str, gated: bool, source: str) -> int:
    """Heads are the one thing that shapes do not tell: 64 wide as a rule, and as published where they are not."""
    if norm == "rms" and gated:  # AIMv2 (arXiv:2411.14402)
        return max(1, inner // 128)
    if inner == 1536 and not gated:  # SigLIP 2 giant-opt
        return 16
    heads = _HEADS.get(inner) or inner // 64 or 1
    if inner % heads:
        raise InputError(
            "checkpoint-architecture",
            f"{source}: attention {inner} wide cannot be cut into heads of 64, "
            "and nothing in the file tells how many heads there are.",
            source=source,
            width=inner,
            reason=f"{inner} / 64",
        )
    return heads


def infer(weights: Translated, source: str, **facts) -> ViTConfig:
    """The config that the tensors' names and shapes imply; `facts` are what the source knows better.

    Shapes are taken by majority over the layers, so that one bad tensor is the one that gets named.
    Raises InputError "checkpoint-architecture" or "checkpoint-keys".
    """
    state, facts = weights.state, {**weights.facts, **facts}
    found = {m[1] for m in (re.match(r"blocks\.(\d+)\.", n) for n in state) if m}
    if len(found) > DEEPEST or any(len(n) > 9 for n in found):
        raise InputError(
            "checkpoint-architecture",
            f"{source} has {len(found)} layers, numbered up to "
            f"{short(max(found, key=len))}; at most {DEEPEST} are read.",
            source=source,
            reason=f"{len(found)} > {DEEPEST}",
        )
    numbers = sorted({int(n) for n in found})

    def shape(ndim: int, *suffixes: str) -> tuple[int, ...]:
        for suffix in suffixes:
            names = [n for n in state if n == suffix or re.fullmatch(r"blocks\.\d+\." + re.escape(suffix), n)]
            shapes = Counter(tuple(state[n].shape) for n in names if state[n].ndim == ndim and state[n].numel())
            if shapes:
                return shapes.most_common(1)[0][0]
        their = weights.spell(suffixes[0] if suffixes[0] == "patch_embed.weight" else "blocks.0." + suffixes[0])
        raise InputError(
            "checkpoint-architecture",
            f"{source} is not a Vision Transformer this program knows: it has "
            f"no {' or '.join(their)} of {ndim} axes; it has {listed(sorted(state)) or 'nothing'}.",
            source=source,
            missing=their,
            reason=f"{', '.join(their)} = None",
        )

    def some(suffix: str) -> bool:
        return any(n.startswith(suffix) or re.match(r"blocks\.\d+\." + re.escape(suffix), n) for n in state)

    dim, channels, *patch = shape(4, "patch_embed.weight")
    qkv, mlp_dim = shape(2, "attn.qkv.weight")[0], shape(2, "mlp.fc2.weight")[1]
    if numbers != list(range(len(numbers))):
        holes = sorted(set(range(min(numbers[-1], 1000))) - set(numbers))
        raise InputError(
            "checkpoint-keys",
            f"{source} does not fit the architecture: layers {listed(map(str, holes))} "
            f"are missing of {numbers[-1] + 1}.",
            source=source,
            extra=[],
            shapes=[],
            missing=[f"blocks.{i}" for i in holes],
        )
    parts = sorted(n for n in state if re.match(r"head\.\d", n))  # of an nn.Sequential
    if parts and "head.weight" not in state:
        raise InputError(
            "checkpoint-architecture",
            f"{source} has a head of several layers ({listed(parts)}); it can "
            "be shown with one linear layer, called head, or with none.",
            source=source,
            reason=listed(parts),
        )
    gated = shape(2, "mlp.fc1.weight")[0] == 2 * mlp_dim
    norm = "layer" if some("norm1.bias") or some("norm2.bias") else "rms"
    heads = facts.pop("heads", None)
    if heads is None:
        heads = (
            qkv // 3 // shape(1, "attn.q_norm.weight")[0]
            if some("attn.q_norm.weight")
            else _heads(qkv // 3, norm, gated, source)
        )
    if heads < 1:
        raise InputError(
            "checkpoint-architecture",
            f"{source}: its heads are wider than the {qkv // 3} that attention has.",
            source=source,
            reason=f"{qkv // 3} / {shape(1, 'attn.q_norm.weight')[0]}",
        )
    prefix = facts["class_token"] + facts["distillation_token"] + facts["registers"]
    if "image_size" not in facts and "positions" in state and state["positions"].ndim == 3:
        alone = facts.get("position_prefix") is False  # then all entries are patches'
        side, own, missing = _grid(state["positions"].shape[1], 0 if alone else prefix, source)
        facts.setdefault("position_prefix", own)
        facts["image_size"] = (side * patch[0], side * patch[1])
        facts["class_token"] = facts["class_token"] or missing == 1
    pool_norm = some("pool_norm.")
    pool = "map" if some("attention_pool.") else "token" if facts["class_token"] and not pool_norm else "avg"
    guess = dict(
        patch_size=tuple(patch),
        channels=channels,
        dim=dim,
        depth=len(numbers),
        heads=heads,
        head_dim=qkv // 3 // heads,
        mlp_dim=mlp_dim,
        mlp="glu" if gated else "mlp",
        activation="silu" if gated else "gelu",
        norm=norm,
        norm_eps=1e-5 if some("embed_norm.") else 1e-6,
        qkv_bias=some("attn.qkv.bias"),
        proj_bias=some("attn.proj.bias") or some("mlp.fc2.bias"),
        mlp_bias=some("mlp.fc1.bias"),
        qk_norm=some("attn.q_norm.") or some("attn.k_norm."),
        attention_norm=some("attn.norm."),
        mlp_norm=some("mlp.norm."),
        layer_scale=some("ls1.") or some("ls2."),
        patch_bias="patch_embed.bias" in state or not some("embed_norm."),
        patch_norm=some("patch_norm."),
        embed_norm=some("embed_norm."),
        final_norm=some("norm.") or not pool_norm,
        pool=pool,
        pool_norm=pool_norm,
        classes=shape(2, "head.weight")[0] if some("head.") else 0,
        distillation_head=some("distillation_head."),
    )
    try:
        return ViTConfig(**{**guess, **facts})
    except ValueError as error:
        raise InputError(
            "checkpoint-architecture",
            f"{source} describes no model that can be built: {error}.",
            source=source,
            reason=str(error),
        ) from error
