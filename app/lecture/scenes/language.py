"""Self-attention in language and in vision: a sentence (random weights) and the picture (this model), one head each."""

from __future__ import annotations

import torch.nn.functional as F

from app.lecture.stage import Scene, Stage, array, whole
from app.text.lecture.language import FIRST
from vit_core.lecture import sentence as language

#: Rows and columns of attention that are sent; a larger matrix is averaged down to that.
SIDE = 400


def build(stage: Stage, want: dict) -> Scene:
    """Arrays: "words_query", "words_key", "words_value" (N, d) of the sentence; "query", "key", "value" (N, d) of one
    head of one layer, "matrix" (M, M) its attention, M = min(N, SIDE)."""
    c, trace = stage.config, stage.result.trace
    rows, cols = stage.result.grid
    sentence = want.get("sentence")
    first = FIRST["en" if want.get("language") == "en" else "ko"]
    sentence = sentence[: language.LONGEST + 1] if isinstance(sentence, str) else first
    words, cut = language.tokens(sentence)
    said = language.attend(words)
    layer = whole(want, "layer", 0, c.depth - 1, c.depth // 2)
    head = whole(want, "head", 0, c.heads - 1, 0)
    step = stage.inside(layer)
    matrix = step.weights(head)
    if len(matrix) > SIDE:
        matrix = F.adaptive_avg_pool2d(matrix[None], SIDE)[0]
    numbers = {
        "sentence": sentence,
        "words": words,
        "cut": cut,
        "limit": language.TOKENS,
        "words_dim": said.query.shape[1],
        "layer": layer,
        "layers": c.depth,
        "head": head,
        "heads": c.heads,
        "head_dim": c.head_dim,
        "tokens": trace.num_tokens,
        "side": len(matrix),
        "middle": trace.token_at(rows // 2, cols // 2),
    }
    arrays = {
        "words_query": said.query,
        "words_key": said.key,
        "words_value": said.value,
        "query": step.query[head],
        "key": step.key[head],
        "value": step.value[head],
        "matrix": matrix,
    }
    return Scene(numbers, {name: array(values) for name, values in arrays.items()})
