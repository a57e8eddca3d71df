"""The forward pass step by step equals the forward pass."""

import pytest
import torch

from vit_core.attribution import block_steps, mlp_steps

KINDS = {"pre": {}, "post": {"block": "res_post"}, "parallel": {"block": "parallel"}}
EXTRAS = {
    "plain": {}, "glu": {"mlp": "glu", "activation": "silu"}, "quick": {"activation": "quick_gelu"},
    "qk_norm": {"qk_norm": True}, "attention_norm": {"attention_norm": True}, "mlp_norm": {"mlp_norm": True},
    "rope": {"position": "rope", "head_dim": 8},
    "layer_scale": {"layer_scale": True}, "rms": {"norm": "rms", "qkv_bias": False, "mlp_bias": False},
    "all": {"mlp": "glu", "qk_norm": True, "attention_norm": True, "mlp_norm": True, "layer_scale": True},
}  # fmt: skip


def noise(*shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(sum(shape)), dtype=torch.float64)


def close(a: torch.Tensor, b: torch.Tensor) -> None:
    torch.testing.assert_close(a, b, atol=1e-10, rtol=1e-10)


@pytest.fixture
def make(build):
    """make(**fields) -> a small model in float64."""
    return lambda **fields: build(**fields).double()


@pytest.mark.parametrize("extra", EXTRAS)
@pytest.mark.parametrize("kind", KINDS)
def test_a_block_taken_apart_is_the_block(make, kind, extra):
    model = make(**KINDS[kind] | EXTRAS[extra])
    tokens = noise(36, 14)
    for block in model.blocks:
        steps = block_steps(block, tokens)
        close(steps.left, block(tokens[None])[0])
        assert not torch.allclose(steps.left, tokens)
        d = model.config.head_dim
        assert (steps.mixed.shape, steps.joined.shape) == ((2, 36, d), (36, 2 * d))
        assert (steps.hidden.shape, steps.activated.shape, steps.written.shape) == ((36, 23), (36, 23), (36, 14))
        assert steps.mlp_input.shape == steps.attention_input.shape == steps.attended.shape == (36, 14)
        for head in range(2):
            close(steps.weights(head) @ steps.value[head], steps.mixed[head])


def test_what_the_parts_read_and_add(make):
    """Places that the sum alone would not tell apart."""
    tokens = noise(5, 14)
    block = make(layer_scale=True).blocks[0]
    steps = block_steps(block, tokens)
    close(steps.attention_input, block.norm1(tokens))
    close(steps.between, tokens + steps.attended)
    close(steps.mlp_input, block.norm2(steps.between))
    close(steps.written, block.ls2(block.mlp(steps.mlp_input)))
    block = make(block="parallel").blocks[0]
    steps = block_steps(block, tokens)
    assert isinstance(block.norm2, torch.nn.Identity)
    close(steps.mlp_input, block.norm1(tokens))
    close(steps.between, tokens)
    block = make(block="res_post").blocks[0]
    steps = block_steps(block, tokens)
    close(steps.attention_input, tokens)
    close(steps.mlp_input, steps.between)
    close(steps.written, block.norm2(block.mlp(steps.between)))


@pytest.mark.parametrize("extra", EXTRAS)
def test_an_mlp_computes_each_token_alone(make, extra):
    mlp, tokens = make(**EXTRAS[extra]).blocks[0].mlp, noise(6, 14)
    hidden, activated = mlp_steps(mlp, tokens)
    close(mlp.fc2(activated), mlp(tokens))
    for at in range(6):
        for alone, among in zip(mlp_steps(mlp, tokens[at : at + 1]), (hidden, activated), strict=True):
            close(alone[0], among[at])
    if not mlp.gated and isinstance(mlp.norm, torch.nn.Identity):
        close(activated, mlp.act(hidden))
