"""The explanation of one picture: its numbers, and the browser's messages about them."""

import copy
import json
import re
import weakref
from io import BytesIO
from types import SimpleNamespace

import numpy as np
import pytest
import streamlit as st
import torch
from PIL import Image
from streamlit.testing.v1 import AppTest

import vit_core as vc
from app import text
from app.components.assets import joined
from app.components.binary import header_of, section
from app.components.why.component import HERE, SCRIPTS
from app.explore.reasons.methods import SCORE_STEPS
from app.mistakes import cached
from app.mistakes import why as module
from app.mistakes.why import FIRST_CURVE, METHODS, Why
from app.mistakes.why_panel import busy_sentence
from app.runtime import cache
from app.text import why as words
from tests import evaluated
from vit_core import attribution as at
from vit_core.attribution.faithfulness import RANDOM_ORDERS
from vit_core.evaluation.filters import Filter
from vit_core.evaluation.results import index_of


@pytest.fixture(scope="module")
def run(evaluation):
    return evaluation


@pytest.fixture(scope="module")
def path(run):
    """The most confident error."""
    return run.rows.page(Filter(outcome="wrong"), 0, 1)[0]["path"]


@pytest.fixture(scope="module")
def found(run, model, path):
    return Why(model, run, path)


def probabilities(model, found, **change):
    return at.intervene(model, found.images, **change).softmax(-1).numpy()


def test_the_pair_is_the_prediction_and_the_label(run, model, found):
    row = found.row
    assert found.labelled
    assert found.pair == (row["predicted"], row["label"])
    assert found.probabilities[found.predicted] == pytest.approx(row["probability"], abs=1e-5)
    assert found.probabilities[found.pair[1]] == pytest.approx(row["p_label"], abs=1e-5)


@pytest.mark.parametrize("outcome", ["right", "unknown"])
def test_without_a_different_label_the_pair_is_the_two_most_probable_classes(run, model, outcome):
    row = run.rows.page(Filter(outcome=outcome), 0, 1)[0]
    found = Why(model, run, row["path"])
    assert not found.labelled
    assert found.pair == tuple(row["top"][:2])
    assert (found.label == -1) == (outcome == "unknown")
    if outcome == "unknown":
        assert found.source_label_name == evaluated.STRANGE.replace("/", "-")


def test_both_maps_are_the_attribution_of_both_classes(model, found):
    for method in METHODS:
        maps = found.maps(method)
        assert maps.shape == (2, *found.grid)
        assert (maps >= 0).all() or at.METHODS[method].signed
        for one, number in zip(maps, found.pair, strict=True):
            wanted = at.attribute(model, found.images, number, method).on_grid
            np.testing.assert_allclose(one, wanted.numpy(), rtol=1e-6)
        assert np.allclose(maps[0], maps[1]) != at.METHODS[method].depends_on_class


@pytest.mark.parametrize(
    "off",
    [
        {"erased": [0, 90, 195], "fill": "mean"},
        {"erased": [90, 91], "fill": "blur"},
        {"erased": [104], "fill": "black"},
        {"heads": [[0, 1], [5, 3]]},
        {"layers": [2]},
        {"erased": [90], "heads": [[1, 1]], "layers": [0, 4], "fill": "black"},
    ],
)
def test_an_answer_equals_the_ablation(model, found, off):
    answer = found.answer(off)
    after = probabilities(
        model,
        found,
        erased=off.get("erased", ()),
        fill=off.get("fill", "mean"),
        heads_off=[tuple(pair) for pair in off.get("heads", ())],
        layers_off=off.get("layers", ()),
    )
    np.testing.assert_allclose(answer["p"], after[list(found.shown)], atol=2e-6)
    assert answer["now"][0] == after.argmax()
    assert answer["now"][1] == model.labels[after.argmax()]
    assert answer["now"][2] == pytest.approx(after.max(), abs=2e-6)
    assert np.abs(after - found.probabilities).max() > 1e-4


def test_without_a_change_the_answer_is_the_prediction(found):
    answer = found.answer({})
    np.testing.assert_allclose(answer["p"], found.probabilities[list(found.shown)], atol=1e-6)
    assert answer["now"][0] == found.predicted


ASKS = (
    lambda one: one.maps("gradient_rollout"),
    lambda one: one.maps("lrp"),
    lambda one: one.curve(*FIRST_CURVE).probabilities,
    lambda one: one.answer({"erased": [3]})["p"],
)


