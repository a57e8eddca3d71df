"""Inductive bias: what four kinds of layer assume about a picture before training.

Each layer takes a grid of rows x cols patches, N = rows * cols tokens of width D, row by row, to as many tokens:

    "full"         fully connected: every output value reads every input value, N D in, N D out
    "convolution"  3 x 3 patches, zero outside the grid
    "recurrent"    an Elman network (Elman 1990, "Finding structure in time") along the patches, row by row
    "attention"    multi-head self-attention (Vaswani et al. 2017, arXiv:1706.03762)

`connectivity` tells which input reaches which output through which weight, `layer_cost` counts parameters and
operations, `steps_from` counts the steps between patches. The rest measures the consequences: how much the output
changes when the patches are shuffled or the pixels shifted.
"""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Callable

import torch
from torch import Tensor, nn

from vit_core.lecture.patches import random_order
from vit_core.models.config import ViTConfig
from vit_core.models.vit import Attention, VisionTransformer

KINDS = ("full", "convolution", "recurrent", "attention")
KERNEL = 3  # patches a side of the convolution's filter
COMPUTED = -1  # a weight that the layer computes from its input
CARRIED = -2  # no weight of its own: the input arrives through the hidden state
MAX_FULL_WEIGHTS = 1_000_000  # of the fully connected layer that is measured, unless width 1 needs more
_RNG_LOCK = threading.Lock()  # all threads share torch's global generator


def _check_kind(kind: str) -> None:
    if kind not in KINDS:
        raise ValueError(f"kind must be one of {KINDS}, not {kind!r}")


def _rows_and_columns(grid: tuple[int, int]) -> tuple[Tensor, Tensor]:
    """Row and column of each patch, (N,) each."""
    index = torch.arange(grid[0] * grid[1])
    return index // grid[1], index % grid[1]


def connectivity(kind: str, grid: tuple[int, int]) -> Tensor:
    """Which input reaches which output of one layer: (N outputs, N inputs), int64.

    0: no connection. A positive number: the index of the weight (a block of D x D values); equal numbers share one
    weight.
    COMPUTED: the layer computes the weight from its input. CARRIED: the input arrives only through the hidden state.
    """
    _check_kind(kind)
    N = grid[0] * grid[1]
    if kind == "full":
        return torch.arange(1, N * N + 1).view(N, N)
    if kind == "attention":
        return torch.full((N, N), COMPUTED)
    if kind == "recurrent":
        return torch.eye(N, dtype=torch.int64) + CARRIED * torch.ones(N, N, dtype=torch.int64).tril(-1)
    row, col = _rows_and_columns(grid)
    down, across = row - row[:, None], col - col[:, None]  # from the output's patch to the input's
    reach = KERNEL // 2
    near = (down.abs() <= reach) & (across.abs() <= reach)
    return torch.where(near, 1 + (down + reach) * KERNEL + across + reach, 0)


