"""One head of self-attention over a sentence's words, with random weights instead of a language model.

A token's embedding is random but depends on its text alone, positions are sinusoidal, and W_Q, W_K, W_V are random and
fixed. The result shows how attention computes; its pattern has no meaning.
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

MAX_CHARACTERS = 400  # of a sentence
MAX_TOKENS = 12
MAX_TOKEN_CHARACTERS = 24  # of one token


class Sentence(NamedTuple):
    """One head's attention over N tokens of width d."""

    embedded: Tensor  # (N, d), from each token's text
    positions: Tensor  # (N, d), sinusoidal
    query: Tensor  # (N, d)
    key: Tensor  # (N, d)
    value: Tensor  # (N, d)
    weights: Tensor  # (N, N), rows summing to 1
    mixed: Tensor  # (N, d), the weighted sums of values


def tokenize(sentence: str, limit: int = MAX_TOKENS) -> tuple[list[str], bool]:
    """The first `limit` tokens of a sentence, and whether anything was cut off.

    Words end at spaces and punctuation; each punctuation mark is a token. Text is normalised (NFC), so that the same
    words give the same tokens however they were typed. Control characters count as spaces.
    """
    found, word = [], ""
    text = unicodedata.normalize("NFC", sentence[:MAX_CHARACTERS])
    for letter in text + " ":
        kind = unicodedata.category(letter)[
            0
        ]  # L letters, M marks on them, N numbers, P and S symbols, Z and C no text
        if kind in "LMN":
            word += letter
            continue
        found += [word] if word else []
        found += [letter] if kind in "PS" else []
        word = ""
    cut = (
        len(sentence) > MAX_CHARACTERS
        or len(found) > limit
        or any(len(token) > MAX_TOKEN_CHARACTERS for token in found[:limit])
    )
    return [token[:MAX_TOKEN_CHARACTERS] for token in found[:limit]], cut


def _normal(key: str, *shape: int) -> Tensor:
    """Standard normal numbers that depend only on `key`."""
    seed = int.from_bytes(hashlib.sha256(key.encode()).digest()[:8], "little") >> 1  # seeds are signed
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def token_vector(token: str, dim: int) -> Tensor:
    """A token's vector (dim,) of unit variance: equal text gives equal vectors."""
    return _normal(f"token {token}", dim)


@functools.cache
def projections(dim: int) -> Tensor:
    """W_Q, W_K and W_V (3, dim, dim), random, of variance 1/dim, so that vectors keep their length."""
    return torch.stack([_normal(f"weights {name}", dim, dim) for name in ("query", "key", "value")]) * dim**-0.5


def attend(words: Sequence[str], dim: int = 16) -> Sentence:
    """One head of self-attention over tokens: x = embedding + position, then Vaswani et al. 2017, equation 1."""
    embedded = torch.stack([token_vector(word, dim) for word in words]) if words else torch.zeros(0, dim)
    positions = sinusoidal_positions(len(words), dim)
    query, key, value = (embedded + positions) @ projections(dim).transpose(-2, -1)  # each N, d
    weights = attention_weights(query, key)
    return Sentence(embedded, positions, query, key, value, weights, weights @ value)
