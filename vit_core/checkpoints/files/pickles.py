"""The instructions of a torch file's pickle, checked without being executed.

`torch.load(weights_only=True)` runs no code, but nested tuples take it forever to hash (or end the process), and some
constructors that it allows make as much memory as they are asked for. Here, the same instructions are walked with
numbers, names and tuples only, and those that a dict of tensors does not need are refused.
"""

from __future__ import annotations

import io
import pickletools
import re
from collections.abc import Callable
from typing import Any

import torch

from vit_core.checkpoints.errors import refusal
from vit_core.errors import InputError

#: Limits of one pickle: enough for several thousand tensors and their optimiser, and about a second of work.
MAX_PICKLE_BYTES, MAX_INSTRUCTIONS = 8 << 20, 400_000
_MAX_TUPLE_VALUES = 1000  # in one tuple and all tuples nested in it: hashing a dict's key visits them all

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
    "numpy dtype",
    *(_SCALARS := ("numpy._core.multiarray scalar", "numpy.core.multiarray scalar")),
    "_codecs encode",
}
#: What a pickled numpy scalar may be made of: a plain number's type, in the state that numpy gives it, and its bytes.
_DTYPE = re.compile(r"[?b]1?|[iuf][1248]")
_DTYPE_STATES = {(3, order, None, None, None, -1, -1, 0) for order in "<>|="}
_MAX_SCALAR_BYTES = 16
#: Bytes per value in each kind of storage that torch writes.
_STORAGES = {
    **dict.fromkeys(("Untyped", "Char", "Byte", "Bool", "QInt8", "QUInt8", "QUInt4x2", "QUInt2x4"), 1),
    **dict.fromkeys(("Half", "BFloat16", "Short"), 2),
    **dict.fromkeys(("Float", "Int", "QInt32"), 4),
    **dict.fromkeys(("Double", "Long", "ComplexFloat"), 8),
    "ComplexDouble": 16,
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
_OBJECT = (object(), 1)  # a list, a dict, a tensor: anything that is neither hashed nor examined here
_NUMPY_TYPE = (object(), 1)


def code_refusal(source: str, what: str) -> InputError:
    """The InputError "checkpoint-pickle" for a file whose pickle would run `what`."""
    return InputError(
        "checkpoint-pickle",
        f"{source} asks to run code ({what}) when it is opened. It was not run. Save only the weights, preferably as "
        ".safetensors.",
        source=source,
        what=what,
    )


def _check_name(arg: str, source: str) -> str:
    """`arg` itself, the "module name" that a GLOBAL instruction imports; refused unless plain weights need it."""
    module, _, name = arg.partition(" ")
    if arg in _NAMES or (
        module in ("torch", "torch.storage")
        and (name.removesuffix("Storage") in _STORAGES or isinstance(vars(torch).get(name), torch.dtype))
    ):
        return arg
    if _OTHER_TENSORS.fullmatch(arg):
        why = f"its tensors are quantised, sparse or of another special kind ({name[:100]})"
        raise refusal("checkpoint-format", source, why, name[:100])
    raise code_refusal(source, f"{module}.{name}"[:100])


def check_pickle(stream: io.BytesIO, source: str, on_storage: Callable[[str, int], None]) -> None:
    """Checks the pickle at the stream's position and moves the stream behind it.

    `on_storage(key, size)` is called for each storage that the pickle refers to, with the bytes that it claims. Raises
    InputError "checkpoint-pickle" or "checkpoint-format"; ValueError, IndexError or KeyError for invalid pickles.
    """
    stack: list[tuple[object, int]] = []  # (value, how many values it is made of)
    marks: list[int] = []
    memo: dict[int, tuple[object, int]] = {}

    def join(parts: list[tuple[object, int]]) -> tuple[object, int]:
        weight = 1 + sum(w for _, w in parts)
        if weight > _MAX_TUPLE_VALUES:
            raise ValueError("nested tuples")
        return tuple(v for v, _ in parts), weight

    def pop_to_mark() -> list[tuple[object, int]]:
        mark = marks.pop()
        parts = stack[mark:]
        del stack[mark:]
        return parts

    def pop() -> object:
        if len(stack) <= (marks[-1] if marks else 0):
            raise IndexError("empty stack")
        return stack.pop()[0]

    arg: Any
    for step, (op, arg, _) in enumerate(pickletools.genops(stream)):
        name = op.name
        if step > MAX_INSTRUCTIONS:
            raise ValueError(f"> {MAX_INSTRUCTIONS:,} instructions")
        if name in _VALUES:
            stack.append((_CONSTANTS.get(name, arg), 1))
        elif name == "GLOBAL":
            stack.append((_check_name(arg, source), 1))
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
            stack.append(join(pop_to_mark()))
        elif name in ("TUPLE1", "TUPLE2", "TUPLE3"):
            count = int(name[-1])
            parts = stack[-count:]
            for _ in range(count):
                pop()
            stack.append(join(parts))
        elif name == "BINPERSID":
            on_storage(*_storage(pop()))
            stack.append(_OBJECT)
        elif name in ("REDUCE", "NEWOBJ"):
            values = pop()
            stack.append(_call(pop(), values, source))
        elif name == "BUILD":
            state = pop()
            if stack and stack[-1] is _NUMPY_TYPE and state not in _DTYPE_STATES:
                raise ValueError("numpy dtype")
        elif name == "APPEND":
            pop()
        elif name == "SETITEM":
            pop()
            pop()
        elif name in ("APPENDS", "SETITEMS"):
            pop_to_mark()
        elif name not in ("PROTO", "STOP"):
            raise ValueError(name)


def _call(function: object, values: object, source: str) -> tuple[object, int]:
    """What a call in a pickle returns. Of numpy, only the calls that make a scalar (a plain number) are allowed."""
    if function == "numpy dtype":
        if not (isinstance(values, tuple) and isinstance(values[0], str) and _DTYPE.fullmatch(values[0])):
            raise code_refusal(source, "numpy.dtype")
        return _NUMPY_TYPE
    if function == "_codecs encode":
        text, encoding = values if isinstance(values, tuple) and len(values) == 2 else (None, None)
        if not isinstance(text, str) or len(text) > _MAX_SCALAR_BYTES or encoding != "latin1":
            raise code_refusal(source, "_codecs.encode")
    if function in _SCALARS and not (isinstance(values, tuple) and len(values) == 2 and values[0] is _NUMPY_TYPE[0]):
        raise code_refusal(source, "numpy.scalar")
    return _OBJECT


def _storage(pid: object) -> tuple[str, int]:
    """(key, bytes) of a persistent id, which is ("storage", its type, its key, its device, number of values, ...)."""
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
