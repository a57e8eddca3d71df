"""Evaluations of models whose logits are not a softmax's: binary heads, several labels, and what is refused."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import vit_core as vc
from vit_core.cli import main
from vit_core.data import open_dataset
from vit_core.errors import InputError
from vit_core.evaluation import Rows, evaluate, metrics, read_run
from vit_core.images import read_image


@pytest.fixture
def pictures_of(tmp_path):
    """pictures_of(cat=3, dog=2) -> a folder with that many noisy pictures in each class folder."""

    def make(**counts) -> Path:
        draw = np.random.default_rng(0)
        for name, count in counts.items():
            folder = tmp_path / "pictures" / name
            folder.mkdir(parents=True)
            for i in range(count):
                Image.fromarray(draw.integers(0, 256, (15, 21, 3), np.uint8)).save(folder / f"{i}.png")
        return tmp_path / "pictures"

    return make


def evaluated(model, source: Path, out: Path) -> list[dict]:
    """The rows of an evaluation, by path."""
    rows = Rows(evaluate(model, open_dataset(source), out, workers=0, batch=4))
    return rows.at(range(rows.count()))


@pytest.fixture
def binary(build, pictures_of):
    """A binary model whose logits have both signs, a folder of pictures, and the logit of each picture."""

    def make(labels):
        model, source = build(classes=1, problem_type="binary"), pictures_of(cat=4, dog=5)
        names = [f"{folder}/{i}.png" for folder, count in (("cat", 4), ("dog", 5)) for i in range(count)]
        logits = [vc.record(model, read_image(source / name)).logits.item() for name in names]
        between = sum(sorted(logits)[4:6]) / 2
        with torch.no_grad():
            model.head.bias -= between
        model.labels = labels
        return model, source, dict(zip(names, (z - between for z in logits), strict=True))

    return make


@pytest.mark.parametrize("labels", [["dog", "cat"], ["cat"], None], ids=str)
def test_a_binary_model_is_evaluated_as_two_classes(labels, binary, tmp_path):
    model, source, logits = binary(labels)
    if labels is None:
        source = source.rename(tmp_path / "numbered")
        for name, number in (("cat", "1"), ("dog", "0")):  # class folders by number
            (source / name).rename(source / number)
        logits = {("1" if name.startswith("cat") else "0") + name[3:]: z for name, z in logits.items()}
    found = evaluated(model, source, tmp_path / "out")
    assert {row["predicted"] for row in found} == {0, 1}
    for row in found:
        z = logits[row["path"]]
        p = 1 / (1 + math.exp(-z))  # of the positive class, number 1
        label = 1 if row["path"].startswith(("cat", "1")) else 0 if labels != ["cat"] else -1
        best, p_label = max(p, 1 - p), p if label == 1 else 1 - p
        assert row["predicted"] == int(z > 0)
        assert row["label"] == label
        assert row["probability"] == pytest.approx(best, abs=1e-5)
        assert row["top"] == [int(z > 0), int(z <= 0)]
        assert row["top_p"] == pytest.approx([best, 1 - best], abs=1e-5)
        assert row["margin"] == pytest.approx(2 * best - 1, abs=1e-5)
        assert row["entropy"] == pytest.approx(-p * math.log2(p) - (1 - p) * math.log2(1 - p), abs=1e-4)
        if label >= 0:
            assert row["p_label"] == pytest.approx(p_label, abs=1e-5)
            assert row["loss"] == pytest.approx(-math.log(p_label), abs=1e-4)
    run = read_run(tmp_path / "out")
    assert run["problem_type"] == "binary"
    assert run["labels"] == (["not cat", "cat"] if labels == ["cat"] else labels)
    known = [row for row in found if row["label"] >= 0]
    columns = metrics.load_columns(Rows(tmp_path / "out" / "rows.parquet"))
    assert metrics.accuracy(columns.label, columns.predicted, columns.top).right == sum(
        row["label"] == row["predicted"] for row in known
    )


def test_not_cat_is_the_folder_of_the_negative_class(binary, tmp_path):
    model, source, _ = binary(["cat"])
    (source / "dog").rename(source / "not_cat")
    assert {row["label"] for row in evaluated(model, source, tmp_path / "out")} == {0, 1}


def test_a_regression_is_refused_before_anything_runs(build, pictures_of, tmp_path, capsys):
    model, source = build(classes=1, problem_type="regression"), pictures_of(cat=1, dog=1)
    with pytest.raises(InputError) as caught:
        evaluate(model, open_dataset(source), tmp_path / "out", workers=0)
    assert caught.value.code == "evaluate-regression"
    assert not (tmp_path / "out" / "rows.parquet").exists()
    vc.save(model, tmp_path / "age.safetensors")
    asked = ["evaluate", str(source), "--model", f"file:{tmp_path}/age.safetensors", "--out", str(tmp_path / "cli")]
    assert main(asked) == 2
    assert "regression" in capsys.readouterr().err
    assert main([*asked, "--problem-type", "binary"]) == 0
    assert read_run(tmp_path / "cli")["model"].endswith("?problem_type=binary")
