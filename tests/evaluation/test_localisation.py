"""Localisation over a data set: a model whose maps are known, random weights beside the functions, mosaics by hand."""

import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from PIL import Image

import vit_core as vc
from vit_core import attribution as at
from vit_core.cli import main
from vit_core.data import open_dataset, read_boxes
from vit_core.evaluation.localisation import (
    COLUMNS,
    Candidate,
    choose_mosaics,
    measure_localisation,
    summarise_localisation,
)
from vit_core.images import Preprocess
from vit_core.models.config import ViTConfig
from vit_core.models.digest import weights_digest
from vit_core.models.vit import VisionTransformer

#: Normalised with mean and deviation 0.5. The product of two of them is 3 for a colour with itself, -1 with another.
COLOURS = {"blue": (-1, -1, 1), "green": (-1, 1, -1), "red": (1, -1, -1), "white": (1, 1, 1)}
NEXT = dict(zip(COLOURS, [*COLOURS][1:] + ["blue"], strict=True))
BOXES = """path,left,top,right,bottom
red/mixed.png,0,0,11,15
green/mixed.png,12,0,15,15
white/mixed.png,0,0,3,15
"""


@pytest.fixture
def colours():
    """A model of 4 x 4 patches: the logit of a colour is the mean over the pixels of their product with it."""
    options = dict(channels=3, classes=4, dim=4, depth=1, heads=1, head_dim=1, mlp_dim=2, position="none")
    config = ViTConfig(image_size=8, patch_size=2, pool="avg", class_token=False, final_norm=False, **options)
    model = VisionTransformer(config, [*COLOURS], Preprocess((8, 8), interpolation="nearest", crop_pct=1.0)).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.zero_()
        model.patch_embed.weight.copy_(torch.tensor([*COLOURS.values()]).view(4, 3, 1, 1).expand(4, 3, 2, 2) / 4)
        model.head.weight.copy_(torch.eye(4))
    return model


def painted(*columns):
    """A picture of 16 rows with so many columns of each colour."""
    row = [value for colour, count in columns for value in [COLOURS[colour]] * count]
    return Image.fromarray(np.array([row] * 16, np.int16).clip(0).astype(np.uint8) * 255)


@pytest.fixture
def source(tmp_path):
    """Of each colour one picture of that colour, and one whose last quarter has the next colour; a few others."""
    for colour in [*COLOURS, "purple"]:
        (tmp_path / "p" / colour).mkdir(parents=True)
    for colour, other in NEXT.items():
        painted((colour, 16)).save(tmp_path / "p" / colour / "pure.png")
        # The model crops the four columns at both sides of the white one.
        margin = [("red", 4)] if colour == "white" else []
        painted(*margin, (colour, 12), (other, 4), *margin).save(tmp_path / "p" / colour / "mixed.png")
    painted(("green", 16)).save(tmp_path / "p/red/wrong.png")
    painted(("red", 16)).save(tmp_path / "p/purple/unknown.png")
    (tmp_path / "p/red/broken.png").write_bytes(b"no picture")
    (tmp_path / "boxes.csv").write_text(BOXES)
    return tmp_path / "p"