def steps_from(kind: str, grid: tuple[int, int], output: int) -> Tensor:
    """The number of steps from each patch to the output at patch `output`: (rows, cols), float. 0 at the patch itself,
    inf where no number of steps leads there.

    A step is one layer; in the recurrent layer, one move of its hidden state (Vaswani et al. 2017, section 4).
    """
    _check_kind(kind)
    row, col = _rows_and_columns(grid)
    if kind == "convolution":  # each layer reaches one patch further in every direction
        steps = torch.maximum((row - row[output]).abs(), (col - col[output]).abs()).div(KERNEL // 2).ceil()
    elif kind == "recurrent":
        steps = (output - torch.arange(len(row))).float()
        steps[steps < 0] = torch.inf  # a later patch
    else:
        steps = (torch.arange(len(row)) != output).float()
    return steps.view(grid)


def path_length(kind: str, grid: tuple[int, int]) -> int:
    """The longest path between two patches, in the steps of `steps_from` (Vaswani et al. 2017, table 1: maximum path
    length O(1) for attention, O(N) for a recurrent layer, O(side / kernel) for stacked convolutions)."""
    from_corner = steps_from(kind, grid, grid[0] * grid[1] - 1)  # the first patch is as far as it gets
    return int(from_corner.max())


def layer_cost(
    kind: str, tokens: int, width: int, *, bias: bool = True, inner: int | None = None, qkv_bias: bool | None = None
) -> tuple[int, int]:
    """Parameters and multiply-adds of one layer for N = `tokens` of width D = `width`.

        full         (N D)^2 + N D      (N D)^2
        convolution  9 D^2 + D          9 N D^2          padding counted
        recurrent    2 D^2 + 2 D        2 N D^2          torch has one bias for the input, one for the state
        attention    4 D^2 + 4 D        4 N D^2 + 2 N^2 D

    The growth is that of Vaswani et al. 2017, table 1. Biases, softmax, tanh and norms do not count as multiply-adds.
    Without `bias` the "+" terms are left out. For attention, `inner` is heads * head_dim if that is not D, and
    `qkv_bias` is the bias of queries, keys and values if it differs from that of the projection.
    """
    _check_kind(kind)
    N, D, b = tokens, width, int(bias)
    if kind == "full":
        return (N * D) ** 2 + b * N * D, (N * D) ** 2
    if kind == "convolution":
        return KERNEL**2 * D * D + b * D, KERNEL**2 * N * D * D
    if kind == "recurrent":
        return 2 * D * D + b * 2 * D, 2 * N * D * D
    inner = D if inner is None else inner
    q = b if qkv_bias is None else int(qkv_bias)
    return 4 * D * inner + q * 3 * inner + b * D, 4 * N * D * inner + 2 * N * N * inner


# --- The consequences ---


def shift_order(grid: tuple[int, int]) -> Tensor:
    """The permutation (N,) that rolls the grid by one patch to the right; a grid of one column, down."""
    index = torch.arange(grid[0] * grid[1]).view(grid)
    return index.roll(1, 1 if grid[1] > 1 else 0).flatten()


def shift_pixels(images: Tensor, dx: int, dy: int) -> Tensor:
    """Images (B, C, height, width) moved `dx` pixels to the right and `dy` down; edge pixels are repeated into the
    gap."""
    height, width = images.shape[-2:]
    row = (torch.arange(height, device=images.device) - dy).clamp(0, height - 1)
    col = (torch.arange(width, device=images.device) - dx).clamp(0, width - 1)
    return images[..., row[:, None], col]


def without_positions(model: VisionTransformer) -> VisionTransformer:
    """A copy of the model without position embedding that shares all other weights; `model` itself if it has none."""
    if model.config.position == "none":
        return model
    with torch.device("meta"):  # shapes only; the weights are shared below
        bare = VisionTransformer(dataclasses.replace(model.config, position="none"), model.labels, model.transform)
    state = {name: value for name, value in model.state_dict().items() if name != "positions"}
    state["positions"] = model.positions.detach()[:, :0]
    bare.load_state_dict(state, assign=True)
    return bare.train(model.training).requires_grad_(False)


def random_layers(grid: tuple[int, int], width: int, seed: int = 0) -> dict[str, Callable[[Tensor], Tensor]]:
    """One layer of each kind with torch's initial weights: functions from (N, width) to (N, width).

    The convolution has circular padding, so that a shift loses nothing at the edge.
    """
    N = grid[0] * grid[1]
    with _RNG_LOCK, torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        full = nn.Linear(N * width, N * width)
        convolution = nn.Conv2d(width, width, KERNEL, padding=KERNEL // 2, padding_mode="circular")
        recurrent = nn.RNN(width, width)
        attention = Attention(ViTConfig(dim=width, heads=1, head_dim=width))
    return {
        "full": lambda x: full(x.flatten()).view(N, width),
        "convolution": lambda x: convolution(x.T.view(1, width, *grid)).view(width, N).T,
        "recurrent": lambda x: recurrent(x)[0],
        "attention": lambda x: attention(x[None])[0],
    }


def asymmetry(layer: Callable[[Tensor], Tensor], x: Tensor, order: Tensor) -> float:
    """||f(P x) - P f(x)|| / ||f(x)|| for a layer f, tokens x (N, D) and the permutation P = `order`: 0 if f is
    equivariant, so that its output moves along with its input."""
    before = layer(x)
    return float((layer(x[order]) - before[order]).norm() / before.norm().clamp_min(1e-12))


@torch.no_grad()
def asymmetries(patches: Tensor, grid: tuple[int, int], seed: int = 0) -> tuple[dict[str, tuple[float, float]], int]:
    """Each kind's asymmetry under (a shuffle of all patches, a shift by one patch), for one layer with random weights
    on patch embeddings (N, D); and the width at which it was measured.

    A fully connected layer has (N D)^2 weights. So that these stay under MAX_FULL_WEIGHTS, all four layers get the
    embeddings in a smaller width: a random orthogonal projection, scaled to unit variance.
    """
    N, D = patches.shape
    width = max(1, min(D, int(MAX_FULL_WEIGHTS**0.5) // N))
    random = torch.Generator().manual_seed(seed)
    basis = torch.linalg.qr(torch.randn(D, width, generator=random)).Q
    x = patches.detach().float().cpu() @ basis
    x = x / x.std(unbiased=False).clamp_min(1e-12)
    shuffle, shift = random_order(N, seed), shift_order(grid)
    return {
        kind: (asymmetry(layer, x, shuffle), asymmetry(layer, x, shift))
        for kind, layer in random_layers(grid, width, seed).items()
    }, width
