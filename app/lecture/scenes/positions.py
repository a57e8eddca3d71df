"""Position embedding: what is added, by which formula, and what the model predicts without it."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

from app.lecture.stage import Scene, Stage, array, change, choice, every_nth, integer
from vit_core.attention.trace import autocast
from vit_core.lecture import positions
from vit_core.lecture.patches import random_order
from vit_core.models.positions import sinusoidal_positions
from vit_core.models.vit import Attend, sdpa

TABS = ("sum", "formula", "compare")
MAX_MATRIX_SIDE = 256  # rows and columns of a matrix that are drawn
COLOUR_QUANTILE = 0.95  # of the drawn values lie inside the colours' range
NUM_CLASSES = 5  # in the list of predictions
#: The deck's worked example: three words, d_model = 4, the second word (pos = 1) with its embedding.
NUM_WORDS, WIDTH, WORD = 3, 4, 1
EMBEDDING = (0.3, 3.1, 3.1, 3.1)


def _step(rows: int) -> int:
    """Every how many rows one is drawn, as `every_nth` picks them."""
    return math.ceil(rows / MAX_MATRIX_SIDE)


def _parts(stage: Stage) -> tuple[Tensor, Tensor | None]:
    """Tokens without positions, and positions, each (N, D)."""
    return stage.memo(
        ("positions", "parts"),
        lambda: (
            positions.tokens_without_positions(stage.model, stage.images)[0].float(),
            positions.sequence_positions(stage.model, stage.result.grid),
        ),
    )


def _outputs(stage: Stage, seed: int) -> Tensor:
    """Each class's probability, or of a model that names no classes its final vector: unchanged, without the patches'
    positions, with positions shuffled: (3, classes or D).

    Only the first of a model without positions.
    """

    def output(changed: Tensor | None, attend: Attend = sdpa) -> Tensor:
        with torch.no_grad(), autocast(stage.result.device):
            if stage.names_classes:
                return stage.scores(positions.classify_with(stage.model, stage.images, changed, attend)[0])
            return positions.vector_with(stage.model, stage.images, changed, attend)[0].float()

    def without() -> Tensor:
        if own is None:
            return output(None, positions.rotary_attention(stage.model, None))
        return output(positions.remove_positions(own, prefix))

    def shuffled() -> Tensor:
        order = random_order(math.prod(stage.result.grid), seed)
        if own is None:
            return output(None, positions.rotary_attention(stage.model, order))
        return output(positions.shuffle_positions(own, prefix, order))

    own, prefix = _parts(stage)[1], stage.config.num_prefix_tokens
    unchanged = stage.memo(("positions", "unchanged"), lambda: output(own))
    if stage.config.position == "none":
        return unchanged[None]
    removed = stage.memo(("positions", "removed"), without)
    return torch.stack([unchanged, removed, stage.memo(("positions", "shuffled", seed), shuffled)])


def changes(stage: Stage, seed: int) -> list[dict | None]:
    """How far the final vector of a model that names no classes moves from the unchanged one: {"cosine", "relative"}
    for unchanged, removed and shuffled positions."""
    if stage.names_classes:
        return []
    first, *_ = found = _outputs(stage, seed)
    return [change(first, one) for one in found]


def answers(stage: Stage, seed: int) -> list[dict]:
    """The classes to show, [{"label", "p": [unchanged, removed, shuffled]}], sorted by the unchanged probability.

    They are picked in turn from the best of each of the three predictions, so that every prediction's best class is
    shown.
    """
    if not stage.names_classes:
        return []
    found = _outputs(stage, seed)
    best = found.topk(min(NUM_CLASSES, found.shape[1])).indices  # lists, classes
    named = list(dict.fromkeys(best.T.flatten().tolist()))[:NUM_CLASSES]
    named.sort(key=lambda index: -float(found[0, index]))
    return [{"label": stage.label(index), "p": found[:, index].tolist()} for index in named]


def worked_example() -> dict:
    """The deck's example by its formulas: each word's position (words, d_model), and one word's sum."""
    formula = sinusoidal_positions(NUM_WORDS, WIDTH).tolist()
    return {
        "formula": formula,
        "word": WORD,
        "embedding": EMBEDDING,
        "sum": [a + b for a, b in zip(EMBEDDING, formula[WORD], strict=True)],
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


def _similarity_to(vectors: Tensor, at: int) -> np.ndarray:
    """Cosine similarity of each vector (patches, D) to vector `at`: (patches,)."""
    unit = torch.nn.functional.normalize(vectors.float(), dim=-1)
    return array(unit @ unit[at])


def build(stage: Stage, want: dict) -> Scene:
    """One of three tabs, chosen by want["tab"]; want["at"] is a token (from 0), want["seed"] a shuffle.

    "sum": "tokens", "positions" and "sums" as drawn (rows, cols), "row" (3, D) of the token. "formula": "waves"
    (rows, cols), the sinusoidal embedding as drawn. "compare": "learned", "one", "two" (patches,), the similarity to
    the chosen patch, if the model has it, and "order" (patches,), the shuffled positions.
    """
    (rows, cols), prefix, D = stage.result.grid, stage.config.num_prefix_tokens, stage.config.dim
    N = prefix + rows * cols
    tab = choice(want, "tab", TABS)
    at = integer(want, "at", 0, N - 1, stage.middle_token)
    seed = integer(want, "seed", 0, 9999, 0)
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
        "changes": changes(stage, seed),
        "output": stage.output,
    }
    if tab == "sum":
        added = torch.zeros_like(tokens) if own is None else own.float()
        parts = {"tokens": tokens, "positions": added, "sums": tokens + added}
        arrays = {name: array(every_nth(part, MAX_MATRIX_SIDE)) for name, part in parts.items()}
        numbers |= {
            "shape": list(arrays["sums"].shape),
            "step": _step(N),
            "reach": max(float(np.quantile(np.abs(arrays["sums"]), COLOUR_QUANTILE)), 1e-6),
        }
        arrays["row"] = array(torch.stack([part[at] for part in parts.values()]))
        return Scene(numbers, arrays)
    if tab == "formula":
        wave = every_nth(sinusoidal_positions(rows * cols, D + D % 2)[:, :D], MAX_MATRIX_SIDE)
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
    arrays = {name: _similarity_to(vectors, patch) for name, vectors in maps.items()}
    arrays["order"] = random_order(rows * cols, seed).int().numpy()
    return Scene(numbers | {"patch": patch}, arrays)
