"""The scene "language": the sentence's numbers are vit_core.lecture.sentence's, the picture's are the trace's."""

import numpy as np
import pytest
import torch

from app.components.binary import assemble
from app.lecture.scenes import language
from app.text.lecture.language import EN, KO
from vit_core.lecture import sentence as core


@pytest.mark.parametrize(
    "fields",
    [
        {},
        dict(class_token=False, pool="avg"),
        dict(registers=2),
        dict(classes=0),
        dict(block="res_post"),
        dict(channels=1),
        dict(position="none"),
        dict(mlp="glu"),
    ],
)
def test_the_picture_side_is_one_head_of_the_trace(stage, fields):
    shown = stage(**fields)
    scene = language.build(shown, {"layer": 2, "head": 1})
    expected = shown.result.trace.attention(2)[1].numpy()
    assert np.allclose(scene.arrays["matrix"], expected, atol=1e-5)
    step = shown.block_steps(2)
    for name in ("query", "key", "value"):
        assert np.array_equal(scene.arrays[name], getattr(step, name)[1].numpy())
    assert scene.numbers["side"] == scene.numbers["tokens"] == len(expected)


def test_the_sentence_side_is_the_cores(stage):
    scene = language.build(stage(), {"sentence": "I am a student"})
    assert scene.numbers["words"] == ["I", "am", "a", "student"]
    found = core.attend(["I", "am", "a", "student"])
    for name in ("query", "key", "value"):
        assert np.array_equal(scene.arrays[f"words_{name}"], getattr(found, name).numpy())


def test_a_large_matrix_is_averaged_down(stage, monkeypatch):
    monkeypatch.setattr(language, "MAX_MATRIX_SIDE", 6)  # of 36 tokens
    shown = stage()
    scene = language.build(shown, {"layer": 0, "head": 0})
    whole = shown.result.trace.attention(0)[0].numpy()
    assert scene.arrays["matrix"].shape == (6, 6)
    assert np.allclose(scene.arrays["matrix"], whole.reshape(6, 6, 6, 6).mean((1, 3)), atol=1e-6)


@pytest.mark.parametrize(
    "sentence", ["", "   ", "\x00", "\ud800", "x" * 10**6, "! " * 10**5, "<b>&amp;</b>", "{0}", "١٢"]
)
def test_hostile_sentences_are_bounded_and_can_be_sent(stage, sentence):
    scene = language.build(stage(), {"sentence": sentence})
    assert len(scene.numbers["words"]) <= 12
    assert len(scene.numbers["sentence"]) <= core.MAX_CHARACTERS + 1
    assert len(assemble({"numbers": scene.numbers}, scene.arrays)) < 200_000


@pytest.mark.parametrize(
    "want", [{}, {"sentence": None}, {"sentence": 7}, {"sentence": ["a"]}, {"layer": "1"}, {"layer": 10**9, "head": -1}]
)
def test_any_request_is_answered(stage, want):
    numbers = language.build(stage(), want).numbers
    assert numbers["words"] == ["나는", "학생", "입니다"]
    assert 0 <= numbers["layer"] < 3
    assert 0 <= numbers["head"] < 2
    assert language.build(stage(), want | {"language": "en"}).numbers["words"] == ["I", "am", "a", "student"]


@pytest.mark.parametrize("words", [EN, KO])
def test_every_example_fits(words):
    for n in range(1, 5):
        found, cut = core.tokenize(words[f"preset_{n}"])
        assert not cut
        assert 3 <= len(found) <= core.MAX_TOKENS
        assert torch.isfinite(core.attend(found).mixed).all()
