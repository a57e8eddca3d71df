"""The page, run without a browser on small models of every shape; only the browser itself is missing."""

import contextlib
import functools
import re
import traceback
from pathlib import Path
from types import SimpleNamespace
from unittest import mock

import numpy as np
import pytest
import streamlit as st
import torch
from PIL import Image
from safetensors.torch import save_file
from streamlit.errors import StreamlitAPIException
from streamlit.testing.v1 import AppTest

import vit_core as vc
from app import state, text
from app.components import panel
from app.components.atlas import component as atlas_component
from app.components.atlas.payload import MEAN, ROLLOUT
from app.components.binary import header_of, section
from app.components.rollout import component as rollout_component
from app.components.rollout import payload as rollout_payload
from app.explore import address, figures, views
from app.explore.result import Result, Rollout, array
from app.runtime import cache
from tests.conftest import shake
from vit_core.checkpoints import embedded
from vit_core.images import Preprocess
from vit_core.models.config import ViTConfig
from vit_core.models.vit import VisionTransformer
from vit_core.serving import queue

ROOT = Path(__file__).resolve().parents[2]
MAIN = ROOT / "app" / "main.py"
#: name -> config fields: everything the page may not take for granted.
MODELS = {
    "photo": dict(image_size=(24, 24), patch_size=(4, 4), distillation_token=True),
    "fashion": dict(image_size=(20, 20), patch_size=(4, 4), channels=1),
    "bare": dict(image_size=(12, 20), class_token=False, pool="avg", position="none"),
    "headless": dict(image_size=(24, 16), patch_size=(4, 4), classes=0, registers=4),
    "single": dict(image_size=(8, 8), patch_size=(8, 8), depth=1, heads=1),
    "leftover": dict(image_size=(23, 26), patch_size=(5, 4), heads=13, head_dim=2),
}
SMALL = dict(image_size=(15, 21), patch_size=(4, 4), classes=11, dim=14, depth=3, heads=2, head_dim=7, mlp_dim=23)


def small(name: str) -> VisionTransformer:
    """The model of that name in MODELS, its weights shaken, the same every time."""
    config = ViTConfig(**SMALL | MODELS[name])
    labels = [f"thing {i}" for i in range(config.classes)] if name == "photo" else None
    mean = (0.5,) * config.channels
    torch.manual_seed(0)
    return shake(VisionTransformer(config, labels, Preprocess(config.image_size, mean, mean, crop_pct=1.0)))


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    """A folder of embedded models in place of the product's, empty caches, and no frozen garbage."""
    import streamlit as st

    monkeypatch.setattr(embedded, "ASSETS", tmp_path)
    monkeypatch.setenv("VITRINE_NO_FREEZE", "1")
    for name in MODELS:
        embedded.save(small(name), tmp_path / f"{name}.safetensors", {"title": f"the {name} model"})
    st.cache_resource.clear()
    yield tmp_path
    st.cache_resource.clear()


@pytest.fixture
def forwards(monkeypatch):
    """How often the model ran: a list that grows."""
    ran, forward = [], queue.forward
    monkeypatch.setattr(queue, "forward", lambda *a: ran.append(1) or forward(*a))
    return ran


def page(**query) -> AppTest:
    """The page as it opens at that address, in English unless said otherwise."""
    app = AppTest.from_file(MAIN, default_timeout=120)
    for name, value in ({"lang": "en"} | query).items():
        app.query_params[name] = str(value)
    return app.run()


def words(app: AppTest) -> str:
    """Everything that is written on the page, as it is read: names and errors stand escaped in Markdown."""
    kinds = (app.subheader, app.markdown, app.caption, app.info, app.error, app.warning)
    return read("\n".join(str(e.value) for kind in kinds for e in kind))


def read(markdown: str) -> str:
    return re.sub(r"\\(?=[!-/:-@\[-`{-~])|[\u2060\u2068\u2069]", "", markdown)


