"""Self-attention on a sentence (random weights) and on the picture (this model), one head each."""

from __future__ import annotations

import torch.nn.functional as F

from app.lecture.stage import Scene, Stage, array, integer
from app.text.lecture.language import FIRST
from vit_core.lecture import sentence as sentences

MAX_MATRIX_SIDE = 400  # rows and columns of attention that are sent; a larger matrix is averaged down


def build(stage: Stage, want: dict) -> Scene:
    """Arrays: "words_query", "words_key", "words_value" (N, d) of the sentence; "query", "key", "value" (N, d) of one
    head of one layer, "matrix" (M, M) its attention, M = min(N, MAX_MATRIX_SIDE)."""
    c, trace = stage.config, stage.result.trace
    sentence = want.get("sentence")
    first = FIRST["en" if want.get("language") == "en" else "ko"]
    sentence = sentence[: sentences.MAX_CHARACTERS + 1] if isinstance(sentence, str) else first
    words, cut = sentences.tokenize(sentence)
    head_on_words = sentences.attend(words)
    layer = integer(want, "layer", 0, c.depth - 1, c.depth // 2)
    head = integer(want, "head", 0, c.heads - 1, 0)
    step = stage.block_steps(layer)
    matrix = step.weights(head)
    if len(matrix) > MAX_MATRIX_SIDE:
        matrix = F.adaptive_avg_pool2d(matrix[None], MAX_MATRIX_SIDE)[0]
    numbers = {
        "sentence": sentence,
        "words": words,
        "cut": cut,
        "limit": sentences.MAX_TOKENS,
        "words_dim": head_on_words.query.shape[1],
        "layer": layer,
        "layers": c.depth,
        "head": head,
        "heads": c.heads,
        "head_dim": c.head_dim,
        "tokens": trace.num_tokens,
        "side": len(matrix),
        "middle": stage.middle_token,
    }
    arrays = {
        "words_query": head_on_words.query,
        "words_key": head_on_words.key,
        "words_value": head_on_words.value,
        "query": step.query[head],
        "key": step.key[head],
        "value": step.value[head],
        "matrix": matrix,
    }
    return Scene(numbers, {name: array(values) for name, values in arrays.items()})
