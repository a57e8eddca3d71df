"""Features for the browser: int8 that keeps every cosine, in bundles that keep within the budget."""

import dataclasses

import numpy as np
import pytest
import torch
import torch.nn.functional as F

import vit_core as vc
from app.components.atlas import similarity as wire
from app.components.atlas.payload import Source
from app.components.binary import header_of, section
from tests.app.components.test_atlas_payload import SMALL, picture, shake
from vit_core.images import Preprocess
from vit_core.models.config import ViTConfig
from vit_core.models.vit import VisionTransformer


def gaussian(tokens: int, dim: int) -> torch.Tensor:
    return torch.randn(tokens, dim, generator=torch.Generator().manual_seed(1))


def massive(tokens: int, dim: int) -> torch.Tensor:
    """One channel carries 99 % of the norm of every second token, as massive activations do; the others have none."""
    values = gaussian(tokens, dim)
    values[::2, 5] = 7 * values[::2].norm(dim=-1)
    return values


def decoded(numbers: np.ndarray, scales: np.ndarray) -> np.ndarray:
    """The directions as the browser has them."""
    return numbers.astype(np.float64) * scales[..., None]


def cosines(values: torch.Tensor) -> np.ndarray:
    unit = F.normalize(values.double(), dim=-1)
    return (unit @ unit.T).numpy()


FEATURES = {
    "usual": gaussian(200, 384),
    "narrow": gaussian(50, 16),
    "alike": gaussian(200, 384) * 0.05 + gaussian(1, 384),
    "one massive channel": massive(200, 384),
    "one massive channel, wide": massive(100, 1024),
    "one massive channel over equal ones": torch.ones(2, 1024).index_put_(
        (torch.tensor([0, 1]), torch.tensor([0, 0])), torch.tensor([7 * 1024**0.5, 0.0])
    ),
    "a massive channel and nothing else": torch.cat([torch.eye(384)[5:6].expand(20, -1), gaussian(20, 384)]),
}


@pytest.mark.parametrize("kind", FEATURES)
def test_a_cosine_is_kept_within_a_hundredth(kind, measured):
    values = FEATURES[kind]
    unit = decoded(*(part.numpy() for part in wire.quantised(values)))
    error = np.abs(unit @ unit.T - cosines(values)).max()
    measured(f"error of a cosine, {kind}: {error:.4f}")
    assert error <= 0.01
    np.testing.assert_allclose((unit**2).sum(-1), 1, atol=1e-6)  # like itself


def test_without_the_rotation_a_massive_channel_would_hide_the_others(monkeypatch):
    """The feature (224, 1, 1, ...) and the one without its first channel: 1 would become 0.57, rounded to 1."""
    monkeypatch.setattr(wire, "rotation", torch.eye)
    values = torch.ones(2, 1024)
    values[0, 0] = 7 * 1024**0.5
    values[1, 0] = 0
    unit = decoded(*(part.numpy() for part in wire.quantised(values)))
    assert abs(unit[0] @ unit[1] - cosines(values)[0, 1]) > 0.05


def test_a_feature_of_zeros_is_like_none():
    numbers, scales = wire.quantised(torch.cat([torch.zeros(1, 16), gaussian(2, 16)]))
    assert not numbers[0].any()
    assert scales[0] == 0
    assert np.isfinite(decoded(numbers.numpy(), scales.numpy())).all()


def test_the_rotation_is_orthogonal_and_always_the_same():
    matrix = wire.rotation(33)
    torch.testing.assert_close(matrix @ matrix.T, torch.eye(33), atol=1e-5, rtol=0)
    wire.rotation.cache_clear()
    assert torch.equal(matrix, wire.rotation(33))  # features of two pictures are compared


@pytest.fixture(scope="module")
def recorded():
    """(source, trace with features)"""
    config = ViTConfig(**SMALL | {"registers": 2})
    model = shake(VisionTransformer(config, transform=Preprocess(size=config.image_size, crop_pct=1.0)), spread=0.7)
    trace = vc.record(model, picture(), features=True)
    return Source(dataclasses.replace(trace, directions=None, values=None), picture()), trace


def want(source, **other) -> dict:
    return {"of": source.id, "id": 7, "facet": "token", "layers": [1]} | other


@pytest.mark.parametrize("facet", vc.features.FACETS)
def test_an_answer_holds_the_similarity_of_the_core(recorded, facet):
    source, trace = recorded
    answer = wire.answer(source, want(source, facet=facet, layers=[2, 0]), lambda: trace)
    header = header_of(answer)
    assert header["of"] == source.id
    assert header["like"] == {"facet": facet, "layers": [2, 0], "too_large": False}
    unit = decoded(section(answer, "features"), section(answer, "scales"))
    assert unit.shape[:2] == (2, trace.num_tokens)
    for found, layer in zip(unit, (2, 0), strict=True):
        for token in (0, 3, trace.num_tokens - 1):  # the class token, the first patch, the last
            truth = vc.features.similarity(trace, layer, token, facet).numpy()
            np.testing.assert_allclose((found @ found[token])[3:], truth, atol=0.01)


@pytest.mark.parametrize(
    "other",
    [
        {"of": "another"},
        {"of": None},
        {"facet": "position"},
        {"facet": ["token"]},
        {"layers": []},
        {"layers": [3]},
        {"layers": [-1]},
        {"layers": "1"},
        {"layers": 1},
        {"layers": None},
        {"layers": [float("inf")]},
        {"layers": [{}]},
        {"id": "x"},
    ],
    ids=str,
)
def test_a_forged_request_gets_no_answer_and_costs_no_forward_pass(recorded, other):
    source, _ = recorded

    def no_forward():
        raise AssertionError("computed for a forged request")

    assert wire.answer(source, want(source, **other), no_forward) is None
    for nothing in (None, 3, "x", [], {}):
        assert wire.answer(source, nothing, no_forward) is None


def test_a_bundle_keeps_within_the_budget_and_has_the_most_urgent_layers(recorded, monkeypatch):
    source, trace = recorded
    asked = want(source, layers=[2, 0, 0, 1], id=8)
    monkeypatch.setattr(wire, "BUNDLE_BYTES", 2 * wire.layer_bytes(trace))
    answer = wire.answer(source, asked, lambda: trace)
    assert header_of(answer)["like"]["layers"] == [2, 0]
    assert sum(section(answer, name).nbytes for name in ("features", "scales")) <= wire.BUNDLE_BYTES


def test_too_many_tokens_are_refused_without_computing_them(recorded, monkeypatch):
    source, trace = recorded
    monkeypatch.setattr(wire, "BUNDLE_BYTES", wire.layer_bytes(trace) - 1)
    answer = wire.answer(source, want(source, id=9), lambda: pytest.fail("computed"))
    assert header_of(answer)["like"] == {"facet": "token", "layers": [], "too_large": True}


def test_what_the_core_refuses_is_refused(recorded):
    source, _ = recorded

    def refuse():
        raise vc.InputError("features-size", "too many tokens")

    answer = wire.answer(source, want(source, id=10), refuse)
    assert header_of(answer)["like"]["too_large"]


def test_12_layers_of_1370_tokens_are_one_bundle():
    assert wire.BUNDLE_BYTES >= 12 * 1370 * (384 + 4)
    assert wire.BUNDLE_BYTES < 50_000 * (384 + 4)
