"""Every picture in assets/ opens, and its origin and licence are listed."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from vit_core.data.arrays import FASHION_LABELS, read_idx
from vit_core.training.photo_data import read_classes

ASSETS = Path(__file__).resolve().parent.parent / "assets"
SAMPLES = json.loads((ASSETS / "samples/samples.json").read_text(encoding="utf-8"))
FIELDS = ["file", "title_en", "title_ko", "class", "model", "author", "source", "licence"]
LABELS = {"photo": [row.english for row in read_classes()], "fashion": FASHION_LABELS, None: [None]}


def test_every_picture_is_listed_once():
    files = sorted(path.name for path in (ASSETS / "samples").iterdir() if path.name != "samples.json")
    assert sorted(sample["file"] for sample in SAMPLES) == files
    assert sum(path.stat().st_size for path in (ASSETS / "samples").iterdir()) < 3e6


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample["file"])
def test_sample(sample):
    assert list(sample) == FIELDS
    assert all(sample[field] for field in FIELDS if field not in ("class", "model"))
    assert sample["class"] in LABELS[sample["model"]]
    allowed = {"MIT"} if sample["model"] == "fashion" else {"CC0-1.0", "Public domain"}
    assert sample["licence"] in allowed
    with Image.open(ASSETS / "samples" / sample["file"], formats=["JPEG", "PNG"]) as picture:
        assert not picture.getexif(), "metadata may identify a place or a person"
        assert picture.size == (28, 28) if sample["model"] == "fashion" else 256 < max(picture.size) <= 1024
        assert np.asarray(picture).std() > 10, "the picture is nearly uniform"


def test_there_are_enough_photographs_and_the_first_is_one():
    photographs = [sample for sample in SAMPLES if sample["model"] != "fashion"]
    assert len(photographs) >= 8
    assert len({sample["class"] for sample in photographs} - {None}) >= 3
    assert SAMPLES[0]["model"] == "photo", "the first sample should show a class that the model was trained on"


def test_every_labelled_photograph_is_free_small_and_of_a_class_of_the_model():
    listed = json.loads((ASSETS / "photos/photos.json").read_text(encoding="utf-8"))
    files = sorted(path.relative_to(ASSETS / "photos").as_posix() for path in (ASSETS / "photos").glob("*/*"))
    assert sorted(one["file"] for one in listed) == files
    assert len({one["class"] for one in listed}) >= 15
    assert sum((ASSETS / "photos" / file).stat().st_size for file in files) <= 12e6
    for one in listed:
        assert list(one) == ["file", "class", "author", "source", "licence"]
        assert all(one.values())
        assert one["class"] == one["file"].partition("/")[0]
        assert one["class"] in LABELS["photo"]
        assert one["licence"] in {"CC0-1.0", "Public domain"}
        with Image.open(ASSETS / "photos" / one["file"], formats=["JPEG"]) as picture:
            assert not picture.getexif(), "metadata may identify a place or a person"
            assert max(picture.size) <= 400


def test_no_labelled_photograph_is_there_twice():
    pictures = [Image.open(path).convert("L").resize((16, 16)) for path in sorted((ASSETS / "photos").glob("*/*.jpg"))]
    flat = np.stack([np.asarray(one, np.float32).ravel() for one in pictures])
    flat = (flat - flat.mean(1, keepdims=True)) / flat.std(1, keepdims=True)
    alike = flat @ flat.T / flat.shape[1] - np.eye(len(flat))
    assert alike.max() < 0.95


def test_the_fashion_mnist_test_set_is_complete():
    pictures = read_idx(ASSETS / "fashion-mnist/t10k-images-idx3-ubyte.gz")
    classes = read_idx(ASSETS / "fashion-mnist/t10k-labels-idx1-ubyte.gz")
    assert pictures.shape == (10_000, 28, 28)
    assert np.bincount(classes).tolist() == [1000] * 10
    assert "Copyright (c) 2017 Zalando SE" in (ASSETS / "fashion-mnist/LICENSE").read_text(encoding="utf-8")


@pytest.mark.parametrize("sample", [s for s in SAMPLES if s["model"] == "fashion"], ids=lambda s: s["file"])
def test_fashion_samples_are_test_pictures_of_their_class(sample):
    pictures = read_idx(ASSETS / "fashion-mnist/t10k-images-idx3-ubyte.gz")
    classes = read_idx(ASSETS / "fashion-mnist/t10k-labels-idx1-ubyte.gz")
    index = int(sample["source"].split("test picture ")[1].split()[0])
    with Image.open(ASSETS / "samples" / sample["file"]) as picture:
        np.testing.assert_array_equal(np.asarray(picture), pictures[index])
    assert FASHION_LABELS[classes[index]] == sample["class"]
