"""Inductive bias: what four kinds of layer assume about a picture before they have seen one.

Each layer takes a grid of rows x cols patches, N = rows * cols tokens of width D, row by row, and gives as many:

    "full"         fully connected: every output value reads every input value, N D in, N D out
    "convolution"  3 x 3 patches, zero outside the grid
    "recurrent"    an Elman network (Elman 1990, "Finding structure in time") along the patches, row by row
    "attention"    multi-head self-attention (Vaswani et al. 2017, arXiv:1706.03762)

`connectivity` says who touches whom and with which weight, `cost` what that takes, `steps_from` how far a patch is.
The rest measures what follows from it: shuffle the patches or shift the pixels, and see what the answer does.
"""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Callable

import torch
from torch import Tensor, nn

from vit_core.models.config import ViTConfig
from vit_core.models.vit import Attention, VisionTransformer

KINDS = ("full", "convolution", "recurrent", "attention")
KERNEL = 3  # patches a side of the convolution's filter
COMPUTED = -1  # a weight that the layer computes from its input
CARRIED = -2  # no weight of its own: it arrives only through the hidden state
WEIGHTS = 1_000_000  # at most, in the fully connected layer that is measured, unless width 1 takes more
_DRAWING = threading.Lock()  # layers draw from torch's one generator, which all threads share


def _known(kind: str) -> None:
    if kind not in KINDS:
        raise ValueError(f"kind must be one of {KINDS}, not {kind!r}")


def _places(grid: tuple[int, int]) -> tuple[Tensor, Tensor]:
    """Row and column of each patch, (N,) each."""
    index = torch.arange(grid[0] * grid[1])
    return index // grid[1], index % grid[1]


def connectivity(kind: str, grid: tuple[int, int]) -> Tensor:
    """Which input touches which output of one layer: (N outputs, N inputs), int64.

    0: no connection. A positive number: the weight used (a block of D x D values); equal numbers, one shared weight.
    COMPUTED: the weight is made from the input. CARRIED: it comes through the hidden state alone.
    """
    _known(kind)
    N = grid[0] * grid[1]
    if kind == "full":
        return torch.arange(1, N * N + 1).view(N, N)
    if kind == "attention":
        return torch.full((N, N), COMPUTED)
    if kind == "recurrent":
        return torch.eye(N, dtype=torch.int64) + CARRIED * torch.ones(N, N, dtype=torch.int64).tril(-1)
    row, col = _places(grid)
    down, across = row - row[:, None], col - col[:, None]  # from the output's patch to the input's
    reach = KERNEL // 2
    near = (down.abs() <= reach) & (across.abs() <= reach)
    return torch.where(near, 1 + (down + reach) * KERNEL + across + reach, 0)


def reaches(kind: str, grid: tuple[int, int], output: int) -> Tensor:
    """Which patches change output unit `output` within one layer: (rows, cols), bool."""
    return (connectivity(kind, grid)[output] != 0).view(grid)


