"""Trace -> bytes for the browser, and the parts of a large trace that the browser asks for later. No Streamlit.

Weights travel as bytes of their square root with one float per row: w = scale * byte**2. Linear bytes would round a
peaked row's tail to nothing; with square roots no row's L1 error exceeds 0.02 (test_atlas_payload.py). The scale is
chosen so that a decoded row keeps its sum.
"""

from __future__ import annotations

import io
import json
import math
import threading
from collections import OrderedDict
from collections.abc import Callable

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from app.components.binary import assemble, colour_tables, header_of
from vit_core.attention.statistics import patch_distances
from vit_core.attention.trace import Trace
from vit_core.features.outliers import NORM_FACTOR, outlier_tokens
from vit_core.images import Crop, crop_to_patches
from vit_core.models.vit import attention_weights

BUDGET_BYTES = 8_000_000  # a picture that would need more is sent coarse, and in detail on demand
PICTURE_SIDE_PX = 640  # longer side of the picture as sent
MAX_HEADS_WITH_MEAN = 8  # up to here the head mean is sent too: rounding errors average out only over many heads
MAX_FILES = 8  # that people took away, one a session
LAYER_BYTES = 4_000_000  # larger layers are sent head by head on demand
MEAN, ROLLOUT = -1, -2  # columns beside the heads


def companded(weights: Tensor, levels: int = 255, normalise: bool = True) -> tuple[Tensor, Tensor]:
    """Non-negative (..., N) as integers 0..levels of the square root, float32-valued, and the scale of each row (...).

    Decoded: scale * integer**2. `normalise`: rows decode to their own sum exactly; without it the largest
    entry is exact. A row of zeros has scale 0.
    """
    peak = weights.amax(-1, keepdim=True).clamp_min(1e-30)
    integer = (weights * (levels**2 / peak)).sqrt_().round_()
    if not normalise:
        return integer, peak[..., 0] / levels**2
    return integer, weights.sum(-1) / integer.square().sum(-1).clamp_min(1)


def attention_bytes(weights: Tensor) -> tuple[Tensor, Tensor]:
    """Attention rows (..., N) as `companded` bytes (uint8) and scales, no row's L1 error above 0.02.

    A tail of many equal weights may lie right between two bytes: such rows try smaller bytes for their
    peak, until the tail meets one.
    """
    integer, scale = companded(weights)

    def error(rows: Tensor, integer: Tensor, scale: Tensor) -> Tensor:
        return integer.square().mul_(scale[..., None]).sub_(rows).abs_().sum(-1)

    best = error(weights, integer, scale)
    poor = best > 0.015
    if poor.any():
        rows, found, factor, best = weights[poor], integer[poor], scale[poor], best[poor]
        for levels in range(254, 228, -2):
            other = companded(rows, levels)
            worth = error(rows, *other)
            better = worth < best
            found[better], factor[better], best[better] = other[0][better], other[1][better], worth[better]
        integer[poor], scale[poor] = found, factor
    return integer.to(torch.uint8), scale


def covered_picture(picture: Image.Image, trace: Trace, side: int = PICTURE_SIDE_PX) -> Image.Image:
    """The part of the upright original picture that the patches cover, its longer side `side` pixels.

    It is all of the picture if the trace has no crop.
    """
    patch = trace.config.patch_size
    shape = tuple(count * size for count, size in zip(trace.grid, patch, strict=True))
    crop = trace.crop or Crop(picture.size[::-1], (0.0, 0.0, *map(float, picture.size)), shape)
    picture = picture.convert("L" if trace.config.channels == 1 else "RGB")
    return crop_to_patches(picture, crop, patch, side, squashed=True)


def _jpeg(picture: Image.Image) -> bytes:
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=88)
    return file.getvalue()


def _head_numbers(weights: Tensor, distance: Tensor, prefix: int) -> Tensor:
    """Attention (heads, Q, N) to (heads, 2): mean distance in patches, entropy in bits, as in `attention.statistics`.

    `distance` (P, P'): of the last P queries, which are patches, to all patches; entropy is over all Q.
    """
    among = weights[:, -len(distance) :, prefix:]
    far = ((among * distance).sum(-1) / among.sum(-1).clamp_min(1e-30)).mean(-1)
    # -sum w log2 w; the clamp keeps 0 * log 0 at 0
    entropy = -(weights * weights.clamp_min(1e-30).log2()).sum(-1).mean(-1)
    return torch.stack([far, entropy], -1)


