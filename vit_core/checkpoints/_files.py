"""Reading tensors out of a file that somebody gave us, without running or believing anything in it."""

from __future__ import annotations

import json
import pickle
import pickletools
import re
import struct
import warnings
import zipfile
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from vit_core.checkpoints._assemble import listed
from vit_core.errors import InputError

SUFFIXES = (".safetensors", ".pth", ".pt", ".bin")
#: Where training scripts put the weights inside what they save, in the order they are looked for.
NESTS = ("state_dict", "model", "model_state_dict", "model_ema", "teacher")
#: What training scripts and wrappers put before every name.
PREFIXES = ("module.", "model.", "backbone.", "_orig_mod.")
#: Unpacked bytes a file may claim for each byte it has; torch stores tensors as they are.
_SWELL = 2


def read(path: Path) -> dict[str, Tensor]:
    """The named tensors in a .safetensors, .pth, .pt or .bin file, on the CPU.

    Raises InputError: "checkpoint-not-found", "checkpoint-empty", "checkpoint-truncated", "checkpoint-format",
    "checkpoint-header", "checkpoint-pickle", "checkpoint-bomb".
    """
    name = path.name
    if not path.is_file():
        raise InputError("checkpoint-not-found", f"There is no file {path}.", source=name, path=str(path))
    if path.suffix.lower() not in SUFFIXES:
        raise InputError("checkpoint-format", f"{name} is not a checkpoint: its name should end in "
                         f"{', '.join(SUFFIXES)}.", source=name, reason=f"*{path.suffix}")
    try:
        size = path.stat().st_size
        with open(path, "rb") as file:
            head = file.read(9)
    except OSError as error:
        raise InputError("checkpoint-not-found", f"{name} cannot be read: {error.strerror}.", source=name,
                         path=str(path)) from error
    if size == 0:
        raise InputError("checkpoint-empty", f"{name} is empty: 0 bytes.", source=name)
    if path.suffix.lower() == ".safetensors":
        return _checked(safetensors(path, size), name, size)
    if head[:4] == b"PK\x03\x04":
        _check_zip(path, size)
        content = _unpickled(path, size)
    elif head[:1] == b"\x80":
        content = _unpickled(path, size)
    elif head[8:] == b"{":  # a safetensors file by another name
        return _checked(safetensors(path, size), name, size)
    else:
        raise InputError("checkpoint-format", f"{name} is not a checkpoint: it starts with {head[:4]!r}, not as a "
                         "safetensors file or one that torch.save wrote does.", source=name, reason=repr(head[:4]))
    return _checked(_flat(content, name), name, size)


def safetensors(path: Path, size: int) -> dict[str, Tensor]:
    """The tensors in a .safetensors file of `size` bytes, of whatever type they are. Raises as `read` does."""
    name = path.name
    with open(path, "rb") as file:
        length = struct.unpack("<Q", file.read(8).ljust(8, b"\xff"))[0]
        broken = f"header {length:,} > 100,000,000" if length > 100_000_000 else None
        if broken is None and 8 + length <= size:
            try:
                header = json.loads(file.read(length))
                ends = [v["data_offsets"][1] for k, v in header.items() if k != "__metadata__"]
                length += max(ends, default=0)
            except (ValueError, KeyError, TypeError, AttributeError, IndexError, RecursionError) as error:
                broken = f"header {type(error).__name__}"
    if broken is None and 8 + length > size:
        raise InputError("checkpoint-truncated", f"{name} is cut short: it has {size} bytes and says it holds "
                         f"{8 + length}.", source=name, size=size, expected=8 + length)
    try:
        if broken is None:
            return load_file(path)
    except (SafetensorError, ValueError, KeyError, RuntimeError, OSError) as error:
        broken = str(error)
    raise InputError("checkpoint-header", f"{name} is not a safetensors file: {broken}.", source=name, reason=broken)


def _check_zip(path: Path, size: int) -> None:
    """Refuse an archive by its table of contents, before anything is unpacked."""
    try:
        with zipfile.ZipFile(path) as archive:
            total = sum(entry.file_size for entry in archive.infolist())
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError, struct.error) as error:
        raise InputError("checkpoint-truncated", f"{path.name} is cut short: it starts as torch.save writes and has no "
                         "table of contents at its end.", source=path.name, size=size) from error
    if total > _SWELL * size:
        raise InputError("checkpoint-bomb", f"{path.name} has {size} bytes and would unpack to {total}: checkpoints "
                         "are not compressed, so it is not read.", source=path.name, size=size, unpacked=total)


