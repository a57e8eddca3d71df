"""Models at other input sizes in the caches: one set of weights, and gone with it."""

import numpy as np
import pytest
import streamlit as st
from PIL import Image

from app.explore import cached
from app.runtime import cache
from vit_core.checkpoints import embedded, with_input


@pytest.fixture(autouse=True)
def empty(monkeypatch):
    monkeypatch.setenv("VITRINE_NO_FREEZE", "1")
    st.cache_resource.clear()
    yield
    st.cache_resource.clear()


@pytest.fixture
def picture():
    return Image.fromarray(np.random.default_rng(0).integers(0, 256, (30, 60, 3), np.uint8))


def test_weights_are_loaded_and_counted_once(build, monkeypatch):
    loads = []
    monkeypatch.setattr(cache, "_load", lambda name: loads.append(name) or build(image_size=(15, 15)))
    larger, whole = cache.model("one?input=24"), cache.model("one?input=24-whole")
    before = cache.models().total
    model = cache.model("one")
    assert loads == ["one"]
    assert cache.model("one?input=24") is larger
    assert cache.models().total == before == sum(p.nbytes for p in model.parameters())
    assert model.transform.size == (15, 15)
    assert larger.transform.size == (24, 24)
    assert all(a is b is c for a, b, c in zip(*(m.parameters() for m in (model, larger, whole)), strict=True))


def test_each_view_has_results_of_its_own(build, monkeypatch, picture):
    monkeypatch.setattr(cache, "_load", lambda name: build(image_size=(15, 15)))
    grids = [cached.result(with_input("one", *way), "d", picture).grid for way in ((), (24,), (24, "whole"))]
    assert grids == [(5, 5), (8, 8), (6, 11)]
    assert cached.has_result("one?input=24-whole", "d")


def test_views_go_with_the_model_that_was_trained_on(build, tmp_path, picture):
    file = tmp_path / "mine.safetensors"
    name, viewed = f"file:{file}", f"file:{file}?input=24"
    embedded.save(build(image_size=(15, 15)), file, {})
    first = cache.model(viewed)
    cached.result(viewed, "d", picture)
    other = build(seed=1, image_size=(15, 15))
    other.labels = [f"other {i}" for i in range(11)]
    embedded.save(other, file, {})
    assert not cached.has_result(viewed, "d")
    assert cache.model(viewed) is not first
    assert cache.model(viewed).labels == other.labels
    assert cache.model(name).labels == other.labels


def test_views_go_with_the_model_that_is_evicted(build, monkeypatch, picture):
    monkeypatch.setattr(cache, "_load", lambda name: build(image_size=(15, 15)))
    monkeypatch.setattr(cache, "limit", lambda name, default: default if "QUEUE" in name else 0)  # room for one model
    cached.result("one?input=24", "d", picture)
    cache.model("other")
    assert [key for key, _ in cache.models().items()] == [("other", "best")]
    assert not cached.has_result("one?input=24", "d")


def test_the_cpus_copy_of_a_view_shares_the_copy_of_the_weights(build, monkeypatch):
    monkeypatch.setattr(cache, "_load", lambda name: build(image_size=(15, 15)))
    copy = cache.model_on_cpu("one?input=24", cache.model("one?input=24"))
    plain = cache.model_on_cpu("one", cache.model("one"))
    assert copy.transform.size == (24, 24)
    assert next(copy.parameters()) is next(plain.parameters())
    assert next(copy.parameters()) is not next(cache.model("one").parameters())
