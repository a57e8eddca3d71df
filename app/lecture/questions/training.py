"""Training: data, task and recipe of the model as far as they are known, and the loss that this picture would give."""

from __future__ import annotations

import re

import torch

from app.lecture.stage import Scene, Stage
from vit_core import ViTConfig
from vit_core.checkpoints import split_input, split_problem_type
from vit_core.lecture.model_card import training_numbers

NUM_CLASSES = 4  # most probable ones in the list; the least probable one is added
#: How a model was trained, by its name, and the loss (a formula's name). A name on the hub counts only with the owner
#: who trained it: others publish models that they trained further.
RECIPES = (
    (r"embedded:photo", "photo", "ce"),
    (r"embedded:fashion", "fashion", "ce"),
    (r"embedded:tiny", "tiny", "ce"),
    (r"timm:vit_\w+\.augreg2?_in21k_ft_in1k", "augreg", "ce"),
    (r"(timm:|hf:facebook/)deit[-_]\w+[-_]distilled[-_]patch16[-_]\w+(\.fb_in1k)?", "deit", "ce"),
    (r"timm:deit3_\w+\.fb_in22k_ft_in1k", "deit3", "ce"),
    (r"timm:vit_\w+\.dino|hf:facebook/dino-vit[sb]\d+", "dino", "teacher"),
    (r"timm:vit_\w+_dinov2\.lvd142m|hf:facebook/dinov2-(with-registers-)?(small|base|large)", "dinov2", "teacher"),
    (r"timm:vit_(small|base|large)\w*_dinov3\w*\.lvd1689m", "dinov3", "teacher"),
    (r"hf:facebook/dinov3-vit[sbl]\d+(plus)?-pretrain-lvd1689m", "dinov3", "teacher"),
    (r"timm:vit_\w+\.mae|hf:facebook/vit-mae-(base|large|huge)", "mae", "pixels"),
    (r"timm:vit_\w+_clip\w*\.openai|hf:openai/clip-vit-[\w-]+", "clip", "caption"),
    (r"timm:vit_\w+_siglip_\w+\.webli|hf:google/siglip-[\w-]+", "siglip", "pair"),
)
#: For a model of unknown training: what its head, by problem type, makes likely.
USUAL = {"single_label": "ce", "multi_label": "each", "binary": "each", "regression": "square"}


def recipe_of(name: str, config: ViTConfig) -> tuple[str, str | None]:
    """(recipe, loss) of the model called `name`: a key of the words, and of the formulas; None where there is no loss
    to name."""
    source = split_problem_type(split_input(name)[0])[0]
    for pattern, recipe, loss in RECIPES:
        if re.fullmatch(pattern, source):
            return recipe, loss
    return "unknown", USUAL[config.problem_type] if config.classes else None


def card_facts(recipe: str) -> dict[str, str]:
    """What an embedded model's card says, as text for its words; empty for other recipes."""
    if recipe not in ("photo", "fashion", "tiny"):
        return {}
    numbers = training_numbers(recipe)
    return {name: _said(name, value) for name, value in numbers.items()}


def _said(name: str, value: float) -> str:
    if name in ("tiny", "caltech", "accuracy"):
        return f"{100 * value:.0f} %"
    return f"{value:.1f}" if name == "hours" else f"{value:,}"


def losses(stage: Stage) -> list[dict]:
    """Cross-entropy of this picture for the most probable classes and the least probable one as the right answer:
    [{"label", "p", "loss"}] with the loss in nats. Empty for a model without a softmax over classes."""
    logits = stage.result.trace.logits
    if logits is None or not stage.names_classes or stage.config.problem_type != "single_label":
        return []
    log_p = torch.log_softmax(logits.double(), -1)
    order = log_p.argsort(descending=True).tolist()
    chosen = dict.fromkeys(order[:NUM_CLASSES] + order[-1:])
    return [{"label": stage.label(i), "p": float(log_p[i].exp()), "loss": float(-log_p[i])} for i in chosen]


def build(stage: Stage, want: dict) -> Scene:
    """Numbers: "recipe" and "loss", see `recipe_of`; "facts", see `card_facts`; "losses", see `losses`."""
    recipe, loss = recipe_of(stage.result.name, stage.config)
    numbers = {
        "recipe": recipe,
        "loss": loss,
        "facts": card_facts(recipe),
        "kind": stage.config.problem_type if stage.config.classes else "none",
        "classes": stage.config.classes,
        "losses": losses(stage),
    }
    return Scene(numbers)
