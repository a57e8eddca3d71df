"""Key tables: from a source's tensor names to ours, and from tensors with our names to the config they imply."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import Tensor

from vit_core.checkpoints.assembly import check_keys
from vit_core.checkpoints.errors import join_names, refusal, shorten
from vit_core.checkpoints.files import could_be_part
from vit_core.errors import InputError
from vit_core.models.config import ViTConfig

MAX_LAYERS = 1000  # ten times what the deepest models have
Rows = tuple[tuple[str, tuple[str, ...]], ...]  # (our stem, their stems, which are stacked along axis 0)


@dataclass(frozen=True)
class KeyTable:
    """How one source names a ViT's tensors. A stem is a name without ".weight" or ".bias", or a whole name."""

    block: str  # their prefix of layer number {}
    tokens: tuple[str | None, ...]  # class, distillation, registers; joined along axis 1 as our prefix_tokens
    outside: Rows  # names outside the blocks
    inside: Rows  # names inside a block; several rows of one stem are alternative names
    ignored: tuple[str, ...] = ()  # stems that do not contribute to the logits


@dataclass
class Translated:
    """Weights by our names, the config fields that their names imply, and the way back to their names for messages."""

    state: dict[str, Tensor]
    facts: dict = field(default_factory=dict)
    spell: Callable[[str], list[str]] = lambda name: [name]
    ignored: list[str] = field(default_factory=list)  # tensors of other modules


def _split(key: str, stems) -> tuple[str, str]:
    """(stem, suffix) of a name, where the whole name may be a stem."""
    stem, _, suffix = key.rpartition(".")
    return (key, "") if key in stems else (stem, "." + suffix)


def _join_tokens(table: KeyTable, state: dict[str, Tensor], source: str) -> tuple[Tensor | None, dict]:
    """Takes the prefix tokens out of `state`: joined, and the config fields that they imply."""
    found = [None if name is None else state.pop(name, None) for name in table.tokens]
    given = {n: t for n, t in zip(table.tokens, found, strict=True) if n is not None and t is not None}
    widths = Counter(t.shape[-1] for t in given.values() if t.ndim == 3)
    width = widths.most_common(1)[0][0] if widths else 0
    expected = {n: (1, t.shape[1] if t.ndim == 3 else 1, width) for n, t in given.items()}
    check_keys(expected, {n: tuple(t.shape) for n, t in given.items()}, source)
    class_, distillation, registers = found
    facts = {
        "class_token": class_ is not None,
        "distillation_token": distillation is not None,
        "registers": 0 if registers is None else registers.shape[1],
    }
    return (torch.cat(list(given.values()), dim=1) if given else None), facts


def rename(state: dict[str, Tensor], pattern: str, by: str, source: str) -> dict[str, Tensor]:
    """The same tensors under other names. Raises InputError "checkpoint-keys" if two of them get the same name."""
    out = {re.sub(pattern, by, n): t for n, t in state.items()}
    if doubled := len(state) - len(out):
        raise InputError(
            "checkpoint-keys",
            f"{source} holds {doubled} tensors twice, under two names. Choose a file that holds one whole Vision "
            "Transformer.",
            source=source,
            missing=[],
            extra=[f"{doubled} x 2"],
            shapes=[],
        )
    return out


def translate(table: KeyTable, state: dict[str, Tensor], source: str) -> Translated:
    """Renames and joins tensors.

    A tensor that the table does not know is passed over if its name begins like nothing in the table and has no word in
    it that belongs to a Vision Transformer. Else it keeps its name, and `assemble` will refuse it.
    """
    state = dict(state)
    prefix_tokens, facts = _join_tokens(table, state, source)
    block = re.compile(re.escape(table.block).replace(r"\{\}", r"(\d+)"))
    row_of = {
        stem: (row, inside)
        for inside, rows in ((False, table.outside), (True, table.inside))
        for row in rows
        for stem in row[1]
    }
    outside = (stem for row in table.outside for stem in row[1])
    roots = {stem.partition(".")[0] for stem in (table.block, *filter(None, table.tokens), *outside)}
    used, out, parts, ignored = set(), {}, {}, []
    for key, tensor in state.items():
        match = block.match(key)
        rest = key[match.end() :] if match else key
        stem, suffix = _split(rest, row_of)
        if stem in table.ignored or rest in table.ignored:
            continue
        row, inside = row_of.get(stem, (None, None))
        if row is None or inside is not bool(match):
            if match or could_be_part(key) or key.partition(".")[0] in roots:
                out[key] = tensor
            else:
                ignored.append(key)
            continue
        used.add(stem)
        name = (f"blocks.{match[1]}." if match else "") + row[0] + suffix
        parts.setdefault((name, row[1]), {})[stem] = (key, tensor)
    for (name, stems), found in parts.items():
        tensors = [found[s][1] for s in stems if s in found]
        whole = len(tensors) == len(stems) and name not in out
        if whole and len(tensors) == 1:
            out[name] = tensors[0]
        elif whole and len({t.shape[1:] for t in tensors}) == 1 and all(t.ndim for t in tensors):
            out[name] = torch.cat(tensors)
        else:
            out.update(found.values())
    if prefix_tokens is not None:
        out["prefix_tokens"] = prefix_tokens

    def spell(name: str) -> list[str]:
        match = re.match(r"blocks\.(\d+)\.(.*)", name)
        rows, rest = (table.inside, match[2]) if match else (table.outside, name)
        stem, suffix = _split(rest, {row[0] for row in rows})
        choices = [row[1] for row in rows if row[0] == stem]
        choices = [c for c in choices if used & set(c)] or choices
        if name == "prefix_tokens":
            return [table.tokens[0] or name]
        if not choices:
            return [name]
        return [(table.block.format(match[1]) if match else "") + part + suffix for part in choices[0]]

    return Translated(out, facts, spell, ignored)


