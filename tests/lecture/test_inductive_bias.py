"""Inductive bias: connectivity by hand, costs against torch's own layers, symmetries measured."""

import copy
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

import vit_core as vc
from vit_core.lecture import inductive_bias, patches
from vit_core.lecture.inductive_bias import CARRIED, COMPUTED, KINDS
from vit_core.models.vit import Attention, attention_weights

GRID = (3, 4)


def test_connectivity_of_two_by_two_patches_by_hand():
    assert inductive_bias.connectivity("full", (1, 2)).tolist() == [[1, 2], [3, 4]]
    assert inductive_bias.connectivity("attention", (1, 2)).tolist() == [[COMPUTED, COMPUTED]] * 2
    assert inductive_bias.connectivity("recurrent", (1, 3)).tolist() == [
        [1, 0, 0],
        [CARRIED, 1, 0],
        [CARRIED, CARRIED, 1],
    ]
    # of a 3 x 3 filter counted 1..9 row by row, 5 is the centre
    assert inductive_bias.connectivity("convolution", (2, 2)).tolist() == [
        [5, 6, 8, 9],
        [4, 5, 7, 8],
        [2, 3, 5, 6],
        [1, 2, 4, 5],
    ]
    assert inductive_bias.connectivity("convolution", (1, 4))[0].tolist() == [5, 6, 0, 0]


def gradients(layer, grid, width):
    """Which inputs a real layer's outputs depend on, (N, N) bool, by differentiating it."""
    x = torch.randn(grid[0] * grid[1], width, generator=torch.Generator().manual_seed(1))
    found = torch.autograd.functional.jacobian(layer, x)  # N, D, N, D
    return found.abs().sum((1, 3)) > 0


@pytest.mark.parametrize("kind", KINDS)
def test_connectivity_is_where_the_layers_gradient_is(kind):
    layer = inductive_bias.random_layers(GRID, 2)[kind]
    if kind == "convolution":  # the measured one wraps around; here the edge is zero, as in the drawing
        padded = nn.Conv2d(2, 2, 3, padding=1)
        layer = lambda x: padded(x.T.reshape(1, 2, *GRID)).reshape(2, -1).T  # noqa: E731
    assert torch.equal(gradients(layer, GRID, 2), inductive_bias.connectivity(kind, GRID) != 0)


def test_equal_numbers_are_one_weight():
    """A convolution written as a matrix from its connectivity is torch's convolution."""
    filters = torch.randn(1, 1, 3, 3, generator=torch.Generator().manual_seed(0))
    weights = torch.cat([torch.zeros(1), filters.flatten()])
    x = torch.randn(12, generator=torch.Generator().manual_seed(1))
    by_matrix = weights[inductive_bias.connectivity("convolution", GRID)] @ x
    by_torch = torch.conv2d(x.view(1, 1, *GRID), filters, padding=1).flatten()
    assert torch.allclose(by_matrix, by_torch, atol=1e-6)


def test_what_reaches_an_output():
    def reaching(kind: str, output: int) -> torch.Tensor:
        return (inductive_bias.connectivity(kind, GRID)[output] != 0).view(GRID)

    assert reaching("convolution", 0).tolist() == [[True, True, False, False]] * 2 + [[False] * 4]
    assert int(reaching("convolution", 5).sum()) == 9
    assert reaching("recurrent", 5).flatten().tolist() == [True] * 6 + [False] * 6
    assert reaching("full", 5).all()
    assert reaching("attention", 5).all()


def test_an_unknown_kind_is_refused():
    for ask in (inductive_bias.connectivity, inductive_bias.path_length):
        with pytest.raises(ValueError, match="kind"):
            ask("dense", GRID)
    with pytest.raises(ValueError, match="kind"):
        inductive_bias.layer_cost("dense", 3, 4)


@pytest.mark.parametrize("bias", [True, False])
def test_parameters_are_those_of_torchs_layers(bias):
    N, D = 6, 5
    layers = {
        "full": nn.Linear(N * D, N * D, bias=bias),
        "convolution": nn.Conv2d(D, D, 3, padding=1, bias=bias),
        "recurrent": nn.RNN(D, D, bias=bias),
    }
    for kind, layer in layers.items():
        assert inductive_bias.layer_cost(kind, N, D, bias=bias)[0] == sum(p.numel() for p in layer.parameters()), kind


@pytest.mark.parametrize("fields", [{}, {"qkv_bias": False}, {"proj_bias": False}, {"heads": 3, "head_dim": 4}])
def test_parameters_of_attention_are_the_models_own(build, fields):
    config = build(**fields).config
    found, _ = inductive_bias.layer_cost(
        "attention",
        9,
        config.dim,
        inner=config.heads * config.head_dim,
        bias=config.proj_bias,
        qkv_bias=config.qkv_bias,
    )
    assert found == sum(p.numel() for p in Attention(config).parameters())


