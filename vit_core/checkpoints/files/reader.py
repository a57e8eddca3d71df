"""Reading tensors out of a file that somebody gave us, without running or believing anything in it."""

from __future__ import annotations

import argparse
import io
import json
import os.path
import pickle
import pickletools
import re
import struct
import threading
import warnings
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from vit_core.checkpoints.assemble import listed, short
from vit_core.checkpoints.files import pickles as _pickles
from vit_core.checkpoints.files import zips
from vit_core.errors import InputError

SUFFIXES = (".safetensors", ".pth", ".pt", ".bin", ".ckpt", ".tar")  # timm's training script writes .pth.tar
#: Where training scripts put the weights inside what they save, in the order they are looked for.
NESTS = ("state_dict", "model", "model_state_dict", "model_ema", "teacher")
#: What training scripts and wrappers put before every name.
PREFIXES = ("module.", "model.", "backbone.", "_orig_mod.")
#: The patch embedding's name in timm and in transformers, and what stands before it.
_PATCHES = re.compile(r"(.*?)(?:patch_embed\.proj|embeddings\.patch_embeddings\.projection)\.weight$", re.DOTALL)
#: Bytes of JSON (a config, a safetensors header) or of labels that are read; 21,843 classes' names are 2 MB.
_TEXT = 4 << 20
#: Tensors in one file: ten times what the largest Vision Transformers have.
_TENSORS = 10_000
_AXES, _NAME = 8, 500  # of a tensor
_DTYPES = (
    torch.float32,
    torch.float16,
    torch.bfloat16,
    torch.float64,
    torch.float8_e4m3fn,
    torch.float8_e5m2,
    torch.float8_e4m3fnuz,
    torch.float8_e5m2fnuz,
)
#: What torch takes for safe, and which warnings are heard, is the whole process's: who ends while another still reads
#: would take both back from it, and a good file would be refused. So pickles are read one after the other, however long
#: one takes. A .safetensors file needs neither, and waits for none.
_LOADING = threading.Lock()


def read(path: Path) -> dict[str, Tensor]:
    """The named tensors in a .safetensors, .pth, .pt, .bin, .ckpt or .pth.tar file, on the CPU.

    Raises InputError: "checkpoint-not-found", "checkpoint-empty", "checkpoint-truncated", "checkpoint-format",
    "checkpoint-header", "checkpoint-pickle", "checkpoint-bomb".
    """
    name = path.name
    if not os.path.isfile(path):  # unlike Path.is_file, False too for what no path can be
        raise InputError(
            "checkpoint-not-found", f"There is no file {short(path)}.", source=short(name), path=short(path)
        )
    if path.suffix.lower() not in SUFFIXES:
        raise InputError(
            "checkpoint-format",
            f"{name} is not a checkpoint: its name should end in {', '.join(SUFFIXES)}.",
            source=name,
            reason=f"*{path.suffix}",
        )
    try:
        size = path.stat().st_size
        with open(path, "rb") as file:
            head = file.read(9)
    except OSError as error:
        raise InputError(
            "checkpoint-not-found", f"{name} cannot be read: {error.strerror}.", source=name, path=str(path)
        ) from error
    if size == 0:
        raise InputError("checkpoint-empty", f"{name} is empty: 0 bytes.", source=name)
    if path.suffix.lower() == ".safetensors":
        return _checked(safetensors(path, size), name, size)
    if head[:4] == b"PK\x03\x04":
        _check_records(path, size)
        content = _unpickled(path)
    elif head[:1] == b"\x80":
        _check_old(path, size)
        content = _unpickled(path)
    elif head[8:] == b"{":  # a safetensors file by another name
        return _checked(safetensors(path, size), name, size)
    else:
        raise InputError(
            "checkpoint-format",
            f"{name} is not a checkpoint: it starts with {head[:4]!r}, not as a "
            "safetensors file or one that torch.save wrote does.",
            source=name,
            reason=repr(head[:4]),
        )
    return _checked(_flat(content, name), name, size)