def add_class_position(weights: Translated) -> dict:
    """Adds the class token's position to the token, and returns the config field that then holds.

    DINOv2 gives the class token a position and the registers none. Does nothing if shapes do not fit.
    """
    positions, tokens = weights.state.get("positions"), weights.state.get("prefix_tokens")
    if (
        positions is None
        or tokens is None
        or not weights.facts["class_token"]
        or positions.ndim != 3
        or positions.shape[0] != 1
        or not positions.shape[1]
        or positions.shape[-1] != tokens.shape[-1]
    ):
        return {}
    tokens = tokens.clone()
    tokens[:, :1] += positions[:, :1]
    weights.state |= {"prefix_tokens": tokens, "positions": positions[:, 1:]}
    return {"position_prefix": False}


def _square_root(count: int) -> int | None:
    root = math.isqrt(max(count, 0))
    return root if root and root * root == count else None


def _square_grid(entries: int, prefix: int, source: str) -> tuple[int, bool, int]:
    """(side, do prefix tokens have positions, prefix tokens missing) for a square grid with `entries` positions."""
    for side, own, missing in (
        (_square_root(entries - prefix), True, 0),
        (_square_root(entries), False, 0),
        (_square_root(entries - prefix - 1), True, 1),
    ):
        if side and (own or prefix):
            return side, own, missing
    if side := _square_root(entries):
        return side, True, 0
    raise refusal(
        "checkpoint-architecture",
        source,
        f"its {entries} positions and {prefix} prefix tokens leave no square grid of patches, and the file does not "
        "state the grid's shape",
        f"√({entries} − {prefix})",
        positions=entries,
        prefix=prefix,
    )


#: Attention widths whose heads are not 64 wide in any published ViT, and their number of heads.
_HEADS = {1152: 16, 1280: 16, 1408: 16, 1664: 16, 1792: 16, 2048: 16, 3072: 24}


