"""The methods compared for one class of Explore's picture: the numbers of the functions behind them."""

import numpy as np
import pytest
import torch
from PIL import Image

import vit_core as vc
from app.components.binary import header_of, section
from app.components.reasons.payload import pack
from app.explore.reasons.methods import METHODS, SCORE_STEPS
from app.explore.reasons.reasons import Reasons
from app.explore.result import Result
from app.text.reasons import CARDS
from vit_core import attribution as at
from vit_core.attribution.faithfulness import RANDOM_ORDERS


@pytest.fixture(scope="module")
def result():
    model = vc.load("embedded:tiny", "cpu")
    picture = Image.fromarray(np.random.default_rng(0).integers(0, 255, (40, 50, 3), dtype=np.uint8))
    return Result("embedded:tiny", picture, model, vc.record(model, picture), 0.1)


@pytest.mark.parametrize("target", [0, 7])
def test_maps_and_scores_are_those_of_the_core_for_the_chosen_class(result, target):
    of = Reasons(result, target)
    images, _ = result.model.transform(result.picture)
    for method in METHODS:
        found = of.step(method)
        map_of_class = at.attribute(result.model, result.picture, target, method)
        np.testing.assert_allclose(found["values"], map_of_class.values.numpy(), rtol=1e-4, atol=1e-7)
        curves = at.faithfulness(result.model, images, map_of_class.values, target, steps=SCORE_STEPS)
        assert of.step(f"scores:{method}")["scores"] == pytest.approx(
            (curves.deletion.auc, curves.insertion.auc), abs=1e-5
        )


def test_random_maps_give_intervals_in_the_end(result):
    of = Reasons(result, 3)
    steps = [of.step(number) for number in range(RANDOM_ORDERS)]
    assert [one["random"] for one in steps] == [*range(1, RANDOM_ORDERS + 1)]
    assert all("chance" not in one for one in steps[:-1])
    for low, high in steps[-1]["chance"]:
        assert low < high


def test_a_map_is_computed_once(result, monkeypatch):
    of, calls = Reasons(result, 3), []
    own = METHODS["legrad"]
    monkeypatch.setitem(METHODS, "legrad", lambda *a: calls.append(a) or own(*a))
    assert of.step("legrad") == of.step("legrad")
    assert len(calls) == 1


def test_nonsense_from_the_browser_gives_nothing(result):
    of = Reasons(result, 3)
    for asked in (None, "guess", "scores:guess", "scores:", -1, RANDOM_ORDERS, True, [], {"legrad": 1}):
        assert of.step(asked) == {}


def test_picture_model_and_class_have_an_identity_each(result):
    other = Result("embedded:tiny", result.picture.rotate(180), result.model, result.trace, 0.1)
    ids = {Reasons(result, 3).id, Reasons(result, 4).id, Reasons(other, 3).id}
    assert len(ids) == 3
    assert Reasons(result, 3).id in ids
    assert Reasons(result, 3).nbytes == 4 * 3 * torch.tensor(result.config.image_size).prod()


def test_the_payload_holds_picture_and_scales(result):
    data = pack({"of": "x", "grid": result.grid}, result.region)
    assert header_of(data)["of"] == "x"
    assert bytes(section(data, "picture"))[8:12] == b"WEBP"
    assert section(data, "viridis").shape == section(data, "diverging").shape == (256, 4)


def test_the_cards_have_the_same_words_in_both_languages():
    assert CARDS["en"].keys() == CARDS["ko"].keys()
