"""The numbers that one takes away from the atlas: the core's own, in float32, in files that NumPy reads."""

import io
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import vit_core as vc
from app.components.atlas.payload import MEAN, ROLLOUT, Source
from app.components.binary import header_of, section
from app.components.save import files
from app.components.save.files import Shown, exact
from tests.app.components.test_atlas_payload import picture, traced
from vit_core.attention.attention_rollout import fused_layers

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="module")
def trace():
    return traced()


def close(found, wanted) -> None:
    np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-9)


def test_a_head_and_the_mean_are_the_traces_rows_and_columns(trace):
    layer, query = trace.depth - 1, trace.token_at(1, 2)
    full = trace.attention(layer)
    close(exact(trace, Shown((query,), "row", layer, 1)), full[1, query])
    close(exact(trace, Shown((query,), "column", layer, 1)), full[1, :, query])
    close(exact(trace, Shown((query,), "row", layer, MEAN)), full[:, query].mean(0))
    close(exact(trace, Shown((query,), "column", layer, MEAN)), full[:, :, query].mean(0))
    assert exact(trace, Shown((query,))).dtype == torch.float32


def test_a_rollout_is_the_cores_with_its_settings(trace):
    last, query = trace.depth - 1, trace.token_at(0, 1)
    settings = {"fusion": "max", "residual": 0.35, "discard": 0.2, "first": 1}
    found = exact(trace, Shown((query,), "row", last, ROLLOUT, **settings))
    close(found, vc.rollout(trace, last=last, token=query, **settings))
    product = torch.eye(trace.num_tokens)
    for matrix in fused_layers(trace):
        product = (0.3 * torch.eye(trace.num_tokens) + 0.7 * matrix) @ product
    np.testing.assert_allclose(
        exact(trace, Shown((query,), "column", last, ROLLOUT, residual=0.3)), product[:, query], rtol=1e-4
    )


@pytest.mark.parametrize("direction", ["row", "column"])
def test_all_maps_are_the_single_ones_side_by_side(trace, direction):
    query, heads = trace.token_at(2, 0), [*range(trace.heads), MEAN, ROLLOUT]
    every = exact(trace, Shown((query,), direction, every=True))
    assert every.shape == (trace.depth, len(heads), trace.num_tokens)
    for layer in range(trace.depth):
        for column, head in enumerate(heads):
            close(every[layer, column], exact(trace, Shown((query,), direction, layer, head)))
    names = files.labels(trace, Shown((query,), direction, every=True))
    assert len(names) == trace.depth * len(heads)
    assert names[len(heads) - 2 : len(heads) + 1] == ["layer 1, head mean", "layer 1, head rollout", "layer 2, head 1"]


def test_two_queries_are_both_or_their_difference(trace):
    a, b = (exact(trace, Shown((query,), layer=1, head=0)) for query in (3, 5))
    close(exact(trace, Shown((3, 5), layer=1, head=0)), torch.stack([a, b]))
    close(exact(trace, Shown((3, 5), layer=1, head=0, difference=True)), a - b)
    assert files.labels(trace, Shown((3, 5), layer=1, head=0)) == ["A, layer 2, head 1", "B, layer 2, head 1"]
    assert files.labels(trace, Shown((3, 5), layer=1, head=0, difference=True)) == ["A - B, layer 2, head 1"]


@pytest.fixture(scope="module")
def with_features():
    return traced(features=True, registers=1)


@pytest.mark.parametrize("facet", vc.features.FACETS)
def test_cosines_are_the_cores_and_prefix_tokens_have_theirs(with_features, facet):
    trace, query = with_features, with_features.token_at(1, 2)
    found = exact(trace, Shown((query,), "like", 1, facet=facet))
    close(trace.on_grid(found).flatten(), vc.features.similarity(trace, 1, query, facet))
    for token in range(trace.num_prefix_tokens):
        same = vc.features.similarity(trace, 1, token, facet)[query - trace.num_prefix_tokens]
        np.testing.assert_allclose(found[token], same, atol=1e-6)
    every = exact(trace, Shown((query,), "like", every=True, facet=facet))
    assert every.shape == (trace.depth, trace.num_tokens)
    close(every[1], found)
    assert files.labels(trace, Shown((3, 5), "like", 1, facet=facet)) == [f"{q}, layer 2, {facet}" for q in "AB"]
    assert files.labels(trace, Shown((3,), "like", every=True, facet=facet))[-1] == f"layer {trace.depth}, {facet}"