@pytest.mark.parametrize("kind", KINDS)
def test_multiply_adds_are_those_that_torch_counts(kind):
    rows, cols, D = 3, 4, 5
    N = rows * cols
    x = torch.randn(N, D)
    qkv, proj, cell = nn.Linear(D, 3 * D), nn.Linear(D, D), nn.RNNCell(D, D)
    full, convolution = nn.Linear(N * D, N * D), nn.Conv2d(D, D, 3, padding=1)

    def attention():
        query, key, value = qkv(x).chunk(3, -1)
        return proj(attention_weights(query, key) @ value)

    run = {
        "full": lambda: full(x.view(1, -1)),
        "convolution": lambda: convolution(x.T.reshape(1, D, rows, cols)),
        "recurrent": lambda: [cell(x[i : i + 1], torch.zeros(1, D)) for i in range(N)],
        "attention": attention,
    }
    with FlopCounterMode(display=False) as counted:
        run[kind]()
    assert counted.get_total_flops() == 2 * inductive_bias.layer_cost(kind, N, D)[1]


def test_path_lengths():
    assert {kind: inductive_bias.path_length(kind, GRID) for kind in KINDS} == {
        "full": 1,
        "convolution": 3,
        "recurrent": 11,
        "attention": 1,
    }
    assert {inductive_bias.path_length(kind, (1, 1)) for kind in KINDS} == {0}
    steps = inductive_bias.steps_from("recurrent", (1, 3), 1)[0]
    assert steps.tolist() == [1, 0, float("inf")]
    assert inductive_bias.steps_from("convolution", GRID, 0).tolist() == [[0, 1, 2, 3], [1, 1, 2, 3], [2, 2, 2, 3]]
    assert inductive_bias.steps_from("attention", (1, 3), 0).tolist() == [[0, 1, 1]]


@pytest.mark.parametrize("at", range(12))
def test_convolutions_need_as_many_layers_as_their_path_says(at):
    """Counted by powers of the connectivity: which layer is the first that lets a patch through?"""
    linked = (inductive_bias.connectivity("convolution", GRID) != 0).float()
    seen, first = torch.eye(12)[at], torch.zeros(12)
    for layer in range(1, 12):
        after = ((seen @ linked.T) > 0).float()
        first[(after > 0) & (seen == 0)] = layer
        seen = after
    assert torch.equal(first.view(GRID), inductive_bias.steps_from("convolution", GRID, at))


def test_no_corner_of_the_grid_is_further_than_the_path_says():
    for kind in KINDS:
        steps = torch.stack([inductive_bias.steps_from(kind, GRID, at) for at in range(12)])
        assert int(steps[steps.isfinite()].max()) == inductive_bias.path_length(kind, GRID)


def test_shuffling_moves_whole_patches_and_leaves_the_rest():
    image = torch.arange(2 * 5 * 7.0).view(1, 2, 5, 7)  # 2 x 3 patches of 2 x 2; a row and a column are left over
    order = torch.tensor([5, 4, 3, 2, 1, 0])
    out = patches.shuffle_patches(image, (2, 2), order)
    assert torch.equal(out[..., 0:2, 0:2], image[..., 2:4, 4:6])
    assert torch.equal(out[..., 2:4, 2:4], image[..., 0:2, 2:4])
    assert torch.equal(out[..., 4, :], image[..., 4, :])
    assert torch.equal(out[..., 6], image[..., 6])
    assert torch.equal(patches.shuffle_patches(out, (2, 2), order.argsort()), image)
    with pytest.raises(ValueError, match="permutation"):
        patches.shuffle_patches(image, (2, 2), torch.tensor([0, 0, 1, 2, 3, 4]))


def test_shifting_repeats_the_edge():
    image = torch.arange(12.0).view(1, 1, 3, 4)
    assert inductive_bias.shift_pixels(image, 1, 0)[0, 0].tolist() == [[0, 0, 1, 2], [4, 4, 5, 6], [8, 8, 9, 10]]
    assert inductive_bias.shift_pixels(image, -1, 1)[0, 0].tolist() == [[1, 2, 3, 3], [1, 2, 3, 3], [5, 6, 7, 7]]
    assert torch.equal(inductive_bias.shift_pixels(image, 0, 0), image)
    assert inductive_bias.shift_pixels(image, 99, 0)[0, 0, 1].tolist() == [4, 4, 4, 4]


def test_orders():
    assert inductive_bias.shift_order((2, 3)).tolist() == [2, 0, 1, 5, 3, 4]
    assert inductive_bias.shift_order((3, 1)).tolist() == [2, 0, 1]
    assert all(patches.random_order(2, seed).tolist() == [1, 0] for seed in range(8))
    assert torch.equal(patches.random_order(9, 3), patches.random_order(9, 3))
    assert patches.random_order(1, 0).tolist() == [0]


