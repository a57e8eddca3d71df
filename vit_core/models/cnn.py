"""A small residual CNN (He et al. 2016, arXiv:1512.03385): the teacher in training, and the lecture's comparison."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn


def conv(inputs: int, outputs: int, stride: int = 1) -> nn.Sequential:
    """3 x 3 convolution, batch norm, ReLU."""
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, stride, padding=1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU()
    )


class Residual(nn.Module):
    """x + conv(conv(x)), at one resolution."""

    def __init__(self, width: int):
        super().__init__()
        self.convs = nn.Sequential(conv(width, width), conv(width, width))

    def forward(self, x: Tensor) -> Tensor:
        return x + self.convs(x)


class ConvNet(nn.Module):
    """Images (B, channels, height, width) to logits (B, classes): eight convolutions, three of which halve the size.

    `stages` are in order of the forward pass, as a computation of receptive fields needs them.
    """

    def __init__(self, channels: int, classes: int, width: int = 32):
        super().__init__()
        self.stages = nn.Sequential(
            conv(channels, width),
            conv(width, 2 * width, stride=2),
            Residual(2 * width),
            conv(2 * width, 4 * width, stride=2),
            Residual(4 * width),
            conv(4 * width, 8 * width, stride=2),
        )
        self.head = nn.Linear(8 * width, classes)

    def forward(self, images: Tensor) -> Tensor:
        return self.head(F.adaptive_avg_pool2d(self.stages(images), 1).flatten(1))
