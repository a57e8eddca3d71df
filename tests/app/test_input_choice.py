"""Input size and framing on the pages: what is offered, what the address says, and what is corrected."""

import numpy as np
import pytest
import torch
from PIL import Image

from app.explore import input_choice
from app.runtime import cache
from app.state import Key
from tests.app.test_pages import home, page  # noqa: F401  (a fixture: small models in place of the embedded ones)
from vit_core.images import Preprocess
from vit_core.models.config import ViTConfig
from vit_core.models.vit import VisionTransformer


def model(side: int, patch: int, **fields) -> VisionTransformer:
    config = ViTConfig(
        **dict(dim=8, depth=1, heads=2, head_dim=4, mlp_dim=8, image_size=(side, side), patch_size=(patch, patch))
        | fields
    )
    with torch.device("cpu"):
        return VisionTransformer(config, None, Preprocess(config.image_size))


@pytest.mark.parametrize(
    ("side", "patch", "sizes"),
    [
        (224, 14, [None, 336, 448, 518]),
        (518, 14, [None, 224, 336, 448]),
        (224, 16, [None, 336, 448, 512]),
        (224, 8, [None]),  # 336 would be 1,764 patches
        (32, 4, [None, 48, 64, 96, 128]),
        (28, 2, [None, 42, 56]),  # 84 would be 1,764 patches
    ],
)
def test_sizes_that_a_cpu_is_offered(side, patch, sizes):
    assert input_choice.offered(model(side, patch)) == sizes


def test_a_gpu_is_offered_up_to_1022(monkeypatch):
    monkeypatch.setitem(input_choice.MAX_PATCHES, "cpu", input_choice.MAX_PATCHES["other"])
    assert input_choice.offered(model(224, 14)) == [None, 336, 448, 518, 770, 1022]
    assert input_choice.offered(model(224, 16)) == [None, 336, 448, 512, 768, 1024]


def test_the_time_is_estimated_from_the_fastest_pass(monkeypatch):
    one = model(32, 4)
    monkeypatch.setattr(cache, "model", lambda name: one)
    monkeypatch.setattr(cache, "last_durations", lambda: {"m": 9.0, ("m", "atlas"): 9.0, ("other", 65): 9.0})
    picture = Image.new("RGB", (64, 32))
    assert input_choice.estimated_seconds("m", picture, None, "crop") is None
    known = {("m", 65): 0.5, ("m", 257): 8.0}
    monkeypatch.setattr(cache, "last_durations", lambda: known)
    assert input_choice.estimated_seconds("m?input=64", picture, None, "crop") == 0.5
    larger = input_choice.estimated_seconds("m", picture, 64, "crop")
    weights = sum(p.numel() for p in one.parameters())
    work = [tokens * weights + 2 * tokens**2 * 8 for tokens in (65, 257)]
    assert larger == pytest.approx(0.5 * work[1] / work[0])
    assert larger < 8


def shown(app) -> tuple:
    """Size and framing in the session and in the address, and the grid of the result."""
    values = [(key in app.session_state and app.session_state[key]) or None for key in (Key.SIZE, Key.FRAMING)]
    found = [app.query_params.get(str(key)) for key in (Key.SIZE, Key.FRAMING)]  # a list, if the test gave it
    address = [value[0] if isinstance(value, list) else value for value in found]
    assert [value and str(value) for value in values] == address
    (result,) = [value for key, value in cache.outputs().items() if key[1] == "result"]
    return *values, result.grid


@pytest.mark.parametrize(
    ("address", "found"),
    [
        ({}, (None, None, (6, 6))),
        ({"size": "48"}, (48, None, (12, 12))),
        ({"size": "40"}, (40, None, (10, 10))),  # not among those offered, but possible
        ({"framing": "whole"}, (None, "whole", (5, 7))),
        ({"size": "48", "framing": "whole"}, (48, "whole", (10, 14))),
        ({"size": "24"}, (None, None, (6, 6))),  # its own
        *(({"size": wrong, "framing": "zoom"}, (None, None, (6, 6))) for wrong in ("47", "0", "1024", "-4", "big")),
    ],
)
def test_the_address_says_size_and_framing(address, found):
    app = page(lang="en", sample="kitten.jpg", **address)
    assert not app.exception
    assert shown(app) == found


def test_a_size_of_another_model_is_corrected():
    app = page(lang="en", size="36", sample="kitten.jpg")
    app.selectbox(key="model_en").set_value("embedded:single").run()  # patches of 8: 36 is no multiple
    assert not app.exception
    assert app.session_state[Key.SIZE] is None
    assert Key.SIZE not in app.query_params
    assert np.isclose(cache.last_durations()["embedded:single"], cache.last_durations()["embedded:single", 2])