def full(monkeypatch, step: str, model) -> list:
    """Let that step run out of memory on `model`. Returns the list of models it is then tried with."""
    tried, held = [], METHODS if step in METHODS else vars(at)
    real = held[step]

    def asked(one, *rest, **more):
        tried.append(one)
        if one is model:  # its copy on the CPU has room
            raise torch.OutOfMemoryError("no room")
        return real(one, *rest, **more)

    monkeypatch.setitem(held, step, asked)
    return tried


@pytest.mark.parametrize("step", ["interventions", "gradient_rollout", "lrp", "deletion_curve"])
def test_after_running_out_of_memory_the_cpu_computes_the_rest(run, model, path, step, monkeypatch):
    plain = Why(model, run, path)
    wanted = [ask(plain) for ask in ASKS]
    tried = full(monkeypatch, step, model)
    first, again = Why(model, run, path), Why(model, run, path)
    for ask, values in zip(ASKS, wanted, strict=True):
        np.testing.assert_allclose(ask(first), values, atol=1e-5)
        assert first.fell_back == (model in tried[step == "interventions" :]) == (first.model is not model)
    assert tried.count(model) == 1 + (step == "interventions")
    ASKS[0](again), ASKS[1](again), ASKS[2](again)
    assert again.model is first.model  # one copy for all
    copy = weakref.ref(first.model)
    del first, again, tried[:]
    assert copy() is None  # which nothing else keeps


@pytest.mark.parametrize("language", ["en", "ko"])
def test_the_page_has_a_note_when_the_cpu_computes(run, path, language, monkeypatch):
    monkeypatch.setattr(evaluated, "SHOWN", (run, path), raising=False)

    def script():
        from app import sidebar, state
        from app.mistakes.why_panel import explain_picture
        from tests import evaluated

        state.start()
        sidebar.show()
        explain_picture(*evaluated.SHOWN, key="why")

    def page():
        app = AppTest.from_function(script, default_timeout=120)
        app.query_params["lang"] = language
        app.run()
        assert not app.exception
        return [caption.value for caption in app.main.caption]

    told = text.Text(language)("side.model.fell")
    st.cache_resource.clear()
    assert told not in page()
    st.cache_resource.clear()
    tried = full(monkeypatch, "deletion_curve", cache.model(evaluated.MODEL))
    assert told in page()
    assert len({id(model) for model in tried}) == 2
    st.cache_resource.clear()


@pytest.mark.parametrize(
    "off",
    [
        None,
        [],
        "all",
        7,
        {"erased": None},
        {"erased": "012"},
        {"erased": [-1, 196, 1.5, float("nan"), True, None, [0]]},
        {"heads": [[0], [0, 0, 0], [6, 0], [0, 4], [-1, 0], [None, "0"], 3, "ab"]},
        {"layers": [6, -1, "0", {}]},
        {"fill": "url(x)"},
        {"fill": ["mean"]},
        {"curve": "__class__"},
        {"curve": ["lrp"]},
        {"maps": "__class__"},
        {"maps": ["lrp"]},
    ],
)
def test_malformed_messages_change_nothing(found, off):
    change = found.change_of(off)
    assert change == at.Change((), "mean", (), ())
    answer = found.answer(off)
    assert answer["now"][0] == found.predicted
    assert not {"maps", "curve"} & answer.keys()


def test_the_curve_erases_the_strongest_evidence_first(model, found):
    for method, fill in (("gradient_rollout", "mean"), ("lrp", "black")):
        curve, ranking = found.curve(method, fill), found.ranking(method)
        flat = found.maps(method)[0].ravel()
        assert sorted(ranking) == list(range(found.patches))
        assert (np.diff(flat[list(ranking)]) <= 0).all()
        assert curve.counts == found.counts
        said = [probabilities(model, found, erased=ranking[:k], fill=fill) for k in curve.counts]
        np.testing.assert_allclose(curve.probabilities, [p[list(found.pair)] for p in said], atol=1e-5)
        first = next((k for k, p in zip(curve.counts, said, strict=True) if p.argmax() != found.predicted), None)
        assert curve.first == first
        assert curve.becomes == (None if first is None else said[curve.counts.index(first)].argmax())
    asked = found.answer({"curve": "lrp", "fill": "black"})["curve"]
    assert asked == found.curve_values("lrp", "black")


def test_the_maps_come_on_request(found):
    maps = found.answer({"maps": "lrp"})["maps"]
    assert maps["method"] == "lrp"
    np.testing.assert_allclose(maps["values"], found.maps("lrp").ravel(), rtol=1e-5)


