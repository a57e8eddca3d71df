"""A sentence's attention: tokens as they are split, numbers as the model's own attention computes them."""

import math
import unicodedata

import pytest
import torch

from vit_core.lecture import sentence as language
from vit_core.models.vit import attention_weights


@pytest.mark.parametrize(("sentence", "expected"), [
    ("나는 학생 입니다", ["나는", "학생", "입니다"]),
    ("I am a student.", ["I", "am", "a", "student", "."]),
    ("don't", ["don", "'", "t"]),
    ("  a\tb\n\x00c ", ["a", "b", "c"]),
    ("one,two;3", ["one", ",", "two", ";", "3"]),
    ("नमस्ते दुनिया", ["नमस्ते", "दुनिया"]),  # vowel signs stay with their letters
    ("a\u200bb", ["a", "b"]),
    ("\ud800 x", ["x"]),  # half a character is none
    ("", []), ("   ", []), ("\x00\x01", []),
])  # fmt: skip
def test_words_end_at_spaces_and_punctuation(sentence, expected):
    assert language.tokenize(sentence) == (expected, False)


def test_the_same_words_give_the_same_tokens_however_typed():
    decomposed = unicodedata.normalize("NFD", "나는 café")
    assert decomposed != "나는 café"
    assert language.tokenize(decomposed)[0] == language.tokenize("나는 café")[0] == ["나는", "café"]


@pytest.mark.parametrize("sentence", ["a " * 13, "x" * 25, "x" * 10**6, "! " * 10**5, "\u0301" * 500, "ﷺ" * 500])
def test_a_sentence_that_is_too_long_is_cut_and_reported(sentence):
    found, cut = language.tokenize(sentence)
    assert cut
    assert len(found) <= language.MAX_TOKENS
    assert all(0 < len(token) <= language.MAX_TOKEN_CHARACTERS for token in found)


def test_twelve_tokens_are_not_cut():
    assert language.tokenize("a " * 12) == (["a"] * 12, False)


def test_an_embedding_is_of_the_text_alone():
    a, b = language.token_vector("학생", 16), language.token_vector("student", 16)
    assert torch.equal(a, language.token_vector("학생", 16))
    assert not torch.equal(a, b)
    many = torch.stack([language.token_vector(str(i), 64) for i in range(200)])
    assert abs(many.mean()) < 0.05
    assert abs(many.std() - 1) < 0.05


def test_attention_is_worked_out_by_hand():
    found = language.attend(["a", "b", "a"], 4)
    W_Q, W_K, W_V = language.projections(4)
    x = [(found.embedded[n] + found.positions[n]).tolist() for n in range(3)]
    apply = lambda W, v: [sum(W[r, c].item() * v[c] for c in range(4)) for r in range(4)]  # noqa: E731
    q, k, v = ([apply(W, one) for one in x] for W in (W_Q, W_K, W_V))
    for i in range(3):
        scores = [sum(a * b for a, b in zip(q[i], k[j], strict=True)) / 2 for j in range(3)]  # sqrt(4)
        total = sum(map(math.exp, scores))
        weights = [math.exp(s) / total for s in scores]
        assert found.weights[i].tolist() == pytest.approx(weights, abs=1e-5)
        mixed = [sum(weights[j] * v[j][c] for j in range(3)) for c in range(4)]
        assert found.mixed[i].tolist() == pytest.approx(mixed, abs=1e-5)


def test_attention_is_the_models_own():
    found = language.attend(language.tokenize("The cat sat on the mat because it was warm")[0])
    assert torch.equal(found.weights, attention_weights(found.query, found.key))
    torch.testing.assert_close(found.weights.sum(-1), torch.ones(10))


def test_positions_tell_equal_tokens_apart():
    found = language.attend(["a", "a"])
    assert torch.equal(found.embedded[0], found.embedded[1])
    assert not torch.allclose(found.query[0], found.query[1])


def test_no_words_no_attention():
    found = language.attend([])
    assert found.weights.shape == (0, 0)
    assert found.mixed.shape == (0, 16)