def steps_from(kind: str, grid: tuple[int, int], output: int) -> Tensor:
    """How many steps lie between each patch and the output at patch `output`: (rows, cols), float, 0 at the patch
    itself and inf where no number of steps leads there.

    A step is one layer; of the recurrent layer, one move of its hidden state (Vaswani et al. 2017, section 4).
    """
    _known(kind)
    row, col = _places(grid)
    if kind == "convolution":  # a layer more carries one patch further in every direction
        steps = torch.maximum((row - row[output]).abs(), (col - col[output]).abs()).div(KERNEL // 2).ceil()
    elif kind == "recurrent":
        steps = (output - torch.arange(len(row))).float()
        steps[steps < 0] = torch.inf  # a later patch
    else:
        steps = (torch.arange(len(row)) != output).float()
    return steps.view(grid)


def path_length(kind: str, grid: tuple[int, int]) -> int:
    """The longest way between two patches, in the steps of `steps_from` (Vaswani et al. 2017, table 1: maximum path
    length O(1) for attention, O(N) for a recurrent layer, O(side / kernel) for stacked convolutions)."""
    far = steps_from(kind, grid, grid[0] * grid[1] - 1)  # the last corner: nothing is further from anything
    return int(far.max())


def cost(
    kind: str, tokens: int, width: int, *, bias: bool = True, inner: int | None = None, qkv_bias: bool | None = None
) -> tuple[int, int]:
    """Parameters and multiply-adds of one layer for N = `tokens` of width D = `width`.

        full         (N D)^2 + N D      (N D)^2
        convolution  9 D^2 + D          9 N D^2          zeros of the padding counted
        recurrent    2 D^2 + 2 D        2 N D^2          torch keeps a bias for the input and one for the state
        attention    4 D^2 + 4 D        4 N D^2 + 2 N^2 D

    The growth is that of Vaswani et al. 2017, table 1; the constants follow from the layers. Biases, softmax, tanh
    and norms are not counted as multiply-adds. `bias` False leaves out the "+" terms. For attention, `inner` is
    heads * head_dim where that is not D, and `qkv_bias` decides for queries, keys and values where they differ
    from the projection.
    """
    _known(kind)
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


# --- What follows from it ---


def random_order(count: int, seed: int) -> Tensor:
    """A permutation of `count` patches, (N,); the same for the same seed, and never the identity for N > 1."""
    order = torch.randperm(count, generator=torch.Generator().manual_seed(seed))
    return order.roll(1) if count > 1 and torch.equal(order, torch.arange(count)) else order


def shift_order(grid: tuple[int, int]) -> Tensor:
    """The permutation (N,) that moves the grid by one patch to the right, the last column coming in at the left;
    of a single column, down."""
    index = torch.arange(grid[0] * grid[1]).view(grid)
    return index.roll(1, 1 if grid[1] > 1 else 0).flatten()


def shuffled(images: Tensor, patch: tuple[int, int], order: Tensor) -> Tensor:
    """Images (B, C, height, width) with whole patches in another order: patch i of the result is patch order[i].

    Pixels that no patch covers stay where they are. Raises ValueError if `order` is no permutation of the patches.
    """
    (height, width), (ph, pw) = images.shape[-2:], patch
    rows, cols = height // ph, width // pw
    if not torch.equal(order.sort().values.cpu(), torch.arange(rows * cols)):
        raise ValueError(f"order must be a permutation of the {rows} x {cols} patches")
    out = images.clone()
    B, C = images.shape[:2]
    patches = images[..., : rows * ph, : cols * pw].reshape(B, C, rows, ph, cols, pw).transpose(3, 4)
    patches = patches.reshape(B, C, rows * cols, ph, pw)[:, :, order.to(images.device)]
    patches = patches.view(B, C, rows, cols, ph, pw).transpose(3, 4)
    out[..., : rows * ph, : cols * pw] = patches.reshape(B, C, rows * ph, cols * pw)
    return out


def shifted(images: Tensor, dx: int, dy: int) -> Tensor:
    """Images (B, C, height, width) moved `dx` pixels to the right and `dy` down; the edge's pixels are repeated into
    what comes free."""
    height, width = images.shape[-2:]
    row = (torch.arange(height, device=images.device) - dy).clamp(0, height - 1)
    col = (torch.arange(width, device=images.device) - dx).clamp(0, width - 1)
    return images[..., row[:, None], col]


def without_positions(model: VisionTransformer) -> VisionTransformer:
    """The same model, its position embedding zero: a new module that shares every other weight with `model`, which
    is left as it was. A model that learned no positions is already one, and comes back as it is."""
    if model.config.position == "none":
        return model
    with torch.device("meta"):  # shapes alone; the weights are taken over below
        bare = VisionTransformer(dataclasses.replace(model.config, position="none"), model.labels, model.transform)
    state = {name: value for name, value in model.state_dict().items() if name != "positions"}
    state["positions"] = model.positions.detach()[:, :0]
    bare.load_state_dict(state, assign=True)
    return bare.train(model.training).requires_grad_(False)


def layers(grid: tuple[int, int], width: int, seed: int = 0) -> dict[str, Callable[[Tensor], Tensor]]:
    """One layer of each kind with random weights, as torch makes them: functions from (N, width) to (N, width).

    The convolution wraps around (circular padding), so that a shift loses nothing at the edge.
    """
    N = grid[0] * grid[1]
    with _DRAWING, torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        full = nn.Linear(N * width, N * width)
        convolution = nn.Conv2d(width, width, KERNEL, padding=KERNEL // 2, padding_mode="circular")
        recurrent = nn.RNN(width, width)
        attention = Attention(ViTConfig(dim=width, heads=1, head_dim=width))
    return {
        "full": lambda x: full(x.flatten()).view(N, width),
        "convolution": lambda x: convolution(x.T.view(1, width, *grid)).view(width, N).T,
        "recurrent": lambda x: recurrent(x)[0],
        "attention": lambda x: attention(x[None])[0][0],
    }


def asymmetry(layer: Callable[[Tensor], Tensor], x: Tensor, order: Tensor) -> float:
    """How much a layer's answer depends on where things stand: ||f(P x) - P f(x)|| / ||f(x)||, x (N, D), with P the
    permutation `order` of tokens. 0: it moves along with its input (equivariance)."""
    before = layer(x)
    return float((layer(x[order]) - before[order]).norm() / before.norm().clamp_min(1e-12))


@torch.no_grad()
def asymmetries(patches: Tensor, grid: tuple[int, int], seed: int = 0) -> tuple[dict[str, tuple[float, float]], int]:
    """Each kind's asymmetry under (a shuffle of all patches, a shift by one patch), for one layer of random weights on
    a picture's patch embeddings (N, D), and the width it was measured at.

    A fully connected layer has (N D)^2 weights, so all four see the embeddings projected to the width (at most D)
    that keeps these under WEIGHTS: a random orthogonal projection, scaled to unit variance.
    """
    N, D = patches.shape
    width = max(1, min(D, int(WEIGHTS**0.5) // N))
    random = torch.Generator().manual_seed(seed)
    basis = torch.linalg.qr(torch.randn(D, width, generator=random)).Q
    x = patches.detach().float().cpu() @ basis
    x = x / x.std(unbiased=False).clamp_min(1e-12)
    orders = random_order(N, seed), shift_order(grid)
    return {
        kind: tuple(asymmetry(layer, x, order) for order in orders) for kind, layer in layers(grid, width, seed).items()
    }, width
