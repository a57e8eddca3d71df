"""Checkpoints that people and machines get wrong, made on the spot: what a checkpoint reader must live with."""

from __future__ import annotations

import io
import json
import os
import pickle
import struct
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import torch
from safetensors.torch import save

from vit_core.config import ViTConfig
from vit_core.model import VisionTransformer

CONFIG = {"model_type": "vit", "hidden_size": 64, "num_hidden_layers": 2, "num_attention_heads": 1, "image_size": 32,
          "patch_size": 16, "layer_norm_eps": 1e-6}


class Case(NamedTuple):
    """`load` is what vit_core.load is asked for; `code` the InputError's; `says` what its sentence must name."""

    load: str
    code: str
    says: str = ""


def state() -> dict[str, torch.Tensor]:
    """A whole ViT of two layers by our own names, 64 wide, 4 patches, 5 classes."""
    torch.manual_seed(0)
    config = ViTConfig(image_size=32, patch_size=16, classes=5, dim=64, depth=2, heads=1, head_dim=64, mlp_dim=96)
    return {n: t.detach().clone() for n, t in VisionTransformer(config).state_dict().items()}


def changed(**changes: torch.Tensor | None) -> dict[str, torch.Tensor]:
    """`state()` with tensors set or (None) left out; "__" in a name stands for a dot."""
    new = {n.replace("__", "."): t for n, t in changes.items()}
    return {n: t for n, t in (state() | new).items() if t is not None}


