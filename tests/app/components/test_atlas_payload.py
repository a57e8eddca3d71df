"""The atlas' payload: what the browser gets is what the model did, small enough and quick enough."""

import dataclasses
import json
import re
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from app.components.assets import joined
from app.components.atlas import payload as wire
from app.components.atlas.component import HERE, SCRIPTS
from app.components.binary import header_of, section
from app.text.atlas import EN, KO
from vit_core.attention.attention_rollout import rollout
from vit_core.attention.statistics import attention_distance, attention_entropy
from vit_core.attention.trace import record
from vit_core.images import Preprocess
from vit_core.models.config import ViTConfig
from vit_core.models.vit import VisionTransformer

SMALL = dict(image_size=(15, 21), patch_size=(3, 3), classes=11, dim=14, depth=3, heads=2, head_dim=7, mlp_dim=23)


def shake(model, spread=0.3):
    """Weights away from their start, so that heads look at different places."""
    draw = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(spread * torch.randn(parameter.shape, generator=draw))
    return model.eval()


def picture(width=90, height=60) -> Image.Image:
    """Red grows to the right, green downwards: a pixel's colour says where it was."""
    x, y = np.meshgrid(np.linspace(0, 255, width), np.linspace(0, 255, height))
    return Image.fromarray(np.stack([x, y, np.zeros_like(x)], -1).astype(np.uint8))


def traced(features=False, **other):
    config = ViTConfig(**SMALL | other)
    model = shake(VisionTransformer(config, transform=Preprocess(size=config.image_size, crop_pct=1.0)), spread=0.7)
    return record(model, picture(), features=features)


def decoded(payload: bytes, name: str = "weights", scale: str = "scale") -> np.ndarray:
    """The weights as the browser reads them."""
    integers = section(payload, name).astype(np.float64)
    return section(payload, scale)[..., None] * integers**2


def attention(trace) -> np.ndarray:
    return np.stack([trace.attention(layer).numpy() for layer in range(trace.depth)])


def _tailed(peaks: list[float], tail: int) -> torch.Tensor:
    """A few peaks of every height over a flat tail: where the tail lies right between two bytes, all of it is off."""
    height = torch.arange(0, 12, 0.01)[:, None]
    return torch.softmax(torch.cat([height * torch.tensor([peaks]), torch.zeros(len(height), tail)], 1), -1)


ROWS = {
    "flat": torch.full((50, 197), 1 / 197),
    "nearly flat": torch.softmax(0.3 * torch.randn(500, 197, generator=torch.Generator().manual_seed(1)), -1),
    "usual": torch.softmax(2 * torch.randn(500, 197, generator=torch.Generator().manual_seed(2)), -1),
    "peaked": torch.softmax(8 * torch.randn(500, 197, generator=torch.Generator().manual_seed(3)), -1),
    "one peak, a flat tail": _tailed([1.0], 196),
    "three peaks, a flat tail": _tailed([1.0, 0.97, 0.9], 254),
    "one token": torch.eye(197)[:50],
    "long": torch.softmax(3 * torch.randn(50, 1370, generator=torch.Generator().manual_seed(4)), -1),
}


@pytest.mark.parametrize("kind", ROWS)
def test_bytes_keep_every_row_within_two_percent(kind, measured):
    row = ROWS[kind]
    integer, scale = wire.attention_bytes(row)
    back = scale[:, None] * integer.float() ** 2
    error = (back - row).abs().sum(-1).max().item()
    measured(f"row L1 error, {kind}: {error:.4f}")
    assert error <= 0.02
    torch.testing.assert_close(back.sum(-1), row.sum(-1))
    found = row.gather(-1, back.argmax(-1, keepdim=True))[:, 0]  # of two that share a byte, either is the largest
    assert (found >= 0.99 * row.amax(-1)).all()


def test_linear_bytes_would_not_do():
    row = ROWS["one peak, a flat tail"][600:601]
    linear = (row * (255 / row.amax(-1, keepdim=True))).round() * row.amax(-1, keepdim=True) / 255
    assert (linear - row).abs().sum(-1).max() > 0.1


def test_the_payload_holds_the_attention():
    trace = traced()
    payload = wire.pack(trace, picture())
    header, truth = header_of(payload), attention(trace)
    assert (header["layers"], header["heads"], header["tokens"]) == (3, 2, 36)
    assert (header["grid"], header["prefix"], header["factor"]) == ([5, 7], ["class"], 1)
    back = decoded(payload)
    assert back.shape == truth.shape
    assert np.abs(back - truth).sum(-1).max() <= 0.02
    np.testing.assert_allclose(decoded(payload, "mean", "mean_scale"), truth.mean(1), atol=1e-4)


def test_the_numbers_beside_a_head_are_the_analysis():
    trace = traced(registers=2)
    numbers = section(wire.pack(trace, picture()), "numbers")
    for layer in range(trace.depth):
        np.testing.assert_allclose(numbers[layer, :, 0], attention_distance(trace, layer), rtol=1e-4)
        np.testing.assert_allclose(numbers[layer, :, 1], attention_entropy(trace, layer), rtol=1e-4)


