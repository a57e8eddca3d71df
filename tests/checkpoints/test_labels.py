"""Class names in the forms in which training programs write them, by value."""

from __future__ import annotations

import argparse
import json

import pytest
import torch
from safetensors.torch import save_file

import vit_core as vc
from tests.checkpoints.support import LABELS, randomise, refused, timm, timm_model, transformers_model
from vit_core import InputError
from vit_core.checkpoints.labels import labels_from

NAMES = ["cat", "dog", "newt"]
SYNSETS = ["n02121620", "n02084071", "n01630670"]


@pytest.mark.parametrize(
    "value",
    [
        NAMES,
        tuple(NAMES),
        {0: "cat", 1: "dog", 2: "newt"},
        {"2": "newt", "0": "cat", "1": "dog"},
        {"cat": 0, "newt": 2, "dog": 1},
        {"cat": "0", "newt": "2", "dog": "1"},
        [[0, "cat"], [2, "newt"], [1, "dog"]],
        [["newt", 2], ["cat", 0], ["dog", 1]],
        [(0, "cat"), (1, "dog"), (2, "newt")],
        {str(i): [synset, name] for i, (synset, name) in enumerate(zip(SYNSETS, NAMES, strict=True))},
        [[synset, name] for synset, name in zip(SYNSETS, NAMES, strict=True)],
        [{"id": 2, "name": "newt"}, {"id": 0, "name": "cat"}, {"id": 1, "name": "dog"}],
        [{"name": name, "supercategory": "animal"} for name in NAMES],
        {str(i): {"name": name, "description": "an animal"} for i, name in enumerate(NAMES)},
        {"names": NAMES, "descriptions": {"cat": "a small felid"}},
        {"names": {0: "cat", 1: "dog", 2: "newt"}, "nc": 3},
        {"num_classes": 3, "class_to_idx": {"dog": 1, "cat": 0, "newt": 2}},
        {"label_names": SYNSETS, "label_descriptions": dict(zip(SYNSETS, NAMES, strict=True))},
    ],
    ids=str,
)
def test_every_form_gives_the_names_in_the_order_of_their_numbers(value):
    assert labels_from(value) == NAMES
    if not isinstance(value, tuple):
        assert labels_from(json.loads(json.dumps(value))) == NAMES


def test_names_that_are_numbers_are_names():
    assert labels_from({"0": 0, "10": 2, "7": 1}) == ["0", "7", "10"]  # class_to_idx of folders of digits
    assert labels_from({"0": "7", "1": "3"}) == ["7", "3"]
    assert labels_from(["7", "3"]) == ["7", "3"]


@pytest.mark.parametrize("value", [None, 3, "cat", [], {}, [1, 2], [[1, 2]], [None], {"a": []}, {"epoch": 3.5}, {1: 1}])
def test_other_values_are_no_names(value):
    assert labels_from(value) is None


@pytest.mark.parametrize(
    ("value", "missing"),
    [
        ({"1": "cat", "2": "dog", "3": "newt"}, "0"),
        ({"0": "cat", "2": "newt"}, "1"),
        ({"cat": 0, "dog": 0, "newt": 1}, "2"),
        ([[0, "cat"], [0, "dog"]], "1"),
        ([{"id": 1, "name": "cat"}, {"id": 2, "name": "dog"}], "0"),
    ],
)
def test_numbers_are_never_shifted(value, missing):
    with pytest.raises(InputError) as caught:
        labels_from(value, "classes.json")
    assert caught.value.code == "labels-numbers"
    assert caught.value.values["missing"] == missing
    assert str(caught.value).startswith("classes.json names ")


TEXTS = {
    "lines": "cat\ndog\nnewt\n",
    "CRLF": "cat\r\n\r\ndog\r\n newt \r\n",
    "space": "2 newt\n0 cat\n1 dog",
    "colon": "0: cat\n1: dog\n2: newt",
    "comma": "2,newt\n0,cat\n1,dog",
    "tab": "0\tcat\n1\tdog\n2\tnewt",
    "dot": "0. cat\n1. dog\n2. newt",
    "equals": "0 = cat\n1 = dog\n2 = newt",
    "number last": "cat 0\nnewt 2\ndog 1",
    "number last, comma": "cat,0\nnewt,2\ndog,1",
    "header": "index,name\n2,newt\n0,cat\n1,dog",
    "header, name first": "class_name;class_id\ncat;0\nnewt;2\ndog;1",
    "header, label": "label,name\n1,dog\n0,cat\n2,newt",
    "header, pandas": ",label\n0,cat\n1,dog\n2,newt",
    "header, quotes": 'id,name,description\n0,cat,"small, furry"\n1,dog,loud\n2,"newt",wet',
    "quotes": '0,"cat"\n1,"dog"\n2,"newt"',
    "synsets": "n02121620 cat\nn02084071 dog\nn01630670 newt",
    "number and synset": "0 n02121620 cat\n1 n02084071 dog\n2 n01630670 newt",
    "Python": "{0: 'cat',\n 1: \"dog\",\n 2: 'newt'}",
    "JSON": '["cat", "dog", "newt"]',
}


