"""Linear layers by oneDNN: the same numbers, and only where they are meant to be made so."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

import vit_core as vc
from vit_core.models import linear
from vit_core.models.linear import Linear, QuickGELU

if linear._product is None:
    pytest.skip("this PyTorch has no oneDNN", allow_module_level=True)


@pytest.fixture
def asked(monkeypatch):
    """Every product by oneDNN, whatever this CPU gains by it, and which there were."""
    calls, product = [], linear._product
    monkeypatch.setattr(linear, "GAINS", True)
    monkeypatch.setattr(linear, "ENOUGH", 0)
    monkeypatch.setattr(linear, "_product", lambda *args: calls.append(args[3:]) or product(*args))
    return calls


def layer(bias: bool = True) -> Linear:
    torch.manual_seed(0)
    return Linear(64, 96, bias=bias).requires_grad_(False)


def right(own: Linear, x: torch.Tensor, activation) -> torch.Tensor:
    """In float64, from the definition."""
    bias = 0 if own.bias is None else own.bias.double()
    out = torch.einsum("...i,oi->...o", x.double(), own.weight.double()) + bias
    return out if activation is None else activation(out)


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize(
    ("activation", "told"),
    [(None, "none"), (nn.GELU(), "gelu"), (nn.GELU("tanh"), "gelu"), (QuickGELU(), "none"), (nn.SiLU(), "none")],
)
def test_onednn_gives_the_product_and_what_comes_behind_it(asked, activation, told, bias):
    own = layer(bias)
    for x in (torch.randn(2, 17, 64) * 3, torch.randn(17, 2, 64).transpose(0, 1), torch.randn(64)[None]):
        torch.testing.assert_close(own(x, activation).double(), right(own, x, activation), rtol=1e-5, atol=5e-6)
    assert [call[0] for call in asked] == [told] * 3


def test_where_a_gradient_is_wanted_it_comes(asked):
    own, x = layer().requires_grad_(), torch.randn(17, 64)
    own(x, nn.GELU()).sum().backward()
    weight = own.weight.detach().clone().requires_grad_()
    F.gelu(F.linear(x, weight, own.bias)).sum().backward()
    assert torch.equal(own.weight.grad, weight.grad)
    pixels = x.clone().requires_grad_()
    layer()(pixels).sum().backward()
    assert pixels.grad is not None
    assert not asked
    with torch.no_grad():
        own(x)
    assert len(asked) == 1


def test_other_arithmetic_is_left_to_pytorch(asked, monkeypatch):
    x = torch.randn(17, 64)
    with torch.autocast("cpu", torch.bfloat16):
        assert layer()(x).dtype == torch.bfloat16
    assert layer().double()(x.double()).dtype == torch.float64
    assert layer().to("meta")(x.to("meta")).device.type == "meta"
    with monkeypatch.context() as switched:
        switched.setattr(torch.backends.mkldnn, "enabled", False)
        layer()(x)
    monkeypatch.setattr(linear, "ENOUGH", 17 * 64 * 96 + 1)
    layer()(x)
    monkeypatch.setattr(linear, "ENOUGH", 17 * 64 * 96)
    assert not asked
    layer()(x)
    assert len(asked) == 1
    monkeypatch.setattr(linear, "GAINS", False)
    layer()(x)
    assert len(asked) == 1


@pytest.mark.parametrize("listen", ["register_forward_hook", "register_forward_pre_hook"])
def test_who_listens_to_an_activation_hears_it(asked, listen):
    heard, activation, own, x = [], nn.GELU(), layer(), torch.randn(17, 64)
    expected = own(x, activation)
    getattr(activation, listen)(lambda module, given, *out: heard.append(given[0]))
    torch.testing.assert_close(own(x, activation), expected)
    torch.testing.assert_close(heard[0], own(x))
    assert [call[0] for call in asked] == ["gelu", "none", "none"]


@pytest.mark.parametrize("options", [{}, {"mlp": "glu", "activation": "silu"}, {"activation": "quick_gelu"}])
def test_a_model_says_the_same_either_way(asked, monkeypatch, options):
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
    assert len(asked) == 3 * 4  # qkv, proj, fc1, fc2
    monkeypatch.setattr(linear, "GAINS", False)
    by_pytorch = vc.record(model, images)
    assert len(asked) == 3 * 4
    for name in ("queries", "keys", "tokens", "logits", "mean_attention"):
        torch.testing.assert_close(getattr(by_onednn, name), getattr(by_pytorch, name), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("kind", ["onednn", "float64", "autocast", "switched off", "none there"])
def test_a_product_by_itself_keeps_its_precision(asked, monkeypatch, kind):
    x, weight = torch.randn(17, 64), torch.randn(96, 64)
    if kind == "float64":
        x, weight = x.double(), weight.double()
    if kind == "switched off":
        monkeypatch.setattr(torch.backends.mkldnn, "enabled", False)
    if kind == "none there":
        monkeypatch.setattr(linear, "_product", None)
    with torch.autocast("cpu", torch.bfloat16, enabled=kind == "autocast"):
        out = linear.times(x[3:], weight)
    assert out.dtype == x.dtype
    near = 1e-12 if kind == "float64" else 2e-5
    torch.testing.assert_close(out.double(), x[3:].double() @ weight.double().T, rtol=near, atol=near)
    assert len(asked) == (kind == "onednn")
