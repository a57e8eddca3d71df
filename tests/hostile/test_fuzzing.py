"""The fuzzers' own inputs and demands, some thousands of them, without what guides them by coverage (atheris)."""

import contextlib
import importlib
import random
import sys
import types
import warnings

import pytest

from vit_core.images import read as reader


def bytes_changed(data: bytes, most: int, chance: random.Random) -> bytes:
    """Some bytes set, left out or put in, in place of libFuzzer's changes."""
    found = bytearray(data)
    for _ in range(chance.choice((1, 1, 4))):
        at = chance.randrange(len(found) + 1)
        found[at : at + chance.choice((0, 1, 1, 4))] = chance.choice((b"", b"\xff", b"\0\0", chance.randbytes(3)))
    return bytes(found[:most])


@pytest.fixture
def script(monkeypatch):
    """A fuzzer's module by its name."""
    atheris, chance = types.ModuleType("atheris"), random.Random(0)
    atheris.instrument_imports = lambda include: contextlib.nullcontext()
    atheris.Mutate = lambda data, most: bytes_changed(data, most, chance)
    monkeypatch.setitem(sys.modules, "atheris", atheris)
    return lambda name: importlib.import_module(f"tests.hostile.{name}")


def fed(script, target, count: int) -> None:
    chance, seeds = random.Random(0), script.seeds()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # decoders say of odd files that they are odd
        for data in seeds:
            target(data)
        for number in range(count):
            target(script.mutate(chance.choice(seeds), 65536, number))
    assert target.count == len(seeds) + count
    assert target.codes


def test_pictures_that_the_fuzzer_changes_are_read_or_refused(script, monkeypatch):
    fuzzer = script("pictures.fuzz_images")
    monkeypatch.setattr(reader, "MAX_DECODING_BYTES", fuzzer.BUDGET)
    monkeypatch.setattr(fuzzer, "SECONDS", 20)  # of a busy machine
    target = fuzzer.Target(0)
    fed(fuzzer, target, 4000)
    assert target.read > 400


def test_weights_that_the_fuzzer_changes_are_read_or_refused(script, monkeypatch, tmp_path):
    fuzzer = script("weights.fuzz_weights")
    monkeypatch.setattr(fuzzer, "SECONDS", 60)
    target = fuzzer.Target(tmp_path, 0)
    fed(fuzzer, target, 1500)
    assert target.loaded > 50
    assert target.ran > 10
