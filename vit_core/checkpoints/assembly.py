"""Config + weights -> model, with strict checks: the last step of every source."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import torch
from torch import Tensor

from vit_core.checkpoints.errors import first_line, join_names, refusal, shorten
from vit_core.checkpoints.report import LoadReport
from vit_core.errors import InputError
from vit_core.images import CROP_MODES, CROP_ROUNDINGS, INTERPOLATIONS, Preprocess
from vit_core.models.config import PROBLEM_TYPES, ViTConfig
from vit_core.models.predictions import label_counts
from vit_core.models.vit import VisionTransformer

_MAX_INPUT_SIDE = 65_536  # pixels
_MAX_LABEL = 1000  # characters; the longest of ImageNet's 21,843 has 200


def check_finite(state: dict[str, Tensor], source: str) -> None:
    """Raises InputError "checkpoint-not-finite", naming the tensors, if a weight is NaN or infinite."""
    bad = [
        name
        for name, tensor in state.items()
        # A finite sum has only finite terms and is fast to compute; an infinite one may have overflowed.
        if not (values := tensor.detach().float()).sum().isfinite() and not values.isfinite().all()
    ]
    if bad:
        raise InputError(
            "checkpoint-not-finite",
            f"{source} holds NaN or infinite weights ({join_names(bad)}), so its results would be meaningless. Choose "
            "a checkpoint from before training diverged.",
            source=source,
            tensors=bad,
        )


def check_keys(expected: dict[str, tuple], given: dict[str, tuple], source: str) -> None:
    """Compares names and shapes, both as {name: shape}, and reports every difference in one InputError.

    Its code is "checkpoint-keys" if a tensor is missing or not expected, "checkpoint-shapes" if only shapes differ.
    """
    missing = sorted(expected.keys() - given.keys())
    extra = sorted(given.keys() - expected.keys())
    wrong = [n for n in sorted(expected.keys() & given.keys()) if tuple(expected[n]) != tuple(given[n])]
    if not (missing or extra or wrong):
        return
    shapes = [f"{n} {tuple(given[n])} ≠ {tuple(expected[n])}" for n in wrong]
    found = {"missing": missing, "not expected": extra, "wrong shape (in the file ≠ expected)": shapes}
    differences = "; ".join(f"{what}: {join_names(names)}" for what, names in found.items() if names)
    advice = (
        "Choose a file that holds one whole Vision Transformer."
        if missing or extra
        else "Use the config.json that these weights were saved with."
    )
    raise InputError(
        "checkpoint-keys" if missing or extra else "checkpoint-shapes",
        f"The tensors in {source} do not fit the architecture. {differences[0].upper()}{differences[1:]}. {advice}",
        source=source,
        missing=missing,
        extra=extra,
        wrong=wrong,
        shapes=shapes,
    )


def check_labels(labels: object, config: ViTConfig, source: str) -> None:
    """Raises InputError "labels-format" or "labels-count" unless `labels` is None or a list of one name per class.

    For a binary head of one logit: two names, the negative class first, or the positive class's name.
    """
    if labels is None:
        return
    if not (isinstance(labels, list) and all(isinstance(n, str) and len(n) <= _MAX_LABEL for n in labels)):
        raise InputError(
            "labels-format",
            f"{source}: class names should be a list of texts of at most {_MAX_LABEL} characters.",
            source=source,
        )
    if len(labels) not in (counts := label_counts(config)):
        raise InputError(
            "labels-count",
            f"{source}: the model has {counts[0]} classes and there are {len(labels)} labels. Give one label per "
            "class.",
            source=source,
            classes=counts[0],
            labels=len(labels),
        )


def per_channel(values: tuple[float, ...], channels: int) -> tuple[float, ...]:
    """One value per channel. Values for another number of channels are averaged, as timm does."""
    return values if len(values) == channels else (sum(values) / len(values),) * channels


def check_preprocess(made: Preprocess, channels: int, source: str) -> Preprocess:
    """`made` itself. Raises InputError "checkpoint-config" if a field is of a value that cannot be applied."""
    numbers = (*made.size, *made.mean, *made.std, made.crop_pct)
    if not (
        all(isinstance(n, int | float) and abs(n) <= 1e6 for n in numbers)  # False for NaN
        and all(isinstance(n, int) and 1 <= n <= _MAX_INPUT_SIDE for n in made.size)
        and len(made.size) == 2
        and len(made.mean) == len(made.std) == channels
        and 0.01 <= made.crop_pct <= 100
        and all(abs(s) >= 1e-6 for s in made.std)
        and made.interpolation in INTERPOLATIONS
        and made.crop_mode in CROP_MODES
        and made.crop_rounding in CROP_ROUNDINGS
    ):
        raise refusal("checkpoint-config", source, f"its preprocessing cannot be applied ({shorten(made)})")
    return made


def assemble(
    config: ViTConfig,
    state: dict[str, Tensor],
    source: str,
    labels: list[str] | None = None,
    transform: Preprocess | None = None,
    *,
    spell: Callable[[str], list[str]] = lambda name: [name],
    copy: bool = False,
    report: LoadReport | None = None,
    knows_problem_type: bool = False,
) -> VisionTransformer:
    """The model that `config` describes with the weights `state` (our names), on the CPU, in eval mode, frozen.

    Weights become float32; without `copy`, those that already are share their memory. `source` is the checkpoint's name
    in messages, and `spell` gives the names that a tensor of ours has there. `report` becomes the model's.
    `knows_problem_type`: whether the source can tell that one logit is a sigmoid classifier's; otherwise that is
    assumed, and the model's `assumed` names it.

    Raises InputError "checkpoint-keys", "checkpoint-shapes", "checkpoint-not-finite", "checkpoint-architecture",
    "labels-count" or "labels-format".
    """
    state, report = dict(state), report or LoadReport()
    if config.problem_type == "binary" and not knows_problem_type:
        report.assumed.append("problem_type")
    if not config.num_prefix_tokens:
        state.setdefault("prefix_tokens", torch.zeros(1, 0, config.dim))
    if config.position != "learned":
        state.setdefault("positions", torch.zeros(1, 0, config.dim))
    try:
        with torch.device("meta"):
            model = VisionTransformer(config, labels, transform, report)
    except (RuntimeError, TypeError, ValueError, OverflowError) as error:  # sizes that no memory could hold
        raise refusal("checkpoint-architecture", source, first_line(error)) from error
    wanted = {n: tuple(t.shape) for n, t in model.state_dict().items()}
    theirs = {n: spell(n) if n in wanted else [n] for n in {**wanted, **state}}
    given = {theirs[n][0]: tuple(t.shape) for n, t in state.items()}
    expected = {theirs[n][0]: size for n, size in wanted.items() if n in state}
    for name in wanted.keys() - state.keys():  # of a joined tensor, only the parts that are absent are reported
        expected.update({n: given.get(n, ()) for n in theirs[name]})
    check_keys(expected, given, source)
    check_finite({theirs[n][0]: t for n, t in state.items()}, source)
    check_labels(labels, config, source)
    state = {n: t.detach().to("cpu", torch.float32, copy=copy).contiguous() for n, t in state.items()}
    model.load_state_dict(state, strict=True, assign=True)
    return model.eval().requires_grad_(False)


def set_problem_type(model: VisionTransformer, problem_type: str, source: str) -> VisionTransformer:
    """`model` with its head's numbers read as `problem_type`, which is no longer assumed.

    Raises InputError "model-problem-type" if the head cannot be of that type, "labels-count" if the labels do not fit.
    """
    possible = possible_problem_types(model.config)
    if problem_type not in possible:
        outputs = f"{model.config.classes} output{'s' * (model.config.classes != 1)}"
        choice = f"Choose one of {', '.join(possible)}." if possible else "Choose a model with a head."
        raise InputError(
            "model-problem-type",
            f"The head of {source} has {outputs}, so its problem type cannot be {shorten(repr(problem_type))}. "
            f"{choice}",
            source=source,
            got=shorten(problem_type),
            classes=model.config.classes,
            allowed=list(possible),
        )
    config = dataclasses.replace(model.config, problem_type=problem_type)
    check_labels(model.labels and list(model.labels), config, source)
    model.config = config
    model.assumed = tuple(fact for fact in model.assumed if fact != "problem_type")
    if model.report:
        model.report.assumed = list(model.assumed)
        model.report.origins["head"] = f"problem_type = {problem_type}"
    return model


def possible_problem_types(config: ViTConfig) -> tuple[str, ...]:
    """The problem types that a head with this number of outputs can have; none without a head."""
    one = config.classes == 1
    excluded = "single_label" if one else "binary"
    return tuple(kind for kind in PROBLEM_TYPES if kind != excluded) if config.classes else ()