#: name of a figure -> the address that shows it.
FIGURES = {
    "predictions": {"view": "answer"},
    "rollout": {"view": "flow"},
    "features": {"view": "features"},
    **{name: {"view": "inside", "inside": name} for name in views.INSIDE},
}


@pytest.mark.parametrize("language", text.LANGUAGES)
def test_each_view_shows_its_figure_in_both_languages_and_no_other(language):
    t, other = text.Text(language), text.Text({"en": "ko", "ko": "en"}[language])
    for name, shown in FIGURES.items():
        app = page(lang=language, **shown)
        assert not app.exception
        assert not app.error
        titles = [m.value.split("\n")[0].removeprefix("### ") for m in app.markdown]
        assert [one for one in FIGURES if t(f"{one}.title") in titles] == [name]
        assert words(app).count(read(t(f"{name}.not"))) == 1
        assert other(f"{name}.title") not in words(app)
    assert t("attention.not") in words(page(lang=language))


def test_what_is_not_looked_at_is_not_computed():
    def computed(**shown) -> set[str]:
        st.cache_resource.clear()
        app = page(**shown)
        assert not app.exception
        [result] = [result for key, result in cache.outputs().items() if key[1] == "result"]
        known = {"distances", "entropies", "norms", "features"} & vars(result).keys()
        return known | ({"rollouts"} if result.recent_rollouts else set())

    assert computed() == computed(view="answer") == computed(view="inside", inside="received") == set()
    assert computed(view="flow") == {"rollouts"}
    assert computed(view="features") == {"features"}
    for name in ("distances", "entropies", "norms"):
        assert computed(view="inside", inside=name) == {name}


@pytest.fixture
def waits(monkeypatch) -> list[str]:
    """The sentences that a page says while it waits."""
    said = []

    def waiting(sentence, shape="figure"):
        said.extend([sentence] if sentence else [])
        return contextlib.nullcontext()

    monkeypatch.setattr(panel, "waiting", waiting)
    return said


@pytest.mark.parametrize(
    ("language", "said"), [("en", "the last picture took 16\u00a0s"), ("ko", "지난 이미지는 16초 걸림")]
)
def test_a_model_that_is_known_to_be_slow_is_said_to_be(language, said, waits):
    app, t = page(lang=language), text.Text(language)
    assert [busy for busy in waits if said in busy] == []
    assert waits == [t("busy.model", name="ViT-S/14")]
    app.selectbox(key=f"sample_{language}").set_value("coffee.jpg").run()
    assert waits[1:] == [t("busy.result")]
    assert 0 < cache.last_durations()["embedded:photo"] < 16
    cache.last_durations()["embedded:photo"] = 16.4
    app.selectbox(key=f"sample_{language}").set_value("astronaut.jpg").run()
    assert not app.exception
    assert len([busy for busy in waits if said in busy]) == 1


@pytest.mark.parametrize(("language", "said"), [("en", "it took 3.4\u00a0s"), ("ko", "지난번에는 3.4초 걸림")])
def test_what_is_known_to_take_long_is_said_to(language, said, waits, monkeypatch):
    monkeypatch.setattr(cache, "wait", lambda futures, moment: mock.Mock(done=()))  # everything takes a moment
    app = page(lang=language, view="flow")
    assert not any(said in busy for busy in waits)
    cache.last_durations().update(dict.fromkeys(cache.last_durations(), 3.4))
    waits.clear()
    app.slider(key="residual").set_value(0.3).run()
    assert not app.exception
    assert [said in busy for busy in waits] == [True]


@pytest.mark.parametrize("name", MODELS)
def test_no_model_is_taken_to_be_like_another(name):
    t, config = text.Text("en"), small(name).config
    for shown in ({}, *FIGURES.values()):
        app = page(model=f"embedded:{name}", **shown)
        assert not app.exception, app.exception
        said = words(app)
        assert (t("predictions.none") in said) == (config.classes == 0 and shown.get("view") == "answer")
        assert (t("positions.none") in said) == (config.position == "none" and shown.get("inside") == "positions")
        app = page(model=f"embedded:{name}", row=config.grid[0], col=1, head=1, **shown, **{"from": "patch"})
        assert not app.exception, app.exception
    if config.position != "none":
        app = page(model=f"embedded:{name}", row=config.grid[0], col=1, **FIGURES["positions"], **{"from": "patch"})
        assert f"row {config.grid[0]}, column 1" in words(app)