def test_outlier_tokens_come_with_their_norms():
    trace = traced(registers=2)
    norms = trace.token_norms.clone()
    norms[-1] = 1
    norms[-1, 3 + 17], norms[-1, 3 + 20], norms[-1, 0] = 9, 1.9, 99  # the last one is no patch
    outliers = header_of(wire.pack(dataclasses.replace(trace, token_norms=norms), picture()))["outliers"]
    assert outliers == {"patches": [17], "norms": [9.0], "median": 1.0, "factor": 2.0}


@pytest.mark.parametrize(
    "prefix",
    [
        {"class_token": False, "pool": "avg"},
        {"registers": 4},
        {"distillation_token": True},
        {"registers": 2, "distillation_token": True},
    ],
)
def test_prefix_tokens_come_with_their_names(prefix):
    trace = traced(**prefix)
    header = header_of(wire.pack(trace, picture()))
    assert tuple(header["prefix"]) == trace.config.prefix_names
    assert header["tokens"] == len(header["prefix"]) + 35


def test_equal_input_gives_equal_bytes_and_another_picture_another_id():
    trace = traced()
    first, again = wire.pack(trace, picture()), wire.pack(trace, picture())
    assert first == again
    assert header_of(first)["id"] != header_of(wire.pack(traced(registers=1), picture()))["id"]


def test_sections_begin_at_whole_words():
    payload = wire.pack(traced(), picture())
    assert int.from_bytes(payload[:4], "little") % 4 == 0
    assert all(entry["offset"] % 4 == 0 for entry in header_of(payload)["sections"])


def test_the_picture_is_what_the_patches_cover():
    """A 15 x 21 input out of 60 x 90 pixels, scaled to 15 x 22: the left 21 of them, to 90 * 21 / 22 = 85.9."""
    trace = traced()
    assert trace.crop.box == pytest.approx((0, 0, 90 * 21 / 22, 60))
    shown = wire.covered_picture(picture(), trace)
    assert shown.size == (640, 457)
    red = np.asarray(shown, float)[..., 0]
    assert red[228, 0] < 3
    assert abs(red[228, -1] - 255 * 85.8 / 89.5) < 3


def test_without_a_crop_all_of_the_picture_is_shown_in_the_proportions_of_the_patches():
    trace = dataclasses.replace(traced(), crop=None)
    shown = wire.covered_picture(picture(60, 60), trace)
    assert shown.size == (640, 457)
    red, green, _ = (np.asarray(c, float) for c in shown.split())
    assert red[228, 0] < 3 < 252 < red[228, -1]
    assert green[0, 320] < 3 < 252 < green[-1, 320]


TALL = dict(image_size=(224, 224), patch_size=(16, 16), dim=24, depth=12, heads=12, head_dim=8, mlp_dim=8, classes=0)


@pytest.fixture(scope="module")
def base():
    """12 layers x 12 heads x 197 tokens; the widths do not matter for the payload."""
    model = shake(VisionTransformer(ViTConfig(**TALL), transform=Preprocess()), spread=0.5)
    return record(model, picture(640, 640))


def test_twelve_layers_of_twelve_heads_fit_in_six_megabytes(base, measured):
    payload = wire.pack(base, picture(640, 640))
    measured(f"payload at 12 x 12 x 197 x 197: {len(payload) / 1e6:.2f} MB (1 MB = 10**6 bytes)")
    assert len(payload) <= 6_000_000
    assert np.abs(decoded(payload) - attention(base)).sum(-1).max() <= 0.02


@pytest.fixture(scope="module")
def over():
    """A source that is over its budget: 37 x 37 patches in small, every head sharp."""
    config = ViTConfig(**SMALL | {"image_size": (33, 39), "heads": 3, "head_dim": 5})  # 11 x 13 patches, 144 tokens
    model = shake(VisionTransformer(config, transform=Preprocess(size=config.image_size, crop_pct=1.0)), spread=0.7)
    trace = record(model, picture())
    return wire.Source(trace, picture(), budget=20_000)


def test_over_the_budget_the_maps_come_coarse(over):
    header = header_of(over.payload)
    assert not over.whole
    assert header["factor"] == 3  # by two, 1 + 6 x 7 tokens are too many; by three, 1 + 4 x 5
    weights = decoded(over.payload)
    assert weights.shape == (3, 3, 21, 21)
    # the coarse map from block (1, 2) is that of its middle patch, row 4, column 7, averaged over blocks
    truth = over.trace.attention(2, [over.trace.token_at(4, 7)])[1, 0]
    grid = over.trace.on_grid(truth)
    row = weights[2, 1, 1 + 1 * 5 + 2]
    assert row[0] == pytest.approx(truth[0].item(), rel=0.02, abs=1e-4)
    assert row[1 + 2 * 5 + 3] == pytest.approx(grid[6:9, 9:12].mean().item(), rel=0.1, abs=1e-4)
    assert row[1 + 3 * 5 + 4] == pytest.approx(grid[9:, 12:].mean().item(), rel=0.1, abs=1e-4)


