"""Damaged and foreign files are refused with a sentence that names the fault."""

from __future__ import annotations

import argparse
import pickle
import struct
import warnings
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

import vit_core as vc
from tests.checkpoints.support import refused, saved, timm_model, transformers_model
from vit_core.checkpoints.files import read_content
from vit_core.errors import InputError


def test_missing_extra_and_misshapen_tensors_are_reported_together(tmp_path):
    def change(state):
        del state["blocks.0.attn.proj.bias"], state["norm.weight"]
        state["blocks.1.surprise"] = torch.ones(2)
        state["blocks.1.attn.qkv.weight"] = torch.ones(575, 192)

    sentence = refused(
        "checkpoint-keys",
        saved(tmp_path, change=change),
        missing=["blocks.0.attn.proj.bias", "norm.weight"],
        extra=["blocks.1.surprise"],
    )
    assert "(576, 192)" in sentence
    assert "(575, 192)" in sentence


KEYS = [
    "cls_token",
    "pos_embed",
    "patch_embed.proj.bias",
    "blocks.0.norm1.bias",
    "head.bias",
    "blocks.1.attn.qkv.bias",
    "norm.bias",
    "blocks.0.mlp.fc1.weight",
]


@pytest.mark.parametrize("key", KEYS)
def test_no_tensor_can_be_left_out(key, tmp_path):
    def change(state):
        del state[key]

    assert key in refused("checkpoint-keys", saved(tmp_path, change=change))


@pytest.mark.parametrize("key", KEYS)
def test_no_tensor_can_have_another_shape(key, tmp_path):
    def change(state):
        state[key] = torch.ones(*state[key].shape[:-1], state[key].shape[-1] + 1)

    with pytest.raises(InputError) as caught:
        vc.load(saved(tmp_path, change=change), "cpu")
    assert caught.value.code in ("checkpoint-shapes", "checkpoint-architecture")


def test_a_missing_layer_and_a_missing_part_of_a_joined_tensor(tmp_path):
    def no_layer(state):
        for name in [n for n in state if n.startswith("blocks.0.")]:
            del state[name]

    assert "layers 0" in refused("checkpoint-keys", saved(tmp_path, change=no_layer))
    theirs = transformers_model("ViTForImageClassification")
    theirs.save_pretrained(tmp_path / "hf")
    state = {n: t for n, t in theirs.state_dict().items() if not n.endswith("1.attention.k_proj.bias")}
    save_file(state, tmp_path / "hf" / "model.safetensors")
    refused("checkpoint-keys", f"hf:{tmp_path / 'hf'}", missing=["encoder.layer.1.attention.k_proj.bias"], extra=[])


class Bomb:
    def __init__(self, command: str):
        self.command = command

    def __reduce__(self):
        import os

        return os.system, (self.command,)


def test_code_in_a_pickle_is_not_run(tmp_path):
    mark = tmp_path / "ran"
    for legacy in (False, True):
        torch.save(
            {"head.weight": torch.ones(2), "x": Bomb(f"touch {mark}")},
            tmp_path / "a.pth",
            _use_new_zipfile_serialization=not legacy,
        )
        assert "run" in refused("checkpoint-pickle", f"file:{tmp_path / 'a.pth'}")
    (tmp_path / "b.bin").write_bytes(pickle.dumps(Bomb(f"touch {mark}")))
    refused("checkpoint-pickle", f"file:{tmp_path / 'b.bin'}")
    assert not mark.exists()


