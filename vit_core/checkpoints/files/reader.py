"""Reads tensors, JSON and class names from untrusted files without running code and within bounds of memory."""

from __future__ import annotations

import argparse
import codecs
import io
import json
import os.path
import pickle
import pickletools
import struct
import threading
import warnings
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from vit_core.checkpoints.errors import first_line, join_names, not_found, refusal, shorten
from vit_core.checkpoints.files import pickles, zips
from vit_core.checkpoints.files.foreign import foreign, kind_of_bytes, kind_of_name
from vit_core.errors import InputError

SUFFIXES = (".safetensors", ".pth", ".pt", ".bin", ".ckpt", ".tar")  # timm's training script writes .pth.tar
_MAX_TEXT_BYTES = 4 << 20  # of a config, a safetensors header or labels; the names of 21,843 classes are 2 MB
_MAX_TENSORS = 10_000  # ten times what the largest Vision Transformers have
_MAX_AXES, _MAX_NAME = 8, 500  # of a tensor
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
#: What training scripts store beside the weights: timm's and MAE's their arguments, a Namespace of plain values; many a
#: numpy number, such as the best accuracy. numpy 1 called its module otherwise.
_SCALAR = np.float64(0).__reduce__()[0]
_SAFE: list = [
    argparse.Namespace,
    np.dtype,
    *{type(np.dtype(kind)) for kind in ("?", *"bhilqBHILQefd")},
    *((_SCALAR, f"numpy.{core}.multiarray.scalar") for core in ("core", "_core")),
]
#: torch's safe globals and Python's warning filters belong to the whole process. Two pickles read at once would reset
#: each other's, so they are read one at a time. A .safetensors file needs neither and does not wait.
_PICKLE_LOCK = threading.Lock()


def read_content(path: Path) -> object:
    """What a .safetensors, .pth, .pt, .bin, .ckpt or .pth.tar file holds: named tensors, or what torch.load returns.

    Raises InputError "checkpoint-not-found", "checkpoint-empty", "checkpoint-truncated", "checkpoint-format",
    "checkpoint-header", "checkpoint-pickle", "checkpoint-bomb" or "checkpoint-foreign" (see `foreign.KINDS`).
    """
    name = path.name
    if not os.path.isfile(path):  # unlike Path.is_file, False too for names that no file can have
        hint = " (a folder: write hf:<folder>)" if os.path.isdir(path) else ""
        raise not_found(shorten(path), shorten(name), hint)
    try:
        size = path.stat().st_size
        with open(path, "rb") as file:
            head = file.read(512)
    except OSError as error:
        raise not_found(str(path), name, f" ({error.strerror})") from error
    if size == 0:
        raise InputError("checkpoint-empty", f"{name} is empty (0 bytes). Copy or download it again.", source=name)
    if kind := kind_of_bytes(head) or kind_of_name(name):
        raise foreign(kind, name)
    if path.suffix.lower() not in SUFFIXES:
        raise refusal("checkpoint-format", name, f"its name ends in {path.suffix!r}", f"*{path.suffix}")
    if path.suffix.lower() == ".safetensors" or head[8:9] == b"{":  # or by another name
        return read_safetensors(path, size)
    if head[:4] == b"PK\x03\x04":
        _check_zip(path, size)
    elif head[:1] == b"\x80":
        _check_legacy(path, size)
    else:
        why = f"it begins with {head[:4]!r}, unlike a safetensors file or one that torch.save wrote"
        raise refusal("checkpoint-format", name, why, repr(head[:4]))
    return _unpickle(path)


def read_tensors(path: Path) -> dict[str, Tensor]:
    """The named tensors in a file that holds nothing else, float32, on the CPU.

    Raises InputError as `read_content` and `check_tensors` do.
    """
    content = read_content(path)
    named = isinstance(content, dict) and all(
        isinstance(name, str) and isinstance(tensor, Tensor) for name, tensor in content.items()
    )
    if not named:
        kind = type(content).__name__
        raise refusal("checkpoint-format", path.name, f"it holds a {kind}, not named tensors alone", kind)
    return check_tensors(cast(dict[str, Tensor], content), path.name, path.stat().st_size)