def _whole(trace: Trace) -> dict[str, np.ndarray]:
    L, H, N = trace.depth, trace.heads, trace.num_tokens
    weights = torch.empty(L, H, N, N, dtype=torch.uint8)
    scale, numbers = torch.empty(L, H, N), torch.empty(L, H, 2)
    few = H <= MAX_HEADS_WITH_MEAN
    mean, mean_scale = np.empty((L, N, N) if few else (0,), np.uint16), np.empty((L, N) if few else (0,), np.float32)
    distance = patch_distances(trace.grid)
    for layer in range(L):
        w = trace.attention(layer).cpu()
        numbers[layer] = _head_numbers(w, distance, trace.num_prefix_tokens)
        if few:
            integer, row_scale = companded(w.mean(0), 65535)
            mean[layer], mean_scale[layer] = integer.numpy().astype(np.uint16), row_scale.numpy()
        weights[layer], scale[layer] = attention_bytes(w)
    out = {"weights": weights.numpy(), "scale": scale.numpy(), "numbers": numbers.numpy()}
    return out | ({"mean": mean, "mean_scale": mean_scale} if few else {})


def coarse_factor(trace: Trace, budget: int) -> int:
    """Patches per side of the coarse atlas' blocks: the fewest with which it takes at most 60 % of `budget`."""
    factor = 2
    while trace.depth * trace.heads * math.prod(_tokens(trace, factor)) > 0.6 * budget and factor < max(trace.grid):
        factor += 1
    return factor


def _tokens(trace: Trace, factor: int) -> tuple[int, int]:
    """Tokens of the coarse maps, (queries, keys): the prefix, and one per block of factor x factor patches."""
    count = trace.num_prefix_tokens + math.ceil(trace.grid[0] / factor) * math.ceil(trace.grid[1] / factor)
    return count, count