def test_37_by_37_patches_stay_in_the_budget(measured):
    config = ViTConfig(**TALL | {"image_size": (518, 518), "patch_size": (14, 14)})
    trace = record(shake(VisionTransformer(config, transform=Preprocess(size=(518, 518)))), picture(640, 640))
    source = wire.Source(trace, picture(640, 640))
    one = source.answer({"of": source.id, "focus": [3, 5], "query": 700})
    measured(f"37 x 37: payload {len(source.payload) / 1e6:.2f} MB, an answer {len(one) / 1e6:.2f} MB")
    assert len(source.payload) <= wire.BUDGET_BYTES
    assert len(source.payload) + len(one) <= wire.BUDGET_BYTES


def test_an_answer_holds_exact_rows_columns_and_rollouts(over):
    trace, N = over.trace, over.trace.num_tokens
    truth = attention(trace)
    for direction, of in (("row", lambda a: a[..., 50, :]), ("column", lambda a: a[..., :, 50])):
        answer = over.answer({"of": over.id, "query": 50, "direction": direction, "residual": 0.4, "rolled": True})
        maps, rolled = decoded(answer, "maps", "maps_scale"), decoded(answer, "rolled", "rolled_scale")
        np.testing.assert_allclose(maps[:, :3], of(truth), atol=1e-4)
        np.testing.assert_allclose(maps[:, 3], of(truth).mean(1), atol=1e-4)
        for depth in range(3):
            matrix = torch.stack([rollout(trace, residual=0.4, last=depth, token=t) for t in range(N)]).numpy()
            np.testing.assert_allclose(rolled[depth], of(matrix), atol=1e-3)


def test_many_who_ask_at_once_are_all_answered_in_full(over, monkeypatch):
    wants = [
        {"of": over.id, "query": 40 + i, "direction": "column" if i % 2 else "row", "rolled": True} for i in range(6)
    ]
    wanted = [over.answer(want) for want in wants]
    fresh, scores, mean = wire.Source(over.trace, picture(), budget=20_000), wire._scores, torch.Tensor.mean
    for module, name, real in ((wire, "_scores", scores), (torch.Tensor, "mean", mean)):
        monkeypatch.setattr(module, name, lambda *a, real=real, **k: (time.sleep(0.01), real(*a, **k))[1])
    with ThreadPoolExecutor(6) as pool:
        assert list(pool.map(fresh.answer, wants)) == wanted


def test_an_answer_holds_the_layer_in_focus(over):
    truth = attention(over.trace)
    answer = over.answer({"of": over.id, "focus": [1, 2]})
    assert section(answer, "focus_heads").tolist() == [0, 1, 2]
    assert np.abs(decoded(answer, "focus", "focus_scale") - truth[1]).sum(-1).max() <= 0.02
    mean = over.answer({"of": over.id, "focus": [1, wire.MEAN]})
    assert section(mean, "focus_heads").tolist() == [wire.MEAN]
    assert np.abs(decoded(mean, "focus", "focus_scale")[0] - truth[1].mean(0)).sum(-1).max() <= 0.02


@pytest.mark.parametrize(
    "want",
    [
        {},
        {"of": "another"},
        {"of": None},
        {"focus": [9, 0]},
        {"focus": [0, -2]},
        {"focus": "x"},
        {"focus": [1]},
        {"query": 9999},
        {"query": -1},
        {"query": "x"},
        {"query": 3, "residual": "x"},
    ],
)
def test_what_cannot_be_wanted_gets_no_answer(over, want):
    assert over.answer(want if "of" in want or not want else {"of": over.id, **want}) is None


def test_whole_payloads_need_no_answers_but_give_them():
    source = wire.Source(traced(), picture())
    assert source.whole
    assert source.answer({"of": source.id, "query": 3}) is not None


def test_both_languages_say_the_same_things():
    assert set(EN) == set(KO)
    for name, sentence in EN.items():
        assert sentence.strip(), name
        assert sorted(re.findall(r"\{\w+\}", sentence)) == sorted(re.findall(r"\{\w+\}", KO[name])), name


def test_every_word_the_browser_asks_for_is_there_and_nothing_becomes_markup():
    source = joined(HERE, SCRIPTS, "js")
    for name in re.findall(r"words\.(\w+)", source):
        assert name in EN, name
    for name in re.findall(r"say\(\"(\w+)\"", source):
        assert f"caption_{name}" in EN, name
    for value in ("direction_row", "direction_column", "scale_map", "scale_layer", "scale_shared", "compare_both"):
        assert value in EN
    assert "innerHTML" not in source
    assert "http" not in source.replace('xmlns="http://www.w3.org/2000/svg"', "")  # an SVG file's


def test_files_stay_short():
    for path in Path(wire.__file__).parent.iterdir():
        if path.suffix in (".js", ".css", ".html", ".py"):
            assert len(path.read_text(encoding="utf-8").splitlines()) < 400, path.name


def test_the_header_is_plain_json():
    header = header_of(wire.pack(traced(), picture()))
    assert json.loads(json.dumps(header)) == header
