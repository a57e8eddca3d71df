"""Faithfulness over a data set: the numbers of the functions, a run that can be killed, and its summary by hand."""

import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from filelock import FileLock
from PIL import Image

import vit_core as vc
from vit_core import attribution as at
from vit_core.cli import main
from vit_core.data import open_dataset
from vit_core.evaluation import read_progress, read_run
from vit_core.evaluation.faithfulness import (
    COLUMNS,
    measure_faithfulness,
    spread_sample,
    summarise,
)
from vit_core.models.digest import weights_digest

METHODS = ("legrad", "attention")
OPTIONS = dict(name="tiny", methods=METHODS, steps=3, orders=3, score="logit", fill="black")


@pytest.fixture(scope="module")
def model():
    return vc.load("embedded:tiny", "cpu")


@pytest.fixture
def dataset(tmp_path):
    random = np.random.default_rng(0)
    for folder in ("cat", "dog"):
        (tmp_path / "pictures" / folder).mkdir(parents=True)
        for number in range(3):
            pixels = random.integers(0, 255, (40, 40, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(tmp_path / "pictures" / folder / f"{number}.png")
    return open_dataset(tmp_path / "pictures")


def test_the_numbers_are_those_of_the_functions(model, dataset, tmp_path):
    path = measure_faithfulness(model, dataset, tmp_path / "out", **OPTIONS)
    rows = pq.read_table(path).to_pylist()
    assert [row["path"] for row in rows] == [name for name in dataset.names for _ in METHODS]
    assert [row["method"] for row in rows] == [*METHODS] * 6
    for row in rows[2:6]:
        images, _ = model.transform(dataset.read(list(dataset.names).index(row["path"])))
        target = int(model(images)[0].argmax())
        found = at.attribute(model, images, target, row["method"])
        options = {name: OPTIONS[name] for name in ("steps", "score", "fill")}
        curves = at.faithfulness(model, images, found.values, target, **options)
        chance = at.chance_levels(model, images, target, orders=3, **options)
        assert row["target"] == target
        assert row["error"] is None
        assert (row["deletion"], row["insertion"]) == pytest.approx((curves.deletion.auc, curves.insertion.auc))
        for curve in ("deletion", "insertion"):
            stored = {name: row[f"{curve}_{name}"] for name in ("mean", "low", "high")}
            assert stored == pytest.approx(getattr(chance, curve)._asdict())
    about = json.loads(pq.read_schema(path).metadata[b"vitrine"])
    assert about.pop("weights") == weights_digest(model)
    assert about == {"model": "tiny", "limit": None, "methods": [*METHODS], "orders": 3, "steps": 3} | {
        "score": "logit",
        "fill": "black",
    }


def test_a_stopped_run_goes_on_and_measures_no_picture_twice(model, dataset, tmp_path, monkeypatch):
    whole = measure_faithfulness(model, dataset, tmp_path / "whole", **OPTIONS)
    threads = torch.get_num_threads()
    out, seen = tmp_path / "out", []
    for many in (2, 3):
        with pytest.raises(vc.InputError) as stopped:
            measure_faithfulness(
                model, dataset, out, **OPTIONS, on_progress=seen.append, should_stop=lambda many=many: len(seen) == many
            )
        assert stopped.value.code == "evaluate-cancelled"
        assert (stopped.value.values["done"], stopped.value.values["total"]) == (many, 6)
        assert read_progress(out).state == "cancelled"
        with open(out / ".faithfulness.jsonl", "a") as file:
            file.write('{"path": "killed while wri')
        torch.set_num_threads(threads + many)
    measured = []
    monkeypatch.setattr(at, "chance_levels", lambda *args, _real=at.chance_levels, **named: (
        measured.append(1), _real(*args, **named))[1])  # fmt: skip
    assert measure_faithfulness(model, dataset, out, **OPTIONS) == out / "rows.parquet"
    assert len(measured) == 3
    assert pq.read_table(out / "rows.parquet").equals(pq.read_table(whole))
    assert read_run(out)["threads"] == threads
    assert torch.get_num_threads() == threads + 3  # as before the run
    torch.set_num_threads(threads)
    assert read_run(out)["state"] == "done"
    assert not (out / ".faithfulness.jsonl").exists()
    measure_faithfulness(model, dataset, out, **OPTIONS)
    assert len(measured) == 3  # a finished run is not measured again


def test_another_run_in_the_folder_and_two_at_once_are_refused(model, dataset, tmp_path):
    measure_faithfulness(model, dataset, tmp_path, **OPTIONS)
    other = vc.load("embedded:fashion", "cpu")
    for one, change in [(model, {"steps": 4}), (model, {"methods": ("legrad",)}), (model, {"limit": 3}), (other, {})]:
        with pytest.raises(vc.InputError) as refused:
            measure_faithfulness(one, dataset, tmp_path, **OPTIONS | change)
        assert refused.value.code == "evaluate-other"
    assert read_run(tmp_path)["state"] == "done"
    with pytest.raises(ValueError, match="no such method: magic"):
        measure_faithfulness(model, dataset, tmp_path / "new", **OPTIONS | {"methods": ("magic",)})
    assert not (tmp_path / "new").exists()
    (tmp_path / ".faithfulness.jsonl").write_text('{"path": "of the run before", "error": "x"}\n')
    again = measure_faithfulness(model, dataset, tmp_path, **OPTIONS | {"methods": ("legrad",)}, restart=True)
    assert {row["method"] for row in pq.read_table(again).to_pylist()} == {"legrad"}
    assert read_run(tmp_path)["errors"] == 0
    with pytest.raises(vc.InputError) as refused:
        measure_faithfulness(model, dataset, tmp_path / "pictures" / "cat", **OPTIONS)
    assert refused.value.code == "evaluate-among"
    assert sorted(path.name for path in (tmp_path / "pictures" / "cat").iterdir()) == ["0.png", "1.png", "2.png"]
    with FileLock(tmp_path / ".lock"), pytest.raises(vc.InputError) as refused:
        measure_faithfulness(model, dataset, tmp_path, **OPTIONS)
    assert refused.value.code == "evaluate-running"


def test_a_picture_without_a_map_or_that_cannot_be_read_is_told(model, dataset, tmp_path, monkeypatch):
    (tmp_path / "pictures" / "dog" / "1.png").write_bytes(b"no picture")

    def empty(*args):
        raise vc.InputError("attribution-empty", "nothing speaks for it", target=0)

    monkeypatch.setattr("vit_core.evaluation.faithfulness.measure.at.attribute", empty)
    path = measure_faithfulness(model, dataset, tmp_path / "out", **OPTIONS | {"methods": ("grad_cam",)})
    rows = pq.read_table(path).to_pylist()
    assert len(rows) == 5
    assert {row["error"] for row in rows} == {"nothing speaks for it"}
    assert {row["deletion"] for row in rows} == {None}
    assert read_run(tmp_path / "out")["errors"] == 1
    assert summarise(path) == []


def test_the_sample_is_spread():
    assert spread_sample(10, None) == list(range(10))
    assert spread_sample(10, 20) == list(range(10))
    assert spread_sample(10, 4) == [0, 2, 5, 7]


def test_the_summary_by_hand(tmp_path):
    def row(method, deletion, insertion):
        limits = {"deletion_low": 0.3, "deletion_high": 0.5, "insertion_low": 0.4, "insertion_high": 0.6}
        return {"path": "a", "target": 0, "method": method, "deletion": deletion, "insertion": insertion} | limits

    rows = [row("lrp", 0.35, 0.5), row("legrad", 0.1, 0.7), row("lrp", 0.2, 0.65), row("legrad", 0.3, 0.6)]
    rows += [row("grad_cam", None, None)]
    pq.write_table(pa.Table.from_pylist(rows, COLUMNS), tmp_path / "rows.parquet")
    first, second = summarise(tmp_path / "rows.parquet")
    assert (first.method, first.pictures, second.method) == ("legrad", 2, "lrp")
    assert (first.deletion, first.insertion) == pytest.approx((0.2, 0.65))
    assert (first.deletion_beats_chance, first.insertion_beats_chance) == (0.5, 0.5)  # the limits themselves do not
    assert (second.deletion_beats_chance, second.insertion_beats_chance) == (0.5, 0.5)
    assert first.deletion_interval == pytest.approx((0.1, 0.3))


def test_the_command(dataset, tmp_path, capsys):
    command = ["faithfulness", str(tmp_path / "pictures"), "--model", "embedded:tiny", "--out", str(tmp_path / "out")]
    command += ["--methods", "attention", "legrad", "--limit", "2", "--steps", "2", "--orders", "2"]
    assert main(command) == 0
    said = capsys.readouterr().out
    assert "2 pictures (0 unreadable), 2 steps, fill mean, probability of the predicted class, 2 random maps" in said
    best = summarise(tmp_path / "out" / "rows.parquet")[0]
    assert f"{best.deletion:.3f}" in said
    assert "attention (class-blind)" in said
    assert main([*command, "--fill", "blur"]) == 2
    assert "faithfulness" in capsys.readouterr().err