def read_header(path: Path, size: int) -> dict:
    """The header of a .safetensors file of `size` bytes. Raises as `read_tensors` does."""
    name, broken, found = path.name, None, {}
    with open(path, "rb") as file:
        length = struct.unpack("<Q", file.read(8).ljust(8, b"\xff"))[0]
        if length > _MAX_TEXT_BYTES:
            broken = f"header {length:,} > {_MAX_TEXT_BYTES:,}"
        elif 8 + length <= size:
            try:
                found = _parse_json(file.read(length).decode(), object_pairs_hook=_unique)
                tensors = {k: v for k, v in found.items() if k != "__metadata__"}
                wrong = [k for k, v in tensors.items() if not _is_tensor_entry(v)]
                if wrong or len(tensors) > _MAX_TENSORS:
                    broken = f"header {join_names(wrong)}" if wrong else f"{len(tensors):,} tensors > {_MAX_TENSORS:,}"
                length += max((v["data_offsets"][1] for v in tensors.values()), default=0) if not broken else 0
            except (ValueError, AttributeError, RecursionError) as error:
                broken = f"header {type(error).__name__}: {shorten(error)}"
    if broken is None and 8 + length > size:
        why = f"it has {size:,} bytes and its header announces {8 + length:,}"
        raise zips.truncation(name, size, why, expected=8 + length)
    if broken:
        raise refusal("checkpoint-header", name, broken)
    return found


def _unique(pairs: list[tuple[str, object]]) -> dict:
    found = dict(pairs)
    if len(found) != len(pairs):
        used: set[str] = set()
        raise ValueError("twice: " + join_names(k for k, _ in pairs if k in used or used.add(k)))
    return found


def _is_tensor_entry(entry: object) -> bool:
    """Whether an entry of a header states a type, a shape, and where the bytes begin and end."""
    if not isinstance(entry, dict) or not isinstance(entry.get("dtype"), str):
        return False
    shape, ends = entry.get("shape"), entry.get("data_offsets")
    return (
        isinstance(shape, list)
        and isinstance(ends, list)
        and len(ends) == 2
        and len(shape) <= _MAX_AXES
        and all(type(n) is int and 0 <= n < 2**63 for n in (*shape, *ends))
        and ends[0] <= ends[1]
    )


def read_safetensors(path: Path, size: int) -> dict[str, Tensor]:
    """The tensors in a .safetensors file of `size` bytes, of any type. Raises as `read_tensors` does."""
    read_header(path, size)
    try:
        return load_file(path, backend="pread")  # a mapped file that shrinks later would end the process
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
        raise refusal("checkpoint-header", path.name, error) from error


def _check_zip(path: Path, size: int) -> None:
    """Checks a zip that torch.save wrote, by what it claims to hold, before torch reads it."""
    name, records = path.name, zips.read_records(path, size)
    found = [n for n in records if n.endswith("data.pkl")]
    start, length = records[found[0]] if len(found) == 1 else (0, 0)
    if not length or length > pickles.MAX_PICKLE_BYTES:
        reason = f"data.pkl {length:,} > {pickles.MAX_PICKLE_BYTES:,}" if length else f"{len(found)} data.pkl"
        raise refusal("checkpoint-format", name, reason)
    with open(path, "rb") as file:
        file.seek(start)
        data = file.read(length)
    _check_pickles(data, 1, name, size)


def _check_legacy(path: Path, size: int) -> None:
    """The same for torch.save's older format: five pickles one after the other, then the tensors' bytes."""
    with open(path, "rb") as file:
        data = file.read(2 * pickles.MAX_PICKLE_BYTES)
    _check_pickles(data, 5, path.name, size)