@pytest.mark.parametrize("suffix", [".safetensors", ".pth"])
def test_empty_truncated_and_missing_files(suffix, tmp_path):
    name = saved(tmp_path, suffix)
    path = Path(name.removeprefix("file:"))
    whole = path.read_bytes()
    for cut in (1, len(whole) // 2, len(whole) - 100):
        path.write_bytes(whole[:cut])
        with pytest.raises(InputError) as caught:
            vc.load(name, "cpu")
        assert caught.value.code in ("checkpoint-truncated", "checkpoint-format", "checkpoint-header")
    assert caught.value.code == "checkpoint-truncated"
    path.write_bytes(b"")
    refused("checkpoint-empty", name)
    path.unlink()
    refused("checkpoint-not-found", name)
    refused("checkpoint-not-found", f"file:{tmp_path}")


@pytest.mark.parametrize(
    "content",
    [
        b"\x89PNG\r\n\x1a\n",
        b"PK\x03\x04 and no more",
        b"\x80\x02.",
        b"\x80\x05garbage" * 9,
        struct.pack("<Q", 2**63) + b"{}",
        struct.pack("<Q", 9) + b"{not json",
        struct.pack("<Q", 2) + b"{}",
        struct.pack("<Q", 4) + b"[{}]",
        struct.pack("<Q", 24) + b'{"a":{"data_offsets":7}}',
    ],
)
@pytest.mark.parametrize("suffix", [".safetensors", ".pth"])
def test_other_bytes_are_refused(content, suffix, tmp_path):
    path = tmp_path / f"a{suffix}"
    path.write_bytes(content)
    with pytest.raises(InputError) as caught:
        vc.load(f"file:{path}", "cpu")
    assert caught.value.code in ("checkpoint-format", "checkpoint-header", "checkpoint-truncated")


def test_other_contents_of_a_torch_file(tmp_path):
    path = tmp_path / "a.pth"
    for content in (
        torch.ones(3),
        [1, 2],
        {"a": 1},
        {},
        {"a": torch.ones(3)},
        {3: torch.ones(3)},
        {"head.weight": torch.ones(3, 3).to_sparse()},
        {"head.weight": torch.ones(3, dtype=torch.int8)},
    ):
        torch.save(content, path)
        with pytest.raises(InputError) as caught:
            vc.load(f"file:{path}", "cpu")
        assert caught.value.code in ("checkpoint-format", "checkpoint-architecture")


def test_zip_bombs_are_refused_unopened(tmp_path, monkeypatch):
    path = tmp_path / "a.pth"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("archive/data.pkl", b"\x80\x02}.")
        archive.writestr("archive/data/0", bytes(50_000_000))
    with monkeypatch.context() as patch:
        patch.setattr(torch, "load", lambda *a, **k: pytest.fail("it was opened"))
        refused("checkpoint-bomb", f"file:{path}", unpacked=50_000_004)
    wide = {"patch_embed.proj.weight": torch.ones(8, 3, 4, 4), "head.weight": torch.ones(1).expand(10**10)}
    torch.save(wide, path)
    refused("checkpoint-bomb", f"file:{path}")


def test_the_tensors_of_a_file_that_is_no_vit_are_named(tmp_path):
    save_file({"conv1.weight": torch.ones(8, 3, 3, 3)}, tmp_path / "a.safetensors")
    assert "conv1.weight" in refused("checkpoint-architecture", f"file:{tmp_path / 'a.safetensors'}")


@pytest.mark.parametrize(
    ("name", "named"),
    [
        ("vit_dpwee_patch16_reg1_gap_256", "lambda_"),
        ("vit_dwee_patch16_reg1_gap_256", "lambda_"),
    ],
)
def test_weights_of_another_attention_are_refused_not_dropped(name, named, tmp_path):
    save_file(timm_model(name, depth=1).state_dict(), tmp_path / "a.safetensors")
    assert named in refused("checkpoint-keys", f"file:{tmp_path / 'a.safetensors'}")


def test_threads_that_read_pickles_at_once_leave_torch_and_warnings_unchanged(tmp_path):
    file, before = tmp_path / "a.pth", (set(torch.serialization.get_safe_globals()), list(warnings.filters))
    weights = {f"w{i}": torch.full((5,), float(i)) for i in range(100)}
    torch.save({"model": weights, "args": argparse.Namespace(lr=1e-3), "best": np.float64(0.5)}, file)
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(read_content, [file] * 40))
    assert all(torch.equal(content["model"]["w7"], weights["w7"]) for content in found)
    assert (set(torch.serialization.get_safe_globals()), list(warnings.filters)) == before
