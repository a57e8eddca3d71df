"""Linear layers through oneDNN: the same numbers as torch.nn.Linear, and only for the inputs meant for it."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

import vit_core as vc
from vit_core.models import linear
from vit_core.models.linear import Linear, QuickGELU

if linear._onednn_linear is None:
    pytest.skip("this PyTorch has no oneDNN", allow_module_level=True)


@pytest.fixture
def calls(monkeypatch):
    """Every linear layer goes through oneDNN, on any CPU; the arguments of each call after the bias."""
    made, operator = [], linear._onednn_linear
    monkeypatch.setattr(linear, "ONEDNN_IS_FASTER", True)
    monkeypatch.setattr(linear, "ONEDNN_MULTIPLICATIONS", 0)
    monkeypatch.setattr(linear, "_onednn_linear", lambda *args: made.append(args[3:]) or operator(*args))
    return made


def layer(bias: bool = True) -> Linear:
    torch.manual_seed(0)
    return Linear(64, 96, bias=bias).requires_grad_(False)


def reference(own: Linear, x: torch.Tensor, activation) -> torch.Tensor:
    """In float64, from the definition."""
    bias = 0 if own.bias is None else own.bias.double()
    out = torch.einsum("...i,oi->...o", x.double(), own.weight.double()) + bias
    return out if activation is None else activation(out)


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize(
    ("activation", "fused"),
    [(None, "none"), (nn.GELU(), "gelu"), (nn.GELU("tanh"), "gelu"), (QuickGELU(), "none"), (nn.SiLU(), "none")],
)
def test_onednn_computes_the_product_and_the_activation(calls, activation, fused, bias):
    own = layer(bias)
    for x in (torch.randn(2, 17, 64) * 3, torch.randn(17, 2, 64).transpose(0, 1), torch.randn(64)[None]):
        torch.testing.assert_close(own(x, activation).double(), reference(own, x, activation), rtol=1e-5, atol=5e-6)
    assert [call[0] for call in calls] == [fused] * 3


def test_gradients_go_through_pytorch(calls):
    own, x = layer().requires_grad_(), torch.randn(17, 64)
    own(x, nn.GELU()).sum().backward()
    weight = own.weight.detach().clone().requires_grad_()
    F.gelu(F.linear(x, weight, own.bias)).sum().backward()
    assert torch.equal(own.weight.grad, weight.grad)
    pixels = x.clone().requires_grad_()
    layer()(pixels).sum().backward()
    assert pixels.grad is not None
    assert not calls
    with torch.no_grad():
        own(x)
    assert len(calls) == 1


def test_other_arithmetic_is_left_to_pytorch(calls, monkeypatch):
    x = torch.randn(17, 64)
    with torch.autocast("cpu", torch.bfloat16):
        assert layer()(x).dtype == torch.bfloat16
    assert layer().double()(x.double()).dtype == torch.float64
    assert layer().to("meta")(x.to("meta")).device.type == "meta"
    with monkeypatch.context() as switched:
        switched.setattr(torch.backends.mkldnn, "enabled", False)
        layer()(x)
    monkeypatch.setattr(linear, "ONEDNN_MULTIPLICATIONS", 17 * 64 * 96 + 1)
    layer()(x)
    monkeypatch.setattr(linear, "ONEDNN_MULTIPLICATIONS", 17 * 64 * 96)
    assert not calls
    layer()(x)
    assert len(calls) == 1
    monkeypatch.setattr(linear, "ONEDNN_IS_FASTER", False)
    layer()(x)
    assert len(calls) == 1


@pytest.mark.parametrize("register", ["register_forward_hook", "register_forward_pre_hook"])
def test_hooks_on_an_activation_run(calls, register):
    inputs, activation, own, x = [], nn.GELU(), layer(), torch.randn(17, 64)
    expected = own(x, activation)
    getattr(activation, register)(lambda module, given, *out: inputs.append(given[0]))
    torch.testing.assert_close(own(x, activation), expected)
    torch.testing.assert_close(inputs[0], own(x))
    assert [call[0] for call in calls] == ["gelu", "none", "none"]


@pytest.mark.parametrize("options", [{}, {"mlp": "glu", "activation": "silu"}, {"activation": "quick_gelu"}])
def test_a_model_gives_the_same_trace_either_way(calls, monkeypatch, options):
    torch.manual_seed(0)
    model = (
        vc.VisionTransformer(
            vc.ViTConfig(image_size=(64, 64), patch_size=(8, 8), dim=64, depth=3, heads=4, classes=10, **options)
        )
        .eval()
        .requires_grad_(False)
    )
    images = torch.randn(1, 3, 64, 64)
    by_onednn = vc.record(model, images)
    assert len(calls) == 3 * 4  # qkv, proj, fc1, fc2
    monkeypatch.setattr(linear, "ONEDNN_IS_FASTER", False)
    by_pytorch = vc.record(model, images)
    assert len(calls) == 3 * 4
    for name in ("queries", "keys", "tokens", "logits", "mean_attention"):
        torch.testing.assert_close(getattr(by_onednn, name), getattr(by_pytorch, name), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("activation", [None, nn.GELU(), QuickGELU()])
def test_without_the_operator_it_is_pytorchs_linear(monkeypatch, activation):
    monkeypatch.setattr(linear, "ONEDNN_IS_FASTER", False)
    monkeypatch.setattr(linear, "_onednn_linear", None)
    own, x = layer(), torch.randn(17, 64)
    expected = F.linear(x, own.weight, own.bias)
    assert torch.equal(own(x, activation), expected if activation is None else activation(expected))
