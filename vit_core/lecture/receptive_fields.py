"""Receptive fields of a CNN: the pixels that can reach a unit (theoretical), and those that do (effective).

Pixels and units are counted from 0 along one side. The convolutions are those of `ConvNet` in the order they run, each
with its batch norm and ReLU. The second one of a residual block includes the shortcut, which widens nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor, nn

from vit_core.models.cnn import ConvNet, Residual


class ReceptiveField(NamedTuple):
    """The theoretical receptive field of a convolution's units along one side, in pixels of the input."""

    size: int  # pixels across
    jump: int  # pixels from one unit's field to the next
    first: int  # first pixel of unit 0's field; negative if it begins in the padding

    def centre(self, unit: int) -> int:
        """The middle pixel of the field of `unit` (kernel sizes are odd)."""
        return self.first + unit * self.jump + self.size // 2

    def span(self, unit: int) -> tuple[int, int]:
        """First pixel of the field of `unit` and the pixel after its last; both may lie in the padding."""
        start = self.first + unit * self.jump
        return start, start + self.size

    def nearest(self, pixel: float, units: int) -> int:
        """The one of `units` units whose centre is nearest to `pixel`."""
        return min(max(round((pixel - self.centre(0)) / self.jump), 0), units - 1)


def theoretical_fields(net: ConvNet) -> list[ReceptiveField]:
    """The theoretical receptive field of each convolution, in order.

    Araujo et al. 2019, distill.pub/2019/computing-receptive-fields: a kernel of size k adds k - 1 jumps of the
    layer before; a stride multiplies the jump.
    """
    out, now = [], ReceptiveField(1, 1, 0)
    for conv in (module for module in net.stages.modules() if isinstance(module, nn.Conv2d)):
        k, s, p = conv.kernel_size[0], conv.stride[0], int(conv.padding[0])
        now = ReceptiveField(now.size + (k - 1) * now.jump, now.jump * s, now.first - p * now.jump)
        out.append(now)
    return out


def convolution_outputs(net: ConvNet, images: Tensor) -> Iterator[Tensor]:
    """The output of each convolution, in order: images (B, C, height, width) to (B, channels, rows, cols) each."""
    x = images
    for stage in net.stages:
        if isinstance(stage, Residual):
            between = stage.convs[0](x)
            yield between
            x = x + stage.convs[1](between)
        else:
            x = stage(x)
        yield x


def effective_fields(
    net: ConvNet, images: Tensor, pixel: tuple[float, float]
) -> tuple[Tensor, list[tuple[int, int]], Tensor]:
    """The effective receptive field of each convolution around one pixel (Luo et al. 2016, arXiv:1701.04128).

    In each convolution it belongs to the unit (row, col) whose field has its centre nearest to `pixel` (row, col). A
    map is the gradient of the sum of the unit's channels with respect to the pixels, absolute, summed over the colours.
    images (1, C, height, width) -> maps (convolutions, height, width), the units, and the logits (classes,).
    """
    with torch.enable_grad():
        images = images.detach().requires_grad_()
        made = list(convolution_outputs(net, images))
        units, maps = [], []
        for field, output in zip(theoretical_fields(net), made, strict=True):
            unit = tuple(field.nearest(at, n) for at, n in zip(pixel, output.shape[-2:], strict=True))
            (gradient,) = torch.autograd.grad(output[0, :, unit[0], unit[1]].sum(), images, retain_graph=True)
            units.append(unit)
            maps.append(gradient[0].abs().sum(0))
        logits = net.head(made[-1].mean((-2, -1)))[0]
    return torch.stack(maps).detach(), units, logits.detach()


def square_side(weights: Tensor, centre: tuple[int, int], share: float = 0.95) -> int | None:
    """Side in pixels of the smallest square around the pixel `centre` that holds `share` of `weights` (height, width).

    It may extend over the edge. None if all weights are zero.
    """
    rows, cols = (torch.arange(n) - c for n, c in zip(weights.shape, centre, strict=True))
    ring = torch.maximum(rows.abs()[:, None], cols.abs()[None])  # distance from the centre, in squares
    held = torch.bincount(ring.flatten(), weights.double().cpu().flatten()).cumsum(0)
    if not held[-1] > 0:
        return None
    return 2 * int((held < share * held[-1] * (1 - 1e-9)).sum()) + 1


def mean_distance(weights: Tensor, centre: tuple[int, int]) -> float | None:
    """Mean distance in pixels from the pixel `centre`, weighted by `weights` (height, width); None if all are zero.

    The counterpart of `statistics.attention_distance`.
    """
    rows, cols = (torch.arange(n).double() - c for n, c in zip(weights.shape, centre, strict=True))
    weights, distance = weights.double(), torch.hypot(*torch.meshgrid(rows, cols, indexing="ij"))
    return float((weights * distance).sum() / weights.sum()) if weights.sum() > 0 else None
