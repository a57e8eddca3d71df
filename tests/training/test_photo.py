"""The recipe "photo" on made-up data and a small backbone: what it learns from, what it changes, how it resumes."""

import csv
import random

import numpy as np
import pytest
import torch
from PIL import Image

from vit_core import VisionTransformer, ViTConfig
from vit_core.checkpoints import embedded
from vit_core.training import photo, photo_data, photo_results
from vit_core.training.loop import train

SMALL = ViTConfig(image_size=28, patch_size=14, dim=24, depth=4, heads=2, head_dim=12, mlp_dim=48, classes=0)
RECIPE = photo.PhotoRecipe(steps=4, stages=((28, 0.5), (42, 0.5)), batch=8)
ROWS = [("goldfish", "금붕어", "tiny:n01"), ("anchor", "닻", "caltech:anchor"), ("ship", "배", "cifar:ship tiny:n02")]


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """One folder with the three data sets; every class has a colour of its own."""
    root, draw = tmp_path_factory.mktemp("data"), np.random.default_rng(0)

    def pictures(folder, side, count, colour):
        (root / folder).mkdir(parents=True)
        for i in range(count):
            pixels = np.clip(draw.normal(colour, 30, (side, side, 3)), 0, 255).astype(np.uint8)
            Image.fromarray(pixels).save(root / folder / f"{i}.jpg")

    pictures("tiny-imagenet/train/n01", 64, 20, (220, 120, 20))
    pictures("tiny-imagenet/train/n02", 64, 20, (20, 80, 200))
    pictures("tiny-imagenet/val/n01", 64, 3, (220, 120, 20))
    pictures("tiny-imagenet/val/n02", 64, 3, (20, 80, 200))
    pictures("caltech101-small/anchor", 120, 10, (90, 90, 90))
    pictures("train/ship", 32, 260, (20, 80, 200))
    pictures("test/ship", 32, 4, (20, 80, 200))
    with (root / "tiny-imagenet/val_boxes.csv").open("w") as file:
        table = csv.writer(file)
        table.writerow(("path", "left", "top", "right", "bottom"))
        table.writerows((f"{name}/{i}.jpg", 0, 0, 63, 63) for name in ("n01", "n02") for i in range(3))
    return root


@pytest.fixture(scope="module")
def classes(tmp_path_factory):
    path = tmp_path_factory.mktemp("classes") / "classes.tsv"
    path.write_text("\n".join("\t".join(row) for row in [("english", "korean", "sources"), *ROWS]) + "\n", "utf-8")
    return photo_data.read_classes(path)


@pytest.fixture(scope="module")
def data(root, classes):
    return photo_data.read_data(root, classes)


@pytest.fixture
def run(data, classes, tmp_path):
    def made(name="photo"):
        torch.manual_seed(7)
        return photo.PhotoRun(VisionTransformer(SMALL), data, classes, tmp_path / f"{name}.safetensors", RECIPE)

    return made


def test_the_shipped_classes_are_unique_in_both_languages():
    rows = photo_data.read_classes()
    assert len(rows) == len({row.english for row in rows}) == len({row.korean for row in rows}) == 292
    assert {source for row in rows for source, _ in row.folders} == set(photo_data.SHARPNESS)


def test_held_out_pictures_are_not_trained_on(data):
    aside = {picture.path for pictures in data.held_out.values() for picture in pictures}
    assert {source: len(pictures) for source, pictures in data.held_out.items()} == {
        "cifar": 4,
        "tiny": 10,
        "caltech": 5,
    }
    assert len(data.train) == 15 + 15 + 5 + 260
    assert not aside & {picture.path for picture in data.train}
    assert {picture.path.parent.parent.name for picture in data.tiny_validation} == {"val"}


def test_an_epoch_repeats_caltech_and_draws_from_cifar(data):
    order = photo_data.epoch_order(data.train, 0)
    counts = {source: sum(picture.source == source for picture in order) for source in photo_data.SHARPNESS}
    assert counts == {"cifar": photo_data.CIFAR_PER_CLASS, "tiny": 30, "caltech": 5 * photo_data.CALTECH_REPEATS}
    assert order == photo_data.epoch_order(data.train, 0) != photo_data.epoch_order(data.train, 1)


