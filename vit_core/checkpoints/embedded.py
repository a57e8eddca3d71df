"""`embedded:<name>`: the models that ship with Vitrine, one safetensors file each under assets/; and `vc.save`.

Such a file is self-contained: its metadata holds the config, labels, preprocessing and provenance ("card").
"""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import json
import os
from pathlib import Path
from typing import Any, NamedTuple

from safetensors import SafetensorError
from safetensors.torch import save_file

from vit_core.assets import ASSETS
from vit_core.checkpoints.assembly import assemble, check_finite, check_keys, check_labels, check_preprocess
from vit_core.checkpoints.errors import refusal, shorten
from vit_core.checkpoints.files import read_header, read_safetensors, read_tensors
from vit_core.checkpoints.report import LoadReport
from vit_core.errors import InputError
from vit_core.images import Preprocess
from vit_core.models.cnn import ConvNet
from vit_core.models.config import ViTConfig
from vit_core.models.vit import VisionTransformer

SIDES = {"cifar10": 32, "fashion": 28}  # of the pictures of each data set that the recipes know, pixels


class EmbeddedCNN(NamedTuple):
    """An embedded CNN with what is needed to use it."""

    net: ConvNet
    labels: list[str]
    transform: Preprocess
    card: dict


def save(model: VisionTransformer, path: str | os.PathLike, card: dict | None = None) -> None:
    """Writes `model` to a .safetensors file with its config, labels and preprocessing; "file:<path>" loads it.

    A file at `path` is replaced, or left as it was if writing fails. `card` is provenance in plain JSON types. A model
    for whole pictures (`images.reframed`) is saved with its preprocessing's crop.

    Raises InputError "checkpoint-format" (another ending), "checkpoint-config", "labels-count" or "labels-format" (the
    file could not be read back), "evaluate-disk" (the file cannot be written).
    """
    path = Path(path).expanduser()
    if path.suffix.lower() != ".safetensors":
        raise InputError(
            "checkpoint-format",
            f"{shorten(path.name)} cannot hold a model's config, labels and preprocessing. Choose a name that ends in "
            ".safetensors.",
            source=shorten(path.name),
            reason=f"*{shorten(path.suffix)}",
        )
    if model.transform is None:
        raise InputError(
            "checkpoint-config",
            f"{path.name} would not state how pictures are preprocessed. Set the model's `transform` first.",
            source=path.name,
            reason="transform = None",
        )
    check_preprocess(model.transform, model.config.channels, path.name)
    check_labels(model.labels, model.config, path.name)
    metadata = {
        "config": model.config.to_dict(),
        "labels": model.labels,
        "preprocess": {f.name: getattr(model.transform, f.name) for f in dataclasses.fields(Preprocess)},
        "card": card or {},
    }
    try:
        written = json.dumps(metadata, ensure_ascii=False)
        written.encode()
        _parse_config(json.loads(written))
    except (TypeError, ValueError) as error:  # numpy's numbers, an int for a float, half of a surrogate pair
        raise InputError(
            "checkpoint-config",
            f"{path.name} could not be read back: {shorten(error)}. Use plain Python types in the config, labels and "
            "card.",
            source=path.name,
            reason=shorten(error),
        ) from error
    # safetensors stores no tensors that share memory
    state = {k: v.detach().to("cpu", copy=True).contiguous() for k, v in model.state_dict().items()}
    try:
        save_file(state, path, {"vitrine": written})
    except (OSError, SafetensorError) as error:
        raise InputError(
            "evaluate-disk",
            f"The model cannot be written to {shorten(path)} ({shorten(error)}). Make room or choose another folder.",
            out=shorten(path),
            reason=shorten(error),
        ) from error