def header(path: Path, size: int) -> dict:
    """The header of a .safetensors file of `size` bytes, by itself. Raises as `read` does."""
    name, broken, found = path.name, None, {}
    with open(path, "rb") as file:
        length = struct.unpack("<Q", file.read(8).ljust(8, b"\xff"))[0]
        if length > _TEXT:
            broken = f"header {length:,} > {_TEXT:,}"
        elif 8 + length <= size:
            try:
                found = _json(file.read(length).decode(), object_pairs_hook=_once)
                tensors = {k: v for k, v in found.items() if k != "__metadata__"}
                wrong = [k for k, v in tensors.items() if not _is_tensor(v)]
                if wrong or len(tensors) > _TENSORS:
                    broken = f"header {listed(wrong)}" if wrong else f"{len(tensors):,} tensors > {_TENSORS:,}"
                length += max((v["data_offsets"][1] for v in tensors.values()), default=0) if not broken else 0
            except (ValueError, AttributeError, RecursionError) as error:
                broken = f"header {type(error).__name__}: {short(error)}"
    if broken is None and 8 + length > size:
        raise InputError(
            "checkpoint-truncated",
            f"{name} is cut short: it has {size} bytes and says it holds {8 + length}.",
            source=name,
            size=size,
            expected=8 + length,
        )
    if broken:
        raise InputError(
            "checkpoint-header", f"{name} is not a safetensors file: {broken}.", source=name, reason=broken
        )
    return found


def _once(pairs: list[tuple[str, object]]) -> dict:
    found = dict(pairs)
    if len(found) != len(pairs):
        seen: set[str] = set()
        raise ValueError("twice: " + listed(k for k, _ in pairs if k in seen or seen.add(k)))
    return found


def _is_tensor(entry: object) -> bool:
    """Is this a header's entry: a type, a shape, and where its bytes begin and end?"""
    if not isinstance(entry, dict) or not isinstance(entry.get("dtype"), str):
        return False
    shape, ends = entry.get("shape"), entry.get("data_offsets")
    return (
        isinstance(shape, list)
        and isinstance(ends, list)
        and len(ends) == 2
        and len(shape) <= _AXES
        and all(type(n) is int and 0 <= n < 2**63 for n in (*shape, *ends))
        and ends[0] <= ends[1]
    )


def safetensors(path: Path, size: int) -> dict[str, Tensor]:
    """The tensors in a .safetensors file of `size` bytes, of whatever type they are. Raises as `read` does."""
    header(path, size)
    try:
        return load_file(path, backend="pread")  # mapped, a file that shrinks later would end the process
    except (
        SafetensorError,
        ValueError,
        KeyError,
        RuntimeError,
        OSError,
        TypeError,
        AttributeError,
        OverflowError,
    ) as error:
        broken = short(error)
    raise InputError(
        "checkpoint-header", f"{path.name} is not a safetensors file: {broken}.", source=path.name, reason=broken
    )


def _check_records(path: Path, size: int) -> None:
    """Refuse what torch.save writes now, a zip of records, by what it says it holds, before torch reads it."""
    name, records = path.name, zips.records(path, size)
    pickles = [n for n in records if n.endswith("data.pkl")]
    start, length = records[pickles[0]] if len(pickles) == 1 else (0, 0)
    if not length or length > _pickles.LARGEST:
        reason = f"data.pkl {length:,} > {_pickles.LARGEST:,}" if length else f"{len(pickles)} data.pkl"
        raise InputError(
            "checkpoint-format",
            f"{name} is not a checkpoint that torch can read: {reason}.",
            source=name,
            reason=reason,
        )
    with open(path, "rb") as file:
        file.seek(start)
        data = file.read(length)
    _walked(data, 1, name, size)


def _check_old(path: Path, size: int) -> None:
    """The same for what torch.save wrote before: five pickles one after the other, then the bytes."""
    with open(path, "rb") as file:
        data = file.read(2 * _pickles.LARGEST)
    _walked(data, 5, path.name, size)


