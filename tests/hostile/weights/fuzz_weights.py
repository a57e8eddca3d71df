"""Coverage-guided fuzzing of the checkpoint reader: `python tests/hostile/weights/fuzz_weights.py --runs 1000000`.

Needs atheris (tests/hostile/requirements.txt). The mutator keeps the container valid (it changes a header as JSON and
packs a zip again), so that inputs get past the first check; it also mutates plain bytes. Any exception but InputError
ends the run, and its input is written to the corpus's folder. `--seconds` limits a run; a later run with the same
corpus continues it.
"""

from __future__ import annotations

import functools
import json
import os
import random
import struct
import sys
import tempfile
import time
from pathlib import Path

import atheris

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))
os.environ.setdefault("HF_HUB_OFFLINE", "1")

with atheris.instrument_imports(
    include=[
        "vit_core.checkpoints",
        "vit_core.models.config",
        "torch._weights_only_unpickler",
        "zipfile",
        "pickletools",
    ]
):
    import torch

    from vit_core.checkpoints.single_file import load_file
    from vit_core.errors import InputError
    from vit_core.models.vit import VisionTransformer

from tests.hostile.fuzzing import fuzz
from tests.hostile.weights import corpus, layouts

MAX_SECONDS = 5  # of the processor for one input, instrumented
BESIDE = ("config.json", "preprocessor_config.json", "labels.json")
VALUES = (
    None,
    True,
    -1,
    0,
    1,
    2,
    3,
    7,
    64,
    2**31,
    2**63,
    2**64,
    10**30,
    10**400,
    0.5,
    float("nan"),
    float("inf"),
    "",
    "x",
    "F16",
    "BF16",
    "I64",
    "F8_E4M3",
    [],
    {},
    [0, 1],
    "gelu",
    "vit",
    "dinov2_with_registers",
    "vit_tiny_patch16_224",
)


def seeds() -> list[bytes]:
    """Complete models, each after one byte for its kind: the file's suffix, and whether other files precede it."""
    found = []
    for whole in layouts.files():
        text = json.dumps(whole.beside).encode()
        found.append(
            b"\2" + struct.pack("<H", len(text)) + text + whole.data
            if whole.beside
            else (b"\1" if whole.suffix == ".pth" else b"\0") + whole.data
        )
    return found


def changed_json(value: object, chance: random.Random, depth: int = 0) -> object:
    """The JSON value with a part of it set, removed, doubled or renamed."""
    if depth < 5 and isinstance(value, dict) and value and chance.random() < 0.85:
        key = chance.choice(list(value))
        what = chance.randrange(8)
        if what == 0:
            return {k: v for k, v in value.items() if k != key}
        if what == 1:
            other = chance.choice(list(value))
            return {(other + chance.choice(["", ".x", "0"]) if k == key else k): v for k, v in value.items()}
        return value | {key: changed_json(value[key], chance, depth + 1)}
    if depth < 5 and isinstance(value, list) and value and chance.random() < 0.85:
        at = chance.randrange(len(value))
        what = chance.randrange(5)
        return (
            value[:at]
            + ([] if what == 0 else [value[at]] * 2 if what == 1 else [changed_json(value[at], chance, depth + 1)])
            + value[at + 1 :]
        )
    if isinstance(value, str) and value.startswith("{") and chance.random() < 0.8:
        try:
            return json.dumps(changed_json(json.loads(value), chance))
        except ValueError:
            return value
    if isinstance(value, int) and chance.random() < 0.5:
        return value + chance.choice([-4, -1, 1, 4, 8])
    return chance.choice(VALUES)


def changed_safetensors(data: bytes, chance: random.Random) -> bytes:
    (length,) = struct.unpack("<Q", data[:8])
    header = json.loads(data[8 : 8 + length])
    for _ in range(chance.randint(1, 3)):
        header = changed_json(header, chance)
    return corpus.tensors_file(header, data[8 + length :])


def mutate(data: bytes, most: int, seed: int) -> bytes:
    chance = random.Random(seed)
    if len(data) < 12 or chance.random() < 0.15:
        return atheris.Mutate(data, most)
    kind, body = data[:1], data[1:]
    try:
        if kind == b"\2" and len(body) > 2:
            (length,) = struct.unpack("<H", body[:2])
            text, rest = body[2 : 2 + length], body[2 + length :]
            if chance.random() < 0.7:
                text = json.dumps(changed_json(json.loads(text), chance)).encode()
            else:
                rest = changed_safetensors(rest, chance)
            new = struct.pack("<H", len(text)) + text + rest
        elif body[:2] == b"PK":
            parts = corpus.records(body)
            name = (
                next(n for n in parts if n.endswith("data.pkl"))
                if chance.random() < 0.8
                else chance.choice(list(parts))
            )
            parts[name] = atheris.Mutate(parts[name], len(parts[name]) + 64)
            new = corpus.packed(parts)
        elif body[8:9] == b"{":
            new = changed_safetensors(body, chance)
        else:
            new = atheris.Mutate(body, most - 1)
    except Exception:  # an invalid container is changed as bytes
        return atheris.Mutate(data, most)
    return kind + new if len(new) < most else atheris.Mutate(data, most)


class Target:
    """Writes each input to files in memory and loads it; a small model must also run."""

    def __init__(self, folder: Path, runs: int):
        self.folder, self.runs = folder, runs
        self.count = self.loaded = self.ran = 0
        self.codes: dict[str, int] = {}

    def __call__(self, data: bytes) -> None:
        self.count += 1
        kind, body = data[0] % 3 if data else 0, data[1:]
        for name in BESIDE:
            (self.folder / name).unlink(missing_ok=True)
        if kind == 2:
            length = struct.unpack("<H", body[:2].ljust(2, b"\0"))[0]
            for name, text in beside(body[2 : 2 + length]).items():
                (self.folder / name).write_bytes(text)
            body = body[2 + length :]
        path = self.folder / ("a.pth" if kind == 1 else "a.safetensors")
        path.write_bytes(body)
        begun = time.process_time()
        try:
            self.run(load_file(str(path)))
        except InputError as error:
            if len(str(error)) >= 12_000:
                raise ValueError("a sentence without end") from error
            self.codes[error.code] = self.codes.get(error.code, 0) + 1
        if (seconds := time.process_time() - begun) > MAX_SECONDS:
            raise ValueError(f"{seconds:.1f} s of processor")
        if self.count % 10_000 == 0 or self.count == self.runs:
            print(f"{self.count:,} executions, {self.loaded:,} loaded, {self.ran:,} ran, {self.codes}", flush=True)

    def run(self, model: VisionTransformer) -> None:
        self.loaded += 1
        config = model.config
        if config.channels * config.image_size[0] * config.image_size[1] > 4096:
            return
        logits = model(torch.zeros(1, config.channels, *config.image_size))
        assert logits is None or logits.shape == (1, config.classes)
        self.ran += 1


def beside(text: bytes) -> dict[str, bytes]:
    """{name: bytes} of the files beside, from a JSON object by name; other bytes are a config.json as they are."""
    try:
        found = json.loads(text)
        return {n: json.dumps(found[n]).encode() for n in BESIDE if n in found}
    except (ValueError, TypeError, RecursionError):
        return {"config.json": text}


if __name__ == "__main__":
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory(dir="/dev/shm" if Path("/dev/shm").is_dir() else None) as scratch:
        fuzz("weights", __doc__, seeds(), functools.partial(Target, Path(scratch)), mutate)