def _read_metadata(path: Path) -> dict:
    """The "vitrine" entry of a safetensors file's header; empty if there is none."""
    try:
        entries = read_header(path, path.stat().st_size).get("__metadata__") or {}
        found = json.loads(entries.get("vitrine", "{}"))
    except (OSError, ValueError, TypeError, AttributeError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def metadata(path: Path) -> dict | None:
    """What `save` wrote beside the weights in `path`; None if it holds no Vision Transformer."""
    found = _read_metadata(path)
    return found if "config" in found else None


def label_translations(name: str) -> dict[str, dict[str, str]]:
    """Class names of a model that `save` wrote, in other languages: {"ko": {label: Korean name}}; empty without any.

    `name` is "embedded:<name>" or "file:<path>". The card's "labels_ko" holds the Korean names in the labels' order.
    """
    source, _, rest = name.partition(":")
    path = {"embedded": ASSETS / f"{rest}.safetensors", "file": Path(rest).expanduser()}.get(source)
    found = _read_metadata(path) if path else {}
    labels, card = found.get("labels"), found.get("card")
    korean = card.get("labels_ko") if isinstance(card, dict) else None
    if not isinstance(labels, list) or not isinstance(korean, list) or len(labels) != len(korean):
        return {}
    if not all(isinstance(one, str) for one in (*labels, *korean)):
        return {}
    return {"ko": dict(zip(labels, korean, strict=True))}


def _parse_config(found: dict) -> ViTConfig:
    """The config in a header. Raises TypeError or ValueError if a field has another type than its default.

    Files from before `problem_type` existed have the default, or "binary" if their head has one output.
    """
    fields = dict(found["config"])
    if fields.get("classes") == 1:
        fields.setdefault("problem_type", "binary")
    config = ViTConfig(**fields)
    for field in dataclasses.fields(config):
        value = getattr(config, field.name)
        kind = int if isinstance(field.default, tuple) else type(field.default)
        for v in value if isinstance(value, tuple) else (value,):
            if type(v) is not kind or (kind is int and not 0 <= v <= 1_000_000):
                raise TypeError(f"{field.name} = {shorten(repr(v))}")
    return config


def list_embedded() -> list[tuple[str, str, str]]:
    """(name, title, note) of each embedded Vision Transformer, by name. Other files under assets/ are ignored."""
    rows = []
    for path in sorted(ASSETS.glob("*.safetensors")):
        found = metadata(path)
        if found is None:
            continue
        try:
            config, card = _parse_config(found), found.get("card", {})
            title, note = card.get("title", path.stem), card.get("note", "")
        except (TypeError, ValueError, AttributeError, OverflowError):  # incomplete, or of another version
            continue
        shape = (
            f"{config.depth} layers x {config.heads} heads, {config.grid[0]} x {config.grid[1]} patches, "
            f"{config.classes} classes"
        )
        rows.append((path.stem, shorten(title), shorten(note or shape)))
    return rows


def _unknown(kind: str, name: str, available: list[str]) -> InputError:
    choice = f"Choose one of {', '.join(available)}." if available else "This installation has none."
    sentence = f"There is no embedded {kind} called {shorten(repr(name))}. {choice}"
    return InputError("model-unknown", sentence, name=name, available=available)


def load_embedded(name: str) -> VisionTransformer:
    """The embedded Vision Transformer called `name`. Raises InputError "model-unknown", and as `load_saved` does."""
    names = [row[0] for row in list_embedded()]
    if name not in names:
        raise _unknown("model", name, names)
    return load_saved(ASSETS / f"{name}.safetensors")


def embedded_digest(name: str) -> str | None:
    """BLAKE2b (32 hex digits) of the file of the model "embedded:<name>"; None for every other name.

    The file is read once, and again when it changes.
    """
    source, _, rest = name.partition(":")
    if source != "embedded" or rest not in {path.stem for path in ASSETS.glob("*.safetensors")}:
        return None
    path = ASSETS / f"{rest}.safetensors"
    status = path.stat()
    return _file_digest(path, status.st_mtime_ns, status.st_size)


@functools.lru_cache(maxsize=8)
def _file_digest(path: Path, mtime_ns: int, size: int) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, functools.partial(hashlib.blake2b, digest_size=16)).hexdigest()


def load_saved(path: Path) -> VisionTransformer:
    """The model that `save` wrote to `path`, on the CPU, in eval mode, frozen.

    Raises InputError "checkpoint-format" if `save` did not write it, "checkpoint-config" if it cannot be built, and the
    errors of `read_tensors` and `assemble`.
    """
    found = metadata(path)
    if found is None:
        raise refusal("checkpoint-format", path.name, "its header holds no config", "config = None")
    state = read_tensors(path)
    try:
        config = _parse_config(found)
        labels = found["labels"]
        fields: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in found["preprocess"].items()}
        made = Preprocess(**fields)
        if config.depth > len(state):
            raise ValueError(f"{config.depth} layers in {len(state)} tensors")
        transform = check_preprocess(made, config.channels, path.name)
    except InputError:
        raise
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise refusal("checkpoint-config", path.name, error) from error
    knows_problem_type = "problem_type" in found["config"]
    stated = {
        "architecture": True,
        "weights": True,
        "head": knows_problem_type,
        "labels": labels,
        "preprocessing": True,
    }
    report = LoadReport({fact: path.name for fact, there in stated.items() if there})
    return assemble(config, state, path.name, labels, transform, report=report, knows_problem_type=knows_problem_type)


def load_cnn(name: str) -> EmbeddedCNN:
    """The embedded CNN called `name`, as `vit_core.training` wrote it: on the CPU, in eval mode, frozen.

    Raises InputError "model-unknown", "checkpoint-config", "checkpoint-keys", "checkpoint-shapes",
    "checkpoint-not-finite", and the errors of `read_safetensors`.
    """
    cnns = {
        path.stem: path
        for path in sorted(ASSETS.glob("*.safetensors"))
        if "card" in (found := _read_metadata(path)) and "config" not in found
    }
    if name not in cnns:
        raise _unknown("CNN", name, list(cnns))
    path = cnns[name]
    state, found = read_safetensors(path, path.stat().st_size), _read_metadata(path)  # batch norm's counters are ints
    try:
        card, labels = found["card"], found["labels"]
        side, mean, std = SIDES[card["data"]], tuple(card["mean"]), tuple(card["std"])
        net = ConvNet(len(mean), len(labels), **card["arch"])
    except (KeyError, TypeError, ValueError, AttributeError, RuntimeError) as error:
        raise refusal("checkpoint-config", path.name, error) from error
    expected, given = ({n: tuple(t.shape) for n, t in part.items()} for part in (net.state_dict(), state))
    check_keys(expected, given, path.name)
    check_finite(state, path.name)
    net.load_state_dict(state)
    transform = Preprocess((side, side), mean, std, "bicubic", crop_pct=1.0)
    return EmbeddedCNN(net.eval().requires_grad_(False), labels, transform, card)
