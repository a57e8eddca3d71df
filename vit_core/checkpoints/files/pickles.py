"""The instructions of a torch file's pickle, read and judged without being followed.

`torch.load(weights_only=True)` runs no code, but nested tuples take it for ever to hash (or end the process), and some
of the constructors that it allows make as much memory as they are asked for. Here the same instructions are walked
with numbers, names and tuples only; what is not needed for a dict of tensors is refused.
"""

from __future__ import annotations

import io
import pickletools
import re
from collections.abc import Callable

import torch

from vit_core.errors import InputError

#: Bytes and instructions in one pickle: several thousand tensors, and their optimiser's; a second's work.
LARGEST, STEPS = 8 << 20, 400_000
#: Values in one tuple with all that is nested in it. Tuples are keys, and hashing one visits them all.
_WIDEST = 1000

_NAMES = {
    "collections OrderedDict",
    "collections Counter",
    "builtins set",
    "__builtin__ set",
    "torch Size",
    "torch device",
    "argparse Namespace",
    "torch.nn.parameter Parameter",
    "torch._utils _rebuild_tensor",
    "torch._utils _rebuild_tensor_v2",
    "torch._utils _rebuild_tensor_v3",
    "torch._utils _rebuild_parameter",
    "torch._utils _rebuild_parameter_with_state",
}
#: Bytes of a value in each kind of storage that torch writes.
_STORAGES = {
    "Untyped": 1,
    "Double": 8,
    "Float": 4,
    "Half": 2,
    "BFloat16": 2,
    "Long": 8,
    "Int": 4,
    "Short": 2,
    "Char": 1,
    "Byte": 1,
    "Bool": 1,
    "ComplexDouble": 16,
    "ComplexFloat": 8,
    "QInt8": 1,
    "QUInt8": 1,
    "QInt32": 4,
    "QUInt4x2": 1,
    "QUInt2x4": 1,
}
_OTHER_TENSORS = re.compile(r"torch\._utils _rebuild_\w+|torch\.serialization _get_layout|torch\._tensor \w+")
_VALUES = {
    "BININT",
    "BININT1",
    "BININT2",
    "LONG1",
    "BINFLOAT",
    "BINUNICODE",
    "SHORT_BINSTRING",
    "NONE",
    "NEWTRUE",
    "NEWFALSE",
}
_CONSTANTS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False}
_OBJECT = (object(), 1)  # a list, a dict, a tensor: anything that is neither hashed nor looked at here


def _name(arg: str, source: str) -> str:
    """The name that a GLOBAL asks for, as "module name"; refused unless plain weights need it."""
    module, _, name = arg.partition(" ")
    if arg in _NAMES or (
        module in ("torch", "torch.storage")
        and (name.removesuffix("Storage") in _STORAGES or isinstance(vars(torch).get(name), torch.dtype))
    ):
        return arg
    if _OTHER_TENSORS.fullmatch(arg):
        raise InputError(
            "checkpoint-format",
            f"{source} should hold plain floating-point weights; quantised, sparse "
            f"and other kinds of tensor are not read ({name[:100]}).",
            source=source,
            reason=name[:100],
        )
    what = f"{module}.{name}"[:100]
    raise InputError(
        "checkpoint-pickle",
        f"{source} asks to run code ({what}) when it is opened. It was not run. Save "
        "the weights alone, best as .safetensors.",
        source=source,
        what=what,
    )


def walk(stream: io.BytesIO, source: str, stored: Callable[[str, int], None]) -> None:
    """Judge the pickle at the stream's position and leave it behind its end.

    `stored(key, size)` is told of each storage that the pickle refers to and the bytes that it claims. Raises
    InputError "checkpoint-pickle" or "checkpoint-format"; ValueError, IndexError or KeyError when it is none.
    """
    stack: list[tuple[object, int]] = []  # (value, how many values it is made of)
    marks: list[int] = []
    memo: dict[int, tuple[object, int]] = {}

    def join(parts: list[tuple[object, int]]) -> tuple[object, int]:
        weight = 1 + sum(w for _, w in parts)
        if weight > _WIDEST:
            raise ValueError("nested tuples")
        return tuple(v for v, _ in parts), weight

    def since_mark() -> list[tuple[object, int]]:
        mark = marks.pop()
        parts = stack[mark:]
        del stack[mark:]
        return parts

    def pop() -> object:
        if len(stack) <= (marks[-1] if marks else 0):
            raise IndexError("empty stack")
        return stack.pop()[0]

    for step, (op, arg, _) in enumerate(pickletools.genops(stream)):
        name = op.name
        if step > STEPS:
            raise ValueError(f"> {STEPS:,} instructions")
        if name in _VALUES:
            stack.append((_CONSTANTS.get(name, arg), 1))
        elif name == "GLOBAL":
            stack.append((_name(arg, source), 1))
        elif name in ("BINPUT", "LONG_BINPUT"):
            memo[arg] = stack[-1]
        elif name in ("BINGET", "LONG_BINGET"):
            stack.append(memo[arg])
        elif name == "MARK":
            marks.append(len(stack))
        elif name in ("EMPTY_DICT", "EMPTY_LIST", "EMPTY_SET"):
            stack.append(_OBJECT)
        elif name == "EMPTY_TUPLE":
            stack.append(((), 1))
        elif name == "TUPLE":
            stack.append(join(since_mark()))
        elif name in ("TUPLE1", "TUPLE2", "TUPLE3"):
            count = int(name[-1])
            parts = stack[-count:]
            for _ in range(count):
                pop()
            stack.append(join(parts))
        elif name == "BINPERSID":
            stored(*_storage(pop()))
            stack.append(_OBJECT)
        elif name in ("REDUCE", "NEWOBJ"):
            pop()
            pop()
            stack.append(_OBJECT)
        elif name in ("APPEND", "BUILD"):
            pop()
        elif name == "SETITEM":
            pop()
            pop()
        elif name in ("APPENDS", "SETITEMS"):
            since_mark()
        elif name not in ("PROTO", "STOP"):
            raise ValueError(name)


def _storage(pid: object) -> tuple[str, int]:
    """(key, bytes) of a persistent id, ("storage", its type, its key, its device, how many values, ...)."""
    if not isinstance(pid, tuple) or len(pid) < 5 or pid[0] != "storage":
        raise ValueError("persistent id")
    _, kind, key, _, count, *view = pid
    if (
        not isinstance(key, str)
        or not isinstance(kind, str)
        or type(count) is not int
        or count < 0
        or any(v is not None for v in view)
    ):
        raise ValueError("persistent id")
    return key, count * _STORAGES[kind.partition(" ")[2].removesuffix("Storage")]
