"""Evaluations of models whose logits are not a softmax's: binary heads, several labels, and what is refused."""

from __future__ import annotations

import csv
import io
import math
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
from PIL import Image

import vit_core as vc
from vit_core.cli import main
from vit_core.data import open_dataset
from vit_core.errors import InputError
from vit_core.evaluation import Filter, Rows, evaluate, metrics, multi_label, read_run
from vit_core.evaluation.plan import differs_from_run
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


def test_metrics_of_several_labels_by_hand():
    scores = np.array([[0.9, 0.1, 0.2], [0.8, 0.6, 0.2], [0.7, 0.6, 0.2], [0.2, 0.3, 0.9]], np.float32)
    labelled = np.array([[1, 0, 0], [0, 1, 0], [1, 0, 0], [0, 1, 0]], bool)
    found = multi_label.measure(scores, labelled)
    # class 0: ranks right, wrong, right: precisions 1 and 2/3. Class 1: a tie of a right and a wrong one, then a right.
    assert found.average_precision[:2] == pytest.approx([(1 + 2 / 3) / 2, (1 / 2 + 2 / 3) / 2])
    assert np.isnan(found.average_precision[2])
    assert found.positives.tolist() == [2, 2, 0]
    assert found.threshold[:2] == pytest.approx([0.7, 0.3])
    assert found.f1[:2] == pytest.approx([0.8, 0.8])
    assert found.f1_half[:2] == pytest.approx([0.8, 0.5])
    assert found.precision_half[:2] == pytest.approx([2 / 3, 1 / 2])
    assert found.recall_half[:2] == pytest.approx([1, 1 / 2])
    assert found.mean_average_precision == pytest.approx((5 / 6 + 7 / 12) / 2)
    assert found.counted == 4


def test_a_random_ranking_has_the_average_precision_of_its_definition():
    draw = np.random.default_rng(0)
    scores, right = draw.integers(0, 9, (40, 1)).astype(np.float32), draw.random((40, 1)) < 0.3
    expected, before = 0.0, 0.0
    for threshold in sorted(set(scores[:, 0].tolist()), reverse=True):
        taken = scores[:, 0] >= threshold
        recall = right[taken].sum() / right.sum()
        expected += (recall - before) * right[taken].mean()
        before = recall
    assert multi_label.measure(scores, right).average_precision[0] == pytest.approx(expected)


@pytest.fixture
def several(build, pictures_of, tmp_path):
    """A multi-label model of three classes, and a table that gives some pictures two labels."""
    model, source = build(classes=3, problem_type="multi_label"), pictures_of(a=4)
    model.labels = ["cat", "dog", "tree"]
    labels = {"0": ["cat"], "1": ["dog", "cat"], "2": ["tree", "sofa"], "3": ["sofa"]}
    rows = [f"a/{i}.png,{name}" for i, names in labels.items() for name in names]
    (source / "labels.csv").write_text("path,label\n" + "\n".join(rows))
    return model, source, [[0], [0, 1], [2], []]