def test_maps_that_are_known(colours, source, tmp_path):
    boxes = read_boxes(tmp_path / "boxes.csv")
    methods = ["input_gradient", "attention"]
    out = tmp_path / "new" / "table.parquet"
    path = measure_localisation(colours, open_dataset(source), out, name="colours", boxes=boxes, methods=methods)
    rows = pq.read_table(path).to_pylist()
    about = json.loads(pq.read_schema(path).metadata[b"vitrine"])
    assert about.pop("left_out") == {"unreadable": 1, "class": 1, "box": 6, "outside": 1}
    assert about == {"model": "colours", "weights": weights_digest(colours), "methods": methods, "limit": None} | {
        "mosaics": None, "seed": 0, "pictures": 11, "right": 8, "chosen": 2
    }  # fmt: skip

    def boxed(colour, method):
        return next(row for row in rows if row["path"] == f"{colour}/mixed.png" and row["method"] == method)

    assert len(rows) == 4 + 2 * 4 * 2
    found = boxed("red", "input_gradient")
    assert (found["target"], found["predicted"], found["mosaic"], found["error"]) == (2, 2, None, None)
    assert (found["pointing"], found["pointing_random"]) == (True, 0.75)
    assert (found["energy"], found["energy_uniform"]) == (pytest.approx(1), 0.75)
    found = boxed("green", "input_gradient")  # its box lies on the other colour
    assert (found["pointing"], found["pointing_random"]) == (False, 0.25)
    assert (found["energy"], found["energy_uniform"]) == (0, 0.25)
    for colour, share in (("red", 0.75), ("green", 0.25)):  # attention is the same everywhere
        found = boxed(colour, "attention")
        assert (found["pointing"], found["energy"]) == (False, pytest.approx(share))
    for row in rows[4:]:
        names = [f"{colour}/{'mixed' if row['mosaic'] else 'pure'}.png" for colour in COLOURS]
        assert row["path"] == names[row["target"]]
        assert (row["pointing_random"], row["energy_uniform"]) == (0.25, 0.25)
        if row["method"] == "attention":
            assert (row["pointing"], row["energy"]) == (False, pytest.approx(0.25))
            continue
        # A mixed picture of 2 x 2 patches has two of its colour (12) and two that are half the next colour (6 - 2);
        # in the picture of the colour before, those two halves are 4 too.
        wanted = 2 * (12 + 4) / (2 * (12 + 4) + 2 * 4) if row["mosaic"] else 1
        assert row["energy"] == pytest.approx(wanted)
        assert row["pointing"] is True
    assert sorted((row["mosaic"], row["quadrant"]) for row in rows[4::2]) == [(m, q) for m in (0, 1) for q in range(4)]


def test_random_weights_agree_with_the_functions(build, tmp_path):
    """Each picture is put into the class that the model predicts, and into one that it does not."""
    model = build(depth=2)
    model.labels = [f"class {i}" for i in range(11)]
    random = np.random.default_rng(0)
    noise = [Image.fromarray(random.integers(0, 256, (5, 7, 3), np.uint8)) for _ in range(24)]
    pictures = [one.resize((60, 40), Image.Resampling.NEAREST) for one in noise]
    with torch.no_grad():
        inputs = torch.cat([model.transform(picture)[0] for picture in pictures])
        model.head.bias.sub_(model(inputs).mean(0))  # so that the classes differ between pictures
        answers = model(inputs).argmax(1).tolist()
    for number, (picture, predicted) in enumerate(zip(pictures, answers, strict=True)):
        for name, label in (("right", predicted), ("wrong", (predicted + 1) % 11)):
            (tmp_path / "p" / f"class {label}").mkdir(parents=True, exist_ok=True)
            picture.save(tmp_path / "p" / f"class {label}" / f"{number}-{name}.png")
    dataset = open_dataset(tmp_path / "p")
    boxes = {name: [(10.0, 5.0, 33.0, 30.0)] for name in dataset.names if name.endswith("-right.png")}
    methods = [name for name in at.METHODS if name != "occlusion"]
    path = measure_localisation(
        model, dataset, tmp_path / "t.parquet", name="small", boxes=boxes, methods=methods, mosaics=1
    )
    table = pq.read_table(path)
    rows = [row for row in table.to_pylist() if row["mosaic"] is None]
    mosaic = [row for row in table.to_pylist() if row["mosaic"] is not None]
    assert [row["path"] for row in rows] == [name for name in dataset.names if name in boxes for _ in methods]
    for row in rows:
        images, crop = model.transform(dataset.read(list(dataset.names).index(row["path"])))
        assert row["predicted"] == row["target"]
        coverage = at.patch_coverage(boxes[row["path"]], crop, (3, 3))
        if row["error"] is not None:
            with pytest.raises(vc.InputError) as none:
                at.attribute(model, images, row["target"], row["method"])
            assert row["error"] == str(none.value)
            continue
        values = at.attribute(model, images, row["target"], row["method"]).on_grid
        assert row["energy"] == pytest.approx(at.energy_in_box(values, coverage).share)
        assert row["pointing"] == at.pointing_game(values, at.on_object(coverage))
    assert len(mosaic) == 4 * len(methods)
    assert len({row["target"] for row in mosaic}) == 4
    four = {row["quadrant"]: row for row in mosaic}
    images = at.mosaic(model, [Image.open(tmp_path / "p" / four[i]["path"]) for i in range(4)])
    for row in mosaic:
        if row["error"] is None:
            values = at.attribute(model, images, row["target"], row["method"]).on_grid
            quarter = at.quadrant_coverage(row["quadrant"], (4, 6))
            assert row["energy"] == pytest.approx(at.energy_in_box(values, quarter).share)
    for method in ("rollout", "attention"):  # the shares of a map that is the same for all classes add up to 1
        assert sum(row["energy"] for row in mosaic if row["method"] == method) == pytest.approx(1)