def test_sharp_pictures_are_sometimes_shrunk_and_small_ones_never(data):
    for source, expected in (("caltech", {32, 64, 192}), ("tiny", {32, 64}), ("cifar", {32})):
        picture = next(picture for picture in data.train if picture.source == source)
        views = [photo_data.augment(picture, 28, random.Random(i)) for i in range(40)]
        assert {sharpness for _, sharpness in views} == expected
        assert all(pixels.shape == (28, 28, 3) and pixels.dtype == np.uint8 for pixels, _ in views)


def test_a_picture_competes_with_classes_that_are_seen_as_sharp():
    allowed = photo.allowed_classes(torch.tensor([32, 192]), torch.tensor([64, 192, 64]))
    assert allowed.tolist() == [[True, True, True], [False, True, False]]
    scores = torch.tensor([[1.0, 2.0, 3.0]])
    one = photo.smoothed_loss(scores, torch.tensor([1]), torch.tensor([[False, True, True]]), 0.2)
    log_p = scores[0, 1:].log_softmax(-1)
    assert one == pytest.approx(float(-(0.8 * log_p[0] + 0.2 * log_p.mean())))


def test_the_first_blocks_stay_and_later_blocks_learn_faster(run):
    one = run()
    before = {name: value.clone() for name, value in one.model.state_dict().items()}
    train(one)
    changed = {name for name, value in one.model.state_dict().items() if not torch.equal(value, before[name])}
    assert changed == {name for name in before if name.startswith(("blocks.3.", "norm.", "head."))}
    peaks = {name: group["peak"] for group in one.optimizers[0].param_groups for name in [len(group["params"])]}
    assert max(peaks.values()) == RECIPE.head_lr
    assert [RECIPE.size_at(step / 4) for step in range(5)] == [28, 28, 42, 42, 42]


def test_a_run_that_was_killed_continues_to_the_same_weights(run):
    whole = run("whole")
    train(whole)
    train(run("parts"), stop_at=2)
    second = run("parts")
    assert second.resume()
    assert second.step == 2
    train(second)
    assert all(torch.equal(second.average[name], value) for name, value in whole.average.items())


def test_the_file_holds_fp16_weights_korean_names_and_results(run, root):
    one = run()
    train(one)
    card = one.finish(photo_data.read_boxes(root))
    model = embedded.load_saved(one.out)
    assert model.labels == ["goldfish", "anchor", "ship"]
    assert card["labels_ko"] == ["금붕어", "닻", "배"]
    assert next(model.parameters()).dtype == torch.float32
    assert embedded.metadata(one.out)["card"]["results"]["tiny"]["224"]["pictures"] == 6
    for name, value in one.averaged().half().state_dict().items():
        assert torch.equal(model.state_dict()[name], value.float()), name


def test_the_peak_of_attention_counts_if_its_patchs_centre_lies_in_the_box():
    attention = torch.zeros(4, 4)
    attention[1, 2] = 1  # centre at x = 40, y = 24 of 64
    assert photo_results.peak_in_box(attention, (40, 24, 50, 30), 64)
    assert not photo_results.peak_in_box(attention, (41, 24, 50, 30), 64)
    assert not photo_results.peak_in_box(attention, (0, 0, 39, 63), 64)


def test_accuracy_counts_the_models_own_answers(run, data, root):
    model, pictures = run().averaged(), data.tiny_validation
    torch.nn.init.zeros_(model.head.weight)
    model.head.bias.copy_(torch.tensor([0.0, 0.0, 1.0]))  # always "ship"
    boxes = photo_data.read_boxes(root)
    assert photo_results.measure(model, pictures, 28, boxes, batch=4) == {
        "top-1": 0.5,
        "top-5": 1.0,
        "peak in box": 1.0,
    }