def test_a_multi_label_model_is_evaluated_with_all_labels_of_a_picture(several, tmp_path):
    model, source, known = several
    dataset = open_dataset(source / "labels.csv")
    rows = Rows(evaluate(model, dataset, tmp_path / "out", workers=0, batch=3))
    logits = [vc.record(model, read_image(source / "a" / f"{i}.png")).logits.double() for i in range(4)]
    scores = [z.sigmoid().tolist() for z in logits]
    firsts = [0, 1, 2, -1]  # the labels in the tables' first rows
    for row, p, right, first in zip(rows.at(range(4)), scores, known, firsts, strict=True):
        assert row["error"] is None
        best = int(np.argmax(p))
        assert (row["predicted"], row["labels"]) == (best, right)
        assert row["probability"] == pytest.approx(p[best], abs=1e-5)
        assert row["margin"] == pytest.approx(abs(p[best] - 0.5), abs=1e-5)
        assert row["label"] == (best if best in right else first)
        bits = [-q * math.log2(q) - (1 - q) * math.log2(1 - q) for q in p]
        assert row["entropy"] == pytest.approx(sum(bits) / 3, abs=1e-4)
        if right:
            assert row["p_label"] == pytest.approx(p[row["label"]], abs=1e-5)
            nats = [-math.log(q if c in right else 1 - q) for c, q in enumerate(p)]
            assert row["loss"] == pytest.approx(sum(nats) / 3, abs=1e-4)
    found, labelled = multi_label.load_scores(rows)
    np.testing.assert_allclose(found, scores[:3], atol=1e-5)
    assert [np.flatnonzero(row).tolist() for row in labelled] == known[:3]
    assert multi_label.multi_label(rows).counted == 3
    assert rows.problem_type == "multi_label"
    assert [row["path"] for row in rows.page(Filter(label=0, order="path"))] == ["a/0.png", "a/1.png"]
    assert rows.count(Filter(label=-1)) == 1
    assert evaluate(model, dataset, tmp_path / "out", workers=0, batch=3).exists()  # finished: nothing runs again


def test_a_single_label_model_still_refuses_two_labels(several, build, tmp_path):
    _, source, _ = several
    model = build(classes=3)
    model.labels = ["cat", "dog", "tree"]
    rows = Rows(evaluate(model, open_dataset(source / "labels.csv"), tmp_path / "out", workers=0))
    assert [row["error"].code if row["error"] else None for row in rows.at(range(4))] == [
        None, "dataset-conflict", "dataset-conflict", None,
    ]  # fmt: skip


def test_a_changed_label_is_another_evaluation(several, tmp_path):
    model, source, _ = several
    table = source / "labels.csv"
    evaluate(model, open_dataset(table), tmp_path / "out", workers=0)
    table.write_text(table.read_text().replace("a/1.png,cat", "a/1.png,tree"))
    assert differs_from_run(model, open_dataset(table), tmp_path / "out") == ["source"]


def test_a_changed_picture_of_a_multi_label_run_is_run_again(several, tmp_path):
    model, source, _ = several
    out, table = tmp_path / "out", source / "labels.csv"
    evaluate(model, open_dataset(table), out, workers=0, batch=2)
    before = Rows(out / "rows.parquet").columns(["scores"])["scores"].to_pylist()
    Image.fromarray(np.zeros((15, 21, 3), np.uint8)).save(source / "a" / "0.png")
    evaluate(model, open_dataset(table), out, workers=0, batch=2)
    after = Rows(out / "rows.parquet").columns(["scores"])["scores"].to_pylist()
    assert after[0] != before[0]
    assert after[1:] == before[1:]


def test_exports_say_the_problem_type(several, binary, tmp_path):
    model, source, _ = several
    rows = Rows(evaluate(model, open_dataset(source / "labels.csv"), tmp_path / "out", workers=0))
    out = io.BytesIO()
    rows.write(Filter(order="path"), out, "csv")
    lines = list(csv.DictReader(io.StringIO(out.getvalue().decode("utf-8-sig"))))
    assert {line["problem_type"] for line in lines} == {"multi_label"}
    assert lines[1]["labels"] == "0 1"
    assert "scores" not in lines[0]
    out = io.BytesIO()
    rows.write(Filter(order="path"), out, "parquet")
    table = pq.read_table(out)
    assert table.schema.metadata[b"problem_type"] == b"multi_label"
    assert len(table["scores"][0]) == 3


def test_the_label_of_a_row_is_the_prediction_if_the_picture_has_it(several, tmp_path):
    model, source, _ = several
    with torch.no_grad():
        model.head.bias[0] += 50  # "cat" is always the most probable
    rows = Rows(evaluate(model, open_dataset(source / "labels.csv"), tmp_path / "out", workers=0)).at(range(4))
    assert [row["predicted"] for row in rows] == [0] * 4
    assert [row["label"] for row in rows] == [0, 0, 2, -1]  # picture 1 has "dog" in its first row, "cat" in the second