def _walked(data: bytes, count: int, name: str, size: int) -> None:
    """Judge `count` pickles that follow one another: what they name, how long they take, what they claim."""
    stream, claims = io.BytesIO(data), {}
    try:
        for _ in range(count):
            _pickles.walk(stream, name, claims.__setitem__)
    except InputError:
        raise
    except (ValueError, IndexError, KeyError, struct.error, OverflowError) as error:
        if _imports(data):
            raise InputError(
                "checkpoint-pickle",
                f"{name} asks to run code (pickle) when it is opened. It was not "
                "run. Save the weights alone, best as .safetensors.",
                source=name,
                what="pickle",
            ) from error
        raise InputError(
            "checkpoint-format",
            f"{name} is not a checkpoint that torch can read: {short(error)}.",
            source=name,
            reason=short(error),
        ) from error
    total = sum(claims.values())
    if total > zips.SWELL * size:
        raise InputError(
            "checkpoint-bomb",
            f"{name} has {size} bytes and its tensors claim {total}, so they are not read.",
            source=name,
            size=size,
            unpacked=total,
        )


def _unpickled(path: Path) -> object:
    name = path.name
    try:
        # timm's and MAE's training scripts keep their arguments beside the weights: a record of plain values
        with _LOADING, warnings.catch_warnings(), torch.serialization.safe_globals([argparse.Namespace]):
            warnings.filterwarnings("ignore", "Detected pickle protocol", UserWarning)
            return torch.load(path, map_location="cpu", weights_only=True)
    except (
        pickle.UnpicklingError,
        RuntimeError,
        EOFError,
        OSError,
        ValueError,
        TypeError,
        KeyError,
        IndexError,
        AttributeError,
        AssertionError,
        struct.error,
        OverflowError,
        MemoryError,
        RecursionError,
        ImportError,
    ) as error:
        reason = short((str(error).splitlines() or [""])[0] or type(error).__name__)
        raise InputError(
            "checkpoint-format",
            f"{name} is not a checkpoint that torch can read: {reason}.",
            source=name,
            reason=reason,
        ) from error


def _imports(data: bytes) -> bool:
    """Does a bare pickle ask for a name from a module? Its instructions are listed, not followed."""
    try:
        steps = pickletools.genops(data[: 1 << 18])
        return any(step[0].name in ("GLOBAL", "STACK_GLOBAL", "INST") for step in steps)
    except (ValueError, IndexError, KeyError, struct.error):
        return False


def _flat(content: object, name: str) -> dict[str, Tensor]:
    """The one dict of tensors in what torch.load gave."""
    for _ in NESTS:
        if isinstance(content, dict):
            content = next((content[n] for n in NESTS if isinstance(content.get(n), dict)), content)
    if not isinstance(content, dict):
        raise InputError(
            "checkpoint-format",
            f"{name} holds a {type(content).__name__}, not named tensors.",
            source=name,
            reason=type(content).__name__,
        )
    odd = [
        k if isinstance(k, str) else type(k).__name__
        for k, v in content.items()
        if not isinstance(v, Tensor) or not isinstance(k, str)
    ]
    if odd or not content:
        raise InputError(
            "checkpoint-format",
            f"{name} should hold named tensors, by themselves or under one of "
            f"{', '.join(NESTS)}; it holds {listed(odd) or 'nothing'}.",
            source=name,
            reason=listed(odd) or "{}",
        )
    return dict(content)


def _checked(state: dict[str, Tensor], name: str, size: int) -> dict[str, Tensor]:
    """Plain floating-point tensors no larger than the file that they came from."""
    if not state:
        raise InputError("checkpoint-format", f"{name} holds no tensors.", source=name, reason="{}")
    if len(state) > _TENSORS or any(len(n) > _NAME or t.ndim > _AXES for n, t in state.items()):
        raise InputError(
            "checkpoint-format",
            f"{name} holds {len(state):,} tensors, or some with names or shapes that are too long.",
            source=name,
            reason=f"{len(state):,} tensors",
        )
    odd = [n for n, t in state.items() if t.layout != torch.strided or t.device.type != "cpu" or t.dtype not in _DTYPES]
    if odd:
        raise InputError(
            "checkpoint-format",
            f"{name}: {listed(odd)} should be floating-point weights; quantised, sparse and integer ones are not read.",
            source=name,
            tensors=odd,
            reason=listed(f"{n} {str(state[n].dtype).removeprefix('torch.')}" for n in odd),
        )
    total = sum(t.numel() * t.element_size() for t in state.values())
    if total > zips.SWELL * size:
        raise InputError(
            "checkpoint-bomb",
            f"{name} has {size} bytes and its tensors claim {total}, so they are not read.",
            source=name,
            size=size,
            unpacked=total,
        )
    return {n: t.detach().float() for n, t in state.items()}


