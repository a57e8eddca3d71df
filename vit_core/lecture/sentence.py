"""Self-attention over a sentence's words, with random weights: real arithmetic, no meaning.

No text model is used. A token's embedding is drawn from its own text, positions are sinusoidal, and the one head's
W_Q, W_K, W_V are drawn once: what comes out shows how attention computes, not what a sentence says.
"""

from __future__ import annotations

import functools
import hashlib
import unicodedata
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from vit_core.models.positions import sinusoidal_positions
from vit_core.models.vit import attention_weights

LONGEST = 400  # characters of a sentence that are read
TOKENS = 12
LETTERS = 24  # characters of a token that are kept


class Sentence(NamedTuple):
    """One head's attention over N tokens of width d."""

    embedded: Tensor  # (N, d), from each token's text
    positions: Tensor  # (N, d), sinusoidal
    query: Tensor  # (N, d)
    key: Tensor  # (N, d)
    value: Tensor  # (N, d)
    weights: Tensor  # (N, N), rows summing to 1
    mixed: Tensor  # (N, d), the weighted sums of values


def tokens(sentence: str, limit: int = TOKENS) -> tuple[list[str], bool]:
    """The first `limit` tokens of a sentence, and whether anything was cut.

    Words end at spaces and punctuation; each mark of punctuation is a token. Text is composed (NFC), so that
    the same words give the same tokens however they were typed. Control characters count as spaces.
    """
    found, word = [], ""
    text = unicodedata.normalize("NFC", sentence[:LONGEST])
    for letter in text + " ":
        kind = unicodedata.category(letter)[0]  # L letters, M marks on them, N numbers, P and S marks, Z and C no text
        if kind in "LMN":
            word += letter
            continue
        found += [word] if word else []
        found += [letter] if kind in "PS" else []
        word = ""
    cut = len(sentence) > LONGEST or len(found) > limit or any(len(token) > LETTERS for token in found[:limit])
    return [token[:LETTERS] for token in found[:limit]], cut


def _normal(key: str, *shape: int) -> Tensor:
    """Standard normal numbers that depend on `key` alone."""
    seed = int.from_bytes(hashlib.sha256(key.encode()).digest()[:8], "little") >> 1  # seeds are signed
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def embedding(token: str, dim: int) -> Tensor:
    """A token's vector (dim,), unit variance: the same text gives the same vector, and nothing else is in it."""
    return _normal(f"token {token}", dim)


@functools.cache
def projections(dim: int) -> Tensor:
    """W_Q, W_K and W_V (3, dim, dim), random, of variance 1/dim so that vectors keep their length."""
    return torch.stack([_normal(f"weights {name}", dim, dim) for name in ("query", "key", "value")]) * dim**-0.5


def attend(words: Sequence[str], dim: int = 16) -> Sentence:
    """One head of self-attention over tokens: x = embedding + position, then Vaswani et al. 2017, equation 1."""
    embedded = torch.stack([embedding(word, dim) for word in words]) if words else torch.zeros(0, dim)
    positions = sinusoidal_positions(len(words), dim)
    query, key, value = (embedded + positions) @ projections(dim).transpose(-2, -1)  # each N, d
    weights = attention_weights(query, key)
    return Sentence(embedded, positions, query, key, value, weights, weights @ value)
