"""Config + weights -> model, strictly: what every source ends in."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from vit_core.errors import InputError
from vit_core.images import INTERPOLATIONS, Preprocess
from vit_core.models.config import ViTConfig
from vit_core.models.vit import VisionTransformer

_LISTED = 12  # names spelt out in one message; more are counted
_LONGEST = 200  # characters of somebody else's text in a sentence
_LARGEST_PICTURE = 65_536  # pixels of a side
_LABEL = 1000  # characters of a class name; the longest of ImageNet's 21,843 has 200


def short(text: object) -> str:
    """What somebody else wrote, short enough for a sentence."""
    text = str(text)
    return text if len(text) <= _LONGEST else text[:_LONGEST] + "…"


def listed(names) -> str:
    """Names for a sentence: the first dozen, then how many more."""
    names = list(names)
    more = f" and {len(names) - _LISTED} more" if len(names) > _LISTED else ""
    return ", ".join(short(n) for n in names[:_LISTED]) + more


def check_finite(state: dict[str, Tensor], source: str) -> None:
    """InputError "checkpoint-not-finite", naming the tensors, when a weight is NaN or infinite."""
    # a finite sum has only finite terms, and is read at the memory's speed; one that is not may have overflowed
    bad = [
        name
        for name, tensor in state.items()
        if not (values := tensor.detach().float()).sum().isfinite() and not values.isfinite().all()
    ]
    if bad:
        raise InputError(
            "checkpoint-not-finite",
            f"{source}: {listed(bad)} holds NaN or infinite weights, so nothing "
            "the model computed would mean anything.",
            source=source,
            tensors=bad,
        )


def check_keys(expected: dict[str, tuple], given: dict[str, tuple], source: str) -> None:
    """Compare names and shapes; every difference is told in one InputError.

    `expected` and `given` map a tensor's name to its shape. The code is "checkpoint-keys" when a tensor is missing
    or not expected, "checkpoint-shapes" when only shapes differ.
    """
    missing = sorted(expected.keys() - given.keys())
    extra = sorted(given.keys() - expected.keys())
    wrong = [n for n in sorted(expected.keys() & given.keys()) if tuple(expected[n]) != tuple(given[n])]
    parts = [f"missing: {listed(missing)}"] if missing else []
    parts += [f"not expected: {listed(extra)}"] if extra else []
    shapes = [f"{n} {tuple(given[n])} ≠ {tuple(expected[n])}" for n in wrong]
    parts += (
        ["wrong shape: " + listed(f"{n} should be {tuple(expected[n])} and is {tuple(given[n])}" for n in wrong)]
        if wrong
        else []
    )
    if parts:
        raise InputError(
            "checkpoint-keys" if missing or extra else "checkpoint-shapes",
            f"{source} does not fit the architecture: {'; '.join(parts)}.",
            source=source,
            missing=missing,
            extra=extra,
            wrong=wrong,
            shapes=shapes,
        )


def check_labels(labels: object, classes: int, source: str) -> None:
    """InputError "labels-format" or "labels-count" unless they are a list of names, one a class, or None."""
    if labels is not None and not (
        isinstance(labels, list) and all(isinstance(n, str) and len(n) <= _LABEL for n in labels)
    ):
        raise InputError(
            "labels-format",
            f"{source}: class names should be a list of texts of at most {_LABEL} characters.",
            source=source,
        )
    if labels is not None and len(labels) != classes:
        raise InputError(
            "labels-count",
            f"{source} has {classes} classes but {len(labels)} labels.",
            source=source,
            classes=classes,
            labels=len(labels),
        )


def per_channel(values: tuple[float, ...], channels: int) -> tuple[float, ...]:
    """One value a channel. Those for another number, as a grey model of a colour architecture has them, are averaged
    (as timm does)."""
    return values if len(values) == channels else (sum(values) / len(values),) * channels


def preprocess(made: Preprocess, channels: int, source: str) -> Preprocess:
    """The same, if it can be done; InputError "checkpoint-config" for what a file states and nothing can follow."""
    numbers = (*made.size, *made.mean, *made.std, made.crop_pct)
    if not (
        all(isinstance(n, int | float) and abs(n) <= 1e6 for n in numbers)  # NaN is not
        and all(isinstance(n, int) and 1 <= n <= _LARGEST_PICTURE for n in made.size)
        and len(made.size) == 2
        and len(made.mean) == len(made.std) == channels
        and 0.01 <= made.crop_pct <= 100
        and all(abs(s) >= 1e-6 for s in made.std)
        and made.interpolation in INTERPOLATIONS
        and made.crop_mode in ("center", "squash", "border")
    ):
        raise InputError(
            "checkpoint-config",
            f"{source} states a preprocessing that cannot be done: {short(made)}.",
            source=source,
            reason=short(made),
        )
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
    assumed: tuple[str, ...] = (),
) -> VisionTransformer:
    """The model that `config` describes with the weights `state` (our names), on the CPU, in eval mode, frozen.

    Weights become float32; without `copy` those that are float32 already share their memory. `source` is what
    messages call the checkpoint, `spell` gives the names a tensor of ours has there, `assumed` is the model's. Raises
    InputError "checkpoint-keys", "checkpoint-shapes", "checkpoint-not-finite", "labels-count" or "labels-format".
    """
    state = dict(state)
    if not config.num_prefix_tokens:
        state.setdefault("prefix_tokens", torch.zeros(1, 0, config.dim))
    if config.position != "learned":
        state.setdefault("positions", torch.zeros(1, 0, config.dim))
    try:
        with torch.device("meta"):
            model = VisionTransformer(config, labels, transform)
    except (RuntimeError, TypeError, ValueError, OverflowError) as error:  # sizes that no memory could hold
        reason = short((str(error).splitlines() or [type(error).__name__])[0])
        raise InputError(
            "checkpoint-architecture",
            f"{source} describes no model that can be built: {reason}.",
            source=source,
            reason=reason,
        ) from error
    wanted = {n: tuple(t.shape) for n, t in model.state_dict().items()}
    theirs = {n: spell(n) if n in wanted else [n] for n in {**wanted, **state}}
    given = {theirs[n][0]: tuple(t.shape) for n, t in state.items()}
    expected = {theirs[n][0]: size for n, size in wanted.items() if n in state}
    for name in wanted.keys() - state.keys():  # parts of a join that are there are not to blame
        expected.update({n: given.get(n, ()) for n in theirs[name]})
    check_keys(expected, given, source)
    check_finite({theirs[n][0]: t for n, t in state.items()}, source)
    check_labels(labels, config.classes, source)
    state = {n: t.detach().to("cpu", torch.float32, copy=copy).contiguous() for n, t in state.items()}
    model.load_state_dict(state, strict=True, assign=True)
    model.assumed = assumed
    return model.eval().requires_grad_(False)