@pytest.fixture
def weights(tmp_path):
    """Writes the weights of a model of `classes` classes; its name."""

    def write(classes: int = 3) -> str:
        save_file(timm_model(num_classes=classes).state_dict(), tmp_path / "my.safetensors")
        return f"file:{tmp_path / 'my.safetensors'}"

    return write


@pytest.mark.parametrize("form", TEXTS)
def test_text_files(form, weights, tmp_path):
    name = weights()
    for encoding in ("utf-8", "utf-8-sig", "utf-16"):
        (tmp_path / "labels.txt").write_bytes(TEXTS[form].encode(encoding))
        model = vc.load(name, "cpu")
        assert model.labels == NAMES
        assert model.report.origins["labels"] == "labels.txt"


@pytest.mark.parametrize(
    "names",
    [
        ["tench, Tinca tinca", "goldfish, Carassius auratus", "great white shark"],
        ["Boeing 737", "Boeing 747", "Airbus 320"],
        ["001.Black_footed_Albatross", "002.Laysan_Albatross", "003.Sooty_Albatross"],
        ["737-200", "747-100", "A320"],
        ["3", "5", "7"],
        ["class 0", "class 1", "class 2"],
        ["0: ?", "1: ?", "2: ?"],
        ["name", "class", "label"],
        ["고양이", "개", "영원"],
        ["[a]", "{b}", "c"],
    ],
    ids=lambda names: names[0],
)
def test_names_with_commas_digits_and_brackets_stay_as_they_are(names, weights, tmp_path):
    (tmp_path / "classes.txt").write_text("\n".join(names), "utf-8")
    assert vc.load(weights(), "cpu").labels == names


@pytest.mark.parametrize("text", ["1 cat\n2 dog\n3 newt", "1: cat\n2: dog\n3: newt", "id,name\n0,cat\n1,dog\n1,newt"])
def test_text_files_with_wrong_numbers_are_refused(text, weights, tmp_path):
    (tmp_path / "labels.txt").write_text(text)
    refused("labels-numbers", weights(), source="labels.txt", count=3, last=2)


def test_a_table_of_one_column_has_a_header(weights, tmp_path):
    (tmp_path / "labels.csv").write_text("name\ncat\ndog\nnewt\n")
    assert vc.load(weights(), "cpu").labels == NAMES


@pytest.mark.parametrize(
    ("file", "value"),
    [
        ("my.labels.json", NAMES),
        ("labels.json", {"0": "cat", "1": "dog", "2": "newt"}),
        ("class_names.json", NAMES),
        ("classes.json", [{"id": i, "name": name} for i, name in enumerate(NAMES)]),
        ("id2label.json", {"0": "cat", "1": "dog", "2": "newt"}),
        ("idx_to_class.json", {"0": "cat", "1": "dog", "2": "newt"}),
        ("class_to_idx.json", {"cat": 0, "dog": 1, "newt": 2}),
        ("class_indices.json", {"cat": 0, "dog": 1, "newt": 2}),
        ("imagenet_class_index.json", {str(i): [SYNSETS[i], name] for i, name in enumerate(NAMES)}),
    ],
)
def test_json_files(file, value, weights, tmp_path):
    (tmp_path / file).write_text(json.dumps(value))
    model = vc.load(weights(), "cpu")
    assert model.labels == NAMES
    assert model.report.origins["labels"] == file


def test_a_number_that_is_a_key_twice_is_refused(weights, tmp_path):
    (tmp_path / "labels.json").write_text('{"0": "cat", "1": "dog", "1": "newt"}')
    assert "twice: 1" in refused("labels-format", weights())


