"""Evaluations at another input size and of whole pictures."""

import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image

import vit_core as vc
from vit_core.cli import main
from vit_core.data import open_dataset
from vit_core.evaluation import evaluate, read_run
from vit_core.evaluation.plan import default_batch
from vit_core.images import reframed
from vit_core.images.framing import largest_size

SHAPES = [(30, 60), (60, 30), (45, 45), (31, 62)]  # height, width; the last has the first one's grid


@pytest.fixture
def pictures(tmp_path):
    """Nine pictures of four shapes, mixed within a batch, in two folders."""
    draw = np.random.default_rng(0)
    for i in range(9):
        folder = tmp_path / "p" / f"class {i % 2}"
        folder.mkdir(parents=True, exist_ok=True)
        pixels = draw.integers(0, 256, (*SHAPES[i % len(SHAPES)], 3), np.uint8)
        Image.fromarray(pixels).save(folder / f"{i}.png")
    (tmp_path / "p/class 0/empty.png").touch()
    return tmp_path / "p"


@pytest.fixture
def model(build):
    model = build(image_size=(15, 15))
    model.labels = [f"class {i}" for i in range(11)]
    return model


@pytest.mark.parametrize("workers", [0, 1])
def test_rows_are_what_record_says_of_whole_pictures(tmp_path, pictures, model, workers):
    source, view = open_dataset(pictures), reframed(model, 24, "whole")
    rows = pq.read_table(evaluate(view, source, tmp_path / "out", batch=4, workers=workers)).to_pylist()
    assert len(rows) == len(source) == 10
    grids = set()
    for i, row in enumerate(rows):
        if "empty" in row["path"]:
            assert row["error"]
            continue
        trace = vc.record(model, source.read(i), size=24, framing="whole")
        grids.add(trace.grid)
        (label, p), *_ = vc.top_k(model, trace, 1)
        assert model.labels[row["predicted"]] == label
        assert row["probability"] == pytest.approx(p, rel=1e-4)
        assert row["embedding"] == pytest.approx(view.pooled(trace.tokens[None])[0].tolist(), rel=1e-3, abs=1e-4)
    assert grids == {(6, 11), (11, 6), (8, 8)}


def test_a_run_of_another_size_is_refused(tmp_path, pictures, model, capsys):
    vc.save(model, tmp_path / "tiny.safetensors")
    command = ["evaluate", str(pictures), "--model", f"file:{tmp_path / 'tiny.safetensors'}"]
    command += ["--out", str(tmp_path / "out"), "--workers", "0", "--device", "cpu"]
    assert main([*command, "--size", "21"]) == 0
    run = read_run(tmp_path / "out")
    assert run["model"].endswith("tiny.safetensors?input=21")
    assert run["identity"]["input"] == "21 x 21, crop"
    capsys.readouterr()
    assert main([*command, "--size", "21"]) == 0
    for other in ([], ["--size", "24"], ["--size", "21", "--framing", "whole"]):
        assert main([*command, *other]) == 2
        assert "(different: input, model)" in capsys.readouterr().err
    assert main([*command, "--size", "22"]) == 2
    assert "21 or 24" in capsys.readouterr().err


def test_a_larger_input_takes_smaller_batches():
    model = vc.load("embedded:photo", "cpu")
    assert default_batch(model) == 64
    assert default_batch(reframed(model, largest_size(model.config))) < 64