def _check_pickles(data: bytes, count: int, name: str, size: int) -> None:
    """Checks `count` consecutive pickles: the names they import, their length, and the memory they claim."""
    stream, claims = io.BytesIO(data), {}
    try:
        for _ in range(count):
            pickles.check_pickle(stream, name, claims.__setitem__)
    except InputError:
        raise
    except (ValueError, IndexError, KeyError, struct.error, OverflowError) as error:
        if _imports_names(data):
            raise pickles.code_refusal(name, "pickle") from error
        raise refusal("checkpoint-format", name, error) from error
    zips.check_expansion(name, size, sum(claims.values()))


def _unpickle(path: Path) -> object:
    try:
        with _PICKLE_LOCK, warnings.catch_warnings(), torch.serialization.safe_globals(_SAFE):
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
        raise refusal("checkpoint-format", path.name, first_line(error)) from error


def _imports_names(data: bytes) -> bool:
    """Whether an invalid pickle imports names. Its instructions are listed, not executed."""
    try:
        steps = pickletools.genops(data[: 1 << 18])
        return any(step[0].name in ("GLOBAL", "STACK_GLOBAL", "INST") for step in steps)
    except (ValueError, IndexError, KeyError, struct.error):
        return False


def check_tensors(state: dict[str, Tensor], name: str, size: int) -> dict[str, Tensor]:
    """The tensors as float32, if they are dense floating-point ones, and no larger than the file of `size` bytes.

    `name` is the file's. Raises InputError "checkpoint-format" or "checkpoint-bomb".
    """
    if not state:
        raise refusal("checkpoint-format", name, "it holds no tensors", "{}")
    if len(state) > _MAX_TENSORS or any(len(n) > _MAX_NAME or t.ndim > _MAX_AXES for n, t in state.items()):
        why = f"it holds {len(state):,} tensors, or some with names or shapes that are too long"
        raise refusal("checkpoint-format", name, why, f"{len(state):,} tensors")
    odd = [n for n, t in state.items() if t.layout != torch.strided or t.device.type != "cpu" or t.dtype not in _DTYPES]
    if odd:
        kinds = join_names(f"{n} {str(state[n].dtype).removeprefix('torch.')}" for n in odd)
        raise refusal("checkpoint-format", name, f"some tensors are not dense floating-point ones: {kinds}", kinds)
    zips.check_expansion(name, size, sum(t.numel() * t.element_size() for t in state.values()))
    return {n: t.detach().float() for n, t in state.items()}


def read_json(path: Path, code: str = "checkpoint-config", *, unique: bool = False) -> Any:
    """The JSON in a small file.

    Raises InputError `code` if it cannot be read or, if `unique`, has a key twice; "checkpoint-foreign".
    """
    try:
        with open(path, "rb") as file:
            kind = kind_of_bytes(file.read(512))
        if kind in ("lfs", "html"):
            raise foreign(kind, path.name)
        return _parse_json(read_text(path), object_pairs_hook=_unique if unique else None)
    except InputError:
        raise
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(
            code,
            f"{path.name} cannot be read as JSON: {shorten(error)}.",
            source=path.name,
            reason=shorten(error),
        ) from error


def _parse_json(text: str, **options) -> Any:
    """The value of a JSON text. Raises ValueError if it holds very many lists and objects."""
    if (count := text.count("[") + text.count("{")) > 4 * _MAX_TENSORS:
        raise ValueError(f"{count:,} lists and objects")
    return json.loads(text, **options)


def read_text(path: Path) -> str:
    """The text of a file in UTF-8, or in UTF-16 with a byte-order mark. Raises ValueError if it is large."""
    with open(path, "rb") as file:
        data = file.read(_MAX_TEXT_BYTES + 1)
    if len(data) > _MAX_TEXT_BYTES:
        raise ValueError(f"> {_MAX_TEXT_BYTES:,} B")
    return decode_text(data)


def decode_text(data: bytes) -> str:
    """The text of bytes in UTF-8, or in UTF-16 with a byte-order mark. Raises UnicodeError."""
    is_utf16 = data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    return data.decode("utf-16" if is_utf16 else "utf-8-sig")
