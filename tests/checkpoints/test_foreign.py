"""Files that are no checkpoint, whatever their names say, are told by what they are, with the next step."""

from __future__ import annotations

import gzip
import io
import json
import tarfile
import zipfile

import numpy as np
import pytest
import torch

from app.text import Text
from tests.checkpoints.support import refused, timm_model, transformers_model
from vit_core.checkpoints.files.foreign import KINDS, foreign


def zipped(**files: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return out.getvalue()


def saved(content: object) -> bytes:
    out = io.BytesIO()
    torch.save(content, out)
    return out.getvalue()


def arrays() -> bytes:
    out = io.BytesIO()
    np.savez(out, a=np.ones(3))
    return out.getvalue()


def tarred() -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("model.pth"), io.BytesIO())
    return out.getvalue()


def optimizer() -> dict:
    parameter = torch.nn.Parameter(torch.ones(3))
    made = torch.optim.AdamW([parameter])
    parameter.sum().backward()
    made.step()
    return made.state_dict()


LFS = b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n"
HTML = b"\n<!DOCTYPE html>\n<html><head><title>Sign in</title>"
LORA = {"base_model.model.vit.lora_A.weight": torch.ones(2, 3)}
CASES = {
    "lfs": [("a.safetensors", LFS), ("a.pth", LFS), ("a.bin", LFS)],
    "html": [("a.safetensors", HTML), ("a.pth", b"\xef\xbb\xbf" + HTML), ("a.ckpt", b"<html>")],
    "text": [("a.pth", b"hello, I am a text"), ("a.safetensors", b'{"error": "Access denied"}')],
    "archive": [
        ("a.pth", zipped(**{"model.pth": saved({"a": torch.ones(3)})})),
        ("a.zip", zipped(**{"model.safetensors": b"x"})),
        ("a.pth.tar", tarred()),
        ("a.pth", gzip.compress(b"x" * 99)),
    ],
    "onnx": [("a.onnx", b"\x08\x07\x12\x07pytorch"), ("a.pth", b"\x08\x07\x12\x0aonnx-model")],
    "tensorflow": [
        ("tf_model.h5", b"\x89HDF\r\n\x1a\n" + bytes(99)),
        ("saved_model.pb", b"\x08\x01" + bytes(99)),
        ("m.ckpt.data-00000-of-00002", bytes(99)),
    ],
    "jax": [("a.npz", arrays()), ("flax_model.msgpack", b"\x85\xa5" + bytes(99)), ("a.pth", arrays())],
    "gguf": [("a.gguf", b"GGUF" + bytes(99))],
    "optimizer": [("optimizer.pt", saved(optimizer())), ("optimizer.bin", saved({"optimizer": optimizer()}))],
    "adapter": [("adapter_model.bin", saved(LORA)), ("a.bin", saved({"base_model.model.vit.ia3_l": torch.ones(3)}))],
    "unmerged": [("a.pth", saved(timm_model("vit_tiny_patch16_224", depth=1).state_dict() | LORA))],
    "shard": [("model-00001-of-00002.safetensors", LFS[:0] + bytes(9))],
}


@pytest.mark.parametrize("kind", CASES)
def test_a_foreign_file_is_named_with_the_next_step(kind, tmp_path):
    for name, data in CASES[kind]:
        (tmp_path / name).write_bytes(data)
        sentence = refused("checkpoint-foreign", f"file:{tmp_path / name}", kind=kind)
        assert sentence.startswith(f"{name} is {KINDS[kind][0]}")


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_torchscript_program_is_named(tmp_path):
    torch.jit.save(torch.jit.trace(torch.nn.Linear(2, 2), torch.ones(1, 2)), tmp_path / "a.pt")
    assert "torch.jit.load" in refused("checkpoint-foreign", f"file:{tmp_path / 'a.pt'}", kind="torchscript")


def test_a_folder_that_holds_another_frameworks_weights_is_named(tmp_path):
    theirs = transformers_model("ViTForImageClassification")
    theirs.config.save_pretrained(tmp_path)
    refused("checkpoint-not-found", f"hf:{tmp_path}")
    (tmp_path / "tf_model.h5").write_bytes(bytes(9))
    refused("checkpoint-foreign", f"hf:{tmp_path}", kind="tensorflow")
    (tmp_path / "model.safetensors").write_bytes(LFS)
    assert "git lfs pull" in refused("checkpoint-foreign", f"hf:{tmp_path}", kind="lfs")


def test_a_folder_that_is_a_pointer_to_its_config_is_named(tmp_path):
    (tmp_path / "config.json").write_bytes(LFS)
    (tmp_path / "model.safetensors").write_bytes(LFS)
    refused("checkpoint-foreign", f"hf:{tmp_path}", kind="lfs")
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "vit"}))
    refused("checkpoint-foreign", f"hf:{tmp_path}", kind="lfs")


def test_a_folder_under_file_and_a_file_under_hf_are_told_apart(tmp_path):
    assert "write hf:<folder>" in refused("checkpoint-not-found", f"file:{tmp_path}")
    (tmp_path / "a.pth").write_bytes(LFS)
    assert "write file:<path>" in refused("checkpoint-not-found", f"hf:{tmp_path / 'a.pth'}")


def test_every_kind_has_a_sentence_in_korean():
    said = {kind: Text("ko").error(foreign(kind, "a.pth", "lora_A")) for kind in KINDS}
    assert len(set(said.values())) == len(KINDS)
    assert all(sentence.startswith("a.pth: ") and sentence.endswith(".") for sentence in said.values())
