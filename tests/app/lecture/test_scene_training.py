"""The scene "training": every recipe has its boxes, names are recognised narrowly, and losses are torch's own."""

import pytest
import torch

from app.lecture import build as scene_of
from app.lecture.questions.training import RECIPES, USUAL, card_facts, recipe_of
from app.text.lecture.questions import training as text
from vit_core import ViTConfig
from vit_core.checkpoints.catalogue import CURATED
from vit_core.models.config import PROBLEM_TYPES

HEADLESS = ViTConfig(classes=0)


@pytest.mark.parametrize("words", [text.EN, text.KO])
def test_every_recipe_has_its_boxes_and_its_loss(words):
    for _, recipe, loss in RECIPES:
        assert {f"{box}_{recipe}" for box in ("data", "task", "recipe")} <= set(words)
        assert loss in text.MATH
        for box in ("data", "task", "recipe"):
            words[f"{box}_{recipe}"].format(**card_facts(recipe))  # a number for each place
    assert {f"task_unknown_{kind}" for kind in (*PROBLEM_TYPES, "none")} <= set(words)
    assert set(USUAL) == set(PROBLEM_TYPES)


def test_the_recipes_of_all_recommended_models_are_known():
    found = {model.name: recipe_of(model.name, HEADLESS)[0] for model in CURATED}
    assert "unknown" not in found.values()
    assert found["timm:vit_small_patch14_reg4_dinov2.lvd142m"] == "dinov2"
    assert found["timm:vit_small_patch8_224.dino"] == "dino"
    assert found["hf:openai/clip-vit-base-patch16"] == "clip"


@pytest.mark.parametrize(
    ("name", "recipe"),
    [
        ("embedded:photo", "photo"),
        ("embedded:photo?input=518", "photo"),
        ("hf:facebook/dinov2-base", "dinov2"),
        ("hf:somebody/dinov2-base-finetuned-flowers", "unknown"),
        ("file:/models/dinov2-base.pth", "unknown"),
        ("timm:vit_base_patch16_siglip_224.v2_webli", "unknown"),  # SigLIP 2 is trained otherwise
        ("timm:vit_tiny_patch16_224.augreg_in21k", "unknown"),
    ],
)
def test_a_name_tells_the_recipe_only_where_it_is_certain(name, recipe):
    assert recipe_of(name, HEADLESS)[0] == recipe


def test_an_unknown_model_gets_the_usual_loss_of_its_head():
    assert recipe_of("file:/a.pth", HEADLESS) == ("unknown", None)
    assert recipe_of("file:/a.pth", ViTConfig(classes=3)) == ("unknown", "ce")
    assert recipe_of("file:/a.pth", ViTConfig(classes=3, problem_type="multi_label")) == ("unknown", "each")


def test_losses_are_cross_entropies(stage):
    of = stage()
    logits = of.result.trace.logits
    found = scene_of("training", of, {}).numbers["losses"]
    for one in found:
        target = torch.tensor(int(one["label"][1:]))
        assert one["loss"] == pytest.approx(float(torch.nn.functional.cross_entropy(logits, target)), rel=1e-5)
        assert one["p"] == pytest.approx(float(logits.softmax(-1)[target]), rel=1e-5)
    assert [one["loss"] for one in found] == sorted(one["loss"] for one in found)
    assert found[-1]["label"] == f"#{int(logits.argmin())}"


@pytest.mark.parametrize("fields", [dict(classes=0), dict(problem_type="multi_label"), dict(problem_type="regression")])
def test_other_models_have_no_such_losses(stage, fields):
    assert scene_of("training", stage(**fields), {}).numbers["losses"] == []
