"""The scene "features": its maps are the core's, its notes hold, and no request or model breaks it."""

import json

import numpy as np
import pytest
from PIL import Image
from scipy.stats import rankdata, spearmanr

import vit_core as vc
from app.explore.result import Result
from app.lecture import Stage, pack
from app.lecture import build as scene_of
from app.lecture.scenes import features as scene
from app.runtime.cache import SAMPLES
from vit_core.images.geometry import patch_box
from vit_core.lecture import resemblance

KINDS = [
    {},
    dict(registers=3),
    dict(class_token=False, pool="avg"),
    dict(position="rope", head_dim=8),
    dict(classes=0),
    dict(channels=1),
    dict(depth=1),
]
PHOTOGRAPHS = [e["file"] for e in json.loads((SAMPLES / "samples.json").read_text()) if e["model"] != "fashion"]


def cosines(found, layer: int) -> np.ndarray:
    """The similarities of a layer as the browser reads them, (rows, P)."""
    low, high = found.arrays["ends"][layer].T[:, :, None]
    return low + found.arrays["similar"][layer] * (high - low) / scene.SHADES


@pytest.fixture(scope="module")
def model():
    return vc.load("embedded:photo", "cpu")


@pytest.fixture(scope="module")
def photograph(model):
    """photograph(file) -> the stage of that sample with the embedded model."""

    def make(file: str) -> Stage:
        picture = Image.open(SAMPLES / file).convert("RGB")
        return Stage(Result("embedded:photo", picture, model, vc.record(model, picture), 0.0))

    return make


@pytest.fixture(scope="module")
def photographs(photograph):
    """The numbers of the scene for each photograph, with its "crop"."""

    def numbers(file: str) -> dict:
        of = photograph(file)
        return scene_of("features", of, {"sample": file}).numbers | {"crop": of.result.trace.crop}

    return {file: numbers(file) for file in PHOTOGRAPHS}


@pytest.mark.parametrize("fields", KINDS, ids=str)
def test_the_maps_are_the_cores(stage, fields):
    of = stage(**fields)
    found = scene_of("features", of, {})
    trace = vc.record(of.model, of.result.picture, features=True)
    (L, P, _), prefix = found.arrays["similar"].shape, trace.num_prefix_tokens
    assert L == found.numbers["layers"] == of.config.depth
    assert P == found.numbers["patches"] == trace.num_tokens - prefix
    for layer in range(L):
        for patch in (0, 7, P - 1):
            core = vc.features.similarity(trace, layer, patch + prefix).numpy()
            found_here, others = cosines(found, layer)[patch], np.arange(P) != patch
            step = np.ptp(core[others]) / scene.SHADES
            np.testing.assert_allclose(found_here[others], core[others], atol=step / 2 + 2e-3)
            assert spearmanr(found_here[others], core[others]).statistic >= 0.99
            best = found.arrays["best"][layer, patch]
            assert best != patch
            assert core[best] == pytest.approx(core[others].max(), abs=2e-3)
            assert (
                found_here[best] == found_here.max() == pytest.approx(found.arrays["ends"][layer, patch, 1], abs=1e-6)
            )


def test_one_patch_is_sent_if_all_are_too_many(stage, monkeypatch):
    whole = scene_of("features", stage(), {})
    monkeypatch.setattr(scene, "MAX_BYTES", 1000)
    found = scene_of("features", stage(), {"from": 11})
    assert (found.numbers["every"], found.numbers["from"]) == (False, 11)
    assert found.arrays["similar"].shape[1] == 1
    for layer in range(found.numbers["layers"]):
        np.testing.assert_array_equal(found.arrays["similar"][layer, 0], whole.arrays["similar"][layer, 11])
        np.testing.assert_allclose(found.arrays["ends"][layer, 0], whole.arrays["ends"][layer, 11], atol=1e-6)
        assert found.arrays["best"][layer, 0] == whole.arrays["best"][layer, 11]


def test_what_is_sent_stays_within_its_budget(photograph):
    found = scene_of("features", photograph("owl.jpg"), {})
    assert found.arrays["similar"].nbytes == 12 * 256 * 256
    assert found.numbers["every"]
    assert 12 * 256 * 256 < scene.MAX_BYTES < 12 * 1369 * 1369