def test_a_method_without_a_map_is_told(colours, source, tmp_path, monkeypatch):
    def empty(*args):
        raise vc.InputError("attribution-empty", "nothing speaks for it", target=0)

    boxes = {"red/pure.png": [(0.0, 0.0, 8.0, 8.0)]}
    options = dict(name="colours", boxes=boxes, methods=["input_gradient"], mosaics=0)
    for change, said in ((empty, "nothing speaks for it"), (None, "No patch of the map speaks for the class.")):
        with monkeypatch.context() as patched:
            if change:
                patched.setattr(at, "attribute", change)
            else:
                with torch.no_grad():
                    colours.head.weight.mul_(0)  # a map of zeros
            path = measure_localisation(colours, open_dataset(source), tmp_path / "t.parquet", **options)
        (row,) = pq.read_table(path).to_pylist()
        assert (row["error"], row["energy"], row["pointing"]) == (said, None, None)
        assert summarise_localisation(path) == []


def test_what_is_refused(build, colours, source, tmp_path, no_room, monkeypatch):
    dataset = open_dataset(source)
    for change, said in ({"methods": ["magic"]}, "magic"), ({"limit": 0}, "at least 1"), ({"mosaics": -1}, "least 0"):
        with pytest.raises(ValueError, match=said):
            measure_localisation(colours, dataset, tmp_path / "t.parquet", name="x", **change)
    bare = build()
    bare.transform = None
    regression = build(problem_type="regression")
    refusals = {"model-no-head": build(classes=0), "evaluate-regression": regression, "checkpoint-config": bare}
    refusals["localisation-grid"] = build(image_size=(3, 21))
    # The mosaic of a grid of 5 x 7 would be 4 x 6, which is neither the model's grid nor a square.
    refusals["tensor-grid"] = build(position="rope", head_dim=8)
    monkeypatch.setattr(dataset, "read", None)  # refused before a picture is read
    for code, model in refusals.items():
        with pytest.raises(vc.InputError) as refused:
            measure_localisation(model, dataset, tmp_path / "t.parquet", name="x")
        assert refused.value.code == code
    with pytest.raises(vc.InputError) as refused:
        measure_localisation(colours, open_dataset(source), tmp_path / "t.parquet", name="x", mosaics=0)
    assert refused.value.code == "evaluate-disk"


def test_mosaics_by_hand():
    candidates = [
        *(Candidate(number, target, p) for number, (target, p) in enumerate([(0, 0.9), (0, 0.8), (1, 0.5), (2, 0.6)])),
        *(Candidate(number, target, p) for number, (target, p) in enumerate([(3, 0.7), (4, 0.4), (1, 0.3)], 4)),
        *(Candidate(number, target, p) for number, (target, p) in enumerate([(2, 0.2), (3, 0.1), (4, 0.15)], 7)),
    ]
    first, second = choose_mosaics(candidates)
    assert {one.number for one in first} == {0, 2, 3, 4}  # the best of five classes, without the least certain class
    assert {one.number for one in second} == {1, 6, 7, 9}  # the second best, again without the least certain class
    assert choose_mosaics(candidates, 1) == [first]
    assert choose_mosaics(candidates, 0) == choose_mosaics(candidates[:5], 9)[1:] == choose_mosaics([]) == []
    assert choose_mosaics(candidates[::-1]) == [first, second]
    orders = {tuple(one.number for one in choose_mosaics(candidates, seed=seed)[0]) for seed in range(20)}
    assert len(orders) > 5