def test_changing_a_control_never_runs_the_model_again(forwards):
    app = page(view="flow")
    assert len(forwards) == 1
    moves = [
        lambda: app.slider(key="residual").set_value(0.0), lambda: app.slider(key="discard").set_value(0.5),
        lambda: app.slider(key="span").set_value((2, 3)),
    ]  # fmt: skip
    for move in moves:
        move().run()
        assert not app.exception
    assert len(forwards) == 1
    app.selectbox(key="sample_en").set_value("coffee.jpg").run()
    assert len(forwards) == 2  # and another picture does


def test_the_picture_of_all_places_is_drawn_once_wherever_one_looks_from(monkeypatch):
    drawn, picture = [], figures.grid_picture
    monkeypatch.setattr(figures, "grid_picture", functools.wraps(picture)(lambda *a: drawn.append(1) or picture(*a)))
    app = page(**FIGURES["positions"])
    for row in (2, 3):
        app.session_state["from"], app.session_state["row"] = "patch", row
        assert f"row {row}," in words(app.run())
    assert len(drawn) == 1


def test_a_new_view_of_the_atlas_does_not_touch_its_megabytes(monkeypatch):
    mounted, mount = [], atlas_component._data

    def seen(**given):
        within = [frame.name for frame in traceback.extract_stack()]
        mounted.append((given["key"], len(given["data"]) > 10_000, "wrapped_fragment" in within))
        return mount(**given)

    monkeypatch.setattr(atlas_component, "_data", seen)
    page()
    assert mounted == [("attention-data", True, False)]  # on the page; a new view runs a fragment of it


def test_the_prediction_shown_is_the_models():
    app = page(view="answer")
    model = small("photo")
    (best, share), *_ = vc.predict(model, str(cache.SAMPLES / next(iter(cache.samples()))), 5)
    said = next(m.value for m in app.markdown if "most probable" in m.value)
    assert f"**{best}**" in read(said)
    assert f"{100 * share:.2g}\u00a0%" in said  # never on two lines


def test_an_address_opens_the_same_view():
    shown = dict(model="embedded:photo", sample="coffee.jpg", layer=2, head=1, row=3, col=5, **{"from": "patch"})
    app = page(**shown, **FIGURES["distances"])
    assert "layer 2, head 1" in words(app)
    assert "row 3, column 5" in words(page(**shown, **FIGURES["positions"]))
    assert app.selectbox(key="sample_en").value == "coffee.jpg"


@pytest.mark.parametrize("query", [
    dict(layer=99, head=99, row=99, col=99, sample="none.jpg", model="embedded:photo", **{"from": "nowhere"}),
    dict(layer="-1", head="²", row="1e9", lang="xx"), dict(layer="9" * 30, lang="en"),
])  # fmt: skip
def test_an_address_that_makes_no_sense_is_mended(query):
    app = page(pinned="1.x.99999999", direction="up", view="up", **query)
    assert not app.exception, app.exception
    assert any(text.Text(language)("attention.not") in words(app) for language in text.LANGUAGES)
    app = page(view="inside", inside="up", **query)
    assert not app.exception, app.exception
    assert any(text.Text(language)("received.title") in words(app) for language in text.LANGUAGES)