def test_what_is_shared_is_measured_on_the_pictures_colours_and_places(stage):
    of = stage()
    found = scene_of("features", of, {}).numbers
    (rows, cols), (ph, pw) = of.result.grid, of.config.patch_size
    pixels = np.array(of.result.model_input, np.float64)
    colours = np.array([pixels[r * ph :][:ph, c * pw :][:, :pw].mean((0, 1)) for r in range(rows) for c in range(cols)])
    aspect = of.result.patch_aspect
    places = np.array([(r * aspect, c) for r in range(rows) for c in range(cols)], float)
    pairs = np.triu_indices(rows * cols, 1)
    for layer in range(of.config.depth):
        alike = resemblance.patch_cosines(of.streams[layer + 1, of.config.num_prefix_tokens :]).numpy()[pairs]
        for name, values in (("colour", colours), ("place", places)):
            far = np.linalg.norm(values[pairs[0]] - values[pairs[1]], axis=1)
            assert found[name][layer] == pytest.approx(spearmanr(alike, -far).statistic, abs=1e-6)


@pytest.mark.parametrize("file", PHOTOGRAPHS)
def test_each_photograph_begins_at_its_point(photographs, file):
    found = photographs[file]
    left, top, right, bottom = patch_box(divmod(found["start"], 16), found["crop"], 14)
    height, width = found["crop"].picture
    x, y = scene.POINTS[file][0] * width, scene.POINTS[file][1] * height
    assert left <= x < right
    assert top <= y < bottom


def test_every_photograph_has_a_point_and_other_pictures_begin_in_the_middle(stage):
    assert set(scene.POINTS) == set(PHOTOGRAPHS)
    of = stage()
    rows, cols = of.result.grid
    for sample in (None, "x.jpg", ["owl.jpg"], {}):
        assert scene_of("features", of, {"sample": sample}).numbers["start"] == rows // 2 * cols + cols // 2


@pytest.mark.parametrize("point", [(-1, -1), (0, 0), (1, 1), (9, 9)])
def test_a_point_in_no_patch_has_the_nearest(stage, point):
    of = stage()
    assert scene.patch_at(of, point) == (0 if point < (0.5, 0.5) else np.prod(of.result.grid) - 1)


def test_the_notes_on_the_red_panda_hold(photograph):
    of = photograph("red-panda.jpg")
    found = scene_of("features", of, {"sample": "red-panda.jpg"})
    eye = found.numbers["start"]
    nearest = [[patch for patch in np.argsort(-cosines(found, layer)[eye]) if patch != eye] for layer in range(12)]
    colours = resemblance.patch_colours(np.array(of.result.model_input), (14, 14))
    like = colours[nearest[0][:26]].mean(0)
    assert (like < colours.mean(0)).all()  # dark
    assert like[0] > 1.3 * like[1]  # reddish
    assert 8 * 16 + 5 in nearest[5][:2]  # the other eye
    face = {row * 16 + col for row in range(6, 13) for col in range(4, 12)}
    assert set(nearest[11][:40]) <= face
    assert len(set(nearest[0][:40]) & face) < 5


def test_the_notes_on_the_cows_hold(photograph):
    of = photograph("cows.jpg")
    found = scene_of("features", of, {"sample": "cows.jpg"})
    white = found.numbers["start"]
    colours = resemblance.patch_colours(np.array(of.result.model_input), (14, 14))
    assert colours[white].min() > 190
    cow = [row * 16 + col for row in range(6, 11) for col in range(4, 16)]
    black = [patch for patch in cow if colours[patch].mean() < 70]
    assert len(black) > 9
    share = [rankdata(cosines(found, layer)[white])[black].mean() / 256 for layer in (0, 11)]
    assert share[0] < 0.2
    assert share[1] > 0.8


def test_colour_counts_less_with_depth_in_most_photographs(photographs):
    falls = [found["colour"][-1] < found["colour"][0] - 0.1 for found in photographs.values()]
    assert sum(falls) > 0.7 * len(falls)
    assert not all(falls)  # so the scene's sentence has to follow the number


def test_a_constant_picture_and_a_single_patch_have_no_rank_correlation(model, build):
    plain = Image.new("RGB", (60, 60), (90, 90, 90))
    found = scene_of("features", Stage(Result("plain", plain, model, vc.record(model, plain), 0.0)), {})
    assert found.numbers["colour"] == [None] * 12
    assert None not in found.numbers["place"]
    small = build(image_size=(3, 3))
    of = Stage(Result("one", plain, small, vc.record(small, plain), 0.0))
    found = scene_of("features", of, {})
    assert found.arrays["best"].tolist() == [[-1]] * 3
    assert found.numbers["colour"] == found.numbers["place"] == [None] * 3
    assert pack("features", of, found, {}, "en", {"of": "one", "sample": False})


@pytest.mark.parametrize("at", ["2", -1, 1e9, None, True, [3], float("nan")])
def test_hostile_requests(stage, at):
    found = scene_of("features", stage(), {"from": at}).numbers
    assert 0 <= found["from"] < found["patches"]
