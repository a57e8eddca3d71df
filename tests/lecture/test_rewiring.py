"""A model wired as it was trained is the model; other wirings are worked out by hand."""

import pytest
import torch

from tests.attribution.test_forward_steps import EXTRAS, KINDS, close, noise
from vit_core.attribution import residual_streams
from vit_core.lecture import mean_token_cosine, rewired_parts
from vit_core.models.config import WIRINGS
from vit_core.models.vit import Block, VisionTransformer


@pytest.fixture
def make(build):
    """make(**fields) -> a small model in float64."""
    return lambda **fields: build(**fields).double()


@pytest.mark.parametrize("extra", EXTRAS)
@pytest.mark.parametrize("kind", KINDS)
def test_a_model_wired_as_it_was_trained_is_the_model(make, pictures, kind, extra):
    model = make(**KINDS[kind] | EXTRAS[extra])
    own = model.config.block
    streams = residual_streams(model, pictures().double())
    for wiring in WIRINGS:
        left = streams[0]
        for i, block in enumerate(model.blocks):
            *_, left = rewired_parts(block, left, wiring).values()
            if wiring == own:
                close(left, streams[i + 1])
        assert torch.allclose(left, streams[-1]) == (wiring == own)
    with pytest.raises(ValueError, match="wiring"):
        rewired_parts(model.blocks[0], streams[0], "none")


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
    steps = rewired_parts(block, tokens, norm, residual)
    *_, left = steps.values()
    close(left, torch.tensor(expected, dtype=torch.float64))


def test_the_parts_in_order(make):
    order = {norm: list(rewired_parts(make().blocks[0], noise(5, 14), norm)) for norm in WIRINGS}
    assert order == {
        "pre": ["x", "norm1", "attention", "sum1", "norm2", "mlp", "sum2"],
        "post": ["x", "attention", "sum1", "norm1", "mlp", "sum2", "norm2"],
        "res_post": ["x", "attention", "norm1", "sum1", "mlp", "norm2", "sum2"],
        "parallel": ["x", "norm1", "attention", "mlp", "sum2"],
    }


def test_the_sums_of_each_wiring(make):
    block, tokens = make(layer_scale=True).blocks[0], noise(5, 14)
    for norm in ("pre", "post", "res_post"):
        steps, bare = (rewired_parts(block, tokens, norm, residual) for residual in (True, False))
        what = "norm1" if norm == "res_post" else "attention"
        close(steps["sum1"] - steps["x"], steps[what])
        close(bare["sum1"], bare[what])
        assert not torch.allclose(steps["sum2"], bare["sum2"])
    post = rewired_parts(block, tokens, "post")
    close(post["norm1"], block.norm1(post["sum1"]))
    close(post["sum2"], post["norm1"] + post["mlp"])


def test_a_parallel_block_in_sequence_uses_its_one_norm_twice(make):
    block, tokens = make(block="parallel").blocks[0], noise(5, 14)
    pre = rewired_parts(block, tokens, "pre")
    close(pre["norm2"], block.norm1(pre["sum1"]))


def test_the_mean_cosine_of_tokens():
    close(mean_token_cosine(torch.tensor([[1.0, 0.0], [0.0, 2.0]])), torch.tensor(0.0))
    close(mean_token_cosine(torch.tensor([[1.0, 0.0], [3.0, 0.0]])), torch.tensor(1.0))
    close(mean_token_cosine(torch.tensor([[1.0, 0.0], [-3.0, 0.0], [1.0, 0.0]])), torch.tensor(-1 / 3))
    assert mean_token_cosine(noise(3, 6, 14)).shape == (3,)
    assert mean_token_cosine(noise(1, 14)).isnan()
