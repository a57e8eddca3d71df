"""A hub that cannot be reached or does not answer gives an error soon; nothing waits for it."""

from __future__ import annotations

import threading

import huggingface_hub
import pytest

from tests.checkpoints.support import refused
from vit_core.checkpoints.files import hub

pytestmark = pytest.mark.timeout(120)


@pytest.fixture(autouse=True)
def _empty_cache(tmp_path, monkeypatch):
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path))


@pytest.mark.parametrize("name", ["timm:vit_tiny_patch16_224", "hf:google/vit-base-patch16-224"])
def test_an_unreachable_hub_is_an_error_that_names_what_works_offline(name, monkeypatch):
    monkeypatch.setattr(huggingface_hub.constants, "ENDPOINT", "https://hub.invalid")
    sentence = refused("hub-unreachable", name)
    assert "embedded:" in sentence
    assert "file:" in sentence


def test_a_hub_that_never_answers_is_not_waited_for(monkeypatch):
    released, ended = threading.Event(), threading.Event()
    monkeypatch.setattr(hub, "TIMEOUT_SECONDS", 0.1)
    monkeypatch.setattr(hub, "_probe", lambda answer: released.wait(100) and ended.set())
    assert "timeout: " in refused("hub-unreachable", "hf:google/vit-base-patch16-224")
    assert not ended.is_set()
    released.set()