@pytest.mark.parametrize("name", MODELS)
def test_the_atlas_view_comes_back_from_what_is_kept(name):
    picture = Image.effect_noise((60, 45), 80).convert("RGB")
    result = Result(name, picture, model := small(name), vc.record(model, picture), 0.0)
    depth, heads, length = result.trace.depth, result.trace.heads, result.trace.num_tokens
    for layer, head, query in (
        (0, 0, 0),
        (depth - 1, heads - 1, length - 1),
        (0, MEAN, length // 2),
        (depth - 1, ROLLOUT, result.trace.num_prefix_tokens),
    ):
        wanted = {
            "layer": layer,
            "head": head,
            "query": query,
            "pinned": [length - 1],
            "direction": "like",
            "scale": "shared",
            "compare": "difference",
            "speed": "0.5",
            "loop": "on",
            "clip": "off",
            "facet": "key",
            "foreground": "other",
            "opacity": "0.25",
            "asks": "second",
            "view": "flow",
        }
        kept = {k: v and str(v) for k, v in address.session_values(result, wanted).items()}  # as an address holds it
        assert address.atlas_view(result, kept.get) == wanted


def test_a_pin_is_the_same_place_in_another_model():
    picture = Image.effect_noise((60, 45), 80).convert("RGB")
    one, other = (
        Result(name, picture, model := small(name), vc.record(model, picture), 0.0) for name in ("photo", "fashion")
    )
    assert one.grid != other.grid
    row, col = (min(sizes) - 1 for sizes in zip(one.grid, other.grid, strict=True))
    shown = address.atlas_view(one, {}.get) | {"pinned": [one.token((row, col)), 0]}
    kept = address.session_values(one, shown)
    assert kept["pinned"] == f"{row + 1}-{col + 1}.{one.prefix_names[0]}"
    pinned = address.atlas_view(other, kept.get)["pinned"]
    assert pinned[0] == other.token((row, col))
    assert [other.prefix_names[token] for token in pinned[1:]] == [
        n for n in one.prefix_names[:1] if n in other.prefix_names
    ]
    assert address.atlas_view(one, {"pinned": f"{one.grid[0] + 1}-1.0-1.1.x.-.1-1-1.1-²"}.get)["pinned"] == []


def test_the_rollout_s_layers_are_there_when_one_comes_back():
    app = page(view="flow")
    app.slider(key="span").set_value((2, 3)).run()
    app.switch_page("lecture/page.py").run()
    app.switch_page("explore/page.py").run()
    assert app.slider(key="span").value == (2, 3)


def test_of_a_long_sequence_the_depth_is_chosen_at_the_server(monkeypatch):
    app = page(view="flow")
    assert "depth" not in {slider.key for slider in app.slider}  # every depth is there: the browser chooses
    monkeypatch.setattr("app.explore.result.MAX_FUSED_ELEMENTS", 10)
    sent, packed = [], rollout_payload.pack
    monkeypatch.setattr(
        rollout_component,
        "pack",
        lambda source, rows, **told: sent.append((rows.copy(), told)) or packed(source, rows, **told),
    )
    app.slider(key="residual").set_value(0.3).run()
    app.slider(key="depth").set_value(2).run()
    assert not app.exception
    one, (rows, told) = sent[-2][0], sent[-1]
    assert len(one) == len(rows) == len(told["labels"]) == 1
    assert told["first"] == told["chosen"]["depth"] == 2
    assert not np.allclose(one, rows)


def test_the_rollouts_maps_are_sent_with_what_is_said_of_each(result):
    rows = np.random.default_rng(0).random((3, result.trace.num_tokens))
    told = dict(
        first=2,
        token=4,
        settings={"first": 1, "residual": 0.5, "plain": True},
        chosen={"depth": 3, "shared": False},
        labels=["2", "3", "4"],
        words={"depths": "?"},
    )
    sent = rollout_payload.pack(result.atlas, rows, **told)
    assert header_of(sent)["of"] == result.atlas.id
    assert header_of(sent)["grid"] == list(result.grid)
    assert header_of(sent)["prefix"] == result.trace.num_prefix_tokens
    assert section(sent, "rows").dtype == np.float32
    np.testing.assert_allclose(section(sent, "rows"), rows, rtol=1e-7)
    assert len(sent) < rows.size * 4 + 1000
    assert rollout_payload.pack(result.atlas, rows, **told) == sent  # what is equal is not sent again
    assert rollout_payload.pack(result.atlas, rows, **told | {"token": 5}) != sent


def test_maps_stand_in_lines_as_even_as_can_be():
    lines = {
        count: [min(n, count - start) for start in range(0, count, n)]
        for count in range(1, 49)
        for n in [rollout_payload.columns_for(count)]
    }
    assert [lines[n] for n in (1, 6, 7, 12, 18, 24, 32)] == [[1], [6], [4, 3], [6] * 2, [6] * 3, [8] * 3, [8] * 4]
    assert all(max(line) <= (6 if count <= 18 else 8) for count, line in lines.items())


@pytest.mark.parametrize("language", text.LANGUAGES)
def test_what_a_file_does_not_tell_is_said(language, tmp_path):
    model, t = small("photo"), text.Text(language)
    vc.save(model, tmp_path / "whole.safetensors")
    save_file(model.state_dict(), tmp_path / "bare.safetensors")
    app = page(lang=language, model=f"file:{tmp_path / 'whole.safetensors'}")
    assert not app.exception
    assert not app.sidebar.warning
    app = page(lang=language, model=f"file:{tmp_path / 'bare.safetensors'}")
    assert not app.exception
    assert t("side.assumed.grid") in app.sidebar.warning[0].value


@pytest.mark.parametrize("language", text.LANGUAGES)
@pytest.mark.parametrize(
    "bad",
    [
        "embedded:none",
        "nonsense",
        "file:/no/such/file.pth",
        "timm:",
        "file:README.md",
        "file:![a](http://evil.example) **b** :red[c] $x$.pth",
    ],
)
def test_a_model_that_cannot_be_had_is_said_and_the_last_one_stays(language, bad):
    app = page(lang=language)
    app.selectbox(key=f"model_{language}").set_value("other").run()
    app.text_input(key="model_name").set_value(bad).run()
    assert not app.exception
    assert len(app.error) == 1
    assert not re.search(r"(?<!\\)[\[*$]", app.error[0].value)  # the name is no link, emphasis or formula
    said = text.Text(language)
    assert said("last.model", name=said("model.photo")) in words(app)
    assert said("attention.not") in words(app)


def test_a_checkpoint_that_is_not_finite_is_refused(home):
    model = small("photo")
    with torch.no_grad():
        model.positions[0, 0, 0] = float("nan")
    embedded.save(model, home / "broken.safetensors", {})
    app = page(model="embedded:broken")
    assert not app.exception
    assert len(app.error) == 1


def test_without_any_model_the_page_says_what_to_do(home):
    for file in home.glob("*.safetensors"):
        file.unlink()
    app = page()
    assert not app.exception
    assert text.Text("en")("none.model") in words(app)


def test_a_file_from_elsewhere_is_a_model_too(home):
    name = f"file:{home / 'fashion.safetensors'}"
    app = page(model=name)
    assert not app.exception  # whether it can be read is the checkpoints' business; here it is said or shown
    assert app.selectbox(key="model_en").value == "other"
    assert app.query_params["model"] == name  # so that the link is good for another visit
    app.selectbox(key="model_en").set_value("embedded:fashion").run()
    assert app.query_params["model"] == "embedded:fashion"


def test_a_range_that_the_browser_does_not_send_is_the_whole_one(monkeypatch):
    kept = {}
    monkeypatch.setattr("streamlit.session_state", kept)
    assert state.bound_pair("span", 1, 6, "depth") == (1, 6)
    kept["span"] = (2, 3)
    assert state.bound_pair("span", 1, 6, "depth") == (2, 3)
    for gone in (lambda: kept.pop("span"), lambda: kept.update(span=None)):
        gone()
        assert state.bound_pair("span", 1, 6, "depth") == (1, 6)
    kept["depth"] = 2
    assert state.bound_pair("span", 1, 6, "depth") == (1, 6)
    assert kept["depth"] == 2
    assert state.bound_pair("span", 1, 12, "depth") == (1, 12)
    assert kept["depth"] == 12  # another model is looked at in its whole depth


@pytest.fixture
def result() -> Result:
    model = small("leftover")
    picture = Image.effect_noise((60, 45), 80).convert("RGB")
    return Result("leftover", picture, model, vc.record(model, picture), 0.0)


@pytest.mark.parametrize("options", [
    Rollout(last=2), Rollout("max", 0.3, 0.2, 1, 2, 4), Rollout("min", 0.0, 0.0, 0, 1, 0), Rollout(first=2, last=2),
])  # fmt: skip
def test_kept_matrices_give_the_cores_rollout(result, options):
    rows = result.rollouts(options)
    assert len(rows) == options.last - options.first + 1
    for last, row in zip(range(options.first, options.last + 1), rows, strict=True):
        wanted = vc.rollout(
            result.trace, options.fusion, options.residual, options.discard, options.first, last, options.token
        )
        np.testing.assert_allclose(row, array(wanted), atol=1e-6)


def test_a_long_sequence_keeps_no_matrices(result, monkeypatch):
    monkeypatch.setattr("app.explore.result.MAX_FUSED_ELEMENTS", 10)
    rows = result.rollouts(Rollout(last=1))
    assert len(rows) == 1
    np.testing.assert_allclose(rows[0], array(vc.rollout(result.trace, last=1)), atol=1e-6)
    assert not result._fused


def test_what_is_shared_cannot_be_written_to(result):
    for value in (result.norms, result.position_similarity, result.rollouts(Rollout())):
        with pytest.raises(ValueError, match="read-only"):
            value[...] = 0


def test_only_state_and_cache_touch_what_is_remembered():
    for file in (ROOT / "app").rglob("*.py"):
        source = file.read_text(encoding="utf-8")
        if file.name != "state.py" and "components" not in file.parts:
            assert "session_state" not in source, file
            assert "query_params" not in source, file
        if file.name != "cache.py":
            assert "st.cache_" not in source, file
        assert "unsafe_allow_html" not in source, file
        assert "components.v1" not in source, file
    for file in (ROOT / "vit_core").rglob("*.py"):
        assert "streamlit" not in file.read_text(encoding="utf-8"), file


def test_a_callback_reruns_its_fragments_unless_the_browser_asked_for_the_page(monkeypatch):
    asked = []
    monkeypatch.setattr(st, "rerun", asked.append)
    context = SimpleNamespace(fragment_ids_this_run=None)
    monkeypatch.setattr(state, "get_script_run_ctx", lambda: context)
    state.rerun("one", "two")
    assert not asked
    context.fragment_ids_this_run = ["one"]
    state.rerun("one", "two")
    assert asked == [["one", "two"]]

    def gone(fragments):
        raise StreamlitAPIException

    monkeypatch.setattr(st, "rerun", gone)
    state.rerun("one")  # the page no longer has it


def test_what_is_typed_is_read_though_a_callback_wants_a_fragment_only():
    """The browser may send both at once, and the box for text has no callback that would ask for the page."""

    def script():
        import streamlit as st

        from app import state

        @st.fragment(key="part")
        def part():
            st.button("go", on_click=state.rerun, args=("part",))

        st.text(st.text_input("typed"))
        part()

    app = AppTest.from_function(script).run()
    app.text_input[0].set_value("something")
    app.button[0].click().run()
    assert [one.value for one in app.text] == ["something"]
    assert not app.exception


def test_a_select_box_tells_the_browser_its_value_when_its_language_returns():
    """Also if the run that removed it was cut short, so that the session still holds its value."""

    def script():
        import streamlit as st

        from app import state

        state.put("of", "b")
        choice = state.select_box("of", "of", ["a", "b"])
        st.text(choice)

    app = AppTest.from_function(script)
    for language in ("ko", "en", "ko"):
        app.session_state["lang"] = language
        app.run()
        app.session_state["of_ko"] = "b"
        assert app.selectbox[0].value == "b"
    assert app.selectbox[0].proto.set_value
