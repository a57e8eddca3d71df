"""The encoder's scene: the same weights in two wirings, with residuals and without."""

import numpy as np
import pytest
import torch

from app import lecture
from app.lecture.scenes import encoder
from app.text.lecture import encoder as words
from vit_core.lecture import final_vector, mean_token_cosine, rewired_parts

MODELS = {
    "plain": {}, "post": {"block": "res_post"}, "parallel": {"block": "parallel", "layer_scale": True},
    "bare": {"class_token": False, "position": "none", "pool": "avg", "classes": 0},
    "tokens": {"registers": 4, "distillation_token": True, "distillation_head": True}, "glu": {"mlp": "glu"},
    "grey": {"channels": 1, "norm": "rms", "final_norm": False}, "one patch": {"image_size": (3, 3)},
}  # fmt: skip


@pytest.mark.parametrize("name", MODELS)
def test_what_is_shown_is_what_the_blocks_do(stage, name):
    made = stage(**MODELS[name])
    N, prefix = made.streams.shape[1], made.config.num_prefix_tokens
    for layer in (0, 2):
        scene = lecture.build("encoder", made, {"layer": layer, "at": N - 1})
        said, arrays = scene.numbers, scene.arrays
        assert (said["layer"], said["at"], said["tokens"], said["dim"]) == (layer, N - 1, N, 14)
        own = made.config.block
        assert said["own"] == own
        for side, norm in (("standard", "post"), ("own", own)):
            for residual, run in ((True, f"{side}_on"), (False, f"{side}_off")):
                streams = [made.streams[0]]
                for block in made.model.blocks:
                    *_, left = rewired_parts(block, streams[-1], norm, residual).values()
                    streams.append(left)
                streams = torch.stack(streams)
                parts = rewired_parts(made.model.blocks[layer], streams[layer], norm, residual)
                assert said["parts"][side] == list(parts)
                for i, part in enumerate(parts.values()):
                    np.testing.assert_allclose(arrays[f"norms_{run}"][i], part.norm(dim=-1), rtol=1e-4)
                    np.testing.assert_allclose(arrays[f"vectors_{run}"][i], part[-1], atol=1e-4)
                norms = streams.norm(dim=-1)
                np.testing.assert_allclose(arrays[f"patches_{run}"], norms[:, prefix:].mean(1), rtol=1e-4)
                if made.config.class_token:
                    np.testing.assert_allclose(arrays[f"class_{run}"], norms[:, 0], rtol=1e-4)
                else:
                    assert f"class_{run}" not in arrays
                cosine = mean_token_cosine(streams[-1])
                assert said["ends"][run]["cosine"] == (pytest.approx(float(cosine), abs=1e-4) if N > 1 else None)


@pytest.mark.parametrize("name", MODELS)
def test_the_models_own_wiring_ends_in_its_own_answer(stage, name):
    made = stage(**MODELS[name])
    ends = lecture.build("encoder", made, {}).numbers["ends"]
    logits = made.result.trace.logits
    if logits is None:
        assert not any(end["answers"] for end in ends.values())
        return
    [best] = ends["own_on"]["answers"]
    assert best["index"] == int(logits.argmax())
    assert best["p"] == pytest.approx(float(logits.softmax(-1).max()), abs=1e-4)
    assert len({end["answers"][0]["p"] for end in ends.values()}) > 1


def test_nothing_that_a_browser_asks_breaks_it(stage):
    made = stage()
    for want in (
        {},
        {"layer": 99, "at": 10**9},
        {"layer": -1, "at": -7},
        {"layer": "x", "at": None},
        {"layer": float("nan"), "at": [1]},
        {"layer": True, "more": {}},
    ):
        numbers = lecture.build("encoder", made, want).numbers
        assert 0 <= numbers["layer"] < 3
        assert 0 <= numbers["at"] < 36
    assert lecture.build("encoder", made, {"layer": 99}).numbers["layer"] == 2


def test_a_large_model_keeps_fewer_streams_and_shows_the_same(stage, monkeypatch):
    made = stage()
    scenes = []
    for elements in (10**9, 1):
        monkeypatch.setattr(encoder, "MAX_STREAM_ELEMENTS", elements)
        made._memo.clear()
        scenes.append(lecture.build("encoder", made, {"layer": 2}))
    assert len(encoder.encoder_runs(made).streams) == 4
    for name, values in scenes[0].arrays.items():
        np.testing.assert_allclose(scenes[1].arrays[name], values, atol=1e-6)


def test_logits_that_are_no_numbers_are_no_answer(stage):
    made = stage()
    with torch.no_grad():
        made.model.head.bias[0] = torch.inf
    assert not lecture.build("encoder", made, {}).numbers["ends"]["own_on"]["answers"]


def test_every_part_and_wiring_has_its_words():
    parts = {part for norm in ("pre", "post", "res_post", "parallel") for part in ORDER[norm]}
    for table in (words.EN, words.KO):
        assert not [part for part in parts if f"at_{part}" not in table]
        for norm in ("pre", "res_post", "parallel"):
            assert {f"trained_{norm}", f"name_{norm}", f"by_{norm}"} <= set(table)
    assert {"pre", "post", "res_post", "parallel"} <= set(words.MATH)


ORDER = {
    "pre": ["x", "norm1", "attention", "sum1", "norm2", "mlp", "sum2"],
    "post": ["norm1"],
    "res_post": ["norm1"],
    "parallel": ["x", "mlp"],
}


@pytest.mark.parametrize("fields", [dict(classes=0), dict(classes=0, class_token=False, pool="avg")], ids=str)
def test_without_a_head_the_ends_say_how_the_final_vector_changed(stage, fields):
    made = stage(**fields)
    ends = lecture.build("encoder", made, {}).numbers["ends"]
    first = final_vector(made.model, made.images)[0]
    assert ends["own_on"]["change"] == {"cosine": pytest.approx(1), "relative": pytest.approx(0, abs=1e-6)}
    x = made.streams[0]
    for block in made.model.blocks:
        *_, x = rewired_parts(block, x, "pre", False).values()
    with torch.no_grad():
        after = made.model.pooled(made.model.norm(x[None]))[0]
    assert ends["own_off"]["change"]["cosine"] == pytest.approx(
        float(torch.cosine_similarity(first, after, dim=0)), abs=1e-5
    )
    assert ends["own_off"]["answers"] == []
