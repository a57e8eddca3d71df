"""Recognises files that are no checkpoint, whatever their names say, and tells what they are and what to do next."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from vit_core.errors import InputError

#: Kind -> what the file is, and the next step.
KINDS = {
    "lfs": ("a pointer of Git LFS, not the file itself", "Fetch the file with `git lfs pull`."),
    "html": (
        "a web page, not the file that its name promises",
        "Sign in or accept the terms on that page, then download the file again.",
    ),
    "text": ("a text, not weights", "Download the file again."),
    "archive": ("an archive of files", "Unpack it and choose the checkpoint inside."),
    "onnx": (
        "an ONNX model, a graph without the names of the layers",
        "Choose the PyTorch checkpoint that it was exported from.",
    ),
    "tensorflow": (
        "a TensorFlow or Keras model",
        "Choose the PyTorch weights, or convert it: from_pretrained(folder, from_tf=True), then save_pretrained.",
    ),
    "jax": (
        "weights of JAX or Flax",
        "Choose the PyTorch weights. timm converts those of Google's ViTs: save vc.from_timm(module) with vc.save.",
    ),
    "torchscript": (
        "a TorchScript program",
        "Save its weights: torch.save(torch.jit.load(path).state_dict(), other_path).",
    ),
    "gguf": ("a GGUF file", "Choose the PyTorch weights."),
    "optimizer": (
        "the state of an optimizer, without weights",
        "Choose the file of the same training step that holds the model's state_dict.",
    ),
    "adapter": (
        "an adapter (LoRA) without its base model",
        "Load its folder as hf:<folder> with the base model at hand, or save what merge_and_unload() returns.",
    ),
    "unmerged": (
        "a model with an adapter that is not merged",
        "Save what merge_and_unload() returns.",
    ),
    "shard": (
        "one part of a model that is saved in several files",
        "Load the folder that holds all of them and their index as hf:<folder>.",
    ),
}
_SUFFIXES = {
    "onnx": (".onnx",),
    "tensorflow": (".h5", ".hdf5", ".keras", ".pb", ".tflite", ".index"),
    "jax": (".npz", ".msgpack"),
    "gguf": (".gguf",),
    "archive": (".zip", ".7z", ".rar", ".tgz", ".gz", ".xz", ".zst"),
}
_BEGINNINGS = {
    "lfs": (b"version https://git-lfs",),
    "html": (b"<!doctype html", b"<html", b"<head", b"<?xml"),
    "tensorflow": (b"\x89hdf\r\n",),
    "gguf": (b"gguf",),
    "archive": (b"7z\xbc\xaf", b"rar!", b"\x1f\x8b", b"\xfd7zxz", b"\x28\xb5\x2f\xfd"),
}


def foreign(kind: str, source: str, found: str = "") -> InputError:
    """The InputError "checkpoint-foreign" for the file called `source`, which is of `kind`, one of KINDS.

    `found`: what in it shows that, if that helps.
    """
    what, step = KINDS[kind]
    sentence = f"{source} is {what}{f' ({found})' if found else ''}. {step}"
    return InputError("checkpoint-foreign", sentence, source=source, kind=kind, found=found)


def kind_of_name(name: str) -> str | None:
    """The kind of a file by the end of its name; None if its name is not that of a foreign file."""
    if re.search(r"\.data-\d{5}-of-\d{5}$", name):
        return "tensorflow"
    return next((kind for kind, ends in _SUFFIXES.items() if name.lower().endswith(ends)), None)


def kind_of_bytes(head: bytes) -> str | None:
    """The kind of a file by its first bytes; None if they are not those of a foreign file."""
    if head[257:262] == b"ustar":
        return "archive"
    start = head.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    found = next((kind for kind, beginnings in _BEGINNINGS.items() if start.startswith(beginnings)), None)
    if found is None and b"onnx" in head[:64]:
        return "onnx"
    if found is None and len(start) > 3 and all(byte in b"\t\r\n" or 32 <= byte < 127 for byte in start):
        return "text"
    return found


def kind_of_zip(names: Iterable[str]) -> str | None:
    """The kind of a zip by the names of its records; None for one that torch.save wrote."""
    names = [name.lower() for name in names]
    files = {Path(name).name for name in names}
    if "constants.pkl" in files and "data.pkl" in files:
        return "torchscript"
    if "data.pkl" in files:
        return None
    return "jax" if names and all(name.endswith(".npy") for name in names) else "archive"