def _coarse(trace: Trace, factor: int) -> dict[str, np.ndarray]:
    """Maps of the middle patch of each block of `factor` x `factor` patches, with weights averaged over blocks."""
    (rows, cols), p = trace.grid, trace.num_prefix_tokens
    blocks = (math.ceil(rows / factor), math.ceil(cols / factor))
    middle = [
        torch.tensor([min(i * factor + factor // 2, n - 1) for i in range(b)])
        for b, n in zip(blocks, trace.grid, strict=True)
    ]
    patches = (middle[0][:, None] * cols + middle[1]).flatten()
    queries = torch.cat([torch.arange(p), p + patches]).to(trace.tokens.device)
    distance = patch_distances(trace.grid)[patches]
    share = [torch.bincount(torch.arange(n) // factor).float() for n in trace.grid]
    count = (share[0][:, None] * share[1]).flatten()  # patches in each block
    L, H, Q = trace.depth, trace.heads, len(queries)
    weights, scale = torch.empty(L, H, Q, Q, dtype=torch.uint8), torch.empty(L, H, Q)
    numbers = torch.empty(L, H, 2)
    down, across = torch.zeros(blocks[0], rows), torch.zeros(blocks[1], cols)  # 1 where a row or column is in a block
    down[torch.arange(rows) // factor, torch.arange(rows)] = 1
    across[torch.arange(cols) // factor, torch.arange(cols)] = 1
    for layer in range(L):
        w = trace.attention(layer, queries).cpu()  # H, Q, N
        numbers[layer] = _head_numbers(w, distance, p)
        patch = w[..., p:].reshape(H, Q, rows, cols)
        pooled = (down @ patch @ across.T).flatten(2) / count
        integer, scale[layer] = companded(torch.cat([w[..., :p], pooled], -1), normalise=False)
        weights[layer] = integer
    return {"weights": weights.numpy(), "scale": scale.numpy(), "numbers": numbers.numpy()}


def pack(trace: Trace, picture: Image.Image, *, budget: int = BUDGET_BYTES) -> bytes:
    """Everything the browser needs for one picture, as one binary; equal for equal input.

    `picture`: the upright original the trace was recorded from. Where the whole attention would exceed
    `budget` bytes (10**6 to the MB), the heads' maps come coarse (see `_coarse`) and `Source.answer` gives
    the exact ones on demand.
    """
    L, H, N = trace.depth, trace.heads, trace.num_tokens
    whole = L * H * N * (N + 4) + (L * N * (2 * N + 4) if H <= MAX_HEADS_WITH_MEAN else 0) + 200_000 <= budget
    factor = 1 if whole else coarse_factor(trace, budget)
    sections = _whole(trace) if whole else _coarse(trace, factor)
    viridis, _ = colour_tables()
    shown = covered_picture(picture, trace)
    header = {
        "grid": trace.grid,
        "prefix": trace.config.prefix_names,
        "layers": L,
        "heads": H,
        "tokens": N,
        "factor": factor,
        "size": shown.size,
        "outliers": _outliers(trace),
    }
    return assemble(header, {"picture": _jpeg(shown), "viridis": viridis, **sections})


def _outliers(trace: Trace) -> dict:
    """The outlier tokens: "patches", their numbers; "norms" after the last layer; "median", of all patches' norms;
    "factor", the multiple of it that an outlier exceeds."""
    norms = trace.token_norms[-1, trace.num_prefix_tokens :]
    patches = outlier_tokens(trace).nonzero()[:, 0]
    return {
        "patches": patches.tolist(),
        "norms": norms[patches].tolist(),
        "median": norms.median().item() if len(norms) else 0.0,
        "factor": NORM_FACTOR,
    }


class Source:
    """A packed trace that answers the browser's later requests. Make one per picture and keep it, because it caches.

    Sessions with the same picture share it; their requests are answered one after the other.
    """

    def __init__(self, trace: Trace, picture: Image.Image, *, budget: int = BUDGET_BYTES):
        self.trace, self._picture = trace, picture
        self.payload = pack(trace, picture, budget=budget)
        header = header_of(self.payload)
        self.id, self.whole = header["id"], header["factor"] == 1
        self.outliers: list[int] = header["outliers"]["patches"]
        self._lock = threading.Lock()
        self._answers: OrderedDict[str, bytes] = OrderedDict()
        self._files: OrderedDict[str, bytes] = OrderedDict()
        self._means: list[Tensor] = []  # head-mean attention of each layer (N, N), float16
        self._totals: list[Tensor] = []  # log of each softmax's denominator, (heads, N), for columns

    @property
    def nbytes(self) -> int:
        """Bytes in addition to the trace's."""
        kept = sum(tensor.nbytes for tensor in (*self._means, *self._totals))
        sent = [*list(self._answers.values()), *list(self._files.values())]
        return len(self.payload) + sum(map(len, sent)) + kept

    def jpeg(self, side: int) -> bytes:
        """What the patches cover of the picture, its longer side `side` pixels."""
        return _jpeg(covered_picture(self._picture, self.trace, side))

    def once(self, key: str, make: Callable[[], bytes]) -> bytes:
        """`make()`, or what it returned for that key before: a session asks for its last file with each rerun."""
        with self._lock:
            if key not in self._files:
                self._files[key] = make()
                while len(self._files) > MAX_FILES:
                    self._files.popitem(last=False)
            self._files.move_to_end(key)
            return self._files[key]

    def answer(self, want: dict) -> bytes | None:
        """The parts that `want` requests, as one binary; None if it is for another picture or invalid.

        "focus": [layer, head] gives that layer's heads as bytes (N x N each), or where a layer exceeds 4 MB
        that head's only; head -1 is their mean. "query" with "direction" ("row", "column") gives that
        token's maps in every layer, the heads and their mean, (layers, heads + 1, N); with "rolled", also its
        rollout at every depth, at that "residual", (layers, N). The first rollout, and the first column, cost
        the attention of all layers (seconds at 1,370 tokens); later ones do not.
        """
        want = self._checked(want)
        if want is None:
            return None
        key = json.dumps(want, sort_keys=True)
        with self._lock:
            if key not in self._answers:
                sections = self._focus(*want["focus"]) if want["focus"] else {}
                if want["query"] is not None:
                    sections |= self._maps(
                        want["query"], want["direction"], want["residual"] if want["rolled"] else None
                    )
                self._answers[key] = assemble({"of": self.id, "want": want}, sections)
                while len(self._answers) > 4:
                    self._answers.popitem(last=False)
            return self._answers[key]

    def _checked(self, want: dict) -> dict | None:
        """A request with valid values only; None if it is invalid."""
        try:
            if want["of"] != self.id:
                return None
            focus = want.get("focus")
            if focus is not None:
                focus = [int(focus[0]), int(focus[1])]
                if not (0 <= focus[0] < self.trace.depth and MEAN <= focus[1] < self.trace.heads):
                    return None
            query = want.get("query")
            if query is not None and not 0 <= (query := int(query)) < self.trace.num_tokens:
                return None
            direction = "column" if want.get("direction") == "column" else "row"
            residual = min(1.0, max(0.0, float(want.get("residual", 0.5))))
        except (KeyError, TypeError, ValueError, IndexError):
            return None
        return {
            "focus": focus,
            "query": query,
            "direction": direction,
            "residual": residual,
            "rolled": want.get("rolled") is True,
        }

    def _focus(self, layer: int, head: int) -> dict[str, np.ndarray]:
        if head == MEAN:
            heads, weights = [MEAN], self.trace.attention(layer).mean(0, keepdim=True)
        elif self.trace.heads * self.trace.num_tokens**2 <= LAYER_BYTES:
            heads, weights = list(range(self.trace.heads)), self.trace.attention(layer)
        else:
            heads, one = [head], slice(head, head + 1)
            weights = attention_weights(self.trace.queries[layer][one], self.trace.keys[layer][one])
        integer, scale = attention_bytes(weights.cpu())
        return {"focus_heads": np.array(heads, np.int32), "focus": integer.numpy(), "focus_scale": scale.numpy()}

    def _maps(self, query: int, direction: str, residual: float | None) -> dict[str, np.ndarray]:
        trace = self.trace
        heads = [
            self._row(layer, query) if direction == "row" else self._column(layer, query)
            for layer in range(trace.depth)
        ]
        heads = torch.stack(heads).cpu()  # L, H, N
        maps = {"maps": torch.cat([heads, heads.mean(1, keepdim=True)], 1)}
        if residual is not None:
            maps["rolled"] = self._rollouts(query, direction, residual)
        out = {}
        for name, values in maps.items():
            integer, scale = companded(values, 65535, normalise=False)
            out |= {name: integer.numpy().astype(np.uint16), f"{name}_scale": scale.numpy()}
        return out

    def _row(self, layer: int, query: int) -> Tensor:
        return self.trace.attention(layer, [query])[:, 0]

    def _column(self, layer: int, query: int) -> Tensor:
        trace = self.trace
        if not self._totals:
            for q, k in zip(trace.queries, trace.keys, strict=True):
                parts = [_scores(q[:, s : s + 256], k).logsumexp(-1) for s in range(0, trace.num_tokens, 256)]
                self._totals.append(torch.cat(parts, -1))
        scores = _scores(trace.queries[layer], trace.keys[layer][:, query : query + 1])[..., 0]
        return (scores - self._totals[layer]).exp()

    def _rollouts(self, token: int, direction: str, residual: float) -> Tensor:
        """Rollout of `token` through layers 0..l for every l, (layers, N); "column": what others take from it."""
        trace = self.trace
        if not self._means:
            self._means.extend(trace.attention(layer).mean(0).half().cpu() for layer in range(trace.depth))
        if direction == "column":  # (M_l ... M_0) e: carry one vector upwards
            column, out = torch.zeros(trace.num_tokens), []
            column[token] = 1
            for mean in self._means:
                column = residual * column + (1 - residual) * (mean.float() @ column)
                out.append(column)
            return torch.stack(out)
        rows = torch.zeros(trace.depth, trace.num_tokens)
        rows[:, token] = 1
        for layer in range(trace.depth - 1, -1, -1):  # the row of depth l starts at layer l
            rows[layer:] = residual * rows[layer:] + (1 - residual) * (rows[layer:] @ self._means[layer].float())
        return rows


def _scores(query: Tensor, key: Tensor) -> Tensor:
    """The scores that `attention_weights` applies softmax to."""
    return (query.float() * query.shape[-1] ** -0.5) @ key.float().transpose(-2, -1)
