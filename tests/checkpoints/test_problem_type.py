"""What a head's numbers mean, from every source: its config, its shape, or the user."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

import vit_core as vc
from tests.checkpoints.support import LABELS, pictures, refused, timm_model, transformers_model
from vit_core.checkpoints import split_problem_type, with_problem_type

IMAGE = pictures(40, 40)[:1]


def folder_of(tmp_path: Path, kind: str = "ViTForImageClassification", **config) -> tuple[str, torch.nn.Module]:
    """The name of a folder that transformers wrote, and the model in it."""
    theirs = transformers_model(kind, **config)
    theirs.save_pretrained(tmp_path)
    return f"hf:{tmp_path}", theirs


def state(name: str, **fields) -> None:
    """Change fields of a folder's config.json."""
    file = Path(name.removeprefix("hf:"), "config.json")
    file.write_text(json.dumps(json.loads(file.read_text()) | fields))


@pytest.mark.parametrize("kind", ["ViTForImageClassification", "CLIPForImageClassification"])
def test_multi_label_is_read_from_config_json(kind, tmp_path):
    name, theirs = folder_of(tmp_path, kind, problem_type="multi_label_classification", **LABELS)
    model = vc.load(name, "cpu")
    assert model.config.problem_type == "multi_label"
    assert "problem_type" not in model.assumed
    expected = theirs(IMAGE).logits[0].sigmoid()
    assert dict(vc.predict(model, IMAGE)) == pytest.approx(
        dict(zip(("cat", "dog", "newt"), expected.tolist(), strict=True)), abs=1e-5
    )


@pytest.mark.parametrize("outputs", [1, 2])
def test_regression_is_read_from_config_json(outputs, tmp_path):
    name, theirs = folder_of(tmp_path, problem_type="regression", num_labels=outputs)
    model = vc.load(name, "cpu")
    assert model.config.problem_type == "regression"
    assert "problem_type" not in model.assumed
    expected = [(f"output {i}", pytest.approx(v, abs=1e-5)) for i, v in enumerate(theirs(IMAGE).logits[0].tolist())]
    assert vc.predict(model, IMAGE) == expected


def test_one_output_without_a_problem_type_is_assumed_to_be_a_sigmoid_classifier(tmp_path):
    name, theirs = folder_of(tmp_path, num_labels=1)
    model = vc.load(name, "cpu")
    assert (model.config.problem_type, model.assumed[-1]) == ("binary", "problem_type")
    ((_, p),) = vc.predict(model, IMAGE)
    assert p == pytest.approx(theirs(IMAGE).logits[0].sigmoid().item(), abs=1e-5)
    state(name, problem_type="single_label_classification")  # of one class: transformers refuses it
    assert vc.load(name, "cpu").config.problem_type == "binary"


def test_several_outputs_are_single_label(tmp_path):
    name, _ = folder_of(tmp_path, **LABELS)
    assert vc.load(name, "cpu").config.problem_type == "single_label"
    state(name, problem_type="single_label_classification")
    assert vc.load(name, "cpu").config.problem_type == "single_label"


@pytest.mark.parametrize("stated", ["ordinal", 3, ["regression"]], ids=str)
def test_an_unknown_problem_type_is_refused(stated, tmp_path):
    name, _ = folder_of(tmp_path, **LABELS)
    state(name, problem_type=stated)
    assert "problem_type" in refused("checkpoint-config", name)


@pytest.fixture
def one_logit(tmp_path) -> str:
    """The name of a bare file of a timm model with one logit."""
    torch.save(timm_model(num_classes=1).state_dict(), tmp_path / "one.pth")
    return f"file:{tmp_path}/one.pth"


def test_one_logit_of_a_bare_file_and_of_a_timm_module_is_binary(one_logit):
    for model in (vc.load(one_logit, "cpu"), vc.from_timm(timm_model(num_classes=1))):
        assert model.config.problem_type == "binary"
        assert "problem_type" in model.assumed


@pytest.mark.parametrize("problem_type", ["binary", "regression", "multi_label"])
def test_the_user_decides(problem_type, one_logit):
    for name, stated in ((one_logit, problem_type), (with_problem_type(one_logit, problem_type), None)):
        model = vc.load(name, "cpu", problem_type=stated)
        assert model.config.problem_type == problem_type
        assert "problem_type" not in model.assumed


def test_an_impossible_problem_type_is_refused(one_logit, tmp_path):
    torch.save(timm_model(num_classes=5).state_dict(), tmp_path / "five.pth")
    torch.save(timm_model(num_classes=0).state_dict(), tmp_path / "none.pth")
    for name, wrong, allowed in (
        (one_logit, "single_label", ["multi_label", "binary", "regression"]),
        (f"file:{tmp_path}/five.pth", "binary", ["single_label", "multi_label", "regression"]),
        (f"file:{tmp_path}/five.pth", "", ["single_label", "multi_label", "regression"]),
        (f"file:{tmp_path}/none.pth", "regression", []),
    ):
        refused("model-problem-type", with_problem_type(name, wrong), got=wrong, allowed=allowed)


def test_a_saved_model_knows_its_problem_type(one_logit, tmp_path):
    model = vc.load(one_logit, "cpu", problem_type="regression")
    vc.save(model, tmp_path / "saved.safetensors")
    again = vc.load(f"file:{tmp_path}/saved.safetensors", "cpu")
    assert again.config == model.config
    assert again.assumed == ()
    binary = vc.load(one_logit, "cpu", problem_type="binary")
    binary.labels = ["cat", "dog"]
    vc.save(binary, tmp_path / "binary.safetensors")
    again = vc.load(f"file:{tmp_path}/binary.safetensors", "cpu")
    assert (again.config, again.labels, again.assumed) == (binary.config, ["cat", "dog"], ())


@pytest.mark.parametrize(
    ("classes", "problem_type", "assumed"), [(1, "binary", ("problem_type",)), (5, "single_label", ())]
)
def test_a_file_saved_before_problem_types_is_still_read(classes, problem_type, assumed, tmp_path):
    new, old = tmp_path / "new.safetensors", tmp_path / "old.safetensors"
    vc.save(vc.from_timm(timm_model(num_classes=classes)), new)
    with safe_open(new, "pt") as file:
        metadata = json.loads(file.metadata()["vitrine"])
    del metadata["config"]["problem_type"]
    save_file(load_file(new), old, {"vitrine": json.dumps(metadata)})
    model = vc.load(f"file:{old}", "cpu")
    assert (model.config.problem_type, model.assumed) == (problem_type, assumed)


@pytest.mark.parametrize(("labels", "fits"), [(["cat"], True), (["dog", "cat"], True), (["a", "b", "c"], False)])
def test_a_binary_head_has_one_label_or_two(labels, fits, one_logit, tmp_path):
    (tmp_path / "labels.txt").write_text("\n".join(labels))
    if fits:
        assert vc.load(one_logit, "cpu").labels == labels
    else:
        refused("labels-count", one_logit)


def test_the_problem_type_in_a_name():
    assert split_problem_type("file:a?b.pth") == ("file:a?b.pth", None)
    name = with_problem_type("file:a.pth#ema", "regression")
    assert name == "file:a.pth#ema?problem_type=regression"
    assert split_problem_type(name) == ("file:a.pth#ema", "regression")
    assert with_problem_type(name, "binary") == "file:a.pth#ema?problem_type=binary"
    assert with_problem_type(name, None) == "file:a.pth#ema"
