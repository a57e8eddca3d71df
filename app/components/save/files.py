"""Files of what the atlas shows: the exact numbers, and the picture at a higher resolution. No Streamlit.

The browser has attention and features as bytes (payload.py, similarity.py): enough for colours, not for a calculation.
Numbers that a person takes away are computed from the trace again, in float32.
"""

from __future__ import annotations

import io
import itertools
import json
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from app.components.atlas.payload import MEAN, ROLLOUT, Source
from app.components.binary import assemble
from vit_core import InputError, Trace, rollout
from vit_core.attention.attention_rollout import fused_layer, one_token, rollout_by_depth
from vit_core.features import FACETS, features, similarity

SIDE_PX = 1024  # longer side of the picture
CHUNK = 256  # queries whose attention is in memory at once
CAPTION_LENGTH = 4000


@dataclass(frozen=True)
class Shown:
    """Which maps the atlas shows. Layers and heads from 0; `head` may be MEAN or ROLLOUT.

    `every`: all layers, heads, means and rollouts. `direction`: "row", "column" or "like", which has one map per layer,
    the cosine similarity of that `facet`. `fusion`, `residual`, `discard`, `first`: of the rollout, as
    `vit_core.rollout` takes them; with "column", only the residual counts.
    """

    queries: tuple[int, ...]
    direction: str = "row"
    layer: int = 0
    head: int = MEAN
    every: bool = False
    difference: bool = False
    fusion: str = "mean"
    residual: float = 0.5
    discard: float = 0.0
    first: int = 0
    facet: str = "token"


def exact(trace: Trace, shown: Shown) -> Tensor:
    """The weights, or cosines, of all tokens in the maps that are shown, (..., N), float32 on the CPU.

    With `every`, N comes after (layers, heads + 2), or after (layers,) for cosines. Two queries are an axis of 2 before
    all others; their difference is the first minus the second.
    """
    maps = torch.stack([(_every if shown.every else _one)(trace, shown, query) for query in shown.queries])
    if len(maps) == 1:
        return maps[0]
    return maps[0] - maps[1] if shown.difference else maps


def _one(trace: Trace, shown: Shown, query: int) -> Tensor:
    if shown.direction == "like":
        return _cosines(trace, shown.layer, query, shown.facet)
    if shown.head == ROLLOUT:
        return _rollouts(trace, shown, query, shown.layer)[-1]
    heads = _heads(trace, shown.layer, query, shown.direction)
    return heads.mean(0) if shown.head == MEAN else heads[shown.head]


def _every(trace: Trace, shown: Shown, query: int) -> Tensor:
    if shown.direction == "like":
        return torch.stack([_cosines(trace, layer, query, shown.facet) for layer in range(trace.depth)])
    heads = torch.stack([_heads(trace, layer, query, shown.direction) for layer in range(trace.depth)])
    rolled = _rollouts(trace, shown, query, trace.depth - 1, by_depth=True)
    return torch.cat([heads, heads.mean(1, keepdim=True), rolled[:, None]], 1)


def _heads(trace: Trace, layer: int, query: int, direction: str) -> Tensor:
    """(heads, N): what `query` looks at, or what looks at it."""
    if direction == "row":
        return trace.attention(layer, [query])[:, 0].cpu()
    starts = range(0, trace.num_tokens, CHUNK)
    return torch.cat([trace.attention(layer, slice(s, s + CHUNK))[..., query].cpu() for s in starts], -1)


def _cosines(trace: Trace, layer: int, query: int, facet: str) -> Tensor:
    """(N,): to each token. The trace has its features."""
    found = features(trace, layer, facet)
    prefix = F.cosine_similarity(found[: trace.num_prefix_tokens], found[query], dim=-1)
    return torch.cat([prefix, similarity(trace, layer, query, facet)]).cpu()


def _rollouts(trace: Trace, shown: Shown, query: int, last: int, by_depth: bool = False) -> Tensor:
    """The rollout up to `last`, (1, N), or up to each layer."""
    if shown.direction == "row":
        options = (shown.fusion, shown.residual, shown.discard, shown.first, last, query)
        return rollout_by_depth(trace, *options).cpu() if by_depth else rollout(trace, *options)[None].cpu()
    columns = []
    column = one_token(trace.num_tokens, query)
    for layer in range(last + 1):  # (M_l ... M_0) e: one vector is carried upwards
        column = torch.lerp(fused_layer(trace, layer).cpu() @ column, column, shown.residual)
        columns.append(column)
    return torch.stack(columns if by_depth else columns[-1:])