def test_a_step_of_the_comparison_is_the_methods_map_and_its_areas(model, found):
    for method in ("attnlrp", "rollout"):
        step = found.answer({"compare": method})["compare"]
        values = at.attribute(model, found.images, found.predicted, method).values
        np.testing.assert_allclose(step["values"], values.numpy(), rtol=1e-5)
        curves = at.faithfulness(model, found.images, values, found.predicted, steps=SCORE_STEPS)
        scored = found.answer({"compare": f"scores:{method}"})["compare"]
        assert step["method"] == scored["method"] == method
        assert scored["scores"] == pytest.approx((curves.deletion.auc, curves.insertion.auc), abs=1e-5)
        np.testing.assert_allclose(scored["curves"], np.stack([curve.scores for curve in curves]), rtol=1e-4, atol=1e-6)


def test_random_maps_are_measured_once_each_and_give_the_interval_at_the_end(model, run, path, monkeypatch):
    why, seen = Why(model, run, path), []
    real = at.faithfulness
    monkeypatch.setattr(at, "faithfulness", lambda *args, **named: seen.append(real(*args, **named)) or seen[-1])
    for number in range(RANDOM_ORDERS):
        step = why.answer({"compare": number})["compare"]
        assert step["random"] == number + 1
        assert ("chance" in step) == (number == RANDOM_ORDERS - 1)
    assert why.answer({"compare": 3})["compare"] == step
    assert len(seen) == RANDOM_ORDERS
    for interval, curve in zip(step["chance"], ("deletion", "insertion"), strict=True):
        areas = np.array([getattr(one, curve).auc for one in seen])
        margin = 1.96 * areas.std(ddof=1)
        assert interval == pytest.approx((areas.mean() - margin, areas.mean() + margin), rel=1e-5)
    for band, curve in zip(step["bands"], ("deletion", "insertion"), strict=True):
        scores = np.stack([getattr(one, curve).scores.double() for one in seen])
        margin = 1.96 * scores.std(0, ddof=1)
        wanted = np.stack([scores.mean(0) - margin, scores.mean(0) + margin], 1)
        np.testing.assert_allclose(band, wanted, rtol=1e-4, atol=1e-5)
    for nonsense in (-1, RANDOM_ORDERS, True, "magic", ["lrp"], None, 1.5):
        assert why.answer({"compare": nonsense})["compare"] == {}


def test_first_maps_computed_ahead_are_there_when_the_picture_is_opened(run, monkeypatch):
    paths = [row["path"] for row in run.rows.page(Filter(outcome="wrong"), 0, 2)]
    cached.explain_ahead([run], ["no/such picture", *paths], FIRST_CURVE[0]).join(120)
    monkeypatch.setitem(METHODS, FIRST_CURVE[0], None)  # nothing is computed any more
    for path in paths:
        assert cached.explanation(run, path).maps(FIRST_CURVE[0]).shape == (2, 14, 14)


def test_with_many_patches_the_curve_has_few_steps(found, monkeypatch):
    monkeypatch.setattr(module, "MAX_CURVE_STEPS", 20)
    few = Why(found.model, found.run, found.path)
    assert few.counts[0] == 0
    assert few.counts[-1] == few.patches
    assert len(few.counts) <= 6
    assert few.curve(*FIRST_CURVE).counts == few.counts


def test_the_fills_look_as_the_model_gets_them(model, found):
    transform = model.transform
    for fill, shown in (("mean", found.mean_colour), ("blur", found.blurred)):
        erased = at.erase_patches(model, found.images, range(found.patches), fill)
        painted = erased[0, 0] * transform.std[0] + transform.mean[0]
        wanted = (painted * 255).round().numpy()
        if fill == "mean":
            assert shown == (int(wanted[0, 0]),) * 3
        else:
            np.testing.assert_array_equal(np.asarray(shown)[..., 0], wanted)


def test_the_nearest_pictures_are_correct_and_sorted(run, found):
    for number, rows in zip(found.pair, found.nearest, strict=True):
        assert rows
        assert all(row["label"] == row["predicted"] == number and row["path"] != found.path for row, _ in rows)
        similar = [row["similarity"] for row, _ in rows]
        assert similar == sorted(similar, reverse=True)
        assert all(0 < max(Image.open(BytesIO(data)).size) <= module.NEAREST_SIDE for _, data in rows)
    everything = run.rows.neighbours(found.path, 10_000, Filter(label=found.pair[0], outcome="right"))
    assert everything[0]["path"] == found.nearest[0][0][0]["path"]


