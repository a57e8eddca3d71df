"""`embedded:<name>`: the models that ship with the product, one safetensors file each under assets/, and `vc.save`.

The file is self-contained: its metadata holds the config, labels, preprocessing and provenance, so
that another grid or depth is another file and no other code.
"""

from __future__ import annotations

import dataclasses
import json
import os
from pathlib import Path
from typing import NamedTuple

from safetensors import SafetensorError
from safetensors.torch import save_file

from vit_core.assets import ASSETS
from vit_core.checkpoints.assemble import assemble, check_finite, check_keys, check_labels, preprocess, short
from vit_core.checkpoints.files import reader as _files
from vit_core.errors import InputError
from vit_core.images import Preprocess
from vit_core.models.cnn import ConvNet
from vit_core.models.config import ViTConfig
from vit_core.models.vit import VisionTransformer

#: Side of the pictures of each data set that the recipes know, in pixels.
SIDES = {"cifar10": 32, "fashion": 28}


class EmbeddedCNN(NamedTuple):
    """An embedded CNN with what is needed to use it."""

    net: ConvNet
    labels: list[str]
    transform: Preprocess
    card: dict


def save(model: VisionTransformer, path: str | os.PathLike, card: dict | None = None) -> None:
    """Write `model` to a .safetensors file that `load` reads back as it is: weights, config, labels and preprocessing.

    What was at `path` is replaced, whole or not at all; "file:<path>" is the model's name then. `card` is provenance,
    plain JSON types. Raises InputError: "checkpoint-format" for another ending, "checkpoint-config", "labels-count" and
    "labels-format" for what could not be read back, "evaluate-disk" where nothing can be written.
    """
    path = Path(path).expanduser()
    if path.suffix.lower() != ".safetensors":
        raise InputError(
            "checkpoint-format",
            f"{short(path.name)} cannot hold a model's config, labels and "
            "preprocessing: its name should end in .safetensors.",
            source=short(path.name),
            reason=f"*{short(path.suffix)}",
        )
    if model.transform is None:
        raise InputError(
            "checkpoint-config",
            f"{path.name} would not tell how pictures are prepared: give the model a `transform` first.",
            source=path.name,
            reason="transform = None",
        )
    preprocess(model.transform, model.config.channels, path.name)
    check_labels(model.labels, model.config.classes, path.name)
    metadata = {
        "config": model.config.to_dict(),
        "labels": model.labels,
        "preprocess": dataclasses.asdict(model.transform),
        "card": card or {},
    }
    try:
        written = json.dumps(metadata, ensure_ascii=False)
        written.encode()
        _config(json.loads(written))
    except (TypeError, ValueError) as error:  # numpy's numbers, an int for a float, half of a surrogate pair
        raise InputError(
            "checkpoint-config",
            f"{path.name} could not be read back: {short(error)}.",
            source=path.name,
            reason=short(error),
        ) from error
    state = {k: v.detach().to("cpu", copy=True).contiguous() for k, v in model.state_dict().items()}  # none is shared
    try:
        save_file(state, path, {"vitrine": written})
    except (OSError, SafetensorError) as error:
        raise InputError(
            "evaluate-disk",
            f"The model cannot be written to {short(path)} ({short(error)}); make room or choose another folder.",
            out=short(path),
            reason=short(error),
        ) from error


