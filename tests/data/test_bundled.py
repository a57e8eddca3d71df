"""The photographs that ship, and their evaluation, which belongs to them and to the embedded model."""

import json

import numpy as np
import pytest
from PIL import Image

import vit_core as vc
from vit_core.assets import ASSETS
from vit_core.checkpoints import embedded_digest
from vit_core.data import match_classes, open_dataset
from vit_core.data.named import photo_credits
from vit_core.evaluation import Rows, evaluate
from vit_core.evaluation.filters import Filter
from vit_core.evaluation.folder import read_run
from vit_core.evaluation.maps import load_maps

EVALUATION = ASSETS / "photos-evaluation"
PICTURES, CLASSES = 50, 15  # at least
BYTES = 12e6  # at most, of all pictures together
FREE = ("public domain", "cc0", "pdm")


@pytest.fixture(scope="module")
def photos():
    return open_dataset("bundled:photos")


def test_there_are_enough_photographs_of_classes_that_the_model_knows(photos):
    assert len(photos) >= PICTURES
    assert len(photos.classes) >= CLASSES
    assert sum(photos.stat(i)[0] for i in range(len(photos))) <= BYTES
    header = read_run(EVALUATION)
    assert match_classes(photos.classes, header["labels"]).unknown == []
    assert min(min(photos.read(i).size) for i in range(len(photos))) >= 64


def test_each_photograph_has_its_author_source_and_free_licence(photos):
    credits = photo_credits()
    assert set(credits) == set(photos.names)
    for credit in credits.values():
        assert credit["author"]
        assert credit["source"]
        assert credit["licence"].lower().startswith(FREE), credit


def test_the_evaluation_is_of_these_photographs_and_this_model(photos):
    run, rows = read_run(EVALUATION), Rows(EVALUATION / "rows.parquet")
    assert run["state"] == "done"
    assert run["checkpoint"] == embedded_digest("embedded:photo")
    assert run["identity"]["pictures' file"] == photos.digest()
    assert run["source"]["root"] == "bundled:photos"
    assert rows.count() == len(photos)
    assert not [row for row in rows.page(limit=1000) if row["error"]]


def test_no_path_of_the_computer_that_made_the_evaluation_is_in_it():
    assert {path.name for path in EVALUATION.iterdir()} - {".lock"} == {"run.json", "rows.parquet", "maps.parquet"}
    assert str(ASSETS.parent) not in (EVALUATION / "run.json").read_text("utf-8")
    for table in ("rows.parquet", "maps.parquet"):
        assert str(ASSETS.parent).encode() not in (EVALUATION / table).read_bytes()


def test_every_error_of_the_evaluation_has_a_map():
    rows = Rows(EVALUATION / "rows.parquet")
    maps = load_maps(EVALUATION, rows)
    assert maps.complete
    assert set(maps.numbers[maps.wrong]) == set(rows.numbers(Filter(outcome="wrong")))


def test_the_model_still_gives_the_numbers_of_the_evaluation(photos):
    model, rows = vc.load("embedded:photo", "cpu"), Rows(EVALUATION / "rows.parquet")
    for row in rows.page(limit=1000)[:: len(photos) // 3]:
        trace = vc.record(model, photos.read(row["number"]))
        shares = trace.logits.softmax(-1)
        assert float(shares.max()) == pytest.approx(row["probability"], abs=2e-3)
        assert int(shares.argmax()) == row["predicted"]


def test_neither_place_nor_time_of_installation_changes_the_photographs(photos, tmp_path, monkeypatch):
    from vit_core.data.named import bundled

    for name in ("cat/1.png", "dog/2.png"):
        (tmp_path / name).parent.mkdir()
        Image.fromarray(np.full((9, 9, 3), ord(name[0]), np.uint8)).save(tmp_path / name)
    monkeypatch.setattr(bundled, "PHOTOS", tmp_path)
    first = bundled.bundled_photos().digest()
    moved = tmp_path.rename(tmp_path.with_name("moved"))
    monkeypatch.setattr(bundled, "PHOTOS", moved)
    (moved / "cat" / "1.png").touch()
    again = bundled.bundled_photos()
    assert first == again.digest() != photos.digest()
    assert again.stat(0)[1] == 0
    data = (moved / "cat" / "1.png").read_bytes()
    (moved / "cat" / "1.png").write_bytes(data + b"\0")
    assert bundled.bundled_photos().digest() != first


def test_an_evaluation_of_a_bundled_set_tells_its_name_and_weights(tmp_path, build, monkeypatch):
    from vit_core.data.named import bundled

    for name in ("0", "1"):
        (tmp_path / "p" / name).mkdir(parents=True)
        Image.new("RGB", (9, 9)).save(tmp_path / "p" / name / "a.png")
    monkeypatch.setattr(bundled, "PHOTOS", tmp_path / "p")
    evaluate(build(classes=2), open_dataset("bundled:photos"), tmp_path / "out", name="embedded:photo", workers=0)
    run = json.loads((tmp_path / "out" / "run.json").read_text("utf-8"))
    assert run["checkpoint"] == embedded_digest("embedded:photo")
    assert embedded_digest("embedded:none") is None
    assert embedded_digest("file:photo") is None
