"""The command line, run as a person would."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest
import torch
from PIL import Image

import vit_core as vc
from vit_core.checkpoints import embedded
from vit_core.cli import main

SAMPLES = embedded.ASSETS / "samples"


def test_explain_writes_what_the_api_says(tmp_path, capsys):
    image = SAMPLES / "chelsea.jpg"
    assert main(["explain", str(image), "--model", "embedded:tiny", "--out", str(tmp_path / "out"), "--k", "3"]) == 0
    assert "chelsea.jpg: " in capsys.readouterr().out
    model = vc.load("embedded:tiny")
    trace = vc.record(model, image)
    facts = json.loads((tmp_path / "out/chelsea.json").read_text("utf-8"))
    expected = vc.predict(model, image, k=3)
    assert [p["label"] for p in facts["predictions"]] == [label for label, _ in expected]
    assert [p["probability"] for p in facts["predictions"]] == pytest.approx([p for _, p in expected], rel=1e-4)
    with np.load(tmp_path / "out/chelsea.npz") as arrays:
        assert arrays["attention"].shape == (trace.depth, trace.heads, *trace.grid)
        row = vc.rollout(trace)
        np.testing.assert_allclose(arrays["rollout"], trace.on_grid(row).cpu(), atol=1e-6)
        np.testing.assert_allclose(arrays["attention"][1], trace.on_grid(trace.attention(1)[:, 0]).cpu(), atol=1e-6)
    with Image.open(tmp_path / "out/chelsea.rollout.png") as drawn, Image.open(image) as picture:
        assert drawn.size == picture.size
    layers = sorted(p.name for p in (tmp_path / "out").glob("chelsea.layer*.png"))
    assert layers == [f"chelsea.layer{i + 1:02}.png" for i in range(trace.depth)]


def test_explain_at_another_size_and_on_the_whole_picture(tmp_path, capsys):
    image, out, model = SAMPLES / "kitten.jpg", tmp_path / "out", vc.load("embedded:photo")
    step = model.config.patch_size[0]
    size = 12 * step
    assert main(["explain", str(image), "--out", str(out), "--size", str(size), "--framing", "whole"]) == 0
    facts = json.loads((out / "kitten.json").read_text("utf-8"))
    with Image.open(image) as picture:
        assert facts["crop"]["box"] == pytest.approx([0, 0, *picture.size])
    trace = vc.record(model, image, size=size, framing="whole")
    assert facts["grid"] == list(trace.grid)
    assert trace.grid[0] < trace.grid[1]
    assert facts["model"] == f"embedded:photo?input={size}-whole"
    with np.load(out / "kitten.npz") as arrays:
        assert arrays["rollout"].shape == trace.grid
        np.testing.assert_allclose(arrays["logits"], trace.logits.cpu(), rtol=1e-4, atol=1e-4)
    assert main(["explain", str(image), "--out", str(out), "--size", str(size + 1)]) == 2
    assert f"{size} or {size + step}" in capsys.readouterr().err


def test_a_model_that_the_device_has_no_memory_for_is_the_cpus_and_that_is_said(tmp_path, capsys, monkeypatch):
    def full(model, device):
        if str(device) == "cuda":
            raise torch.OutOfMemoryError("no room")
        return model

    for module in "vit_core", "vit_core.checkpoints":
        monkeypatch.setattr(f"{module}.best_device", lambda: torch.device("cuda"))
    monkeypatch.setattr(vc.VisionTransformer, "to", full)
    image, out = str(SAMPLES / "chelsea.jpg"), str(tmp_path / "out")
    assert main(["explain", image, "--out", out]) == 0
    assert capsys.readouterr().err == "The GPU's memory was too small for embedded:photo, so the CPU runs it.\n"
    assert json.loads((tmp_path / "out/chelsea.json").read_text("utf-8"))["device"] == "cpu"
    assert main(["explain", image, "--out", out, "--device", "cpu"]) == 0
    assert capsys.readouterr().err == ""
    assert main(["explain", image, "--out", out, "--device", "cuda"]) == 2
    assert "no room" in capsys.readouterr().err


@pytest.mark.parametrize("step", ["record", "rollout"])
def test_a_picture_that_the_device_has_no_memory_for_is_the_cpus_and_that_is_said(step, tmp_path, capsys, monkeypatch):
    image, out, asked, real = str(SAMPLES / "chelsea.jpg"), tmp_path / "out", [], getattr(vc, step)

    def full(first, *rest, **more):
        asked.append(first)
        if first is asked[0]:  # the copy on the CPU has room
            raise torch.OutOfMemoryError("no room")
        return real(first, *rest, **more)

    monkeypatch.setattr(vc, step, full)
    assert main(["explain", image, image, "--out", str(out)]) == 0
    said = f"{image}: The GPU's memory was too small for this picture, so the CPU ran it.\n"
    assert capsys.readouterr().err == said * (1 if step == "rollout" else 2)  # each is tried there first
    with np.load(out / "chelsea.npz") as first, np.load(out / "chelsea_.npz") as second:
        for name in first.files:
            np.testing.assert_array_equal(first[name], second[name])


def test_explain_multiplies_in_bfloat16_where_it_is_asked_to_and_says_so(tmp_path):
    image, said = SAMPLES / "chelsea.jpg", {}
    for name, flags in (("float32", []), ("bfloat16", ["--bf16"])):
        assert main(["explain", str(image), "--device", "cpu", "--out", str(tmp_path / name), *flags]) == 0
        facts = json.loads((tmp_path / name / "chelsea.json").read_text("utf-8"))
        assert facts["arithmetic"] == name
        with np.load(tmp_path / name / "chelsea.npz") as arrays:
            said[name] = [p["probability"] for p in facts["predictions"]], arrays["rollout"], arrays["attention"]
    for exact, rough in zip(*said.values(), strict=True):
        np.testing.assert_allclose(rough, exact, atol=0.05)
        assert np.abs(np.subtract(rough, exact)).max() > 0  # it was not float32 again


@pytest.mark.load
def test_names_that_the_terminal_cannot_show_are_spelt_out(tmp_path):
    image = tmp_path / os.fsdecode(b"caf\xe9.png")
    Image.new("RGB", (40, 40), "red").save(tmp_path / "p.png")
    os.rename(tmp_path / "p.png", image)
    command = [sys.executable, "-m", "vit_core", "explain", str(image), "--out", str(tmp_path / "고양이")]
    for encoding, shown in (("utf-8:strict", "고양이"), ("ascii", "\\uace0")):
        ran = subprocess.run(command, capture_output=True, env=os.environ | {"PYTHONIOENCODING": encoding}, timeout=120)
        assert (ran.returncode, ran.stderr) == (0, b"")
        assert shown in ran.stdout.decode()
    facts = json.loads((tmp_path / "고양이" / image.with_suffix(".json").name).read_text("utf-8"))
    assert os.fsencode(facts["image"]) == bytes(image)


def test_same_names_do_not_overwrite_each_other(tmp_path):
    for folder, colour in (("a", "red"), ("b", "blue")):
        (tmp_path / folder).mkdir()
        Image.new("RGB", (40, 40), colour).save(tmp_path / folder / "p.png")
    assert main(["explain", str(tmp_path / "a/p.png"), str(tmp_path / "b/p.png"), "--out", str(tmp_path / "out")]) == 0
    assert len(list((tmp_path / "out").glob("*.json"))) == 2


def test_a_large_jpeg_is_opened_smaller_and_that_is_said(tmp_path, capsys):
    Image.new("L", (9000, 7000), 90).save(tmp_path / "large.jpg")  # 63 megapixels, more than can be decoded in grey
    for image, part, size in ((tmp_path / "large.jpg", 2, [3500, 4500]), (SAMPLES / "chelsea.jpg", 1, [300, 451])):
        assert main(["explain", str(image), "--out", str(tmp_path / "out")]) == 0
        assert ("(opened at 1/2 of its size)" in capsys.readouterr().out) is (part > 1)
        crop = json.loads((tmp_path / "out" / f"{image.stem}.json").read_text("utf-8"))["crop"]
        assert (crop["part"], crop["picture"]) == (part, size)


def test_models_lists_the_embedded_ones(capsys):
    assert main(["models"]) == 0
    said = capsys.readouterr().out
    assert "embedded:photo" in said
    assert "embedded:fashion" in said


def test_models_explains_how_a_checkpoint_was_read(tmp_path, capsys):
    model = vc.load("embedded:fashion", "cpu")
    state = {f"module.net.{name}": tensor for name, tensor in model.state_dict().items()}
    extra = {"criterion.weight": torch.ones(10), "val_acc.tp": torch.zeros(10), "val_acc.fp": torch.zeros(10)}
    torch.save({"state_dict": state | extra, "state_dict_ema": model.state_dict()}, tmp_path / "last.pth.tar")
    assert main(["models", f"file:{tmp_path / 'last.pth.tar'}#state_dict", "--explain"]) == 0
    said = dict(line.split(maxsplit=1) for line in capsys.readouterr().out.splitlines())
    assert said["architecture"].startswith(f"{model.config.depth} layers x ")
    assert said["architecture"].endswith("from names and shapes of the tensors")
    assert said["weights"] == "last.pth.tar: state_dict.net"
    assert said["unwrapped"] == "module., net."
    assert said["other"] == "weights    #state_dict_ema"
    assert said["passed"] == "over      criterion (1), val_acc (2)"
    assert "mean 0.5" in said["preprocessing"]
    assert "heads" in said["assumed"]
    with pytest.raises(SystemExit):
        main(["models", "--explain"])


def test_one_bad_picture_is_named_and_the_others_go_on(tmp_path, capsys):
    (tmp_path / "bad.png").write_text("no picture")
    good = SAMPLES / "chelsea.jpg"
    assert main(["explain", str(tmp_path / "bad.png"), str(good), "--out", str(tmp_path / "out")]) == 2
    said = capsys.readouterr()
    assert said.err.startswith(f"{tmp_path}/bad.png: ")
    assert "Traceback" not in said.err
    assert (tmp_path / "out/chelsea.json").exists()


@pytest.mark.parametrize("arguments", [
    ["--model", "embedded:nothing"], ["--model", "nonsense"], ["--model", "file:/no/such.pth"],
    ["--fusion", "median"], ["--token", "999"], ["--residual", "2"],
], ids=" ".join)  # fmt: skip
def test_bad_options_end_with_two_and_a_sentence(tmp_path, capsys, arguments):
    assert main(["explain", str(SAMPLES / "chelsea.jpg"), "--out", str(tmp_path), *arguments]) == 2
    said = capsys.readouterr().err
    assert said.strip()
    assert "Traceback" not in said


def test_no_fewer_than_one_prediction_can_be_asked_for(tmp_path, capsys):
    with pytest.raises(SystemExit, match="2"):
        main(["explain", str(SAMPLES / "chelsea.jpg"), "--out", str(tmp_path), "--k", "0"])
    assert "--k: must be 1 or more" in capsys.readouterr().err


def test_a_checkpoint_with_nan_ends_with_two_and_names_the_tensor(tmp_path, capsys):
    model = vc.load("embedded:fashion", device="cpu")
    with torch.no_grad():
        model.blocks[2].attn.proj.weight[0, 0] = float("nan")
    embedded.save(model, tmp_path / "nan.safetensors", {})
    arguments = [
        "explain",
        str(SAMPLES / "chelsea.jpg"),
        "--out",
        str(tmp_path),
        "--model",
        f"file:{tmp_path / 'nan.safetensors'}",
    ]
    assert main(arguments) == 2
    assert "blocks.2.attn.proj.weight" in capsys.readouterr().err


@pytest.mark.parametrize("tensor", ["blocks.0.mlp.fc2.weight", "head.weight"])
def test_numbers_beyond_float32_are_a_sentence_and_no_file(tmp_path, capsys, tensor):
    model = vc.load("embedded:fashion", device="cpu")
    with torch.no_grad():
        model.get_parameter(tensor).fill_(3e38)
    vc.save(model, tmp_path / "huge.safetensors")
    arguments = [
        "explain",
        str(SAMPLES / "chelsea.jpg"),
        "--out",
        str(tmp_path / "out"),
        "--model",
        f"file:{tmp_path / 'huge.safetensors'}",
    ]
    assert main(arguments) == 2
    assert "chelsea.jpg: The model's numbers for this picture are not finite." in capsys.readouterr().err
    assert not list((tmp_path / "out").iterdir())


def test_a_place_that_cannot_be_written_is_said(tmp_path, capsys):
    (tmp_path / "file").write_text("")
    assert main(["explain", str(SAMPLES / "chelsea.jpg"), "--out", str(tmp_path / "file" / "out")]) == 2
    assert "cannot write" in capsys.readouterr().err
