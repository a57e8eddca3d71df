"""What the numbers of a head mean. Every logit that becomes a probability, a class or a rank passes through here.

`ViTConfig.problem_type` decides:

single_label  One class is right. Softmax: the classes' probabilities sum to one.
multi_label   Any number of classes is right. Sigmoid: each class has a probability of its own, and they have no sum.
binary        A head of one logit that tells two classes apart. Sigmoid: the probability of the second ("positive")
              class. Its class space has two classes: 0 negative, 1 positive.
regression    Each output is a number in the unit that the head was trained on; there are no probabilities.
"""

from __future__ import annotations

import torch
from torch import Tensor

from vit_core.models.config import ViTConfig
from vit_core.models.vit import VisionTransformer

#: The probability from which a class of a multi-label model counts as predicted.
THRESHOLD = 0.5


def has_probabilities(problem_type: str) -> bool:
    """Whether a head of this type gives probabilities."""
    return problem_type != "regression"


def sums_to_one(problem_type: str) -> bool:
    """Whether the probabilities of all classes sum to one, so that one class wins."""
    return problem_type in ("single_label", "binary")


def class_count(config: ViTConfig) -> int:
    """Size of the class space: 2 for a binary head, else the number of logits."""
    return 2 if config.problem_type == "binary" else config.classes


def class_logits(logits: Tensor, problem_type: str) -> Tensor:
    """Logits (..., outputs) in the class space (..., classes).

    A binary logit z becomes (0, z), whose softmax is (1 - sigmoid(z), sigmoid(z)); others are unchanged.
    """
    return torch.cat([torch.zeros_like(logits), logits], -1) if problem_type == "binary" else logits


def scores(logits: Tensor, problem_type: str) -> Tensor:
    """What is shown for each class, (..., classes): its probability, or for a regression the output itself."""
    if problem_type == "multi_label":
        return logits.sigmoid()
    return logits if problem_type == "regression" else class_logits(logits, problem_type).softmax(-1)


def log_scores(logits: Tensor, problem_type: str) -> Tensor:
    """Logarithms of `scores`, accurate for small probabilities. Not for a regression."""
    if problem_type == "multi_label":
        return torch.nn.functional.logsigmoid(logits)
    return class_logits(logits, problem_type).log_softmax(-1)


def ranked(scores: Tensor, problem_type: str) -> Tensor:
    """The classes (..., classes) in the order in which they are listed: best first; a regression's in the head's order.

    Of equal scores the first class comes first.
    """
    if problem_type == "regression":
        return torch.arange(scores.shape[-1], device=scores.device).expand(scores.shape)
    return scores.sort(dim=-1, descending=True, stable=True).indices


def target_logit(logits: Tensor, target: int, problem_type: str) -> Tensor:
    """The number (...) that an attribution explains for class `target`, from logits (..., outputs).

    The class's logit, or a regression's output. The negative class of a binary head has no logit of its own: its
    evidence is the negative of the positive class's logit.
    """
    row, sign = target_output(target, problem_type)
    return sign * logits[..., row]


def target_output(target: int, problem_type: str) -> tuple[int, int]:
    """(output, sign) of `target_logit`."""
    return (0, 1 if target else -1) if problem_type == "binary" else (target, 1)


def named_classes(model: VisionTransformer) -> list[str] | None:
    """A name for each class of the class space; None if the model has no labels.

    A binary head may have one label, the positive class's; the negative class is then "not <label>".
    """
    if not model.labels:
        return None
    labels = list(model.labels)
    return [f"not {labels[0]}", *labels] if model.config.problem_type == "binary" and len(labels) == 1 else labels


def class_names(model: VisionTransformer) -> list[str]:
    """A name for each class of the class space: the model's, else "class 0", or "output 0" for a regression."""
    kind = "class" if has_probabilities(model.config.problem_type) else "output"
    return named_classes(model) or [f"{kind} {i}" for i in range(class_count(model.config))]


def label_counts(config: ViTConfig) -> tuple[int, ...]:
    """The numbers of labels that fit the head: one for each output; for a binary head two, or the positive class's."""
    return (2, 1) if config.problem_type == "binary" else (config.classes,)


def listed_classes(model: VisionTransformer) -> list[int]:
    """The classes that a list of predictions shows: all; of a binary head without two labels, the positive class."""
    config = model.config
    lone = config.problem_type == "binary" and len(model.labels or ()) != 2
    return [1] if lone else list(range(class_count(config)))


def answer(scores: Tensor, problem_type: str) -> Tensor:
    """What the model answers, so that two answers can be compared: (..., classes) bool.

    single_label, binary: the most probable class. multi_label: every class whose probability is THRESHOLD or more. A
    regression answers with numbers, not classes: none.
    """
    if problem_type == "multi_label":
        return scores >= THRESHOLD
    if problem_type == "regression":
        return torch.zeros_like(scores, dtype=torch.bool)
    return torch.zeros_like(scores, dtype=torch.bool).scatter(-1, scores.argmax(-1, keepdim=True), True)
