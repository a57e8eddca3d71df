"""A picture cut into patches, each one made a token: by a strided convolution, or flattened and multiplied.

Both are the same linear map (Dosovitskiy et al. 2021, equation 1). Axes: B images, C channels, N patches row by row,
P = C * patch height * patch width the values of one patch, D the width of a token.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


def flatten_patches(images: Tensor, patch: tuple[int, int]) -> Tensor:
    """Images (B, C, height, width) cut into patches of (height, width) pixels: (B, N, P).

    The values of a patch stand in the order of a convolution's weights: channel, row, column. What is left over
    at the right and at the bottom is not seen.
    """
    (B, C, height, width), (ph, pw) = images.shape, patch
    rows, cols = height // ph, width // pw
    if min(rows, cols) < 1:
        raise ValueError(f"images of {height} x {width} pixels hold no patch of {ph} x {pw}")
    cut = images[..., : rows * ph, : cols * pw].reshape(B, C, rows, ph, cols, pw)
    return cut.permute(0, 2, 4, 1, 3, 5).reshape(B, rows * cols, C * ph * pw)


def embed_by_convolution(images: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """A convolution whose stride is its kernel's size: images (B, C, ...) and kernels (D, C, ph, pw) to (B, N, D)."""
    return F.conv2d(images, weight, bias, stride=weight.shape[-2:]).flatten(2).transpose(1, 2)


def embed_by_matrix(images: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """The same by one product: the flattened patches times the kernels as a matrix of (P, D): (B, N, D)."""
    return F.linear(flatten_patches(images, tuple(weight.shape[-2:])), weight.flatten(1), bias)


def resized_kernels(weight: Tensor, patch: tuple[int, int]) -> Tensor:
    """Kernels (D, C, ph, pw) resampled to another patch size: bilinear, (D, C, *patch).

    Divided by how many times more pixels a patch has, so that the tokens keep about their size. They are not what
    training at that size would find (Beyer et al. 2023, arXiv:2212.08013, section 3.4).
    """
    if tuple(weight.shape[-2:]) == tuple(patch):
        return weight
    own = weight.shape[-2] * weight.shape[-1]
    sized = F.interpolate(weight.float(), size=tuple(patch), mode="bilinear", antialias=True)
    return sized.to(weight.dtype) * (own / (patch[0] * patch[1]))


@torch.no_grad()
def largest_difference(one: Tensor, other: Tensor) -> float:
    """The largest difference between two tensors of one shape."""
    return float((one - other).abs().max())
