"""The model box: curated models with their download, models that were loaded before, and what strangers do not see."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import streamlit as st
from huggingface_hub import constants
from safetensors.torch import save
from streamlit import config
from streamlit.testing.v1 import AppTest

import vit_core as vc
from app import text
from app.runtime import cache, guard, known_models, recent
from tests.checkpoints.support import timm_model
from tests.http_files import serving_files
from tests.hub_server import HubServer
from vit_core import downloads
from vit_core.checkpoints.catalogue import CURATED
from vit_core.checkpoints.embedded import ASSETS

pytestmark = pytest.mark.timeout(300)
MAIN = Path(__file__).resolve().parents[2] / "app" / "main.py"
DINO = next(model for model in CURATED if model.title == "DINOv2 S/14")
LOADABLE = "timm:test_vit.r160_in1k"


@pytest.fixture(autouse=True)
def empty(tmp_path, monkeypatch):
    """Empty caches of the app and of the hub, and no frozen garbage."""
    monkeypatch.setenv("VITRINE_NO_FREEZE", "1")
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    st.cache_resource.clear()
    yield
    st.cache_resource.clear()


@pytest.fixture
def hub(monkeypatch):
    """A hub with a curated model, whose weights are none, and with one that can be loaded."""
    with serving_files(HubServer) as server:
        monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
        monkeypatch.setattr(downloads, "READ_SECONDS", 100)  # a held answer is no cut connection
        monkeypatch.setattr(constants, "ENDPOINT", server.url)
        template = server.url + "/{repo_id}/resolve/{revision}/{filename}"
        monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
        server.add(DINO.repo, {"model.safetensors": os.urandom(2_000_000)})
        state = timm_model(num_classes=1000, img_size=160).state_dict()
        server.add("timm/test_vit.r160_in1k", {"model.safetensors": save(state)})
        yield server


def page(**query) -> AppTest:
    app = AppTest.from_file(MAIN, default_timeout=120)
    for name, value in ({"lang": "en"} | query).items():
        app.query_params[name] = value
    return app.run()


def sidebar(app: AppTest) -> str:
    said = [e.value for kind in (app.sidebar.caption, app.sidebar.error) for e in kind]
    return "\n".join(said).replace("\\", "").replace("\u2060", "")


def button(app: AppTest, label: str):
    return next(b for b in app.sidebar.button if b.label == label)


@pytest.mark.parametrize("language", text.LANGUAGES)
def test_a_curated_model_says_what_it_is_and_waits_for_its_button(hub, language):
    t, app = text.Text(language), page(lang=language)
    app.selectbox(key=f"model_{language}").set_value(DINO.name).run()
    assert not app.exception
    assert t(f"model.shows.{DINO.name}") in sidebar(app)
    assert "Apache-2.0 · 88\u00a0MB" in sidebar(app)
    assert button(app, t("model.download.size", size="88"))
    assert not hub.requests
    assert app.query_params["model"] == DINO.name
    assert app.session_state["chosen_model"] == "embedded:photo"  # which the page still shows
    start = t("atlas.answer").split("{")[0]
    assert any(m.value.startswith(start) for m in app.main.markdown)


def test_a_download_shows_its_progress_is_cancelled_and_continued(hub):
    t, app = text.Text("en"), page()
    weights = hub.repos[DINO.repo]["model.safetensors"]
    app.selectbox(key="model_en").set_value(DINO.name).run()
    hub.hold = 500_000
    button(app, "Download 88\u00a0MB").click().run()
    download = cache.downloads().find(DINO.name)
    while download.done < 500_000:
        assert download.running
    app.run()
    (bar,) = app.get("progress")
    assert (bar.value, bar.proto.text.startswith("0 of 2")) == (25, True)
    other = page(model=DINO.name)  # another session sees the same download
    assert len(other.get("progress")) == 1
    button(app, t("download.cancel")).click().run()
    assert t("download.cancelled") in sidebar(app)
    hub.released.set()
    download.wait()
    hub.hold = None
    (kept,) = Path(constants.HF_HUB_CACHE).rglob("*.incomplete")
    kept = kept.stat().st_size
    button(app, t("download.resume")).click().run()
    cache.downloads().find(DINO.name).wait()
    assert hub.downloads(weights) == [None, f"bytes={kept}-"]
    app = page(model=DINO.name)
    assert "on this computer" in sidebar(app)
    assert not app.exception, app.exception[0].stack_trace
    assert "cannot read its own weights" in sidebar(app)  # the page tried to load it


@pytest.mark.parametrize("by_address", [True, False], ids=["address", "typed"])
def test_a_model_that_is_asked_for_by_name_is_downloaded_and_loaded(hub, by_address):
    app = page(model=LOADABLE) if by_address else page()
    if not by_address:
        app.selectbox(key="model_en").set_value("other").run()
        app.text_input(key="model_name").set_value(LOADABLE).run()
    cache.downloads().find(LOADABLE).wait()
    app.run()
    assert not app.exception
    assert not app.sidebar.error
    assert app.session_state["working_model"] == LOADABLE
    assert len(hub.downloads(hub.repos["timm/test_vit.r160_in1k"]["model.safetensors"])) == 1


def test_without_a_network_the_box_says_so_and_the_page_keeps_its_model(monkeypatch):
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    app = page()
    app.selectbox(key="model_en").set_value(DINO.name).run()
    button(app, "Download 88\u00a0MB").click().run()
    cache.downloads().find(DINO.name).wait()
    app.run()
    assert not app.exception
    assert "the Hugging Face hub cannot be reached (HF_HUB_OFFLINE=1)" in sidebar(app)
    assert button(app, "Try again")
    assert app.session_state["working_model"] == "embedded:photo"


def test_models_that_were_loaded_before_are_listed_but_not_to_strangers(tmp_path, monkeypatch, loaded_before):
    vc.save(vc.load(f"file:{ASSETS / 'fashion.safetensors'}", "cpu"), tmp_path / "mine.safetensors")
    mine, gone = f"file:{tmp_path / 'mine.safetensors'}", f"file:{tmp_path / 'gone.safetensors'}"
    snapshot = tmp_path / "hub" / "models--me--secret" / "snapshots" / "0"
    snapshot.mkdir(parents=True)
    (snapshot.parents[1] / "refs").mkdir()
    (snapshot.parents[1] / "refs" / "main").write_text("0")
    (snapshot / "config.json").write_text('{"model_type": "vit"}')
    (snapshot / "model.safetensors").touch()
    assert page(model=mine).session_state["working_model"] == mine
    assert recent.names() == [mine]
    (loaded_before / "models.json").write_text(f'["{gone}", "{mine}", 7]')
    options = page().selectbox(key="model_en").options
    assert f"mine.safetensors · {tmp_path.name}" in options
    assert "hf:me/secret" in options
    assert not [option for option in options if "gone" in option]
    for module in (known_models, cache):
        monkeypatch.setattr(module, "is_public", lambda: True)
    options = page().selectbox(key="model_en").options
    assert not [option for option in options if "mine" in option or "secret" in option]
    recent_before = (loaded_before / "models.json").read_text()
    st.cache_resource.clear()
    page(model=f"file:{ASSETS / 'fashion.safetensors'}")
    assert (loaded_before / "models.json").read_text() == recent_before


@pytest.mark.parametrize(
    ("settings", "public"),
    [
        ({"server.address": "127.0.0.1"}, False),
        ({"server.address": "localhost", "server.allowedHosts": ["127.0.0.1:8500"]}, False),
        ({"server.address": "0.0.0.0"}, True),
        ({"server.address": "127.0.0.1", "server.allowedHosts": ["vit.example.org"]}, True),
        ({"server.address": "127.0.0.1", "browser.serverAddress": "vit.example.org"}, True),
    ],
)
def test_a_server_is_public_if_others_can_reach_it(monkeypatch, settings, public):
    monkeypatch.setattr(config, "get_option", settings.get)
    assert guard.is_public() is public


def test_the_list_holds_the_last_ones_and_survives_a_broken_file(tmp_path, loaded_before):
    files = [tmp_path / f"{i}.pth" for i in range(14)]
    for file in files:
        file.touch()
        recent.remember(f"file:{file}")
    recent.remember(f"hf:{tmp_path}")
    recent.remember("embedded:photo")
    recent.remember("hf:someone/else")
    assert recent.names() == [f"hf:{tmp_path}", *(f"file:{file}" for file in files[:2:-1])]
    (loaded_before / "models.json").write_text("{")
    assert recent.names() == []
    recent.remember(f"file:{files[0]}")
    assert recent.names() == [f"file:{files[0]}"]
