"""Training is deterministic, and a killed run continues to the same weights."""

import dataclasses
import gzip
import os
import signal
import struct
import subprocess
import sys
import time

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from vit_core.checkpoints import embedded
from vit_core.data import arrays
from vit_core.models.vit import VisionTransformer
from vit_core.training import loop
from vit_core.training.initialise import mimetic, resample


@pytest.fixture(scope="module")
def grey(tmp_path_factory):
    """Pictures of two classes that are easy to separate, as Fashion-MNIST's four files."""
    folder = tmp_path_factory.mktemp("idx")
    rng = np.random.default_rng(0)
    for part, count in (("train", loop.HELD_OUT_PICTURES + 640), ("t10k", 50)):
        classes = rng.integers(0, 2, count).astype(np.uint8)
        images = rng.integers(0, 60, (count, 28, 28)).astype(np.uint8)
        images[classes == 1, :14] += 150
        for name, array, magic in (("images-idx3", images, 0x803), ("labels-idx1", classes, 0x801)):
            header = struct.pack(f">{1 + array.ndim}I", magic, *array.shape)
            with gzip.open(folder / f"{part}-{name}-ubyte.gz", "wb") as file:
                file.write(header + array.tobytes())
    return folder


def run(grey, out, **changes):
    recipe = dataclasses.replace(loop.RECIPES["trial"], **changes)
    return loop.TrainingRun("trial", recipe, str(grey), out, "cpu")


def weights(one):
    return torch.cat([v.flatten() for v in one.average.values()])


def test_same_seed_same_weights_other_seed_others(grey, tmp_path):
    runs = [run(grey, tmp_path / f"{i}.safetensors", seed=seed) for i, seed in enumerate((0, 0, 1))]
    for one in runs:
        loop.train(one, stop_at=4)
    assert torch.equal(weights(runs[0]), weights(runs[1]))
    assert not torch.equal(weights(runs[0]), weights(runs[2]))


def test_stopped_and_resumed_is_bit_identical(grey, tmp_path):
    whole = run(grey, tmp_path / "whole.safetensors")
    loop.train(whole)
    loop.train(run(grey, tmp_path / "parts.safetensors"), stop_at=3)
    second = run(grey, tmp_path / "parts.safetensors")
    assert second.resume()
    assert second.step == 3
    loop.train(second)
    assert torch.equal(weights(whole), weights(second))


def test_it_learns_and_the_file_is_a_model(grey, tmp_path):
    one = run(grey, tmp_path / "tiny.safetensors", epochs=3)
    loop.train(one)
    card = one.finish()
    assert card["test pictures"] == 50
    assert card["test accuracy"] >= 0.9
    model = embedded.load_saved(tmp_path / "tiny.safetensors")
    assert isinstance(model, VisionTransformer)
    assert model.labels == arrays.FASHION_LABELS
    images = torch.from_numpy(one.test.images).float()
    right = model(one.normalise(images)).argmax(1).numpy() == one.test.labels
    assert right.mean() == card["test accuracy"]


def test_another_recipe_does_not_take_up_a_checkpoint(grey, tmp_path):
    loop.train(run(grey, tmp_path / "a.safetensors"), stop_at=1)
    with pytest.raises(ValueError, match="another recipe"):
        run(grey, tmp_path / "a.safetensors", seed=7).resume()


@pytest.mark.load
def test_killed_hard_and_started_again(grey, tmp_path):
    def start(out):
        command = [
            sys.executable,
            "-m",
            "vit_core",
            "train",
            "--recipe",
            "trial",
            "--data",
            str(grey),
            "--threads",
            "1",
            "--out",
            str(out),
            "--save-every",
            "0",
        ]
        return subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=os.environ | {"OMP_NUM_THREADS": "1"},
        )

    whole = start(tmp_path / "whole.safetensors")
    whole.communicate(timeout=120)
    assert whole.returncode == 0
    killed, checkpoint = start(tmp_path / "killed.safetensors"), tmp_path / "killed.checkpoint"
    deadline = time.monotonic() + 60
    while not checkpoint.exists() and time.monotonic() < deadline:
        time.sleep(0.005)
    killed.send_signal(signal.SIGKILL)
    killed.communicate()
    assert checkpoint.exists()
    assert not (tmp_path / "killed.safetensors").exists()
    again = start(tmp_path / "killed.safetensors")
    said, _ = again.communicate(timeout=120)
    assert again.returncode == 0, said
    assert "resumed at step" in said
    a, b = (load_file(tmp_path / f"{name}.safetensors") for name in ("whole", "killed"))
    assert all(torch.equal(a[k], b[k]) for k in a)


