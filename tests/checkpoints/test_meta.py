"""Meta's own names of DINO, DINOv2 and DINOv3, compared with timm, which converts such files too."""

from __future__ import annotations

import pytest
import torch

import vit_core as vc
from tests.checkpoints.support import pictures, timm, timm_model


def converted(name: str, state: dict, convert, **options) -> torch.nn.Module:
    """timm's model with the weights that its own converter makes of Meta's."""
    theirs = timm.create_model(name, num_classes=0, dynamic_img_size=True, **options).eval()
    theirs.load_state_dict(convert({n: t.clone() for n, t in state.items()}, theirs))
    return theirs


def meta_names(state: dict, registers: str, chunk: int = 0) -> dict:
    """timm's state under Meta's names: another name for registers, and blocks in chunks of `chunk`."""
    out = {}
    for name, tensor in state.items():
        name = name.replace("reg_token", registers)
        if chunk and name.startswith("blocks."):
            number = int(name.split(".")[1])
            name = f"blocks.{number // chunk}.{name.removeprefix('blocks.')}"
        out[name] = tensor
    return out


def dinov2(registers: int) -> dict:
    """A state of Meta's DINOv2: the class token has a position, the registers have none."""
    name = "vit_small_patch14_reg4_dinov2" if registers else "vit_small_patch14_dinov2"
    state = timm_model(name, depth=2, img_size=56, num_classes=0).state_dict()
    if registers:
        state["pos_embed"] = torch.cat([torch.randn(1, 1, 384), state["pos_embed"]], dim=1)
    state["mask_token"] = torch.zeros(1, 384)
    return state


@pytest.mark.parametrize("chunk", [0, 1])
@pytest.mark.parametrize("registers", [0, 4])
def test_dinov2(registers, chunk, tmp_path):
    state = dinov2(registers)
    torch.save(meta_names(state, "register_tokens", chunk), tmp_path / "a.pth")
    name = "vit_small_patch14_reg4_dinov2" if registers else "vit_small_patch14_dinov2"
    plain = meta_names(state, "register_tokens")
    theirs = converted(name, plain, timm.models.vision_transformer.checkpoint_filter_fn, depth=2, img_size=56)
    ours = vc.load(f"file:{tmp_path / 'a.pth'}", "cpu")
    with torch.inference_mode():
        tokens = ours.encode(ours.embed(pictures(56, 56)))
        torch.testing.assert_close(tokens, theirs.forward_features(pictures(56, 56)), rtol=1e-4, atol=1e-4)
    assert ours.report.ignored == ["mask_token"]


def test_dinov2_with_a_gated_mlp(tmp_path):
    """Meta packs gate and value as w12; our model and timm's have them in one layer, too."""
    theirs = timm_model("vit_giant_patch14_dinov2", depth=1, img_size=28, num_classes=0, embed_dim=128, num_heads=2)
    names = {"mlp.fc1": "mlp.w12", "mlp.fc2": "mlp.w3"}
    state = {}
    for name, tensor in theirs.state_dict().items():
        for ours, meta in names.items():
            name = name.replace(ours, meta)
        state[name] = tensor
    torch.save(state, tmp_path / "a.pth")
    ours = vc.load(f"file:{tmp_path / 'a.pth'}", "cpu")
    with torch.inference_mode():
        tokens = ours.encode(ours.embed(pictures(28, 28)))
        torch.testing.assert_close(tokens, theirs.forward_features(pictures(28, 28)), rtol=1e-4, atol=1e-4)


DINOV3_NAMES = {
    "reg_token": "storage_tokens",
    "gamma_1": "ls1.gamma",
    "gamma_2": "ls2.gamma",
    "mlp.fc1_g": "mlp.w1",
    "mlp.fc1_x": "mlp.w2",
}


@pytest.mark.parametrize("gated", [False, True])
def test_dinov3_of_a_teacher(gated, tmp_path):
    name = "vit_small_plus_patch16_dinov3_qkvb" if gated else "vit_small_patch16_dinov3_qkvb"
    theirs = timm_model(name, depth=2, img_size=64, num_classes=0)
    names = DINOV3_NAMES | ({"mlp.fc2": "mlp.w3"} if gated else {})
    state = {"mask_token": torch.zeros(1, 384), "rope_embed.periods": torch.ones(16)}
    for key, tensor in theirs.state_dict().items():
        for timms, metas in names.items():
            key = key.replace(timms, metas)
        state[key] = tensor
    for i in range(2):  # Meta's keys have a bias, which a mask of zeros takes out
        start = f"blocks.{i}.attn."
        query, value = state.pop(f"{start}q_bias"), state.pop(f"{start}v_bias")
        state[f"{start}qkv.bias"] = torch.cat([query, torch.randn(384), value])
        state[f"{start}qkv.bias_mask"] = torch.cat([torch.ones(384), torch.zeros(384), torch.ones(384)])
    torch.save({"teacher": {f"backbone.{n}": t for n, t in state.items()}}, tmp_path / "a.pth")
    ours = vc.load(f"file:{tmp_path / 'a.pth'}", "cpu")
    with torch.inference_mode():
        tokens = ours.encode(ours.embed(pictures(64, 64)))
        torch.testing.assert_close(tokens, theirs.forward_features(pictures(64, 64)), rtol=1e-4, atol=1e-4)
    assert ours.report.origins["weights"] == "a.pth: teacher.backbone"
