"""Features as colours on their way to the browser."""

import re

import numpy as np
import pytest
from PIL import Image

import vit_core as vc
from app.components.assets import joined
from app.components.atlas.payload import Source
from app.components.binary import header_of, section
from app.components.pca.component import HERE
from app.components.pca.payload import columns_for, pack
from app.text.features import EN, KO

LAYERS = 3


@pytest.fixture
def source(build) -> Source:
    picture = Image.fromarray(np.random.default_rng(0).integers(0, 256, (30, 60, 3), np.uint8))
    return Source(vc.record(build(), picture), picture)


@pytest.fixture
def maps(source) -> dict:
    draw, shape = np.random.default_rng(1), (LAYERS, *source.trace.grid)
    return {
        "colours": draw.integers(0, 256, (*shape, 3), np.uint8),
        "projections": draw.normal(size=(*shape, 3)).astype(np.float32),
        "foreground": draw.random(shape) > 0.5,
        "explained": draw.random((LAYERS, 3)).astype(np.float32),
    }


def named(**changed) -> dict:
    return {"facet": "key", "choices": {"facet": ("token", "key")}, "words": {"label": "?"}} | changed


def test_the_maps_arrive_as_they_are(source, maps):
    sent = pack(source, **maps, **named())
    for name, values in maps.items():
        np.testing.assert_array_equal(section(sent, name), values)
    header = header_of(sent)
    assert header["of"] == source.id
    assert header["grid"] == list(source.trace.grid)
    assert header["prefix"] == source.trace.num_prefix_tokens
    assert (header["layers"], header["columns"], header["facet"]) == (LAYERS, LAYERS, "key")
    assert header["choices"] == {"facet": ["token", "key"]}
    assert len(sent) < sum(values.nbytes for values in maps.values()) + 1500


def test_all_layers_stand_in_at_most_three_lines():
    assert [columns_for(layers) for layers in (1, 6, 12, 16, 24, 32, 40)] == [1, 6, 6, 8, 8, 11, 14]


def test_only_what_differs_is_sent_again(source, maps):
    sent = pack(source, **maps, **named())
    assert pack(source, **maps, **named()) == sent
    assert pack(source, **maps, **named(facet="token")) != sent
    assert pack(source, **maps | {"colours": 255 - maps["colours"]}, **named()) != sent


def test_colours_are_bytes(source, maps):
    with pytest.raises(TypeError):
        pack(source, **maps | {"colours": maps["colours"] / 255}, **named())


def test_every_word_the_browser_asks_for_is_there_in_both_languages():
    script = joined(HERE, ["pca"], "js")
    asked = set(re.findall(r"words\.(\w+)", script))
    assert asked
    assert asked <= EN.keys()
    assert {f"title_{facet}" for facet in vc.features.FACETS} <= EN.keys()
    assert EN.keys() == KO.keys()
    for name, sentence in EN.items():
        assert sorted(re.findall(r"\{\w+\}", sentence)) == sorted(re.findall(r"\{\w+\}", KO[name])), name
    assert "innerHTML" not in script
