"""The forward pass taken apart equals the forward pass."""

import pytest
import torch

from vit_core.lecture import steps
from vit_core.models.config import WIRINGS
from vit_core.models.vit import Block, VisionTransformer

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
    """make(**fields) -> a small model in float64, no two of its weights alike."""
    return lambda **fields: build(**fields).double()


@pytest.mark.parametrize("extra", EXTRAS)
@pytest.mark.parametrize("kind", KINDS)
def test_a_block_taken_apart_is_the_block(make, kind, extra):
    model = make(**KINDS[kind] | EXTRAS[extra])
    tokens = noise(36, 14)
    for block in model.blocks:
        seen = steps.inside(block, tokens)
        close(seen.left, block(tokens[None])[0])
        assert not torch.allclose(seen.left, tokens)
        d = model.config.head_dim
        assert (seen.mixed.shape, seen.joined.shape) == ((2, 36, d), (36, 2 * d))
        assert (seen.hidden.shape, seen.activated.shape, seen.written.shape) == ((36, 23), (36, 23), (36, 14))
        assert seen.mlp_input.shape == seen.attention_input.shape == seen.attended.shape == (36, 14)
        for head in range(2):
            close(seen.weights(head) @ seen.value[head], seen.mixed[head])


def test_what_the_parts_read_and_add(make):
    """Places that the sum alone would not tell apart."""
    tokens = noise(5, 14)
    block = make(layer_scale=True).blocks[0]
    seen = steps.inside(block, tokens)
    close(seen.attention_input, block.norm1(tokens))
    close(seen.between, tokens + seen.attended)
    close(seen.mlp_input, block.norm2(seen.between))
    close(seen.written, block.ls2(block.mlp(seen.mlp_input)))
    block = make(block="parallel").blocks[0]
    seen = steps.inside(block, tokens)
    assert isinstance(block.norm2, torch.nn.Identity)
    close(seen.mlp_input, block.norm1(tokens))
    close(seen.between, tokens)
    block = make(block="res_post").blocks[0]
    seen = steps.inside(block, tokens)
    close(seen.attention_input, tokens)
    close(seen.mlp_input, seen.between)
    close(seen.written, block.norm2(block.mlp(seen.between)))


@pytest.mark.parametrize("extra", EXTRAS)
def test_an_mlp_sees_one_token_at_a_time(make, extra):
    mlp, tokens = make(**EXTRAS[extra]).blocks[0].mlp, noise(6, 14)
    hidden, activated, written = steps.through(mlp, tokens)
    close(written, mlp(tokens))
    for at in range(6):
        for alone, among in zip(steps.through(mlp, tokens[at : at + 1]), (hidden, activated, written), strict=True):
            close(alone[0], among[at])
    if not mlp.gated and isinstance(mlp.norm, torch.nn.Identity):
        close(activated, mlp.act(hidden))


@pytest.mark.parametrize("kind", KINDS)
def test_streams_and_lens_are_the_models_own(make, pictures, kind):
    model, images = make(**KINDS[kind], distillation_token=True, distillation_head=True), pictures().double()
    streams = steps.streams(model, images)
    assert streams.shape == (4, 37, 14)
    for stream, expected in zip(streams, model.layers(model.embed(images)), strict=True):
        close(stream, expected[0])
    logits = steps.lens(model, streams)
    assert logits.shape == (4, 11)
    close(logits[-1], model(images)[0])
    assert not torch.allclose(logits[-2], logits[-1])
    assert steps.lens(make(classes=0), noise(2, 36, 14)) is None


@pytest.mark.parametrize("extra", EXTRAS)
@pytest.mark.parametrize("kind", KINDS)
def test_a_model_wired_as_it_was_trained_is_the_model(make, pictures, kind, extra):
    model = make(**KINDS[kind] | EXTRAS[extra])
    own = model.config.block
    streams = steps.streams(model, pictures().double())
    close(steps.rewired(model, streams[0], own), streams)
    for norm in set(WIRINGS) - {own}:
        assert not torch.allclose(steps.rewired(model, streams[0], norm), streams)
    with pytest.raises(ValueError, match="wiring"):
        steps.wired(model.blocks[0], streams[0], "none")


def by_hand(model: VisionTransformer) -> Block:
    """A block whose attention halves the mean of all tokens and whose MLP adds (1, -3) to every token:
    what it leaves can be worked out on paper."""
    block = model.blocks[0]
    with torch.no_grad():
        for parameter in block.parameters():
            parameter.zero_()
        block.norm1.weight.fill_(1)
        block.norm2.weight.fill_(1)
        block.attn.qkv.weight[4:] = torch.eye(2)  # queries and keys 0: every token reads the mean of the values
        block.attn.proj.weight.copy_(0.5 * torch.eye(2))
        block.mlp.fc2.bias.copy_(torch.tensor([1.0, -3.0]))
    return block