def test_the_first_file_in_the_documented_order_is_read(weights, tmp_path):
    order = ["my.labels.txt", "labels.txt", "labels.json", "class_names.txt", "classes.txt", "class_to_idx.json"]
    for file in reversed(order):
        names = [f"{file} {name}" for name in "abc"]
        if file == "class_to_idx.json":
            content = json.dumps({name: i for i, name in enumerate(names)})
        else:
            content = json.dumps(names) if file.endswith(".json") else "\n".join(names)
        (tmp_path / file).write_text(content)
        assert vc.load(weights(), "cpu").labels == names


def test_files_beside_go_before_the_config_in_a_folder_too(tmp_path):
    transformers_model("ViTForImageClassification", **LABELS).save_pretrained(tmp_path)
    for name in (f"hf:{tmp_path}", f"file:{tmp_path / 'model.safetensors'}"):
        model = vc.load(name, "cpu")
        assert (model.labels, model.report.origins["labels"]) == (NAMES, "config.json id2label")
    (tmp_path / "classes.txt").write_text("a\nb\nc\n")
    for name in (f"hf:{tmp_path}", f"file:{tmp_path / 'model.safetensors'}"):
        model = vc.load(name, "cpu")
        assert (model.labels, model.report.origins["labels"]) == (["a", "b", "c"], "classes.txt")


@pytest.mark.parametrize(
    ("names", "labels", "origin"),
    [
        ({"id2label": {"2": "newt", "0": "cat", "1": "dog"}}, NAMES, "config.json id2label"),
        ({"id2label": NAMES}, NAMES, "config.json id2label"),
        ({"label2id": {"cat": 0, "newt": 2, "dog": 1}}, NAMES, "config.json label2id"),
        (
            {"id2label": {str(i): f"LABEL_{i}" for i in range(3)}, "label2id": {"cat": 0, "newt": 2, "dog": 1}},
            NAMES,
            "config.json label2id",
        ),
        ({"id2label": {str(i): f"LABEL_{i}" for i in range(3)}}, None, None),
        ({"id2label": {"1": "cat", "2": "dog", "3": "newt"}}, None, "none: config.json id2label lacks the numbers 0"),
        ({}, None, None),
    ],
    ids=str,
)
def test_transformers_config(names, labels, origin, tmp_path):
    transformers_model("ViTForImageClassification", **LABELS).save_pretrained(tmp_path)
    config = json.loads((tmp_path / "config.json").read_text())
    config.pop("id2label"), config.pop("label2id")
    (tmp_path / "config.json").write_text(json.dumps(config | names))
    model = vc.load(f"hf:{tmp_path}", "cpu")
    assert (model.labels, model.report.origins.get("labels")) == (labels, origin)


def test_placeholders_for_1000_classes_do_not_become_imagenets(tmp_path):
    transformers_model("ViTForImageClassification", num_labels=1000).save_pretrained(tmp_path)
    assert "LABEL_999" in (tmp_path / "config.json").read_text()
    for name in (f"hf:{tmp_path}", f"file:{tmp_path / 'model.safetensors'}"):
        model = vc.load(name, "cpu")
        assert model.labels is None
        assert "labels" not in model.assumed


def test_imagenets_names_are_assumed_for_a_bare_file_without_names(weights, tmp_path):
    name = weights(1000)
    model = vc.load(name, "cpu")
    assert "tench" in model.labels[0]
    assert model.assumed[-1] == "labels"
    assert model.report.origins["labels"] == "timm's list of ImageNet's classes"
    (tmp_path / "labels.txt").write_text("\n".join(f"own {i}" for i in range(1000)))
    model = vc.load(name, "cpu")
    assert model.labels[:2] == ["own 0", "own 1"]
    assert "labels" not in model.assumed


OWN = [f"own {i}" for i in range(1000)]


@pytest.mark.parametrize(
    "names",
    [
        {"label_names": OWN},
        {"label_names": {str(i): name for i, name in enumerate(OWN)}},
        {"labels": OWN},
        {"pretrained_cfg": {"num_classes": 1000, "label_names": OWN}},
    ],
    ids=["list", "object", "labels", "pretrained_cfg"],
)
def test_timms_names_are_never_replaced_by_imagenets(names, tmp_path):
    theirs = randomise(timm.create_model("test_vit"))
    save_file(theirs.state_dict(), tmp_path / "model.safetensors")
    config = {"architecture": "test_vit", "num_classes": 1000, "pretrained_cfg": {"num_classes": 1000}}
    (tmp_path / "config.json").write_text(json.dumps(config | names))
    model = vc.load(f"hf:{tmp_path}", "cpu")
    assert model.labels == OWN
    assert "labels" not in model.assumed
    broken = {"label_names": {str(i + 1): name for i, name in enumerate(OWN)}}
    (tmp_path / "config.json").write_text(json.dumps(config | broken))
    model = vc.load(f"hf:{tmp_path}", "cpu")
    assert model.labels is None
    assert model.report.origins["labels"] == "none: config.json label_names lacks the numbers 0"


