"""The corpus of hostile checkpoints, made on the spot, each with its expected outcome."""

from __future__ import annotations

import io
import json
import os
import pickle
import struct
import warnings
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import torch
from safetensors.torch import save

from tests.hostile.weights import beside, layouts
from tests.hostile.weights.layouts import torch_file
from vit_core.models.config import ViTConfig
from vit_core.models.vit import VisionTransformer


class Case(NamedTuple):
    """`load` is a model's name, `code` the InputError's or "loaded", `says` a part of its sentence."""

    load: str
    code: str
    says: str = ""


def state() -> dict[str, torch.Tensor]:
    """A ViT by our own names: two layers, 64 wide, 4 patches, 5 classes."""
    torch.manual_seed(0)
    config = ViTConfig(image_size=32, patch_size=16, classes=5, dim=64, depth=2, heads=1, head_dim=64, mlp_dim=96)
    return {n: t.detach().clone() for n, t in VisionTransformer(config).state_dict().items()}


def changed(**changes: torch.Tensor | None) -> dict[str, torch.Tensor]:
    """`state()` with tensors replaced, or removed if None; "__" in a name stands for a dot."""
    new = {n.replace("__", "."): t for n, t in changes.items()}
    return {n: t for n, t in (state() | new).items() if t is not None}


