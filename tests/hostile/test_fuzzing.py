"""The fuzzers' inputs and checks, a few thousand of them, without atheris, which would guide them by coverage."""

import contextlib
import importlib
import random
import sys
import types
import warnings

import pytest

from vit_core.images import decode as reader

pytestmark = pytest.mark.hostile


def bytes_changed(data: bytes, most: int, chance: random.Random) -> bytes:
    """Sets, removes or inserts a few bytes, in place of libFuzzer."""
    found = bytearray(data)
    for _ in range(chance.choice((1, 1, 4))):
        at = chance.randrange(len(found) + 1)
        found[at : at + chance.choice((0, 1, 1, 4))] = chance.choice((b"", b"\xff", b"\0\0", chance.randbytes(3)))
    return bytes(found[:most])


@pytest.fixture
def script(monkeypatch):
    """script(name) -> a fuzzer's module."""
    atheris, chance = types.ModuleType("atheris"), random.Random(0)
    atheris.instrument_imports = lambda include: contextlib.nullcontext()
    atheris.Mutate = lambda data, most: bytes_changed(data, most, chance)
    monkeypatch.setitem(sys.modules, "atheris", atheris)
    return lambda name: importlib.import_module(f"tests.hostile.{name}")


def feed(script, target, count: int) -> None:
    chance, seeds = random.Random(0), script.seeds()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of decoders, about odd files
        for data in seeds:
            target(data)
        for number in range(count):
            target(script.mutate(chance.choice(seeds), 65536, number))
    assert target.count == len(seeds) + count
    assert target.codes


def test_mutated_pictures_are_read_or_refused(script, monkeypatch):
    fuzzer = script("pictures.fuzz_images")
    monkeypatch.setattr(reader, "MAX_DECODING_BYTES", fuzzer.BUDGET)
    monkeypatch.setattr(fuzzer, "MAX_SECONDS", 120)  # only catches hangs
    target = fuzzer.Target(0)
    feed(fuzzer, target, 2000)
    assert target.read > 300


def test_mutated_checkpoints_load_or_are_refused(script, monkeypatch, tmp_path):
    fuzzer = script("weights.fuzz_weights")
    monkeypatch.setattr(fuzzer, "MAX_SECONDS", 120)
    target = fuzzer.Target(tmp_path, 0)
    feed(fuzzer, target, 800)
    assert target.loaded > 50
    assert target.ran > 10
