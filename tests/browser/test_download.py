"""A model is chosen, downloaded with its progress, cancelled, continued and shown."""

from __future__ import annotations

import re

import pytest
from safetensors.torch import save

from tests.browser.conftest import idle, opening, serving
from tests.checkpoints.support import timm_model
from tests.http_files import serving_files
from tests.hub_server import HubServer

NAME = "timm:test_vit.r160_in1k"


@pytest.fixture(scope="module")
def hub():
    with serving_files(HubServer) as started:
        state = timm_model(num_classes=1000, img_size=160).state_dict()
        started.add("timm/test_vit.r160_in1k", {"model.safetensors": save(state)})
        yield started


@pytest.fixture(scope="module")
def server(hub, tmp_path_factory):
    """The app with that hub and an empty cache."""
    home = tmp_path_factory.mktemp("hub")
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("HF_ENDPOINT", hub.url)
        environment.setenv("HF_HOME", str(home))
        environment.setenv("HF_HUB_OFFLINE", "0")
        environment.setenv("VITRINE_RUNS", str(home / "runs"))
        with serving(home) as started:
            yield started


def test_choose_progress_cancel_continue_loaded(chromium, server, hub):
    hub.hold = 1000  # bytes; a connection without more is made again, and gets as many
    with opening(chromium, server) as open_page:
        page = open_page("?lang=en")
        sidebar = page.get_by_test_id("stSidebar")
        page.locator(".st-key-model_en input").click()
        page.get_by_role("option", name="Another model …").click()
        field = sidebar.get_by_role("textbox", name="Name of the model")
        field.wait_for()
        idle(page)  # the page is drawn with the field before anybody has typed a name
        field.fill(NAME)
        field.press("Enter")
        sidebar.get_by_text(re.compile(r"^0 of \d+\sMB")).wait_for()
        assert sidebar.get_by_role("progressbar").count() == 1
        page.get_by_text("The model's answer:").wait_for()  # the page goes on with the last model
        sidebar.get_by_role("button", name="Cancel").click()
        sidebar.get_by_text("The download was cancelled.").wait_for()
        hub.hold = None
        hub.released.set()
        sidebar.get_by_role("button", name="Continue the download").click()
        sidebar.get_by_text(re.compile("width 64")).wait_for()
        assert not sidebar.get_by_role("progressbar").count()
    first, *others = hub.downloads(hub.repos["timm/test_vit.r160_in1k"]["model.safetensors"])
    assert first is None
    assert others
    assert all(asked.startswith("bytes=") for asked in others)