def _unpickled(path: Path, size: int) -> object:
    name = path.name
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Detected pickle protocol", UserWarning)
            return torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        refused = re.search(r"(?:GLOBAL|class|function|global:?)\s+`?([\w.]+\.[\w.]+)", str(error))
        if "global" in str(error).lower() or refused or _imports(path):
            what = refused[1] if refused else "pickle"
            raise InputError("checkpoint-pickle", f"{name} asks to run code ({what}) when it is opened. It was not "
                             "run. Save the weights alone, best as .safetensors.", source=name, what=what) from None
        raise InputError("checkpoint-format", f"{name} is not a checkpoint that torch can read.",
                         source=name, reason=type(error).__name__) from error
    except (RuntimeError, EOFError, OSError, ValueError, TypeError, KeyError, IndexError, AttributeError,
            AssertionError, struct.error, OverflowError, MemoryError, RecursionError, UnicodeError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise InputError("checkpoint-format", f"{name} is not a checkpoint that torch can read: {reason}.",
                         source=name, reason=reason) from error


def _imports(path: Path) -> bool:
    """Does a bare pickle ask for a name from a module? Its instructions are listed, not followed."""
    with open(path, "rb") as file:
        try:
            steps = pickletools.genops(file.read(1 << 20))
            return any(step[0].name in ("GLOBAL", "STACK_GLOBAL", "INST") for step in steps)
        except (ValueError, IndexError, KeyError, struct.error, UnicodeError):
            return False


def _flat(content: object, name: str) -> dict[str, Tensor]:
    """The one dict of tensors in what torch.load gave."""
    for _ in NESTS:
        if isinstance(content, dict):
            content = next((content[n] for n in NESTS if isinstance(content.get(n), dict)), content)
    if not isinstance(content, dict):
        raise InputError("checkpoint-format", f"{name} holds a {type(content).__name__}, not named tensors.",
                         source=name, reason=type(content).__name__)
    odd = [str(k) for k, v in content.items() if not isinstance(v, Tensor) or not isinstance(k, str)]
    if odd or not content:
        raise InputError("checkpoint-format", f"{name} should hold named tensors, by themselves or under one of "
                         f"{', '.join(NESTS)}; it holds {listed(odd) or 'nothing'}.", source=name,
                         reason=listed(odd) or "{}")
    return dict(content)


def _checked(state: dict[str, Tensor], name: str, size: int) -> dict[str, Tensor]:
    """Plain floating-point tensors no larger than the file that they came from."""
    if not state:
        raise InputError("checkpoint-format", f"{name} holds no tensors.", source=name, reason="{}")
    odd = [n for n, t in state.items() if t.layout != torch.strided or t.device.type != "cpu"
           or not t.is_floating_point()]
    if odd:
        raise InputError("checkpoint-format", f"{name}: {listed(odd)} should be floating-point weights; quantised, "
                         "sparse and integer ones are not read.", source=name, tensors=odd, reason=listed(
                             f"{n} {str(state[n].dtype).removeprefix('torch.')}" for n in odd))
    total = sum(t.numel() * t.element_size() for t in state.values())
    if total > _SWELL * size:
        raise InputError("checkpoint-bomb", f"{name} has {size} bytes and its tensors claim {total}, so they are "
                         "not read.", source=name, size=size, unpacked=total)
    return {n: t.float() for n, t in state.items()}


def unwrapped(state: dict[str, Tensor], name: str) -> dict[str, Tensor]:
    """The same tensors without the `PREFIXES` that wrappers put before the names."""
    out: dict[str, Tensor] = {}
    for key, tensor in state.items():
        short = key
        while short.startswith(PREFIXES):
            short = short[len(next(p for p in PREFIXES if short.startswith(p))):]
        if short in out:
            raise InputError("checkpoint-keys", f"{name} holds {short} twice, once as {key}.", source=name,
                             missing=[], extra=[key], shapes=[])
        out[short] = tensor
    return out


def read_json(path: Path, code: str) -> dict | list:
    """The JSON in a small file; InputError `code` when it is none."""
    try:
        return json.loads(path.read_text("utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(code, f"{path.name} is not a JSON file that can be read: {error}.",
                         source=path.name, reason=str(error)) from error


def labels_beside(path: Path, classes: int) -> list[str] | None:
    """Class names from `<stem>.labels.txt`, `labels.txt` or `labels.json` beside a checkpoint; None without one.

    Text has one name a line; JSON is a list, or an object from class number to name. Raises InputError
    "labels-format" or "labels-count".
    """
    found = next((p for p in (path.with_name(path.stem + ".labels.txt"), path.with_name("labels.txt"),
                              path.with_name("labels.json")) if p.is_file()), None)
    if found is None or not classes:
        return None
    if found.suffix == ".json":
        labels = read_json(found, "labels-format")
        try:
            labels = [labels[str(i)] for i in range(len(labels))] if isinstance(labels, dict) else labels
            if not isinstance(labels, list) or not all(isinstance(n, str) for n in labels):
                raise TypeError
        except (KeyError, TypeError):
            raise InputError("labels-format", f"{found.name} should be a list of names, or an object from class "
                             "number to name.", source=found.name) from None
    else:
        try:
            labels = [line.strip() for line in found.read_text("utf-8-sig").splitlines() if line.strip()]
        except (OSError, UnicodeError) as error:
            raise InputError("labels-format", f"{found.name} is not a text file in UTF-8: {error}.",
                             source=found.name) from error
    if len(labels) != classes:
        raise InputError("labels-count", f"{found.name} names {len(labels)} classes and {path.name} has {classes}.",
                         source=found.name, labels=len(labels), classes=classes)
    return labels