def torch_file(content: object, **options) -> bytes:
    out = io.BytesIO()
    torch.save(content, out, **options)
    return out.getvalue()


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
    """A .safetensors file with that header, JSON or bytes."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


def entry(start: int, end: int, shape: list[int] | None = None, dtype: str = "F32") -> dict:
    return {"dtype": dtype, "shape": [(end - start) // 4] if shape is None else shape, "data_offsets": [start, end]}


class Call:
    """Pickles to a call of `function` when it is opened."""

    def __init__(self, function: Callable, *args):
        self.call = function, args

    def __reduce__(self):
        return self.call


def doubled(levels: int) -> bytes:
    """A dict whose key is a tuple of two tuples of two ..., and would be hashed 2**levels times."""
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
        code = "checkpoint-format" if protocol < 2 else "checkpoint-pickle"
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
    yield "4 million instructions", with_pickle(b"\x80\x02" + b"K\x01" * 4_000_000 + b"."), "checkpoint-format", \
        "400,000"
    yield "a pickle of 20 MB", with_pickle(b"\x80\x02" + b"N0" * 10_000_000 + b"."), "checkpoint-format", "data.pkl"
    yield "lists 300,000 deep", with_pickle(b"\x80\x02" + b"]" * 300_000 + b"a" * 299_999 + b"."), \
        "checkpoint-format", ""
    wide = torch.ones(1).expand(10**10)
    yield "10**10 of one value", torch_file({"a": wide}), "checkpoint-bomb", "claim"
    claim = records(torch_file({"a": torch.ones(3)}))
    claim["archive/data.pkl"] = claim["archive/data.pkl"].replace(b"K\x03t", b"J\xff\xff\xff\x7ft")
    yield "a storage of 8 GB in 12 bytes", packed(claim), "checkpoint-bomb", "claim"
    old = torch_file({"a": torch.ones(3)}, _use_new_zipfile_serialization=False).replace(
        b"K\x03N", b"J\xff\xff\xff\x7fN")
    yield "the same, old style", old, "checkpoint-bomb", "claim"
    for kind, tensor in {"integers": torch.ones(3, dtype=torch.int64), "complex": torch.ones(3, dtype=torch.complex64),
                         "sparse": torch.ones(3, 3).to_sparse(), "meta": torch.ones(3, device="meta")}.items():
        yield kind, torch_file({"odd": tensor}), "checkpoint-format", ""
    yield "a list", torch_file([torch.ones(3)]), "checkpoint-format", "list"
    yield "numbers for names", torch_file({3: torch.ones(3)}), "checkpoint-format", "int"


def _zips() -> Iterator[tuple[str, bytes, str, str]]:
    whole = torch_file({"a": torch.ones(1000)})
    parts = records(whole)
    yield "a zip bomb of 2 MB", packed({"archive/data/0": bytes(2_000_000_000)},
                                       zipfile.ZIP_DEFLATED), "checkpoint-bomb", "2000000000"
    yield "a compressed zip", packed(parts | {"archive/x": os.urandom(200_000)}, zipfile.ZIP_DEFLATED), \
        "checkpoint-format", "compressed"
    yield "100,000 records", packed({f"archive/data/{i}": b"" for i in range(100_000)}), "checkpoint-format", "records"
    yield "two pickles", packed(parts | {"other/data.pkl": b"\x80\x02}."}), "checkpoint-format", "2 data.pkl"
    yield "a name in two cases", packed(parts | {"ARCHIVE/data.pkl": b"\x80\x02}."}), "checkpoint-format", "one name"
    yield "no pickle", packed({"archive/version": b"3"}), "checkpoint-format", "data.pkl"
    plain = bytearray(packed(parts))
    entry_at = plain.index(b"PK\x01\x02")
    large = plain.copy()
    large[entry_at + 20 : entry_at + 28] = struct.pack("<LL", 2**31, 2**31)
    yield "a record of 2 GB in 1 kB", bytes(large), "checkpoint-bomb", ""
    over = plain.copy()
    second = plain.index(b"PK\x01\x02", entry_at + 1)
    over[second + 42 : second + 46] = over[entry_at + 42 : entry_at + 46]
    yield "records over one another", bytes(over), "checkpoint-format", "another"
    local = plain.copy()
    local[18:26] = struct.pack("<LL", 2**31, 2**31)
    yield "another size in the local header", bytes(local), "checkpoint-architecture", ""
    yield "a prefix", b"PK\x03\x04" + bytes(100) + bytes(plain), "checkpoint-format", "should be"
    yield "two tables of contents", bytes(plain) + bytes(plain), "checkpoint-format", "should be"
    yield "a comment", bytes(plain[:-2]) + b"\x05\x00hello", "checkpoint-truncated", "cut short"
    far = bytearray(whole)
    far[-34:-26] = struct.pack("<Q", 2**63)
    yield "the zip64 table elsewhere", bytes(far), "checkpoint-format", "two tables"


def _headers() -> Iterator[tuple[str, bytes, str, str]]:
    """.safetensors files."""
    four = struct.pack("<f", 1)
    yield "a header of 2**63", struct.pack("<Q", 2**63) + b"{}", "checkpoint-header", "9,223,372,036,854,775,808"
    yield "a header past the end", struct.pack("<Q", 1000) + b'{"a":1}', "checkpoint-truncated", "cut short"
    for case, ends in {"negative": [-4, 0], "backwards": [4, 0], "words": ["0", "4"], "one": [0], "huge": [0, 2**64],
                       "switches": [False, True], "none": None}.items():
        yield f"offsets: {case}", tensors_file({"odd": entry(0, 4) | {"data_offsets": ends}}, four), \
            "checkpoint-header", "odd"
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
    yield "a thousand axes", tensors_file({"odd": entry(0, 4, [1] * 1000)}, four), "checkpoint-header", "odd"
    yield "a size of zero", tensors_file({"odd": entry(0, 0, [0, 2**40])}), "checkpoint-architecture", "odd"
    yield "not UTF-8", tensors_file(b'{"\xff\xfe":1}'), "checkpoint-header", ""
    yield "JSON 100,000 deep", tensors_file(b"[" * 100_000), "checkpoint-header", "100,000 lists"
    yield "JSON 30,000 deep", tensors_file(b"[" * 30_000), "checkpoint-header", "Recursion"
    yield "metadata of numbers", tensors_file({"__metadata__": {"a": 1}, "a": entry(0, 4)}, four), \
        "checkpoint-header", ""
    yield "metadata 30,000 deep", tensors_file({"__metadata__": {"vitrine": "[" * 30_000}, "odd": entry(0, 4)},
                                                four), "checkpoint-architecture", "odd"
    many = {f"t{i}": entry(4 * i, 4 * i + 4) for i in range(300_000)}
    yield "300,000 tensors", tensors_file(many, bytes(4 * 300_000)), "checkpoint-header", ">"
    some = {f"t{i}": entry(4 * i, 4 * i + 4) for i in range(20_000)}
    yield "20,000 tensors", tensors_file(some, bytes(4 * 20_000)), "checkpoint-header", "60,001"
    yield "empty lists", tensors_file(b"[" + b"[]," * 1_300_000 + b"[]]"), "checkpoint-header", ""
    header = {"config": {"dim": 64.5}, "labels": None, "preprocess": {}}
    for case, config in {"half a number": {"dim": 64.5}, "a word": {"dim": "x"}, "no dict": [1], "a huge size":
                         {"image_size": 1e400}, "a billion layers": {"depth": 10**9},
                         "negative registers": {"registers": -5}, "not a switch": {"qkv_bias": "no"}}.items():
        text = json.dumps(header | {"config": config})
        yield f"our config: {case}", save({"odd": torch.ones(1)}, {"vitrine": text}), "checkpoint-config", ""


def _states() -> Iterator[tuple[str, dict[str, torch.Tensor], str, str]]:
    """Whole models, but for something."""
    for value in ("nan", "inf", "-inf"):
        for dtype in (torch.float32, torch.float16, torch.bfloat16):
            bad = state()["blocks.1.mlp.fc2.weight"].to(dtype)
            bad[3, 5] = float(value)
            yield f"{value} in {dtype}", changed(blocks__1__mlp__fc2__weight=bad), "checkpoint-not-finite", \
                "blocks.1.mlp.fc2.weight"
    for dtype in (torch.float8_e5m2, torch.float8_e4m3fn):
        bad = state()["norm.weight"]
        bad[7] = float("nan")
        yield f"nan in {dtype}", changed(norm__weight=bad.to(dtype)), "checkpoint-not-finite", "norm.weight"
    yield "all at once", changed(norm__weight=None, blocks__1__surprise=torch.ones(2),
                                 blocks__1__attn__qkv__weight=torch.ones(191, 64)), "checkpoint-keys", "(191, 64)"
    extra = {f"extra{i}" + "x" * 400: torch.ones(1) for i in range(1000)}
    yield "a thousand more, with long names", state() | extra, "checkpoint-keys", "988 more"
    yield "layer 99,999", state() | {"blocks.99999.norm1.weight": torch.ones(64)}, "checkpoint-keys", "100000"
    yield "layer 10**400", state() | {f"blocks.{'9' * 400}.norm1.weight": torch.ones(64)}, "checkpoint-architecture", \
        "at most"
    yield "5,000 layers", state() | {f"blocks.{i}.norm1.weight": torch.ones(64) for i in range(5000)}, \
        "checkpoint-architecture", "5000"
    yield "a name of 100,000 letters", state() | {"n" * 100_000: torch.ones(1)}, "checkpoint-format", "too long"
    yield "positions without a square", changed(positions=torch.ones(1, 8, 64)), "checkpoint-architecture", "square"
    yield "10**12 positions of nothing", changed(positions=torch.ones(1, 10**12, 0)), "checkpoint-shapes", "positions"
    yield "heads wider than attention", changed(blocks__0__attn__q_norm__weight=torch.ones(500)), \
        "checkpoint-architecture", "heads"
    timm = {"patch_embed.proj.weight": torch.ones(4, 3, 2, 2)}
    yield "a billion branches", timm | {"blocks.0.attns.999999999.norm.weight": torch.ones(1)}, "checkpoint-keys", \
        "branches"
    wide = {"norm.weight": torch.ones(100_000), "attn.qkv.weight": torch.ones(100_000, 1),
            "attn.proj.weight": torch.ones(100_000, 1), "norm1.weight": torch.ones(2)}
    yield "40 GB by broadcasting", timm | {f"blocks.0.attns.0.{n}": t for n, t in wide.items()}, "checkpoint-keys", \
        "shapes"
    yield "a scalar for a norm", timm | {"blocks.0.in_norm.weight": torch.ones(()),
                                         "blocks.0.in_proj.weight": torch.ones(2, 2)}, "checkpoint-keys", "blocks.0"


def _configs() -> Iterator[tuple[str, object, str, str]]:
    """config.json beside a file that is good; bytes as they are."""
    for field, value in (("hidden_size", "x"), ("hidden_size", -1), ("hidden_size", 10**9),
                         ("hidden_size", float("nan")), ("hidden_size", True), ("patch_size", 0),
                         ("image_size", 10**9), ("image_size", "big"),
                         ("num_hidden_layers", 10**9), ("layer_norm_eps", float("nan")), ("num_attention_heads", 7),
                         ("num_channels", [3])):
        yield f"config.json: {field} = {value}", CONFIG | {field: value}, "checkpoint-config", field
    for value in ("relu", ["gelu"], {"a": 1}, "x" * 10**6):
        yield f"config.json: activation {str(value)[:9]}", CONFIG | {"hidden_act": value}, "checkpoint-architecture", \
            "activation"
    yield "config.json: patches of 10,000", CONFIG | {"patch_size": 10_000}, "checkpoint-architecture", "patch"
    yield "config.json: 100,000 deep", b'{"a":' * 100_000, "checkpoint-config", "100,000 lists"
    yield "config.json: 30,000 deep", b'{"a":' * 30_000, "checkpoint-config", "recursion"
    yield "config.json: 20 MB", b" " * 20_000_000 + b"{}", "checkpoint-config", "4,194,304"
    yield "config.json: not UTF-8", b'{"model_type": "\xff"}', "checkpoint-config", "utf-8"
    yield "config.json: a long number", b'{"model_type": ' + b"9" * 5000 + b"}", "checkpoint-config", "digits"
    args = {"architecture": "vit_tiny_patch16_224", "num_classes": 5}
    for name, value in (("checkpoint_path", "/etc/passwd"), ("pretrained", True), ("depth", 10**9), ("depth", 100_000),
                        ("pretrained_cfg_overlay", {"file": "/etc/passwd"}), ("embed_dim", 10**12), ("patch_size", 0),
                        ("norm_layer", "no such"), ("num_heads", 0)):
        yield f"timm's config.json: {name} = {value}", args | {"model_args": {name: value}}, "checkpoint-config", ""
    yield "timm's config.json: classes", args | {"num_classes": 10**12}, "checkpoint-config", "num_classes"
    yield "timm's config.json: resnet", {"architecture": "resnet50"}, "checkpoint-architecture", "resnet50"
    yield "timm's config.json: a hub", {"architecture": "hf-hub:a/b"}, "checkpoint-architecture", "hf-hub"


def _labels() -> Iterator[tuple[str, str, bytes, str, str]]:
    """(case, file name, bytes, code, says) of labels beside a file that has five classes."""
    yield "two names for five", "a.labels.txt", b"one\ntwo\n", "labels-count", "names 2"
    yield "a million names", "a.labels.txt", b"x\n" * 1_000_000, "labels-count", "1000000"
    yield "10 MB of names", "a.labels.txt", b"x" * 10_000_000, "labels-format", "4,194,304"
    yield "a name of 1 MB", "a.labels.txt", b"x" * 1_000_000 + b"\na\nb\nc\nd\n", "labels-format", "1000"
    yield "names not in UTF-8", "a.labels.txt", "고양이\n".encode("cp949") * 5, "labels-format", "UTF-8"
    yield "names 100,000 deep", "labels.json", b"[" * 100_000, "labels-format", "100,000 lists"
    yield "names that are numbers", "labels.json", b"[1,2,3,4,5]", "labels-format", "list of names"


def write(path: Path, data: bytes) -> str:
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(data)
    return f"file:{path}"


def _files(folder: Path) -> Iterator[tuple[str, Case]]:
    """What is no file, and folders of Hugging Face's."""
    (folder / "folder.pth").mkdir()
    os.mkfifo(folder / "fifo.pth")
    (folder / "zero.pth").symlink_to("/dev/zero")
    (folder / "loop.pth").symlink_to(folder / "loop.pth")
    for name in ("folder.pth", "fifo.pth", "zero.pth", "loop.pth", "n" * 300 + ".pth", "n" * 3000 + "/a.pth"):
        yield f"not a file: {name[:12]}", Case(f"file:{folder / name}", "checkpoint-not-found", "no file")
    yield "an empty file", Case(write(folder / "empty.pth", b""), "checkpoint-empty", "0 bytes")
    yield "not a checkpoint's name", Case("file:/etc/passwd", "checkpoint-format", ".safetensors")
    outside = folder / "outside.safetensors"
    outside.write_bytes(save(state()))
    for number, (name, code) in enumerate((
            ("../outside.safetensors", "checkpoint-config"), (str(outside), "checkpoint-config"),
            ("..", "checkpoint-not-found"), ("missing.safetensors", "checkpoint-not-found"),
            (True, "checkpoint-config"), (["a"], "checkpoint-config"), ("a\nb", "checkpoint-config"),
            ("config.json", "checkpoint-format"))):
        home = folder / f"shards{number}"
        home.mkdir()
        (home / "config.json").write_text(json.dumps(CONFIG))
        (home / "model.safetensors.index.json").write_text(json.dumps({"weight_map": {"a": name}}))
        yield f"a shard {str(name)[-20:]!r}", Case(f"hf:{home}", code)