def labels(trace: Trace, shown: Shown) -> list[str]:
    """A name for each map of `exact`, in its order, for a comment in a file; counted from 1."""
    heads = [*map(str, range(1, trace.heads + 1)), "mean", "rollout"]
    layers = range(1, trace.depth + 1)
    if shown.direction == "like":
        maps = [f"layer {layer}, {shown.facet}" for layer in (layers if shown.every else [shown.layer + 1])]
    elif shown.every:
        maps = [f"layer {layer}, head {head}" for layer, head in itertools.product(layers, heads)]
    elif shown.head == ROLLOUT:
        maps = [f"rollout, layers {shown.first + 1} - {shown.layer + 1}"]
    else:
        maps = [f"layer {shown.layer + 1}, head {'mean' if shown.head == MEAN else shown.head + 1}"]
    if len(shown.queries) == 1:
        return maps
    return [f"{query}, {name}" for query in (("A - B",) if shown.difference else ("A", "B")) for name in maps]


def npy(trace: Trace, weights: Tensor) -> bytes:
    """The patches' weights in NumPy's format: float32, (..., rows, cols)."""
    file = io.BytesIO()
    np.save(file, trace.on_grid(weights).numpy())
    return file.getvalue()


def csv(trace: Trace, weights: Tensor, names: list[str], caption: str) -> bytes:
    """The patches' weights as lines of numbers, a line for each row of patches, one map beneath the other.

    Lines with "#" are comments: the caption, and above each map its name and the weights of the tokens without a
    position. Nine digits identify a float32.
    """
    lines = [f"# {line}" for line in caption.splitlines()]
    prefix = trace.config.prefix_names
    for name, row in zip(names, weights.reshape(-1, trace.num_tokens), strict=True):
        others = "".join(f", {token} {row[i].item():.9g}" for i, token in enumerate(prefix))
        lines.append(f"# {name}{others}")
        lines += [",".join(f"{value:.9g}" for value in values) for values in trace.on_grid(row).tolist()]
    return "\n".join([*lines, ""]).encode()


def answer(source: Source, want: object, features_of: Callable[[], Trace] | None = None) -> bytes | None:
    """The file that the browser asks for, as one binary; None if that is for another picture or invalid.

    `want`: "of", the source; "id", any number; "what": "npy", "csv", or "picture" (JPEG); the fields of `Shown`; and a
    CSV's "caption". `features_of()` returns the trace with its features, for the direction "like".
    """
    try:
        if not isinstance(want, dict) or want["of"] != source.id or want["what"] not in ("npy", "csv", "picture"):
            return None
        key, header = json.dumps(want, sort_keys=True), {"of": source.id, "file": int(want["id"])}
        return source.once(key, lambda: assemble(header, {"data": _file(source, want, features_of)}))
    except (KeyError, TypeError, ValueError, IndexError, OverflowError, InputError):
        return None


def _file(source: Source, want: dict, features_of: Callable[[], Trace] | None) -> bytes:
    if want["what"] == "picture":
        return source.jpeg(SIDE_PX)
    trace, shown = source.trace, _shown(source.trace, want)
    if shown.direction == "like" and features_of:
        trace = features_of()
    weights = exact(trace, shown)
    if want["what"] == "npy":
        return npy(trace, weights)
    return csv(trace, weights, labels(trace, shown), str(want["caption"])[:CAPTION_LENGTH])


def _shown(trace: Trace, want: dict) -> Shown:
    """What the browser asks for. Raises what `answer` catches if the trace has no such map."""
    shown = Shown(
        tuple(map(int, want["queries"]))[:2],
        want["direction"] if want["direction"] in ("column", "like") else "row",
        int(want["layer"]),
        int(want["head"]),
        want["every"] is True,
        want["difference"] is True,
        str(want["fusion"]),
        float(want["residual"]),
        float(want["discard"]),
        int(want["first"]),
        str(want.get("facet", "token")),
    )
    valid = (
        shown.queries
        and all(0 <= query < trace.num_tokens for query in shown.queries)
        and 0 <= shown.layer < trace.depth
        and ROLLOUT <= shown.head < trace.heads
        and 0 <= shown.residual <= 1
        and shown.facet in FACETS
    )
    if not valid:
        raise ValueError(shown)
    return shown