def test_mimetic_start_looks_at_itself():
    one = VisionTransformer(loop.ViTConfig(**loop.RECIPES["tiny"].arch))
    mimetic(one, torch.Generator().manual_seed(0))
    query, key, value = one.blocks[0].attn.qkv.weight.view(3, 4, 32, 128)
    product = (query.transpose(1, 2) @ key).mean(0)
    assert product.diagonal().mean() > 10 * product.mean().abs()
    mixed = one.blocks[0].attn.proj.weight @ value.reshape(128, 128)
    assert -0.6 < mixed.diagonal().mean() < -0.2


def test_augment_shifts_and_mirrors_only():
    images = torch.arange(28 * 28, dtype=torch.uint8).view(1, 1, 28, 28).expand(64, -1, -1, -1)
    recipe = loop.RECIPES["trial"]
    out = loop.augment(images, recipe, torch.Generator().manual_seed(0))
    assert out.shape == images.shape
    steps = {int(o[0, 14, 15] - o[0, 14, 14]) for o in out}
    assert steps == {1, -1}  # neighbours stay neighbours, in either direction


def test_cutmix_mixes_targets_by_area():
    images = torch.arange(8.0).view(8, 1, 1, 1).expand(-1, 1, 20, 20)
    mixed, targets = loop.cutmix(images, torch.eye(8), torch.Generator().manual_seed(3))
    for i in range(8):
        own = (mixed[i] == i).float().mean().item()
        assert targets[i, i].item() == pytest.approx(own, abs=1e-6)
        assert targets[i].sum().item() == pytest.approx(1)


def test_missing_and_broken_files_are_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="dataset-fashion-mnist"):
        arrays.fashion_mnist(tmp_path)
    (tmp_path / "x").write_bytes(b"nonsense")
    with pytest.raises(ValueError, match="not an IDX file"):
        arrays.read_idx(tmp_path / "x")
    (tmp_path / "y").write_bytes(struct.pack(">IIB", 0x801, 5, 0))
    with pytest.raises(ValueError, match="declares 5 values and holds 1"):
        arrays.read_idx(tmp_path / "y")


@pytest.mark.parametrize("token", [False, True])
def test_a_teacher_adds_its_probabilities_to_the_loss(grey, tmp_path, token):
    arch = loop.RECIPES["trial"].arch | dict(distillation_token=token, distillation_head=token)
    one = run(grey, tmp_path / "x.safetensors", arch=arch, teacher="fashion-cnn", keep=1.0)
    loop.train(one, stop_at=2)
    with torch.no_grad():
        taught, model = one.loss(*one.batch()), one.model
        images, *_ = one.batch()
        tokens, teacher = model.encode(model.embed(images)), one.teacher(images).softmax(-1)
        scores = model.distillation_head(tokens[:, 1]) if token else model.head(tokens[:, 0])
        one.teacher = None
        alone = one.loss(*one.batch())
    torch.testing.assert_close(taught, (alone - (teacher * scores.log_softmax(-1)).sum(-1).mean()) / 2)
    assert abs(taught - alone) > 1e-3


def test_smaller_patches_start_from_the_weights_of_larger_ones():
    torch.manual_seed(0)
    coarse = VisionTransformer(loop.ViTConfig(**loop.RECIPES["fashion-coarse"].arch)).requires_grad_(False)
    fine = VisionTransformer(loop.ViTConfig(**loop.RECIPES["fashion"].arch)).requires_grad_(False)
    resample(coarse, fine)
    assert fine.config.grid == (14, 14)
    for name, value in coarse.state_dict().items():
        if name not in ("positions", "patch_embed.weight"):
            assert torch.equal(fine.state_dict()[name], value), name
    assert torch.equal(fine.positions[:, 0], coarse.positions[:, 0])
    expected = coarse.position_grid((14, 14))
    torch.testing.assert_close(fine.position_grid(), expected)
    grey = torch.full((1, 1, 28, 28), 0.7)
    torch.testing.assert_close(fine.patch_embed(grey).mean((2, 3)), coarse.patch_embed(grey).mean((2, 3)))
