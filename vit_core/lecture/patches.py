"""A picture cut into patches, and each patch turned into a token: by a strided convolution or by a matrix product.

Both are the same linear map (Dosovitskiy et al. 2021, equation 1). Axes: B images, C channels, N patches row by row,
P = C * patch height * patch width the values of one patch, D the width of a token.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


def flatten_patches(images: Tensor, patch: tuple[int, int]) -> Tensor:
    """Images (B, C, height, width) cut into patches of (height, width) pixels: (B, N, P).

    A patch's values are in the order of a convolution's weights: channel, row, column. Pixels at the right and bottom
    that fill no patch are dropped.
    """
    (B, C, height, width), (ph, pw) = images.shape, patch
    rows, cols = height // ph, width // pw
    if min(rows, cols) < 1:
        raise ValueError(f"images of {height} x {width} pixels hold no patch of {ph} x {pw}")
    cut = images[..., : rows * ph, : cols * pw].reshape(B, C, rows, ph, cols, pw)
    return cut.permute(0, 2, 4, 1, 3, 5).reshape(B, rows * cols, C * ph * pw)


def embed_by_convolution(images: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """A convolution with a stride of its kernel size: images (B, C, ...) and kernels (D, C, ph, pw) to (B, N, D)."""
    return F.conv2d(images, weight, bias, stride=weight.shape[-2:]).flatten(2).transpose(1, 2)


def embed_by_matrix(images: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """The same as one matrix product: flattened patches (B, N, P) times the kernels as a matrix (P, D): (B, N, D)."""
    return F.linear(flatten_patches(images, (weight.shape[-2], weight.shape[-1])), weight.flatten(1), bias)


def resize_kernels(weight: Tensor, patch: tuple[int, int]) -> Tensor:
    """Kernels (D, C, ph, pw) resampled to another patch size, bilinear: (D, C, *patch).

    They are divided by the ratio of pixels, so that the tokens keep about their norm. Training at that size would find
    other kernels (Beyer et al. 2023, arXiv:2212.08013, section 3.4).
    """
    if tuple(weight.shape[-2:]) == tuple(patch):
        return weight
    own = weight.shape[-2] * weight.shape[-1]
    sized = F.interpolate(weight.float(), size=tuple(patch), mode="bilinear", antialias=True)
    return sized.to(weight.dtype) * (own / (patch[0] * patch[1]))


def random_order(count: int, seed: int) -> Tensor:
    """A permutation of `count` patches, (N,); the same for the same seed, and never the identity for N > 1."""
    order = torch.randperm(count, generator=torch.Generator().manual_seed(seed))
    return order.roll(1) if count > 1 and torch.equal(order, torch.arange(count)) else order


def shuffle_patches(images: Tensor, patch: tuple[int, int], order: Tensor) -> Tensor:
    """Images (B, C, height, width) with the patches in another order: patch i of the result is patch order[i].

    Pixels that no patch covers stay in place. Raises ValueError if `order` is no permutation of the patches.
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