@pytest.mark.parametrize(("stated", "assumed"), [({"pretrained_cfg": {"num_classes": 1000}}, False), ({}, True)])
def test_imagenets_names_are_assumed_unless_the_pretrained_cfg_is_of_as_many_classes(stated, assumed, tmp_path):
    save_file(randomise(timm.create_model("test_vit")).state_dict(), tmp_path / "model.safetensors")
    config = {"architecture": "test_vit", "num_classes": 1000, **stated}
    (tmp_path / "config.json").write_text(json.dumps(config))
    model = vc.load(f"hf:{tmp_path}", "cpu")
    assert "tench" in model.labels[0]
    assert ("labels" in model.assumed) == assumed


def test_names_of_a_live_module():
    theirs = timm_model("test_vit", num_classes=3)
    theirs.pretrained_cfg = theirs.pretrained_cfg | {"num_classes": 3, "label_names": NAMES}
    assert vc.from_timm(theirs).labels == NAMES
    theirs.reset_classifier(4)  # the names are of another head
    assert vc.from_timm(theirs).labels is None


def test_a_saved_model_states_its_labels_and_preprocessing(tmp_path):
    model = vc.from_timm(timm_model("test_vit", num_classes=3))
    model.labels = NAMES
    vc.save(model, tmp_path / "saved.safetensors")
    (tmp_path / "labels.txt").write_text("a\nb\nc\n")
    again = vc.load(f"file:{tmp_path / 'saved.safetensors'}", "cpu")
    assert again.labels == NAMES
    assert again.report.origins["labels"] == again.report.origins["preprocessing"] == "saved.safetensors"


INSIDE = {
    "class_names": ({"class_names": NAMES}, "class_names"),
    "classes": ({"classes": tuple(NAMES), "epoch": 3}, "classes"),
    "class_to_idx": ({"class_to_idx": {"dog": 1, "cat": 0, "newt": 2}}, "class_to_idx"),
    "Lightning": ({"hyper_parameters": {"lr": 0.1, "labels": NAMES}}, "hyper_parameters.labels"),
    "arguments": ({"args": argparse.Namespace(lr=0.1, class_names=NAMES)}, "args.class_names"),
    "MMPretrain": ({"meta": {"dataset_meta": {"classes": NAMES}}}, "meta.dataset_meta.classes"),
    "MMClassification": ({"meta": {"CLASSES": NAMES}}, "meta.CLASSES"),
}


@pytest.mark.parametrize("form", INSIDE)
def test_names_inside_a_checkpoint(form, tmp_path):
    said, origin = INSIDE[form]
    torch.save({"state_dict": timm_model(num_classes=3).state_dict(), **said}, tmp_path / "my.pth")
    model = vc.load(f"file:{tmp_path / 'my.pth'}", "cpu")
    assert (model.labels, model.report.origins["labels"]) == (NAMES, f"{origin} in the checkpoint")
    (tmp_path / "classes.txt").write_text("a\nb\nc\n")
    assert vc.load(f"file:{tmp_path / 'my.pth'}", "cpu").labels == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("said", "origin"),
    [
        ({"classes": NAMES}, "none: classes in the checkpoint names 3 classes, not 1000"),
        ({"id2label": {1: "cat"}}, "none: id2label in the checkpoint lacks the numbers 0"),
    ],
)
def test_names_inside_that_do_not_fit_do_not_stop_the_model_nor_become_imagenets(said, origin, tmp_path):
    torch.save({"model": timm_model(num_classes=1000).state_dict(), **said}, tmp_path / "my.pth")
    model = vc.load(f"file:{tmp_path / 'my.pth'}", "cpu")
    assert (model.labels, model.report.origins["labels"]) == (None, origin)


def test_names_inside_go_before_those_of_a_config(tmp_path):
    theirs = transformers_model("ViTForImageClassification", **LABELS)
    theirs.save_pretrained(tmp_path)
    torch.save({"state_dict": theirs.state_dict(), "class_names": ["a", "b", "c"]}, tmp_path / "my.pth")
    assert vc.load(f"file:{tmp_path / 'my.pth'}", "cpu").labels == ["a", "b", "c"]
