"""What is there is frozen, the rest is Python's to collect, and what ends though frozen is let go all the same."""

import gc
import threading
import time
import tomllib
import weakref
from pathlib import Path

import pytest

import app
from app.runtime import garbage


class Thing:
    """Knows itself: only a collection ends it."""

    def __init__(self):
        self.me = self


@pytest.fixture(autouse=True)
def freezing(monkeypatch):
    monkeypatch.delenv("VITRINE_NO_FREEZE", raising=False)
    garbage.freeze()
    yield
    gc.unfreeze()


def test_streamlit_goes_through_nothing_after_a_rerun():
    settings = tomllib.loads((Path(app.__file__).parent / ".streamlit/config.toml").read_text(encoding="utf-8"))
    assert settings["runner"]["postScriptGC"] is False


def test_what_is_there_is_frozen_and_what_has_ended_is_gone():
    before, stays = gc.get_freeze_count(), [Thing() for _ in range(1000)]
    gc.collect()
    assert gc.get_freeze_count() <= before
    ended = weakref.ref(Thing())
    garbage.freeze()
    assert gc.get_freeze_count() >= before + len(stays)
    assert ended() is None


def test_of_what_is_not_frozen_python_collects_the_old_by_itself():
    stays, kept = [[] for _ in range(1_000_000)], []
    garbage.freeze()
    before = gc.get_stats()[2]["collections"]
    for _ in range(200_000):  # less than a quarter of all objects there are
        kept.append([])
        if gc.get_stats()[2]["collections"] > before:
            break
    assert len(kept) < 200_000 < len(stays) / 4


def test_what_was_frozen_and_ends_is_let_go_after_a_visit_once_nobody_asks_for_anything(monkeypatch):
    monkeypatch.setattr(garbage, "REST_S", 0.3)
    thing = Thing()
    garbage.freeze()
    ended = weakref.ref(thing)
    del thing
    gc.collect()
    assert ended() is not None  # out of sight
    garbage.session_started()
    until = time.monotonic() + 2
    while time.monotonic() < until:
        sum(len([[] for _ in range(1000)]) for _ in range(10))  # somebody is at work
        assert ended() is not None
    until = time.monotonic() + 60
    while ended() is not None and time.monotonic() < until:
        time.sleep(0.1)
    assert ended() is None


def test_one_thread_watches_however_often_models_are_loaded():
    garbage.freeze()
    garbage.freeze()
    assert [thread.name for thread in threading.enumerate()].count("collector") == 1


def test_in_development_nothing_is_frozen(monkeypatch):
    gc.unfreeze()
    monkeypatch.setenv("VITRINE_NO_FREEZE", "1")
    garbage.freeze()
    assert gc.get_freeze_count() == 0