def _guess_heads(width: int, norm: str, gated: bool, source: str) -> int:
    """The number of heads, which shapes do not show: heads are taken to be 64 wide, or as published."""
    if norm == "rms" and gated:  # AIMv2 (arXiv:2411.14402)
        return max(1, width // 128)
    if width == 1536 and not gated:  # SigLIP 2 giant-opt
        return 16
    heads = _HEADS.get(width) or width // 64 or 1
    if width % heads:
        raise refusal(
            "checkpoint-architecture",
            source,
            f"attention {width} wide does not divide into heads of 64, and the file does not state the number of heads",
            f"{width} / 64",
            width=width,
        )
    return heads


def infer_config(weights: Translated, source: str, **facts) -> ViTConfig:
    """The config that the tensors' names and shapes imply; `facts` are fields that the source knows for certain.

    Shapes are those of the majority of layers, so that a single bad tensor is the one reported.
    Raises InputError "checkpoint-architecture" or "checkpoint-keys".
    """
    state, facts = weights.state, {**weights.facts, **facts}
    found = {m[1] for m in (re.match(r"blocks\.(\d+)\.", n) for n in state) if m}
    if len(found) > MAX_LAYERS or any(len(n) > 9 for n in found):
        raise refusal(
            "checkpoint-architecture",
            source,
            f"it has {len(found)} layers, numbered up to {shorten(max(found, key=len))}, and at most {MAX_LAYERS} are "
            "read",
            f"{len(found)} > {MAX_LAYERS}",
        )
    numbers = sorted({int(n) for n in found})

    def shape(ndim: int, *suffixes: str) -> tuple[int, ...]:
        for suffix in suffixes:
            names = [n for n in state if n == suffix or re.fullmatch(r"blocks\.\d+\." + re.escape(suffix), n)]
            shapes = Counter(tuple(state[n].shape) for n in names if state[n].ndim == ndim and state[n].numel())
            if shapes:
                return shapes.most_common(1)[0][0]
        their = weights.spell(suffixes[0] if suffixes[0] == "patch_embed.weight" else "blocks.0." + suffixes[0])
        raise refusal(
            "checkpoint-architecture",
            source,
            f"it has no {' or '.join(their)} of {ndim} axes; it has {join_names(sorted(state)) or 'nothing'}",
            f"{', '.join(their)} = None",
            missing=their,
        )

    def has(stem: str) -> bool:
        return any(n.startswith(stem) or re.match(r"blocks\.\d+\." + re.escape(stem), n) for n in state)

    dim, channels, *patch = shape(4, "patch_embed.weight")
    qkv, mlp_dim = shape(2, "attn.qkv.weight")[0], shape(2, "mlp.fc2.weight")[1]
    if numbers != list(range(len(numbers))):
        holes = sorted(set(range(min(numbers[-1], 1000))) - set(numbers))
        raise InputError(
            "checkpoint-keys",
            f"The tensors in {source} do not fit the architecture: of {numbers[-1] + 1} layers, layers "
            f"{join_names(map(str, holes))} are missing. Choose a file that holds one whole Vision Transformer.",
            source=source,
            missing=[f"blocks.{i}" for i in holes],
            extra=[],
            shapes=[],
        )
    head_layers = sorted(n for n in state if re.match(r"head\.\d", n))  # of an nn.Sequential
    if head_layers and "head.weight" not in state:
        raise refusal(
            "checkpoint-architecture",
            source,
            f"its head has several layers ({join_names(head_layers)}), and only a head of one linear layer, called "
            "head, can be shown",
            join_names(head_layers),
        )
    gated = shape(2, "mlp.fc1.weight")[0] == 2 * mlp_dim
    norm = "layer" if has("norm1.bias") or has("norm2.bias") else "rms"
    heads = facts.pop("heads", None)
    if heads is None:
        heads = (
            qkv // 3 // shape(1, "attn.q_norm.weight")[0]
            if has("attn.q_norm.weight")
            else _guess_heads(qkv // 3, norm, gated, source)
        )
    if heads < 1:
        raise refusal(
            "checkpoint-architecture",
            source,
            f"its heads are wider than its attention, which is {qkv // 3} wide",
            f"{qkv // 3} / {shape(1, 'attn.q_norm.weight')[0]}",
        )
    prefix = facts["class_token"] + facts["distillation_token"] + facts["registers"]
    if "image_size" not in facts and "positions" in state and state["positions"].ndim == 3:
        patches_only = facts.get("position_prefix") is False
        side, own, missing = _square_grid(state["positions"].shape[1], 0 if patches_only else prefix, source)
        facts.setdefault("position_prefix", own)
        facts["image_size"] = (side * patch[0], side * patch[1])
        facts["class_token"] = facts["class_token"] or missing == 1
    pool_norm = has("pool_norm.")
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
        norm_eps=1e-5 if has("embed_norm.") else 1e-6,
        qkv_bias=has("attn.qkv.bias"),
        proj_bias=has("attn.proj.bias") or has("mlp.fc2.bias"),
        mlp_bias=has("mlp.fc1.bias"),
        qk_norm=has("attn.q_norm.") or has("attn.k_norm."),
        attention_norm=has("attn.norm."),
        mlp_norm=has("mlp.norm."),
        layer_scale=has("ls1.") or has("ls2."),
        patch_bias="patch_embed.bias" in state or not has("embed_norm."),
        patch_norm=has("patch_norm."),
        embed_norm=has("embed_norm."),
        final_norm=has("norm.") or not pool_norm,
        pool="map" if has("attention_pool.") else "token" if facts["class_token"] and not pool_norm else "avg",
        pool_norm=pool_norm,
        classes=shape(2, "head.weight")[0] if has("head.") else 0,
        distillation_head=has("distillation_head."),
    )
    if guess["classes"] == 1:  # a softmax would always be 1
        guess["problem_type"] = "binary"
    try:
        return ViTConfig(**{**guess, **facts})
    except ValueError as error:
        raise refusal("checkpoint-architecture", source, str(error)) from error