def records(data: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return {n: archive.read(n) for n in archive.namelist()}


def packed(parts: dict[str, bytes], compression: int = zipfile.ZIP_STORED) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", compression) as archive:
        for name, data in parts.items():
            archive.writestr(name, data)
    return out.getvalue()


def with_pickle(code: bytes) -> bytes:
    """A torch file whose pickle is `code`."""
    return packed(records(torch_file({"a": torch.ones(3)})) | {"archive/data.pkl": code})


def tensors_file(header: object, data: bytes = b"") -> bytes:
    """A .safetensors file with a header of JSON or bytes."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


def entry(start: int, end: int, shape: list[int] | None = None, dtype: str = "F32") -> dict:
    return {"dtype": dtype, "shape": [(end - start) // 4] if shape is None else shape, "data_offsets": [start, end]}


def _tied(weights: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """The same, with each norm a view of one tensor."""
    base = torch.arange(80.0)
    return weights | {n: base[i : i + 64] for i, n in enumerate(n for n in weights if "norm" in n)}


def _deprecated() -> dict[str, torch.Tensor]:
    """Kinds of tensor that torch still makes with a warning."""
    one = torch.ones(3, 3)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return {
            "rows of a sparse one": one.to_sparse_csr(),
            "quantised": torch.quantize_per_tensor(one, 0.1, 0, torch.qint8),
            "quantised by channel": torch.quantize_per_channel(one, torch.ones(3), torch.zeros(3), 0, torch.quint8),
            "nested": torch.nested.nested_tensor([torch.ones(2), torch.ones(3)]),
        }


class Call:
    """Its pickle calls `function` when it is opened."""

    def __init__(self, function: Callable, *args):
        self.call = function, args

    def __reduce__(self):
        return self.call


def doubled(levels: int) -> bytes:
    """A dict whose key is a tuple of two tuples of two ..., so that hashing it visits 2**levels values."""
    code = b"\x80\x02}K\x01"
    for _ in range(levels):
        code += b"q\x00h\x00\x86"
    return code + b"K\x01s."


def _pickles(canary: Path) -> Iterator[tuple[str, bytes, str, str]]:
    """(case, bytes, code, says) of .pth files."""
    run = Call(os.system, f"touch '{canary}'")
    runs = {"a": torch.ones(2), "x": run}
    yield "reduce in a zip", torch_file(runs), "checkpoint-pickle", "system"
    yield "reduce, old style", torch_file(runs, _use_new_zipfile_serialization=False), "checkpoint-pickle", "system"
    for protocol in (0, 1, 2, 3, 4, 5):
        code = {0: "checkpoint-foreign", 1: "checkpoint-format"}.get(protocol, "checkpoint-pickle")
        yield f"bare pickle {protocol}", pickle.dumps(run, protocol), code, ""
        yield f"protocol {protocol} in a zip", with_pickle(pickle.dumps(run, protocol)), "checkpoint-pickle", "run"
    nested = {"a": torch.ones(2), "x": Call(pickle.loads, pickle.dumps(run))}
    yield "a pickle in a pickle", torch_file(nested), "checkpoint-pickle", "loads"
    yield "eval", torch_file(Call(eval, f"open({str(canary)!r}, 'w')")), "checkpoint-pickle", "eval"
    allocate = b"\x80\x02cbuiltins\nbytearray\n\x8a\x05\x00\x00\x00\x00\x02\x85R."
    yield "bytearray of 8 GB", with_pickle(allocate), "checkpoint-pickle", "bytearray"
    yield "2**60 tuples as a key", with_pickle(doubled(60)), "checkpoint-format", "tuples"
    deep = b"\x80\x02})" + b"\x85" * 300_000 + b"K\x01s."
    yield "tuples 300,000 deep as a key", with_pickle(deep), "checkpoint-format", "tuples"
    yield (
        "4 million instructions",
        with_pickle(b"\x80\x02" + b"K\x01" * 4_000_000 + b"."),
        "checkpoint-format",
        "400,000",
    )
    yield "a pickle of 20 MB", with_pickle(b"\x80\x02" + b"N0" * 10_000_000 + b"."), "checkpoint-format", "data.pkl"
    yield (
        "lists 300,000 deep",
        with_pickle(b"\x80\x02" + b"]" * 300_000 + b"a" * 299_999 + b"."),
        "checkpoint-format",
        "",
    )
    wide = torch.ones(1).expand(10**10)
    yield "10**10 of one value", torch_file(changed(positions=wide)), "checkpoint-bomb", "claim"
    claim = records(torch_file({"a": torch.ones(3)}))
    claim["archive/data.pkl"] = claim["archive/data.pkl"].replace(b"K\x03t", b"J\xff\xff\xff\x7ft")
    yield "a storage of 8 GB in 12 bytes", packed(claim), "checkpoint-bomb", "claim"
    old = torch_file({"a": torch.ones(3)}, _use_new_zipfile_serialization=False).replace(
        b"K\x03N", b"J\xff\xff\xff\x7fN"
    )
    yield "the same, old style", old, "checkpoint-bomb", "claim"
    for kind, tensor in {
        "integers": torch.ones(3, dtype=torch.int64),
        "complex": torch.ones(3, dtype=torch.complex64),
        "sparse": torch.ones(3, 3).to_sparse(),
        "meta": torch.ones(3, device="meta"),
        "switches": torch.ones(3, dtype=torch.bool),
        **_deprecated(),
    }.items():
        yield kind, torch_file(changed(blocks__0__odd=tensor)), "checkpoint-format", ""
    base = torch.randn(300_000)
    views = {f"t{i}": base for i in range(9_000)}
    yield "9,000 views of one storage", torch_file(state() | views), "checkpoint-bomb", "claim"
    yield "one storage for every norm", torch_file(_tied(state())), "loaded", ""
    yield "a list", torch_file([torch.ones(3)]), "checkpoint-format", "list"
    yield "numbers for names", torch_file({3: torch.ones(3)}), "checkpoint-format", "int"


def _zips() -> Iterator[tuple[str, bytes, str, str]]:
    whole = torch_file({"a": torch.ones(1000)})
    parts = records(whole)
    yield (
        "a zip bomb of 2 MB",
        packed({"archive/data.pkl": b"", "archive/data/0": bytes(2_000_000_000)}, zipfile.ZIP_DEFLATED),
        "checkpoint-bomb",
        "2,000,000,000",
    )
    yield (
        "a compressed zip",
        packed(parts | {"archive/x": os.urandom(200_000)}, zipfile.ZIP_DEFLATED),
        "checkpoint-format",
        "compressed",
    )
    yield "100,000 records", packed({f"archive/data/{i}": b"" for i in range(100_000)}), "checkpoint-format", "records"
    yield "two pickles", packed(parts | {"other/data.pkl": b"\x80\x02}."}), "checkpoint-format", "2 data.pkl"
    yield "a name in two cases", packed(parts | {"ARCHIVE/data.pkl": b"\x80\x02}."}), "checkpoint-format", "one name"
    yield "no pickle", packed({"archive/version": b"3"}), "checkpoint-foreign", "archive"
    plain = bytearray(packed(parts))
    entry_at = plain.index(b"PK\x01\x02")
    large = plain.copy()
    large[entry_at + 20 : entry_at + 28] = struct.pack("<LL", 2**31, 2**31)
    yield "a record of 2 GB in 1 kB", bytes(large), "checkpoint-bomb", ""
    over = plain.copy()
    second = plain.index(b"PK\x01\x02", entry_at + 1)
    over[second + 42 : second + 46] = over[entry_at + 42 : entry_at + 46]
    yield "records over one another", bytes(over), "checkpoint-format", "overlapping"
    local = plain.copy()
    local[18:26] = struct.pack("<LL", 2**31, 2**31)
    yield "another size in the local header", bytes(local), "checkpoint-architecture", ""
    yield "a prefix", b"PK\x03\x04" + bytes(100) + bytes(plain), "checkpoint-format", "not at its end"
    yield "two tables of contents", bytes(plain) + bytes(plain), "checkpoint-format", "not at its end"
    yield "a comment", bytes(plain[:-2]) + b"\x05\x00hello", "checkpoint-truncated", "cut short"
    far = bytearray(whole)
    far[-34:-26] = struct.pack("<Q", 2**63)
    yield "the zip64 table elsewhere", bytes(far), "checkpoint-format", "two tables"


def _headers() -> Iterator[tuple[str, bytes, str, str]]:
    """.safetensors files."""
    four = struct.pack("<f", 1)
    yield "a header of 2**63", struct.pack("<Q", 2**63) + b"{}", "checkpoint-header", "9,223,372,036,854,775,808"
    yield "a header past the end", struct.pack("<Q", 1000) + b'{"a":1}', "checkpoint-truncated", "cut short"
    for case, ends in {
        "negative": [-4, 0],
        "backwards": [4, 0],
        "words": ["0", "4"],
        "one": [0],
        "huge": [0, 2**64],
        "switches": [False, True],
        "none": None,
    }.items():
        yield (
            f"offsets: {case}",
            tensors_file({"odd": entry(0, 4) | {"data_offsets": ends}}, four),
            "checkpoint-header",
            "odd",
        )
    missing = entry(0, 4)
    del missing["data_offsets"]
    yield "no offsets", tensors_file({"odd": missing}, four), "checkpoint-header", "odd"
    yield "overlap", tensors_file({"a": entry(0, 8), "odd": entry(4, 12)}, four * 3), "checkpoint-header", ""
    yield "a hole", tensors_file({"a": entry(0, 4), "odd": entry(8, 12)}, four * 3), "checkpoint-header", ""
    yield "trailing bytes", tensors_file({"a": entry(0, 4)}, four * 9), "checkpoint-header", ""
    twice = json.dumps({"odd": entry(0, 4)})
    yield "one name twice", tensors_file((twice[:-1] + "," + twice[1:]).encode(), four), "checkpoint-header", "odd"
    yield "unknown type", tensors_file({"odd": entry(0, 4, dtype="F13")}, four), "checkpoint-header", "F13"
    yield "shape overflow", tensors_file({"odd": entry(0, 4, [2**62, 2**62])}, four), "checkpoint-header", ""
    yield "another shape", tensors_file({"odd": entry(0, 4, [3])}, four), "checkpoint-header", ""
    yield "a negative shape", tensors_file({"odd": entry(0, 4, [-1])}, four), "checkpoint-header", "odd"
    good = save(state())
    (length,) = struct.unpack("<Q", good[:8])
    names, data = json.loads(good[8 : 8 + length]), good[8 + length :]
    for dtype, size in {"I64": 8, "U8": 1, "BOOL": 1, "C64": 8, "U16": 2}.items():
        odd = entry(len(data), len(data) + size, [1], dtype)
        yield (
            f"a tensor of {dtype}",
            tensors_file(names | {"blocks.0.odd": odd}, data + bytes(size)),
            "checkpoint-format",
            "odd",
        )
    yield "a thousand axes", tensors_file({"odd": entry(0, 4, [1] * 1000)}, four), "checkpoint-header", "odd"
    yield "a size of zero", tensors_file({"odd": entry(0, 0, [0, 2**40])}), "checkpoint-architecture", "odd"
    yield "not UTF-8", tensors_file(b'{"\xff\xfe":1}'), "checkpoint-header", ""
    yield "JSON 100,000 deep", tensors_file(b"[" * 100_000), "checkpoint-header", "100,000 lists"
    yield "JSON 30,000 deep", tensors_file(b"[" * 30_000), "checkpoint-header", "Recursion"
    yield (
        "metadata of numbers",
        tensors_file({"__metadata__": {"a": 1}, "a": entry(0, 4)}, four),
        "checkpoint-header",
        "",
    )
    yield (
        "metadata 30,000 deep",
        tensors_file({"__metadata__": {"vitrine": "[" * 30_000}, "odd": entry(0, 4)}, four),
        "checkpoint-architecture",
        "odd",
    )
    many = {f"t{i}": entry(4 * i, 4 * i + 4) for i in range(300_000)}
    yield "300,000 tensors", tensors_file(many, bytes(4 * 300_000)), "checkpoint-header", ">"
    some = {f"t{i}": entry(4 * i, 4 * i + 4) for i in range(20_000)}
    yield "20,000 tensors", tensors_file(some, bytes(4 * 20_000)), "checkpoint-header", "60,001"
    yield "empty lists", tensors_file(b"[" + b"[]," * 1_300_000 + b"[]]"), "checkpoint-header", ""
    header = {"config": {"dim": 64.5}, "labels": None, "preprocess": {}}
    for case, config in {
        "half a number": {"dim": 64.5},
        "a word": {"dim": "x"},
        "no dict": [1],
        "a huge size": {"image_size": 1e400},
        "a billion layers": {"depth": 10**9},
        "negative registers": {"registers": -5},
        "not a switch": {"qkv_bias": "no"},
    }.items():
        text = json.dumps(header | {"config": config})
        yield f"our config: {case}", save({"odd": torch.ones(1)}, {"vitrine": text}), "checkpoint-config", ""


def _states() -> Iterator[tuple[str, dict[str, torch.Tensor], str, str]]:
    """Complete models with one fault each."""
    for value in ("nan", "inf", "-inf"):
        for dtype in (torch.float32, torch.float16, torch.bfloat16):
            bad = state()["blocks.1.mlp.fc2.weight"].to(dtype)
            bad[3, 5] = float(value)
            yield (
                f"{value} in {dtype}",
                changed(blocks__1__mlp__fc2__weight=bad),
                "checkpoint-not-finite",
                "blocks.1.mlp.fc2.weight",
            )
    for dtype in (torch.float8_e5m2, torch.float8_e4m3fn):
        bad = state()["norm.weight"]
        bad[7] = float("nan")
        yield f"nan in {dtype}", changed(norm__weight=bad.to(dtype)), "checkpoint-not-finite", "norm.weight"
        yield f"fine in {dtype}", {n: t.to(dtype) for n, t in state().items()}, "loaded", ""
    huge = state() | {"norm.weight": torch.full((64,), 3e38)}
    yield "finite, with a sum that is not", huge, "loaded", ""
    yield (
        "infinite both ways",
        huge | {"norm.bias": torch.tensor([float("inf"), -float("inf")] * 32)},
        "checkpoint-not-finite",
        "norm.bias",
    )
    yield (
        "all at once",
        changed(norm__weight=None, blocks__1__surprise=torch.ones(2), blocks__1__attn__qkv__weight=torch.ones(191, 64)),
        "checkpoint-keys",
        "(191, 64)",
    )
    extra = {f"extra{i}" + "x" * 400: torch.ones(1) for i in range(1000)}
    yield "a thousand more, with long names", state() | extra, "checkpoint-keys", "988 more"
    yield "layer 99,999", state() | {"blocks.99999.norm1.weight": torch.ones(64)}, "checkpoint-keys", "100000"
    yield (
        "layer 10**400",
        state() | {f"blocks.{'9' * 400}.norm1.weight": torch.ones(64)},
        "checkpoint-architecture",
        "at most",
    )
    yield (
        "5,000 layers",
        state() | {f"blocks.{i}.norm1.weight": torch.ones(64) for i in range(5000)},
        "checkpoint-architecture",
        "5000",
    )
    yield "a name of 100,000 letters", state() | {"n" * 100_000: torch.ones(1)}, "checkpoint-format", "too long"
    yield "positions without a square", changed(positions=torch.ones(1, 8, 64)), "checkpoint-architecture", "square"
    yield "10**12 positions of nothing", changed(positions=torch.ones(1, 10**12, 0)), "checkpoint-shapes", "positions"
    yield (
        "heads wider than attention",
        changed(blocks__0__attn__q_norm__weight=torch.ones(500)),
        "checkpoint-architecture",
        "heads",
    )
    timm = {"patch_embed.proj.weight": torch.ones(4, 3, 2, 2)}
    yield (
        "a billion branches",
        timm | {"blocks.0.attns.999999999.norm.weight": torch.ones(1)},
        "checkpoint-keys",
        "branches",
    )
    wide = {
        "norm.weight": torch.ones(100_000),
        "attn.qkv.weight": torch.ones(100_000, 1),
        "attn.proj.weight": torch.ones(100_000, 1),
        "norm1.weight": torch.ones(2),
    }
    yield (
        "40 GB by broadcasting",
        timm | {f"blocks.0.attns.0.{n}": t for n, t in wide.items()},
        "checkpoint-keys",
        "shapes",
    )
    yield (
        "a scalar for a norm",
        timm | {"blocks.0.in_norm.weight": torch.ones(()), "blocks.0.in_proj.weight": torch.ones(2, 2)},
        "checkpoint-keys",
        "blocks.0",
    )


def write(path: Path, data: bytes) -> str:
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(data)
    return f"file:{path}"


def _files(folder: Path, good: bytes) -> Iterator[tuple[str, Case]]:
    """Paths that are no files, and folders with transformers' files."""
    (folder / "folder.pth").mkdir()
    os.mkfifo(folder / "fifo.pth")
    (folder / "zero.pth").symlink_to("/dev/zero")
    (folder / "loop.pth").symlink_to(folder / "loop.pth")
    for name in ("folder.pth", "fifo.pth", "zero.pth", "loop.pth", "n" * 300 + ".pth", "n" * 3000 + "/a.pth"):
        yield f"not a file: {name[:12]}", Case(f"file:{folder / name}", "checkpoint-not-found", "no file")
    yield "an empty file", Case(write(folder / "empty.pth", b""), "checkpoint-empty", "0 bytes")
    yield "not a checkpoint's name", Case("file:/etc/passwd", "checkpoint-foreign", "a text")
    for name, code in {
        "a.safetensors": "checkpoint-not-found",
        "a.pth": "checkpoint-not-found",
        "config.json": "checkpoint-config",
        "preprocessor_config.json": "checkpoint-config",
        "labels.json": "labels-format",
        "labels.txt": "labels-format",
    }.items():
        home = folder / f"closed {name}"
        load = write(home / ("a.pth" if name == "a.pth" else "a.safetensors"), good)
        if name == "preprocessor_config.json":
            write(home / "config.json", json.dumps(layouts.HUGGING_FACE).encode())
        if name not in ("a.pth", "a.safetensors"):
            write(home / name, b"{}")
        (home / name).chmod(0)
        yield f"no right to read {name}", Case(load, code, "denied")
    for name in ("config.json", "labels.txt"):  # ignored
        load = write(folder / f"a folder for {name}" / "a.safetensors", good)
        (folder / f"a folder for {name}" / name).mkdir()
        yield f"a folder for {name}", Case(load, "loaded")
    (folder / "hf" / "model.safetensors").mkdir(parents=True)
    write(folder / "hf" / "config.json", json.dumps(layouts.HUGGING_FACE).encode())
    yield "a folder for the weights", Case(f"hf:{folder / 'hf'}", "checkpoint-not-found", "model.safetensors")
    outside = folder / "outside.safetensors"
    outside.write_bytes(good)
    for number, (name, code) in enumerate(
        (
            ("../outside.safetensors", "checkpoint-config"),
            (str(outside), "checkpoint-config"),
            ("..", "checkpoint-not-found"),
            ("missing.safetensors", "checkpoint-not-found"),
            (True, "checkpoint-config"),
            (["a"], "checkpoint-config"),
            ("a\nb", "checkpoint-config"),
            ("config.json", "checkpoint-foreign"),
        )
    ):
        home = folder / f"shards{number}"
        home.mkdir()
        (home / "config.json").write_text(json.dumps(layouts.HUGGING_FACE))
        (home / "model.safetensors.index.json").write_text(json.dumps({"weight_map": {"a": name}}))
        yield f"a shard {str(name)[-20:]!r}", Case(f"hf:{home}", code)


NAMES = {
    "": "model-unknown",
    "file:": "model-unknown",
    "timm:../../x": "timm-unknown",
    "timm:" + "x" * 3000: "timm-unknown",
    "timm:a\nb": "timm-unknown",
    "x" * 10**6: "model-unknown",
    "file:a\0b": "model-unknown",
    "hf:/etc/passwd": "checkpoint-not-found",
    "hf:a\nb": "checkpoint-not-found",
    "hf:" + "x" * 3000: "hub-not-found",
    "hf:a..b/c": "hub-not-found",
    "hf:-a/b": "hub-not-found",
    "hf:고양이/x": "hub-not-found",
    "hf:../..": "checkpoint-not-found",
    "file:~nobody-of-that-name/a.pth": "checkpoint-not-found",
    "embedded:../../x": "model-unknown",
    "embedded:tiny\n": "model-unknown",
    "file:\ud800.pth": "checkpoint-not-found",
}


def cases(folder: Path, canary: Path) -> dict[str, Case]:
    """Every case, with its files under `folder`. A pickle that is run would make the file `canary`."""
    found: dict[str, Case] = {}

    def add(case: str, load: str, code: str, says: str) -> None:
        assert case not in found, case
        found[case] = Case(load, code, says)

    for suffix, made in ((".pth", _pickles(canary)), (".pth", _zips()), (".safetensors", _headers())):
        for case, data, code, says in made:
            add(case, write(folder / f"{len(found)}{suffix}", data), code, says)
    for case, tensors, code, says in _states():
        for suffix, data in ((".safetensors", save(tensors)), (".pth", torch_file(tensors))):
            add(f"{case}, {suffix}", write(folder / f"{len(found)}{suffix}", data), code, says)
    good = save(state())
    theirs, timms = (save(layouts.tensors()[n]) for n in ("transformers ViT", "timm"))
    files = [(theirs if "config.json" in row[1] else good, *row) for row in beside.labels()]
    files += [(good, n, {"config.json": config}, *row) for n, config, *row in beside.configs()]
    files += [(timms, n, {"config.json": config}, *row) for n, config, *row in beside.timm_preprocessors()]
    files += [
        (theirs, n, {"config.json": layouts.HUGGING_FACE, "preprocessor_config.json": settings}, *row)
        for n, settings, *row in beside.preprocessors()
    ]
    for weights, case, others, code, says in files:
        path = folder / str(len(found)) / "a.safetensors"
        load = write(path, weights)
        for name, content in others.items():
            write(path.with_name(name), content if isinstance(content, bytes) else json.dumps(content).encode())
        add(case, load, code, says)
    found |= dict(_files(folder, good))
    return found | {f"the name {name[:30]!r}": Case(name, code) for name, code in NAMES.items()}
