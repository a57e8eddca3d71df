"""What outlives slow collections is frozen, and what ends afterwards is let go all the same."""

import gc
import time
import weakref

import pytest

from app import collector


class Thing:
    """Knows itself: only a collection ends it."""

    def __init__(self):
        self.me = self


@pytest.fixture(autouse=True)
def freezing(monkeypatch):
    monkeypatch.delenv("VITRINE_NO_FREEZE", raising=False)
    collector.freeze()
    yield
    gc.unfreeze()


def test_what_outlives_a_slow_collection_is_frozen(monkeypatch):
    before, stays = gc.get_freeze_count(), [Thing() for _ in range(1000)]
    monkeypatch.setattr(collector, "SLOW", 60)
    gc.collect()
    assert gc.get_freeze_count() <= before
    monkeypatch.setattr(collector, "SLOW", -1)
    gc.collect()
    assert gc.get_freeze_count() >= before + len(stays)


def test_collections_of_the_young_alone_freeze_nothing(monkeypatch):
    monkeypatch.setattr(collector, "SLOW", -1)
    before, stays = gc.get_freeze_count(), [Thing() for _ in range(1000)]
    gc.collect(1)
    assert len(stays) == 1000
    assert gc.get_freeze_count() <= before


def test_what_was_frozen_and_ends_is_let_go_within_a_few_slow_collections(monkeypatch):
    monkeypatch.setattr(collector, "SLOW", -1)
    thing = Thing()
    gc.collect()
    ended = weakref.ref(thing)
    del thing
    gc.collect()
    assert ended() is not None  # out of sight
    for _ in range(collector.EVERY):
        gc.collect()
    assert ended() is None
    assert gc.get_freeze_count() > 0


@pytest.mark.parametrize("why", ["a slow collection", "a visit"])
def test_what_was_frozen_and_ends_is_let_go_when_nobody_asks_for_anything(monkeypatch, why):
    monkeypatch.setattr(collector, "SLOW", -1 if why == "a slow collection" else 60)
    thing = Thing()
    gc.collect()
    gc.freeze()
    ended = weakref.ref(thing)
    del thing
    monkeypatch.setattr(collector, "SLOW", 60)
    if why == "a visit":
        collector.visited()
    until = time.monotonic() + 60
    while (ended() is not None or not gc.get_freeze_count()) and time.monotonic() < until:
        time.sleep(0.1)
    assert ended() is None
    assert gc.get_freeze_count() > 0


def test_it_is_asked_once_however_often_models_are_loaded():
    collector.freeze()
    collector.freeze()
    assert gc.callbacks.count(collector._collected) == 1


def test_in_development_nothing_is_frozen_however_slow(monkeypatch):
    gc.unfreeze()
    monkeypatch.setenv("VITRINE_NO_FREEZE", "1")
    monkeypatch.setattr(collector, "SLOW", -1)
    collector.freeze()
    gc.collect()
    assert gc.get_freeze_count() == 0