def _header(path: Path) -> dict:
    """The "vitrine" part of a safetensors file's header; empty where there is none."""
    try:
        metadata = _files.header(path, path.stat().st_size).get("__metadata__") or {}
        found = json.loads(metadata.get("vitrine", "{}"))
    except (OSError, ValueError, TypeError, AttributeError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def metadata(path: Path) -> dict | None:
    """What `save` wrote beside the weights of `path`; None for a file that holds no Vision Transformer."""
    found = _header(path)
    return found if "config" in found else None


def _config(found: dict) -> ViTConfig:
    """The config in a header. TypeError or ValueError where a field is of another type than its default."""
    config = ViTConfig(**found["config"])
    for field in dataclasses.fields(config):
        value = getattr(config, field.name)
        for v in value if isinstance(value, tuple) else (value,):
            whole = type(v) is int and 0 <= v <= 1_000_000
            if (
                not whole
                and isinstance(field.default, tuple)
                or (not isinstance(field.default, tuple) and type(v) is not type(field.default))
                or (type(v) is int and not whole)
            ):
                raise TypeError(f"{field.name} = {short(repr(v))}")
    return config


def listing() -> list[tuple[str, str, str]]:
    """(name, title, note) of each embedded model, by name; other files under assets/ are passed over."""
    rows = []
    for path in sorted(ASSETS.glob("*.safetensors")):
        found = metadata(path)
        if found is None:
            continue
        try:
            config, card = _config(found), found.get("card", {})
            title, note = card.get("title", path.stem), card.get("note", "")
        except (TypeError, ValueError, AttributeError, OverflowError):  # half written, or for another version
            continue
        shape = (
            f"{config.depth} layers x {config.heads} heads, {config.grid[0]} x {config.grid[1]} patches, "
            f"{config.classes} classes"
        )
        rows.append((path.stem, short(title), short(note or shape)))
    return rows


def load_named(name: str) -> VisionTransformer:
    """The embedded model called `name`. Raises InputError "model-unknown", naming those there are."""
    names = [row[0] for row in listing()]
    if name not in names:
        raise InputError(
            "model-unknown",
            f"There is no embedded model called {name!r}; there is {', '.join(names) or 'none in this installation'}.",
            name=name,
            available=names,
        )
    return load(ASSETS / f"{name}.safetensors")


def load(path: Path) -> VisionTransformer:
    """The model in `path`, on the CPU, in eval mode, frozen.

    Raises InputError "checkpoint-format" when it was not written by `save`, "checkpoint-config" when what was
    written cannot be built, and what the file reader and `assemble` raise.
    """
    found = metadata(path)
    if found is None:
        raise InputError(
            "checkpoint-format",
            f"{path.name} is not one of the embedded models: its header holds no config.",
            source=path.name,
            reason="config = None",
        )
    state = _files.read(path)
    try:
        config = _config(found)
        labels = found["labels"]
        made = Preprocess(**{k: tuple(v) if isinstance(v, list) else v for k, v in found["preprocess"].items()})
        if config.depth > len(state):
            raise ValueError(f"{config.depth} layers in {len(state)} tensors")
        transform = preprocess(made, config.channels, path.name)
    except InputError:
        raise
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise InputError(
            "checkpoint-config",
            f"{path.name}: its header describes no model that can be built: {short(error)}.",
            source=path.name,
            reason=short(error),
        ) from error
    return assemble(config, state, path.name, labels, transform)


def load_cnn(name: str) -> EmbeddedCNN:
    """The embedded CNN called `name`, as `vit_core.training.loop` wrote it: on the CPU, in eval mode, frozen.

    Raises InputError "model-unknown", naming those there are, "checkpoint-config" when its header describes no CNN
    that can be built, "checkpoint-keys", "checkpoint-shapes", "checkpoint-not-finite" and what the file reader raises.
    """
    cnns = {
        path.stem: path
        for path in sorted(ASSETS.glob("*.safetensors"))
        if "card" in (found := _header(path)) and "config" not in found
    }
    if name not in cnns:
        raise InputError(
            "model-unknown",
            f"There is no embedded CNN called {name!r}; there is {', '.join(cnns) or 'none in this installation'}.",
            name=name,
            available=list(cnns),
        )
    path = cnns[name]
    state, found = _files.safetensors(path, path.stat().st_size), _header(path)  # batch norm's counters are no floats
    try:
        card, labels = found["card"], found["labels"]
        side, mean, std = SIDES[card["data"]], tuple(card["mean"]), tuple(card["std"])
        net = ConvNet(len(mean), len(labels), **card["arch"])
    except (KeyError, TypeError, ValueError, AttributeError, RuntimeError) as error:
        raise InputError(
            "checkpoint-config",
            f"{path.name}: its header describes no CNN that can be built: {error}.",
            source=path.name,
            reason=str(error),
        ) from error
    check_keys(*({n: tuple(t.shape) for n, t in part.items()} for part in (net.state_dict(), state)), path.name)
    check_finite(state, path.name)
    net.load_state_dict(state)
    transform = Preprocess((side, side), mean, std, "bicubic", crop_pct=1.0)
    return EmbeddedCNN(net.eval().requires_grad_(False), labels, transform, card)
