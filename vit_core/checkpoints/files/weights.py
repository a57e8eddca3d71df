"""Finds the Vision Transformer in what a file holds: which of its sets of weights, and under which names.

A training script may save several sets (averaged beside plain, teacher beside student), put the names of wrappers and
attributes around the model's own, and add tensors of other modules.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from torch import Tensor

from vit_core.checkpoints.errors import join_names, refusal, shorten
from vit_core.checkpoints.files.foreign import foreign
from vit_core.checkpoints.report import LoadReport
from vit_core.errors import InputError

#: Parts of names that wrappers add: (Distributed)DataParallel, torch.compile, activation checkpoints, FSDP, Fabric.
WRAPPERS = ("module", "_orig_mod", "_checkpoint_wrapped_module", "_fsdp_wrapped_module", "_forward_module")
#: Sets of weights in the order of timm.models.load_checkpoint, averaged ones first; then those of other scripts.
SETS = ("state_dict_ema", "model_ema", "state_dict", "model", "", "model_state_dict", "module", "teacher")
#: The patch embedding's weight by the names of timm, transformers and vc.save, after the name of its module.
_PATCH_EMBEDDING = re.compile(
    r"(|.*?\.)(patch_embed\.proj|embeddings\.patch_embeddings\.projection|embeddings\.patch_embeddings"
    r"|embeddings\.patch_embedding|patch_embed)\.weight",
    re.DOTALL,
)
_FAMILY = re.compile(r"(?:^|(?<=\.))(vit|deit|dinov2|dinov2_with_registers|ijepa|vision_model)\.$")  # transformers' own
_AVERAGED = re.compile(r"(^|[._])(ema|swa|avg|averaged?)([._]|$)")
_TRAINED_ALONGSIDE = re.compile(r"(^|[._])(student|momentum|target|current)([._]|$)")
_CONTRASTIVE = re.compile(r"(^|\.)(base|momentum|online|target)_encoder\.$|(^|\.)encoder_[qk]\.$")
#: The names of heads in each layout, the usual one first; and what people call a head that they add.
_TIMM_HEADS = ("head", "head_dist", "distillation_head")
_TRANSFORMERS_HEADS = ("classifier", "cls_classifier", "distillation_classifier")
_ADDED_HEADS = ("head", "classifier", "fc", "cls_head", "linear_head", "linear", "classification_head", "cls", "output")
#: Tensors that play no part in the Vision Transformer's forward pass, from the name of its module on.
IGNORED = re.compile(
    r"(.*\.)?(mask_token|masked_embed|position_ids|num_batches_tracked|n_averaged|total_(ops|params))"
    r"|(decoder\w*|dino_head|ibot_head|project\w*|predictor|criterion|\w*loss\w*|metrics?|queue\w*|center|teacher_temp"
    r"|(train|val|valid|test)_\w+|\w*(acc|accuracy|auroc|confusion|confmat|f1|precision|recall|metrics?)"
    r"|logit_scale|logit_bias|visual_projection|text_projection|text_model)(\..*)?"
    r"|head\.mlp\.(\d+\.)?\w+|head\.(last_layer|prototypes)\..*",  # of DINO, whose head is no classifier
    re.IGNORECASE,
)
#: Words in names of tensors that may be a part of a Vision Transformer: never passed over.
_VIT_WORDS = re.compile(r"pos|rope|freq|embed|token|norm|patch|attn|attention|block|layer|stage|scale|gamma|pool|rel_")
_ADAPTER = re.compile(r"(^|\.)(lora_\w+|base_layer|adapter\w*|prompt\w*)(\.|$)")
_MAX_DEPTH = 5  # of dicts in dicts
_MAX_NAMES = 1000  # of tensors that the report lists


class WeightSet(NamedTuple):
    """One Vision Transformer in a file."""

    path: str  # the dict that holds it: "state_dict_ema"; empty if its tensors are at the top
    holder: str  # what its names begin with: "teacher.backbone."
    tensors: dict[str, Tensor]  # all of that dict, without the WRAPPERS in their names
    wrappers: list[str]

    @property
    def name(self) -> str:
        return ".".join(filter(None, (self.path, self.holder.removesuffix("."))))


def find_weights(content: object, source: str, wanted: str | None, report: LoadReport) -> dict[str, Tensor]:
    """The tensors of one Vision Transformer in `content`, by the names of its layout.

    content: what a file holds, dicts of tensors in dicts of any other values. `wanted` names one of several sets of
    weights; without it, timm's preference decides (see SETS), an averaged set goes before a plain one and a teacher
    before its student. Fills in `report`.

    Raises InputError "checkpoint-architecture" if there is no Vision Transformer, "checkpoint-several" if nothing
    decides between two, "checkpoint-set" if `wanted` is none of them, "checkpoint-foreign" and "checkpoint-keys".
    """
    sets = list(_find_sets(content, source))
    if not sets:
        raise _no_vit(content, source)
    chosen = _choose(sets, wanted, source)
    if adapters := [n for n in chosen.tensors if _ADAPTER.search(n)]:
        raise foreign("unmerged", source, join_names(adapters))
    report.origins["weights"] = f"{source}: {chosen.name}" if chosen.path or len(sets) > 1 else source
    report.others += [one.name or "(top)" for one in sets if one is not chosen]
    report.unwrapped += [f"{part}." for part in chosen.wrappers]
    wrapper = _FAMILY.sub("", chosen.holder)
    report.unwrapped += [wrapper] if wrapper else []
    return _vit_tensors(chosen, [one.holder for one in sets if one.path == chosen.path], report)


def could_be_part(name: str) -> bool:
    """Whether a tensor of this name may be a part of a Vision Transformer, so that it must not be passed over."""
    return bool(_VIT_WORDS.search(name.lower()))


def _dicts(content: object) -> Iterator[tuple[str, dict[str, Tensor]]]:
    """(path, tensors) of each dict that holds named tensors, the outer ones first; a dict met again is left out."""
    seen: set[int] = set()
    level = [("", content)]
    for _ in range(_MAX_DEPTH):
        inner = []
        for path, found in level:
            if not isinstance(found, dict) or id(found) in seen:
                continue
            seen.add(id(found))
            named = {name: value for name, value in found.items() if isinstance(name, str)}
            if tensors := {name: value for name, value in named.items() if isinstance(value, Tensor)}:
                yield path, tensors
            inner += [(f"{path}.{name}" if path else name, value) for name, value in named.items()]
        level = inner


def _find_sets(content: object, source: str) -> Iterator[WeightSet]:
    for path, tensors in _dicts(content):
        plain: dict[str, Tensor] = {}
        wrappers: dict[str, None] = {}
        for name, tensor in tensors.items():
            parts = name.split(".")
            short = ".".join(part for part in parts if part not in WRAPPERS)
            wrappers |= dict.fromkeys(part for part in parts if part in WRAPPERS)
            if short in plain:
                raise _twice(short, name, source)
            plain[short] = tensor
        holders = {match[1] for match in map(_PATCH_EMBEDDING.fullmatch, plain) if match}
        for holder in sorted(holders):
            yield WeightSet(path, holder, plain, list(wrappers))


def _twice(name: str, key: str, source: str) -> InputError:
    return InputError(
        "checkpoint-keys",
        f"{source} holds {shorten(name)} twice, once as {shorten(key)}. Choose a file that holds one whole Vision "
        "Transformer.",
        source=source,
        missing=[],
        extra=[key],
        shapes=[],
    )


def _choose(sets: list[WeightSet], wanted: str | None, source: str) -> WeightSet:
    if wanted:
        sets = [one for one in sets if wanted in (one.name, one.path, one.holder.removesuffix("."))] or sets
        if not any(wanted in (one.name, one.path, one.holder.removesuffix(".")) for one in sets):
            names = [one.name for one in sets]
            raise InputError(
                "checkpoint-set",
                f"{source} holds no weights called {shorten(wanted)}. It holds {join_names(names)}.",
                source=source,
                name=shorten(wanted),
                available=names,
            )
    rank = {one.name: _rank(one) for one in sets}
    best = [one for one in sets if rank[one.name] == min(rank.values())]
    if len(best) > 1:
        names = [one.name for one in sets]
        raise InputError(
            "checkpoint-several",
            f"{source} holds several Vision Transformers: {join_names(names)}. Choose one by its name: "
            f"file:{source}#{names[0]}.",
            source=source,
            available=names,
        )
    return best[0]


def _rank(one: WeightSet) -> tuple[int, int]:
    """The smaller, the better: by the dict that holds the set, then by the role that its name states."""
    place = SETS.index(one.path) if one.path in SETS else len(SETS)
    if _AVERAGED.search(one.holder):
        return place, 0
    if "teacher" in one.holder:
        return place, 1
    return place, 3 if _TRAINED_ALONGSIDE.search(one.holder) else 2


def _no_vit(content: object, source: str) -> InputError:
    """Why `content` holds no Vision Transformer: it may be something else that training saves."""
    names = [n for _, tensors in _dicts(content) for n in tensors]
    if any("lora_" in n or n.startswith("base_model.model.") for n in names):
        return foreign("adapter", source)
    if isinstance(content, dict) and any(
        "param_groups" in part for part in (content, *content.values()) if isinstance(part, dict)
    ):
        return foreign("optimizer", source)
    if not names:
        kind = join_names(map(str, content)) if isinstance(content, dict) and content else type(content).__name__
        why = f"it holds {kind}, not named tensors"
        return refusal("checkpoint-format", source, why, kind)
    return refusal(
        "checkpoint-architecture",
        source,
        "it has no patch embedding by timm's name (patch_embed.proj) or transformers' "
        f"(embeddings.patch_embeddings.projection); it has {join_names(sorted(names))}",
        "patch_embed.proj = None",
    )


def _vit_tensors(chosen: WeightSet, others: list[str], report: LoadReport) -> dict[str, Tensor]:
    """The Vision Transformer's own tensors and its head's. Names those of other modules in the report.

    `others`: what the names of further Vision Transformers in the same dict begin with.
    """
    holder, kept, ignored = chosen.holder, {}, []
    contrastive = _CONTRASTIVE.search(holder) is not None
    for name, tensor in chosen.tensors.items():
        own = name.removeprefix(holder)
        projection = contrastive and own.startswith(("head.", "fc."))  # MoCo's and BYOL's, no classifier
        counter = not (tensor.is_floating_point() or tensor.is_complex() or could_be_part(own))
        if not name.startswith(holder) or IGNORED.fullmatch(own) or projection or counter:
            ignored.append(name)
        else:
            kept[own] = tensor
    width, heads = _width_and_heads(chosen)
    if not contrastive and not any(re.fullmatch(rf"({'|'.join(heads)})\.(\d+\.)?weight", n) for n in kept):
        head = _find_head(chosen, width, heads)
        kept = {n: t for n, t in kept.items() if holder + n not in head} | dict(head.values())
        ignored = [n for n in ignored if n not in head]
    if not any(re.search(r"\.\d+\.", n) for n in kept):  # transformers 5 writes MSN's layers beside the model's prefix
        layers = {n: t for n, t in chosen.tensors.items() if re.match(r"(encoder\.layer|layers|blocks)\.\d", n)}
        kept, ignored = kept | layers, [n for n in ignored if n not in layers]
    elsewhere = tuple(one for one in others if one != holder)
    report.ignored += sorted(n for n in ignored if not (elsewhere and n.startswith(elsewhere)))[:_MAX_NAMES]
    return _plain_head(kept, report)


def _beginnings(parent: str, heads: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(f"{parent}{head}." for head in heads)


def _find_head(chosen: WeightSet, width: int, heads: tuple[str, ...]) -> dict[str, tuple[str, Tensor]]:
    """{name in the file: (name in the layout, tensor)} of the head in the module nearest to the model's.

    Empty without one. `heads` are the layout's names; a head of another name must fit the model's `width`.
    """
    modules = chosen.holder.split(".")[:-1]
    for depth in range(len(modules), -1, -1):
        parent = "".join(f"{module}." for module in modules[:depth])
        found = {}
        for name, tensor in chosen.tensors.items():
            short = name.removeprefix(parent)
            outside = not chosen.holder or not name.startswith(chosen.holder)
            if outside and name.startswith(_beginnings(parent, heads)) and not IGNORED.fullmatch(short):
                found[name] = short, tensor
        if found:
            return found
        for head in _ADDED_HEADS:
            pattern = re.compile(rf"{re.escape(parent)}{head}((?:\.\d+)?\.(?:weight|bias))")
            named = {n: match[1] for n in chosen.tensors if (match := pattern.fullmatch(n))}
            shapes = [chosen.tensors[n].shape for n in named]
            if any(len(shape) == 2 and shape[1] in (width, 2 * width) for shape in shapes):
                return {n: (heads[0] + end, chosen.tensors[n]) for n, end in named.items()}
    return {}


def _width_and_heads(chosen: WeightSet) -> tuple[int, tuple[str, ...]]:
    """The width of the tokens, and the names of heads in the layout that names the patch embedding."""
    for name, tensor in chosen.tensors.items():
        match = _PATCH_EMBEDDING.fullmatch(name)
        if match and match[1] == chosen.holder:
            heads = _TIMM_HEADS if match[2].startswith("patch_embed") else _TRANSFORMERS_HEADS
            return tensor.shape[0] if tensor.ndim else 0, heads
    raise AssertionError(chosen.holder)  # _find_sets found it


def _plain_head(state: dict[str, Tensor], report: LoadReport) -> dict[str, Tensor]:
    """A head that is an nn.Sequential with one linear layer (after dropout) by the name of that layer alone."""
    layers = sorted({m[0] for m in (re.match(r"(head|classifier)\.\d{1,3}(?=\.)", n) for n in state) if m})
    if len(layers) != 1:
        return state
    name = layers[0].partition(".")[0]
    report.unwrapped.append(f"{layers[0]}.")
    return {re.sub(rf"^{re.escape(layers[0])}\.", f"{name}.", n): t for n, t in state.items()}