@pytest.mark.parametrize(("norm", "residual", "expected"), [
    # tokens (3, 1) and (2, 6); a norm over two channels leaves (1, -1) or (-1, 1); two equal channels leave (0, 0)
    ("pre", True, [[3 + 0 + 1, 1 + 0 - 3], [2 + 0 + 1, 6 + 0 - 3]]),  # mean of (1, -1) and (-1, 1) is (0, 0)
    ("pre", False, [[1, -3], [1, -3]]),
    ("post", True, [[1, -1], [1, -1]]),  # sums (4.25, 2.75), (3.25, 7.75) -> (1, -1), (-1, 1); (2, -4), (0, -2)
    ("post", False, [[1, -1], [1, -1]]),
    ("res_post", True, [[3 - 1 + 1, 1 + 1 - 1], [2 - 1 + 1, 6 + 1 - 1]]),  # attention (1.25, 1.75) -> (-1, 1)
    ("res_post", False, [[1, -1], [1, -1]]),
    ("parallel", True, [[4, -2], [3, 3]]),
    ("parallel", False, [[1, -3], [1, -3]]),
])  # fmt: skip
def test_two_tokens_by_hand(make, norm, residual, expected):
    model = make(dim=2, heads=1, head_dim=2, mlp_dim=3, depth=1, norm_eps=1e-12)
    block = by_hand(model)
    tokens = torch.tensor([[3.0, 1.0], [2.0, 6.0]], dtype=torch.float64)
    seen = steps.wired(block, tokens, norm, residual)
    *_, left = seen.values()
    close(left, torch.tensor(expected, dtype=torch.float64))
    close(steps.rewired(model, tokens, norm, residual)[-1], left)


def test_the_parts_in_order(make):
    order = {norm: list(steps.wired(make().blocks[0], noise(5, 14), norm)) for norm in WIRINGS}
    assert order == {
        "pre": ["x", "norm1", "attention", "sum1", "norm2", "mlp", "sum2"],
        "post": ["x", "attention", "sum1", "norm1", "mlp", "sum2", "norm2"],
        "res_post": ["x", "attention", "norm1", "sum1", "mlp", "norm2", "sum2"],
        "parallel": ["x", "norm1", "attention", "mlp", "sum2"],
    }


def test_the_sums_of_each_wiring(make):
    block, tokens = make(layer_scale=True).blocks[0], noise(5, 14)
    for norm in ("pre", "post", "res_post"):
        seen, bare = (steps.wired(block, tokens, norm, residual) for residual in (True, False))
        what = "norm1" if norm == "res_post" else "attention"
        close(seen["sum1"] - seen["x"], seen[what])
        close(bare["sum1"], bare[what])
        assert not torch.allclose(seen["sum2"], bare["sum2"])
    post = steps.wired(block, tokens, "post")
    close(post["norm1"], block.norm1(post["sum1"]))
    close(post["sum2"], post["norm1"] + post["mlp"])


def test_a_parallel_blocks_one_norm_stands_in_both_places_of_a_sequence(make):
    block, tokens = make(block="parallel").blocks[0], noise(5, 14)
    pre = steps.wired(block, tokens, "pre")
    close(pre["norm2"], block.norm1(pre["sum1"]))


def test_how_alike_tokens_are():
    close(steps.alike(torch.tensor([[1.0, 0.0], [0.0, 2.0]])), torch.tensor(0.0))
    close(steps.alike(torch.tensor([[1.0, 0.0], [3.0, 0.0]])), torch.tensor(1.0))
    close(steps.alike(torch.tensor([[1.0, 0.0], [-3.0, 0.0], [1.0, 0.0]])), torch.tensor(-1 / 3))
    assert steps.alike(noise(3, 6, 14)).shape == (3,)
    assert steps.alike(noise(1, 14)).isnan()


def test_what_a_units_direction_says_to_the_head(make):
    """Against the derivative of the logits, for a token on which the norm's own spread does not change."""
    model = make(layer_scale=True)
    block, unit = model.blocks[-1], 5
    direction = block.ls2.gamma * block.mlp.fc2.weight[:, unit]
    x = noise(14)
    x, away = x - x.mean(), direction - direction.mean()
    x = x - away * (x @ away) / (away @ away)
    x = x / x.square().mean().sqrt()
    step = 1e-5
    logits = [model.head(model.norm(x + s * direction)) for s in (step, -step)]
    found = steps.unit_logits(model, 2, unit)
    torch.testing.assert_close(found, (logits[0] - logits[1]) / (2 * step), atol=1e-4, rtol=1e-4)
    assert found.abs().max() > 0.01
    for fields in ({"classes": 0}, {"block": "res_post"}, {"pool": "map"}, {"pool": "token_avg"}):
        assert steps.unit_logits(make(**fields), 0, 0) is None
    assert steps.unit_logits(make(norm="rms", pool="avg", final_norm=False, pool_norm=True), 0, 0).shape == (11,)
