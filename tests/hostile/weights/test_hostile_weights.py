"""Every hostile checkpoint is refused with its own code, or loads, in little memory; and nothing in it is run."""

from __future__ import annotations

import json
import os
import struct
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import save

import vit_core as vc
from tests.hostile.weights import corpus, layouts
from vit_core.checkpoints.assembly import check_keys
from vit_core.checkpoints.files import reader

pytestmark = pytest.mark.hostile
MAX_MEGABYTES = 300
MAX_SENTENCE = 12_000  # characters
ROOT = Path(__file__).resolve().parents[3]
GOOD = save(corpus.state())
OLD = corpus.torch_file(corpus.state(), _use_new_zipfile_serialization=False)
RECORDS = corpus.records(corpus.torch_file(corpus.state()))


def test_each_checkpoint_is_refused_as_expected_or_loads_within_bounds_of_memory(tmp_path, measured):
    canary = tmp_path / "ran"
    cases = corpus.cases(tmp_path, canary)
    for suffix, data in ((".safetensors", GOOD), (".pth", corpus.torch_file(corpus.state()))):
        path = tmp_path / f"shrinks{suffix}"  # a mapped file would end the process with a bus error
        path.write_bytes(data)
        cases[f"shrinks after it was loaded, {suffix}"] = corpus.Case(f"shrinks:{path}", "loaded")
    (tmp_path / "cases.json").write_text(json.dumps({name: case.load for name, case in cases.items()}))
    done = subprocess.run(
        [sys.executable, "-m", "tests.hostile.weights.try_weights", tmp_path / "cases.json"],
        env=os.environ | {"HF_HUB_OFFLINE": "1", "HF_HUB_CACHE": str(tmp_path), "OMP_NUM_THREADS": "1"},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=1200,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    results = json.loads(done.stdout.splitlines()[-1])
    wrong = []
    for name, case in cases.items():
        code, sentence, _, megabytes = results[name]
        if code != case.code or case.says.lower() not in sentence.lower():
            wrong.append(f"{name}: {code}, not {case.code} ({case.says}): {sentence[:200]}")
        elif megabytes > MAX_MEGABYTES or len(sentence) > MAX_SENTENCE:
            wrong.append(f"{name}: {megabytes:.0f} MB, {len(sentence)} characters")
    slowest = max(results, key=lambda n: results[n][2])
    largest = max(results, key=lambda n: results[n][3])
    measured(
        f"{len(cases)} hostile checkpoints: at most {results[slowest][2]:.2f} s of processor ({slowest}), "
        f"{results[largest][3]:.0f} MB ({largest})"
    )
    assert not wrong, "\n".join(wrong)
    assert not canary.exists()
    assert len(cases) >= 300


HEADLESS = ("timm, no head", "SigLIP", "DINOv3", "DINOv2, Meta's names")


def test_the_smallest_model_in_each_layout_loads_and_runs(tmp_path):
    """The fuzzer starts from these. One model's weights give the same logits in every format of file."""
    said = {}
    for number, whole in enumerate(layouts.files()):
        case = f"{whole.layout}, {whole.form}"
        load = corpus.write(tmp_path / str(number) / f"a{whole.suffix}", whole.data)
        for name, value in whole.beside.items():
            (tmp_path / str(number) / name).write_text(json.dumps(value))
        model = vc.load(load, "cpu")
        named = (whole.beside or whole.form == "with its config") and model.config.classes
        assert model.labels == (layouts.LABELS if named else None), case
        logits = model(torch.linspace(-1, 1, model.config.channels * 16).view(1, -1, 4, 4))
        first = said.setdefault(whole.layout, logits)
        assert (logits is None) == (whole.layout in HEADLESS)
        if logits is not None:
            torch.testing.assert_close(logits, first, atol=1e-4, rtol=1e-4, msg=lambda m, case=case: f"{case}: {m}")


def test_thousands_of_differences_are_reported_in_one_short_sentence():
    """The sentence gives the first of each kind and how many more there are; the error's values have all of them."""
    names = {kind: [f"{kind}.{'x' * 300}{i:04}" for i in range(5000)] for kind in ("missing", "extra", "wrong")}
    expected = dict.fromkeys(names["missing"] + names["wrong"], (64, 64))
    given = dict.fromkeys(names["extra"] + names["wrong"], (64, 63))
    with pytest.raises(vc.InputError, match="do not fit") as caught:
        check_keys(expected, given, "a.pth")
    said = str(caught.value)
    assert caught.value.code == "checkpoint-keys"
    assert len(said) < 8_000  # three dozen names of 200 characters
    assert said.count("4988 more") == 3
    for kind, each in names.items():
        assert each[0][:150] in said
        assert caught.value.values[kind] == each


@pytest.mark.parametrize(
    ("suffix", "where"),
    [(".safetensors", "read_header"), (".safetensors", "load_file"), (".pth", "_check_zip"), (".pth", "_unpickle")],
)
@pytest.mark.parametrize("left", [0, 4, 2000, 100_000])
def test_a_file_that_shrinks_while_it_is_read_is_refused(tmp_path, monkeypatch, suffix, where, left):
    """It is cut just before each of the steps that open it, when its size is known already."""
    path = tmp_path / f"a{suffix}"
    path.write_bytes(GOOD if suffix == ".safetensors" else corpus.torch_file(corpus.state()))
    step = getattr(reader, where)

    def late(*args, **options):
        os.truncate(path, left)
        return step(*args, **options)

    monkeypatch.setattr(reader, where, late)
    with pytest.raises(vc.InputError) as caught:
        reader.read_tensors(path)
    assert caught.value.code in ("checkpoint-truncated", "checkpoint-header", "checkpoint-format")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("drawn")


def refused_or_loaded(path: Path, data: bytes) -> None:
    path.write_bytes(data)
    said = ""
    try:
        vc.load(f"file:{path}", "cpu")
    except vc.InputError as error:
        said = str(error)
    assert len(said) < MAX_SENTENCE


NUMBERS = st.one_of(st.integers(-4, 70), st.sampled_from([2**31, 2**63, 2**64, 0.5, None, "4"]))


@settings(max_examples=150, deadline=None, derandomize=True, database=None)
@given(
    name=st.sampled_from(sorted(corpus.state())),
    field=st.sampled_from(["shape", "data_offsets", "dtype"]),
    value=st.one_of(st.lists(NUMBERS, max_size=4), NUMBERS, st.sampled_from(["F16", "I64", "F8_E4M3"])),
    other=st.text(max_size=8),
)
def test_any_header_is_refused_or_loads(folder, name, field, value, other):
    """One entry of a good header is changed and may be renamed: the outcome is a model or an InputError."""
    data = GOOD
    (length,) = struct.unpack("<Q", data[:8])
    header = json.loads(data[8 : 8 + length])
    header[name + other if len(other) > 4 else name] = header.pop(name) | {field: value}
    refused_or_loaded(folder / "a.safetensors", corpus.tensors_file(header, data[8 + length :]))


@settings(max_examples=150, deadline=None, derandomize=True, database=None)
@given(old=st.booleans(), at=st.floats(0, 1), cut=st.integers(0, 4), put=st.binary(max_size=6))
def test_any_pickle_is_refused_or_loads(folder, old, at, cut, put):
    """Bytes of a good file's pickle are replaced, in both formats of torch: the outcome is a model or an InputError."""
    if old:
        at = int(at * 6000)  # the five pickles come first
        data = OLD[:at] + put + OLD[at + cut :]
    else:
        code = RECORDS["archive/data.pkl"]
        at = int(at * len(code))
        data = corpus.packed(RECORDS | {"archive/data.pkl": code[:at] + put + code[at + cut :]})
    refused_or_loaded(folder / "a.pth", data)