NAMES = {"": "model-unknown", "file:": "model-unknown", "timm:../../x": "model-unknown", "timm:" + "x" * 3000:
         "model-unknown", "timm:a\nb": "model-unknown", "x" * 10**6: "model-unknown", "file:a\0b": "model-unknown",
         "hf:/etc/passwd": "checkpoint-not-found", "hf:a\nb": "checkpoint-not-found",
         "hf:" + "x" * 3000: "hub-not-found", "hf:a..b/c": "hub-not-found", "hf:-a/b": "hub-not-found",
         "hf:고양이/x": "hub-not-found",
         "hf:../..": "checkpoint-not-found", "file:~nobody-of-that-name/a.pth": "checkpoint-not-found",
         "embedded:../../x": "model-unknown", "embedded:photo\n": "model-unknown", "file:\ud800.pth":
         "checkpoint-not-found"}


def cases(folder: Path, canary: Path) -> dict[str, Case]:
    """Every case with its file under `folder`; `canary` is the file that a pickle which is run would make."""
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
    for case, config, code, says in _configs():
        path = folder / str(len(found)) / "a.safetensors"
        load = write(path, good)
        path.with_name("config.json").write_bytes(config if isinstance(config, bytes) else json.dumps(config).encode())
        add(case, load, code, says)
    for case, name, data, code, says in _labels():
        path = folder / str(len(found)) / "a.safetensors"
        load = write(path, good)
        path.with_name(name).write_bytes(data)
        add(case, load, code, says)
    found |= dict(_files(folder))
    return found | {f"the name {name[:30]!r}": Case(name, code) for name, code in NAMES.items()}
