"""What the cards of the embedded models say about their training, in numbers."""

from __future__ import annotations

from vit_core.assets import ASSETS
from vit_core.checkpoints import embedded


def training_numbers(name: str) -> dict[str, float]:
    """Numbers of the training of `embedded:<name>`: "pictures" trained on and "hours"; of the photo model "steps",
    "batch" and its accuracies "tiny" and "caltech", of the others "epochs" and "accuracy". Accuracies are in 0..1."""
    card = (embedded.metadata(ASSETS / f"{name}.safetensors") or {})["card"]
    numbers = {"pictures": card["pictures trained on"], "hours": card["hours"]}
    if "results" not in card:
        return numbers | {"epochs": card["epochs"], "accuracy": card["test accuracy"]}
    accuracy = {data: card["results"][data]["224"]["top-1"] for data in ("tiny", "caltech")}
    return numbers | {"steps": card["steps"], "batch": card["batch"]} | accuracy