def test_a_changed_or_missing_file_is_noticed(run, model, tmp_path):
    paths = [row["path"] for row in run.rows.page(Filter(outcome="right"), 0, 2)]
    data = [run.source.data(index_of(run.source, run.rows.row(path))) for path in paths]

    class Moved:  # the same names, each with the other's bytes
        names = paths
        classes = run.source.classes
        data = staticmethod(lambda index: data[1 - index])

        def __len__(self):
            return 2

    other = SimpleNamespace(rows=run.rows, source=Moved(), labels=run.labels)
    assert Why(model, other, paths[0]).changed
    assert not Why(model, run, paths[0]).changed
    assert not Why(model, other, paths[0]).retrained  # another file explains another answer
    Moved.names = ["gone.png", "away.png"]
    with pytest.raises(vc.InputError) as caught:
        Why(model, other, paths[0])
    assert caught.value.code == "image-missing"
    with pytest.raises(vc.InputError) as caught:
        Why(model, run, "no such row")
    assert caught.value.code == "image-missing"


def test_a_changed_model_is_noticed(run, model, path):
    assert not Why(model, run, path).retrained
    other = copy.deepcopy(model)
    with torch.no_grad():
        other.head.weight.neg_()
    assert Why(other, run, path).retrained


def test_an_explanation_is_freed_with_its_last_reference(run, model, path, uncollected):
    why = Why(model, run, path)
    why.maps("lrp"), why.curve(*FIRST_CURVE)
    gone = weakref.ref(why)
    del why
    assert gone() is None


def test_the_model_is_not_changed(run, path):
    model = vc.load(evaluated.MODEL, "cpu")
    before = {name: value.clone() for name, value in model.state_dict().items()}
    why = Why(model, run, path)
    why.maps("lrp"), why.curve(*FIRST_CURVE), why.answer({"heads": [[0, 0]], "layers": [1], "erased": [1]})
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert all(p.grad is None for p in model.parameters())


def test_the_payload_has_the_maps_and_answers_are_short(found):
    names = {c: str(found.class_name(c)) for c in found.shown}
    english, korean = (found.payload("here", table, names, {"a": "b"}) for table in (words.EN, words.KO))
    header = header_of(english)
    assert header["of"] == header_of(korean)["of"] == "here"
    assert header["id"] != header_of(korean)["id"]
    assert [one["class"] for one in header["shown"]] == list(found.shown)
    assert set(found.pair) <= set(found.shown)
    method = FIRST_CURVE[0]
    np.testing.assert_array_equal(section(english, method), found.maps(method))
    assert len(english) < 100_000
    answer = {"of": "here", "seq": "abcde-1"} | found.answer({"erased": list(range(found.patches))})
    assert len(json.dumps(answer)) < 400


def test_both_languages_have_the_same_sentences_and_all_are_used():
    places = re.compile(r"\{(\w+)\}")
    hangul = re.compile("[가-힣]")
    assert set(words.EN) == set(words.KO)
    for key, sentence in words.EN.items():
        assert set(places.findall(sentence)) == set(places.findall(words.KO[key])), key
        assert not hangul.search(sentence), key
        assert hangul.search(words.KO[key]) or key in ("legrad", "attnlrp"), key  # names
    for key, sentence in words.MULTI_LABEL["en"].items():  # the same places as in the sentence that it replaces
        assert set(places.findall(sentence)) <= set(places.findall(words.EN[key])) | {"name", "percent"}, key
        assert set(places.findall(sentence)) == set(places.findall(words.MULTI_LABEL["ko"][key])), key
        assert hangul.search(words.MULTI_LABEL["ko"][key]), key
        assert not hangul.search(sentence), key
    assert words.MULTI_LABEL["ko"].keys() == words.MULTI_LABEL["en"].keys() <= words.EN.keys()
    asked = joined(HERE, SCRIPTS, "js") + (HERE.parents[1] / "mistakes/why_panel.py").read_text(encoding="utf-8")
    unused = {key for key in words.EN if not re.search(rf"(?<![a-z_]){key}(?![a-z_])", asked)}
    assert unused <= {f"fill_{fill}" for fill in at.FILLS} | set(METHODS)
    assert not re.search(r"[은이을과]\([는가를와]\)|\((으|이)\)", " ".join(words.KO.values()))


def test_a_long_computation_is_announced_with_its_time(found):
    assert 0 < found.seconds < 60
    for language, end in ((words.EN, "This takes about 58 s."), (words.KO, "약 58초 걸립니다.")):
        long, short = (busy_sentence(SimpleNamespace(passes=29, seconds=each), language) for each in (2.0, 0.01))
        assert short == language["computing_why"].format(passes=29)
        assert long == f"{short} {end}"