def unwrapped(state: dict[str, Tensor], name: str) -> dict[str, Tensor]:
    """The same tensors without the `PREFIXES` that wrappers put before the names, and without the name under which a
    training script's module holds the one Vision Transformer in it ("encoder.", "net.")."""
    out: dict[str, Tensor] = {}
    for key, tensor in state.items():
        short = key
        while short.startswith(PREFIXES):
            short = short[len(next(p for p in PREFIXES if short.startswith(p))) :]
        if short in out:
            raise InputError(
                "checkpoint-keys",
                f"{name} holds {short} twice, once as {key}.",
                source=name,
                missing=[],
                extra=[key],
                shapes=[],
            )
        out[short] = tensor
    holders = {m[1] for m in map(_PATCHES.match, out) if m}
    if len(holders) != 1:
        return out
    held = {n.removeprefix(holder): t for holder in holders for n, t in out.items()}
    return held if len(held) == len(out) else out


def read_json(path: Path, code: str) -> dict | list:
    """The JSON in a small file; InputError `code` when it is none."""
    try:
        return _json(_text(path))
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(
            code,
            f"{path.name} is not a JSON file that can be read: {short(error)}.",
            source=path.name,
            reason=short(error),
        ) from error


def _json(text: str, **options) -> dict | list:
    """What JSON says; ValueError when it has more lists and objects than are worth the time to make."""
    if (count := text.count("[") + text.count("{")) > 4 * _TENSORS:
        raise ValueError(f"{count:,} lists and objects")
    return json.loads(text, **options)


def _text(path: Path) -> str:
    """The text of a small UTF-8 file; ValueError when it is not small."""
    with open(path, "rb") as file:
        data = file.read(_TEXT + 1)
    if len(data) > _TEXT:
        raise ValueError(f"> {_TEXT:,} B")
    return data.decode("utf-8-sig")


def labels_beside(path: Path, classes: int) -> list[str] | None:
    """Class names from `<stem>.labels.txt`, `labels.txt` or `labels.json` beside a checkpoint; None without one.

    Text has one name a line; JSON is a list, or an object from class number to name. Raises InputError
    "labels-format" or "labels-count".
    """
    found = next(
        (
            p
            for p in (
                path.with_name(path.stem + ".labels.txt"),
                path.with_name("labels.txt"),
                path.with_name("labels.json"),
            )
            if os.path.isfile(p)
        ),
        None,
    )
    if found is None or not classes:
        return None
    if found.suffix == ".json":
        labels = read_json(found, "labels-format")
        try:
            labels = [labels[str(i)] for i in range(len(labels))] if isinstance(labels, dict) else labels
            if not isinstance(labels, list) or not all(isinstance(n, str) for n in labels):
                raise TypeError
        except (KeyError, TypeError):
            raise InputError(
                "labels-format",
                f"{found.name} should be a list of names, or an object from class number to name.",
                source=found.name,
            ) from None
    else:
        try:
            labels = [line.strip() for line in _text(found).splitlines() if line.strip()]
        except (OSError, ValueError) as error:
            raise InputError(
                "labels-format", f"{found.name} is not a text file in UTF-8: {short(error)}.", source=found.name
            ) from error
    if len(labels) != classes:
        raise InputError(
            "labels-count",
            f"{found.name} names {len(labels)} classes and {path.name} has {classes}.",
            source=found.name,
            labels=len(labels),
            classes=classes,
        )
    return labels