OTHERS = [
    {},
    {"distillation_token": True, "distillation_head": True},
    {"class_token": False, "pool": "avg"},
    {"registers": 2, "position_prefix": False},
    {"mlp": "glu", "block": "res_post"},
    {"pool": "map"},
    {"embed_norm": True, "block": "parallel"},
]


@pytest.mark.parametrize("fields", OTHERS)
def test_without_positions_a_vit_does_not_see_the_order(build, pictures, fields):
    model = build(**fields).double()
    images, prefix = pictures(2).double(), model.config.num_prefix_tokens
    order = patches.random_order(35, 0)
    moved = patches.shuffle_patches(images, model.config.patch_size, order)
    bare = inductive_bias.without_positions(model)
    with torch.no_grad():
        assert (model(images) - model(moved)).abs().max() > 1e-3
        assert (bare(images) - bare(moved)).abs().max() < 1e-9  # in float32 within 1e-4, below
        *_, before = bare.layers(bare.embed(images))
        *_, after = bare.layers(bare.embed(moved))
        single = inductive_bias.without_positions(model.float())
        assert (single(images.float()) - single(moved.float())).abs().max() < 1e-4
    tokens = before[:, prefix:][:, order]
    assert torch.allclose(after[:, prefix:], tokens, atol=1e-9)
    assert torch.allclose(after[:, :prefix], before[:, :prefix], atol=1e-9)


def test_without_positions_is_the_embedding_zeroed_and_nothing_else(build, pictures):
    model, images = build(), pictures()
    kept = model.positions.clone()
    bare = inductive_bias.without_positions(model)
    assert bare is not model
    assert not bare.training
    assert torch.equal(model.positions, kept)
    shared = dict(bare.named_parameters())
    assert all(shared[name].data_ptr() == p.data_ptr() for name, p in model.named_parameters() if name != "positions")
    zeroed = copy.deepcopy(model)
    with torch.no_grad():
        zeroed.positions.zero_()
        assert torch.equal(bare(images), zeroed(images))


@pytest.mark.parametrize("name", ["tiny", "fashion"])
def test_the_embedded_models_without_positions_do_not_see_the_order(name, pictures):
    model = vc.load(f"embedded:{name}", "cpu")
    c = model.config
    images = pictures(2, *c.image_size, c.channels)
    bare = inductive_bias.without_positions(model)
    moved = patches.shuffle_patches(images, c.patch_size, patches.random_order(c.grid[0] * c.grid[1], 1))
    with torch.no_grad():
        assert (bare(images) - bare(moved)).abs().max() < 1e-4 < 0.1 < (model(images) - model(moved)).abs().max()


def test_a_model_without_positions_is_already_one(build):
    model = build(position="none")
    assert inductive_bias.without_positions(model) is model


def test_symmetries_of_single_layers():
    patches = torch.randn(12, 7, generator=torch.Generator().manual_seed(0))
    found, width = inductive_bias.asymmetries(patches, GRID)
    assert width == 7
    assert tuple(found) == KINDS
    assert max(found["attention"]) < 1e-5
    assert found["convolution"][1] < 1e-5 < 0.1 < found["convolution"][0]
    assert min(found["full"]) > 0.1
    assert min(found["recurrent"]) > 0.01
    assert inductive_bias.asymmetries(patches, GRID)[0] == found  # seeded


def test_two_threads_at_once_measure_what_one_does():
    patches = torch.randn(196, 64, generator=torch.Generator().manual_seed(0))
    seeds = [0, 1, 2, 3] * 4
    alone = [inductive_bias.asymmetries(patches, (14, 14), seed) for seed in seeds]
    with ThreadPoolExecutor(4) as threads:
        assert list(threads.map(lambda seed: inductive_bias.asymmetries(patches, (14, 14), seed), seeds)) == alone


def test_symmetries_are_measured_at_a_width_that_fits():
    _, width = inductive_bias.asymmetries(torch.randn(196, 64), (14, 14))
    assert (196 * width) ** 2 <= inductive_bias.MAX_FULL_WEIGHTS < (196 * (width + 1)) ** 2
    assert inductive_bias.asymmetries(torch.randn(1, 3), (1, 1))[0]["attention"] == (0.0, 0.0)


def test_measuring_leaves_the_random_numbers_alone():
    torch.manual_seed(5)
    expected = torch.rand(1)
    torch.manual_seed(5)
    inductive_bias.asymmetries(torch.ones(4, 3), (2, 2))
    assert torch.equal(torch.rand(1), expected)
