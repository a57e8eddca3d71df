"""Models small enough to work out by hand, with every size a different prime where it may be."""

import gc
import signal
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from vit_core.images import Preprocess
from vit_core.models.config import ViTConfig
from vit_core.models.vit import VisionTransformer

#: Markers; `pytest -m unit` runs one tier.
TIERS = ("load", "hostile", "browser", "package", "unit")
SMALL = dict(image_size=(15, 21), patch_size=(3, 3), classes=11, dim=14, depth=3, heads=2, head_dim=7, mlp_dim=23)


def shake(model: torch.nn.Module, seed: int = 0, spread: float = 0.3) -> torch.nn.Module:
    """Weights away from their start, so that no term is hidden by a zero or a one."""
    draw = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(spread * torch.randn(parameter.shape, generator=draw))
    return model.eval()


@pytest.fixture
def build():
    """build(**fields) -> a small model, shaken, with a plain transform."""

    def make(seed: int = 0, **fields) -> VisionTransformer:
        config = ViTConfig(**SMALL | fields)
        torch.manual_seed(seed)
        grey = config.channels == 1
        mean = (0.5,) if grey else (0.5, 0.4, 0.3)
        return shake(VisionTransformer(config, None, Preprocess(config.image_size, mean, mean, crop_pct=1.0)), seed)

    return make


@pytest.fixture
def uncollected():
    """No garbage collection: what is gone all the same was held by nothing, not even by itself."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


@pytest.fixture
def stage(build):
    """stage(picture=(height, width), **fields) -> the lecture's Stage of a small model and a picture of noise."""
    from app.explore.result import Result
    from app.lecture import Stage
    from vit_core import record

    def make(picture: tuple[int, int] = (90, 120), **fields) -> Stage:
        noise = np.random.default_rng(0).integers(0, 256, (*picture, 3), dtype=np.uint8)
        image, model = Image.fromarray(noise), build(**fields)
        return Stage(Result("small", image, model, record(model, image), 0.0))

    return make


@pytest.fixture
def pictures():
    """pictures(n, height, width, channels=3) -> a float tensor of noise."""

    def make(n: int = 1, height: int = 15, width: int = 21, channels: int = 3) -> torch.Tensor:
        return torch.randn(n, channels, height, width, generator=torch.Generator().manual_seed(n * height + width))

    return make


@pytest.fixture
def no_room():
    """Until the test ends, this process cannot write to any file, as if every disk were full. POSIX only."""
    resource = pytest.importorskip("resource")
    limits, handler = resource.getrlimit(resource.RLIMIT_FSIZE), signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, limits[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    signal.signal(signal.SIGXFSZ, handler)


@pytest.fixture
def measured(record_property):
    """measured("what: 0.02"): printed at the end of the run, whichever worker measured it."""
    return lambda figure: record_property("measured", figure)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item):
    """Restore `__main__` after each test: AppTest puts a page's script there, which later child processes would run."""
    main = sys.modules["__main__"]
    try:
        return (yield)
    finally:
        sys.modules["__main__"] = main


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    """Mark each test with its tier, from its folder unless it names one itself. Sort by tier, then by size of file.

    The tiers of long tests and the large files come first, so that at the end no worker waits for another.
    """
    root = Path(__file__).parent
    sizes = Counter(item.path for item in items)
    order = {}
    for item in items:
        tier = next((tier for tier in TIERS if item.get_closest_marker(tier)), None)
        if tier is None:
            folder = item.path.relative_to(root).parts[0]
            tier = folder if folder in TIERS else "unit"
            item.add_marker(tier)
        order[item] = TIERS.index(tier), -sizes[item.path], str(item.path)
    items.sort(key=order.get)


def pytest_terminal_summary(terminalreporter):
    reports = [r for found in terminalreporter.stats.values() for r in found if getattr(r, "when", None) == "call"]
    figures = [value for r in reports for name, value in r.user_properties if name == "measured"]
    if figures:
        terminalreporter.section("measured")
        for figure in figures:
            terminalreporter.line(figure)
