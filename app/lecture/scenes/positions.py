"""Position embedding: what is added, by which formula, and what the model does without it."""

from __future__ import annotations

import math
import weakref

import numpy as np
import torch
from torch import Tensor

from app.lecture.stage import Scene, Stage, array, keeper, one_of, whole
from vit_core.attention.trace import autocast
from vit_core.lecture import positions
from vit_core.models.positions import sinusoidal_positions

TABS = ("sum", "formula", "compare")
CELLS = 256  # rows and columns of a matrix that are drawn
SHARE = 0.95  # of the drawn values lie inside the colours' range
SHOWN = 5  # classes
#: The deck's worked example, as its slide prints it: three words, d_model = 4, the second word (pos = 1).
WORDS, WIDTH, WORD = 3, 4, 1
PRINTED_EMBEDDING = (0.3, 3.1, 3.1, 3.1)
PRINTED_POSITION = (0.25, 0.99, 0.01, 0.99)
PRINTED_TO = 0.01  # the last place that is printed

_kept: weakref.WeakKeyDictionary[Stage, dict] = keeper()


def _once(stage: Stage, key: tuple, make):
    """What `make()` gave for this stage and key; the last few are kept."""
    kept = _kept.setdefault(stage, {})
    if key not in kept:
        while len(kept) > 8:
            kept.pop(next(iter(kept)))
        kept[key] = make()
    return kept[key]


def thinned(matrix: Tensor) -> Tensor:
    """Every k-th row and column, so that no more than CELLS of each are left."""
    return matrix[:: _step(len(matrix)), :: _step(matrix.shape[1])]


def _step(rows: int) -> int:
    return math.ceil(rows / CELLS)


def _parts(stage: Stage) -> tuple[Tensor, Tensor | None]:
    """Tokens before positions, and positions, each (N, D)."""
    return _once(
        stage,
        ("parts",),
        lambda: (
            positions.tokens_before(stage.model, stage.images)[0].float(),
            positions.sequence_positions(stage.model, stage.result.grid),
        ),
    )


def _probabilities(stage: Stage, seed: int) -> Tensor | None:
    """Of each class as it is, without the patches' positions, and with them shuffled: (3, classes)."""

    def ask(added: Tensor | None) -> Tensor:
        with torch.no_grad(), autocast(stage.result.device):
            return positions.classify_with(stage.model, stage.images, added)[0].float().softmax(-1)

    if stage.model.head is None:
        return None
    own, prefix = _parts(stage)[1], stage.config.num_prefix_tokens
    if own is None:
        return _once(stage, ("own",), lambda: ask(None))[None]
    order = positions.shuffled_order(len(own) - prefix, seed)
    return torch.stack(
        [
            _once(stage, ("own",), lambda: ask(own)),
            _once(stage, ("removed",), lambda: ask(positions.removed(own, prefix))),
            _once(stage, ("shuffled", seed), lambda: ask(positions.shuffled(own, prefix, order))),
        ]
    )


def answers(stage: Stage, seed: int) -> list[dict]:
    """The classes to show, [{"label", "p": [as it is, removed, shuffled]}], by their probability as it is.

    The first of each list, then the second, and so on: whatever becomes the best guess is among them.
    """
    found = _probabilities(stage, seed)
    if found is None:
        return []
    best = found.topk(min(SHOWN, found.shape[1])).indices  # lists, classes
    named = list(dict.fromkeys(best.T.flatten().tolist()))[:SHOWN]
    named.sort(key=lambda index: -float(found[0, index]))
    return [{"label": stage.label(index), "p": found[:, index].tolist()} for index in named]


def worked_example() -> dict:
    """The deck's example by its formulas: each word's embedding (words, d_model), and where the slide differs."""
    formula = sinusoidal_positions(WORDS, WIDTH).tolist()
    printed = [round(value - exact, 4) for value, exact in zip(PRINTED_POSITION, formula[WORD], strict=True)]
    return {
        "formula": formula,
        "word": WORD,
        "embedding": PRINTED_EMBEDDING,
        "printed": PRINTED_POSITION,
        "difference": printed,
        "differs": [
            abs(value - round(exact / PRINTED_TO) * PRINTED_TO) > PRINTED_TO / 2
            for value, exact in zip(PRINTED_POSITION, formula[WORD], strict=True)
        ],
        "sum": [a + b for a, b in zip(PRINTED_EMBEDDING, formula[WORD], strict=True)],
    }


def _sinusoidal(stage: Stage) -> dict[str, Tensor]:
    """(patches, D) along one axis and along two, where the width allows."""
    (rows, cols), D = stage.result.grid, stage.config.dim
    out = {}
    if D % 2 == 0:
        out["one"] = sinusoidal_positions(rows * cols, D)
    if D % 4 == 0:
        out["two"] = sinusoidal_positions((rows, cols), D)
    return out


def _seen_from(vectors: Tensor, at: int) -> np.ndarray:
    """Cosine similarity of each vector (patches, D) to vector `at`: (patches,)."""
    unit = torch.nn.functional.normalize(vectors.float(), dim=-1)
    return array(unit @ unit[at])


def build(stage: Stage, want: dict) -> Scene:
    """One of three tabs, chosen by want["tab"]; want["at"] is a token (from 0), want["seed"] a shuffle.

    "sum": "tokens", "positions" and "sums" as drawn (rows, cols), "row" (3, D) of the token. "formula": "waves"
    (rows, cols), the sinusoidal embedding as drawn. "compare": "learned", "one", "two" (patches,) seen from the
    patch, where there are such, and "order" (patches,), where each patch is said to lie.
    """
    (rows, cols), prefix, D = stage.result.grid, stage.config.num_prefix_tokens, stage.config.dim
    N = prefix + rows * cols
    tab = one_of(want, "tab", TABS)
    at = whole(want, "at", 0, N - 1, prefix + (rows // 2) * cols + cols // 2)
    seed = whole(want, "seed", 0, 9999, 0)
    tokens, own = _parts(stage)
    numbers = {
        "tab": tab,
        "at": at,
        "seed": seed,
        "tokens": N,
        "dim": D,
        "position": stage.config.position,
        "learned": own is not None,
        "embed_norm": stage.config.embed_norm,
        "answers": answers(stage, seed),
    }
    if tab == "sum":
        added = torch.zeros_like(tokens) if own is None else own.float()
        parts = {"tokens": tokens, "positions": added, "sums": tokens + added}
        arrays = {name: array(thinned(part)) for name, part in parts.items()}
        numbers |= {
            "shape": list(arrays["sums"].shape),
            "step": _step(N),
            "reach": max(float(np.quantile(np.abs(arrays["sums"]), SHARE)), 1e-6),
        }
        arrays["row"] = array(torch.stack([part[at] for part in parts.values()]))
        return Scene(numbers, arrays)
    if tab == "formula":
        wave = thinned(sinusoidal_positions(rows * cols, D + D % 2)[:, :D])
        return Scene(
            numbers
            | {
                "example": worked_example(),
                "shape": list(wave.shape),
                "step": _step(rows * cols),
                "patches": rows * cols,
            },
            {"waves": array(wave)},
        )
    patch = max(at - prefix, 0)
    maps = ({} if own is None else {"learned": own[prefix:]}) | _sinusoidal(stage)
    arrays = {name: _seen_from(vectors, patch) for name, vectors in maps.items()}
    arrays["order"] = positions.shuffled_order(rows * cols, seed).int().numpy()
    return Scene(numbers | {"patch": patch}, arrays)
