"""Names of models, and the devices that they are moved to."""

from __future__ import annotations

import pytest
import torch

import vit_core as vc
from app.text import Text
from tests.checkpoints.support import refused, saved
from vit_core.checkpoints.timm_import import import_timm, supported_names
from vit_core.errors import InputError


def test_an_unknown_name_is_an_error_that_lists_what_is_available():
    assert "hf:<folder or id>" in refused("model-unknown", "vit_tiny")
    assert "timm:<name>" in refused("model-unknown", "torchvision:vit_b_16")
    refused("model-unknown", "")
    refused("model-unknown", "timm:")
    refused("model-unknown", "embedded:no-such")
    assert "vit_tiny_patch16_224" in refused("timm-unknown", "timm:vit_tiny_patch16_225")
    assert "vit_small_patch16_224" in refused("timm-unknown", "timm:vit_smal_patch16_224")
    assert "not a Vision Transformer" in refused("timm-not-a-vit", "timm:resnet50")
    assert "augreg" in refused("timm-weights-unknown", "timm:vit_tiny_patch16_224.nobody")
    assert "softmaxes" in refused("checkpoint-architecture", "timm:vit_dwee_patch16_reg1_gap_256")


@pytest.mark.parametrize(
    ("name", "plain"),
    [
        ("swin_tiny_patch4_window7_224", "timm:vit_small_patch16_224"),
        ("swinv2_base_window8_256.ms_in1k", "timm:vit_base_patch16_224"),
        ("swin_nonsense", "timm:vit_small_patch16_224"),
        ("maxvit_large_tf_224", "timm:vit_large_patch16_224"),
    ],
)
def test_a_model_with_windowed_attention_names_a_plain_one(name, plain):
    with pytest.raises(InputError, match="windowed attention") as caught:
        vc.load(f"timm:{name}")
    assert caught.value.values["plain"] == plain
    assert plain.removeprefix("timm:") in supported_names(import_timm())
    assert plain in Text("ko").error(caught.value)


def test_names_of_timm_that_are_close_are_named_in_korean_too():
    with pytest.raises(InputError) as caught:
        vc.load("timm:vit_smal_patch16_224")
    assert "vit_small_patch16_224" in Text("ko").error(caught.value)


def test_devices(tmp_path):
    name = saved(tmp_path)
    assert vc.load(name).head.weight.device.type == vc.best_device().type
    assert vc.load(name, torch.device("cpu")).head.weight.device.type == "cpu"
    with pytest.raises(InputError) as caught:
        vc.load(name, "no-such-device")
    assert caught.value.code == "device-unavailable"


def test_a_model_too_large_for_the_best_device_stays_on_the_cpu_whole(tmp_path, monkeypatch):
    name, to, cpu, there, back = saved(tmp_path), torch.Tensor.to, torch.Tensor.cpu, [], []

    def full(tensor, device, *rest, **more):
        if str(device) != "cuda":
            return to(tensor, device, *rest, **more)
        if len(there) == 5:
            raise torch.OutOfMemoryError("no room")
        there.append(tensor.clone())
        return there[-1]

    real, best = vc.load(name, "cpu"), vc.load(name, "cpu")
    monkeypatch.setattr(torch.Tensor, "to", full)
    monkeypatch.setattr(torch.Tensor, "cpu", lambda tensor: back.append(tensor.data_ptr()) or cpu(tensor))
    monkeypatch.setattr("vit_core.checkpoints.best_device", lambda: torch.device("cuda"))
    assert vc.checkpoints.move_to(best) is best
    assert len(there) == 5
    assert {tensor.data_ptr() for tensor in there} <= set(back)
    for key, value in real.state_dict().items():
        assert torch.equal(best.state_dict()[key], value), key
    assert vc.load(name).head.weight.device.type == "cpu"
    with pytest.raises(InputError) as caught:  # no fallback for a device that was named
        vc.load(name, "cuda")
    assert caught.value.code == "device-unavailable"
    assert "no room" in str(caught.value)