def test_a_file_of_cosines_needs_the_features(with_features):
    source, fields = Source(with_features, picture()), {"direction": "like", "facet": "key"}
    packed = files.answer(source, want(source, **fields), lambda: with_features)
    array = np.load(io.BytesIO(section(packed, "data").tobytes()))
    truth = with_features.on_grid(exact(with_features, Shown((4,), layer=1, **fields)))
    np.testing.assert_array_equal(array, truth)
    assert files.answer(source, want(source, **fields | {"facet": "x"}), lambda: with_features) is None


@pytest.fixture(scope="module")
def source(trace):
    return Source(trace, picture())


def want(source, what="npy", **fields) -> dict:
    shown = {"queries": [4], "direction": "row", "layer": 1, "head": 0, "every": False, "difference": False}
    rolled = {"fusion": "mean", "residual": 0.5, "discard": 0, "first": 0}
    return {"of": source.id, "id": 7, "what": what, "caption": "A title.\n가중치.", **shown, **rolled, **fields}


def sent(source, **fields) -> bytes:
    packed = files.answer(source, want(source, **fields))
    assert header_of(packed)["file"] == 7
    return section(packed, "data").tobytes()


@pytest.mark.parametrize("fields", [{}, {"every": True}, {"queries": [4, 5]}, {"queries": [4, 5], "difference": True}])
def test_the_files_hold_the_patches_float_for_float(source, trace, fields):
    shown = Shown(**{"queries": (4,), "layer": 1, "head": 0, **fields})
    wanted = trace.on_grid(exact(trace, shown)).numpy()
    array = np.load(io.BytesIO(sent(source, **fields)))
    assert array.dtype == np.float32
    np.testing.assert_array_equal(array, wanted)
    text = sent(source, what="csv", **fields).decode()
    lines = np.loadtxt(io.StringIO(text), delimiter=",", dtype=np.float32, encoding="utf-8")
    np.testing.assert_array_equal(lines.reshape(wanted.shape), wanted)
    assert text.startswith("# A title.\n# 가중치.\n# ")


def test_a_csv_says_what_the_tokens_without_a_place_get(source, trace):
    comment = sent(source, what="csv").decode().split("\n")[2]
    row = exact(trace, Shown((4,), layer=1, head=0))
    said = [f", {name} {row[i].item():.9g}" for i, name in enumerate(trace.config.prefix_names)]
    assert said
    assert comment == "# layer 2, head 1" + "".join(said)


def test_the_picture_is_sharper_than_the_payloads(source):
    assert max(Image.open(io.BytesIO(sent(source, what="picture"))).size) == files.SIDE_PX
    assert max(header_of(source.payload)["size"]) < files.SIDE_PX


def test_what_makes_no_sense_has_no_answer(source):
    wrong = [
        {"of": "another"},
        {"what": "exe"},
        {"queries": []},
        {"queries": [10**6]},
        {"queries": [-1]},
        {"queries": "x"},
        {"layer": 99},
        {"head": -3},
        {"head": 99},
        {"residual": float("nan")},
        {"residual": 2},
        {"direction": "like", "facet": "x"},
        {"id": None},
        {"head": ROLLOUT, "fusion": "x"},
        {"head": ROLLOUT, "discard": 1},
        {"head": ROLLOUT, "first": 2, "layer": 1},
    ]
    for fields in wrong:
        assert files.answer(source, want(source, **fields)) is None, fields
    assert files.answer(source, None) is None
    assert files.answer(source, {}) is None


def test_the_version_is_the_packages():
    assert f'version = "{vc.__version__}"' in (ROOT / "pyproject.toml").read_text(encoding="utf-8").splitlines()