def test_the_summary_by_hand(tmp_path):
    def row(method, pointing, energy, mosaic=None):
        known = {"path": "a", "target": 0, "predicted": 0, "pointing_random": 0.4, "energy_uniform": 0.3}
        return known | {"method": method, "pointing": pointing, "energy": energy, "mosaic": mosaic}

    rows = [row("lrp", True, 0.2), row("legrad", True, 0.9), row("lrp", False, 0.6), row("legrad", True, 0.5)]
    rows += [row("lrp", True, share, mosaic) for share, mosaic in ((0.5, 0), (0.7, 0), (0.2, 1), (None, 1))]
    rows += [row("grad_cam", None, None), row("rollout", True, 0.25, 0)]
    pq.write_table(pa.Table.from_pylist(rows, COLUMNS), tmp_path / "t.parquet")
    first, second, third = summarise_localisation(tmp_path / "t.parquet")
    assert (first.method, second.method, third.method) == ("legrad", "lrp", "rollout")
    assert (first.pictures, first.pointing, first.mosaics, first.grid) == (2, (1, 1, 1), 0, None)
    assert first.energy == pytest.approx((0.7, 0.5, 0.9))
    assert (second.pointing, second.pointing_random) == (pytest.approx((0.5, 0, 1)), pytest.approx(0.4))
    assert (second.energy, second.energy_uniform) == (pytest.approx((0.4, 0.2, 0.6)), pytest.approx(0.3))
    assert (second.mosaics, second.grid) == (2, pytest.approx((0.4, 0.2, 0.6)))  # of the mosaics' means 0.6 and 0.2
    assert (third.pictures, third.pointing, third.energy, third.energy_uniform) == (0, None, None, None)
    assert (third.pointing_random, third.grid.mean) == (None, 0.25)


def test_the_command(colours, source, tmp_path, capsys):
    vc.save(colours, tmp_path / "colours.safetensors")
    command = ["localisation", str(source), "--model", f"file:{tmp_path / 'colours.safetensors'}"]
    command += ["--methods", "attention", "input_gradient", "--out", str(tmp_path / "t.parquet")]
    assert main([*command, "--boxes", str(tmp_path / "boxes.csv")]) == 0
    said = capsys.readouterr().out
    assert "11 pictures, 8 classified correctly, 2 mosaics" in said
    assert "left out: 6 without a box\n" in said
    assert "left out: 1 with a box outside the model's input\n" in said
    lines = {line.split()[0]: line.split()[1:] for line in said.splitlines() if line}
    pointing, energy, grid = (
        ["0.500", "0.000-1.000", "0.500"],
        ["0.500", "0.000-1.000", "0.500"],
        ["0.900", "0.800-1.000"],
    )
    assert lines["input_gradient"] == ["2", *pointing, *energy, "2", *grid, "0.250"]
    pointing, energy, grid = (
        ["0.000", "0.000-0.000", "0.500"],
        ["0.500", "0.250-0.750", "0.500"],
        ["0.250", "0.250-0.250"],
    )
    assert lines["attention"] == ["(class-blind)", "2", *pointing, *energy, "2", *grid, "0.250"]
    assert main([*command, "--mosaics", "1", "--limit", "8"]) == 0
    said = capsys.readouterr().out
    assert "left out: 1 without a box" not in said
    line = next(line for line in said.splitlines() if line.startswith("input_gradient"))
    assert line.split()[1:6] == ["0", "-", "-", "-", "-"]
    (tmp_path / "bad.csv").write_text(BOXES + "red/pure.png,5,0,4,9\n")
    assert main([*command, "--boxes", str(tmp_path / "bad.csv")]) == 2
    assert "has a box from (5, 0) to (4, 9)" in capsys.readouterr().err
