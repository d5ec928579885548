"""The network of a judge: pooled at every scale, and aware of where it looks."""

from collections.abc import Sequence
from itertools import pairwise

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F


class JudgeNetwork(nn.Module):
    """A residual network that knows where it looks: a side is a place in the picture.

    Args:
        targets: how many findings it tells.
        channels: width of each level; every level halves the resolution, the first by
            pixel-unshuffle.
    """

    def __init__(self, targets: int, channels: Sequence[int]) -> None:
        super().__init__()
        first, *deeper = channels
        self.stem = _convolution(4 + 2, first)
        self.levels = nn.ModuleList(_Level(a, b) for a, b in pairwise(channels))
        self.head = nn.Linear(deeper[-1] + sum(deeper), targets)

    def forward(
        self, images: Float[Tensor, "batch 1 height width"]
    ) -> Float[Tensor, "batch targets"]:
        logits: Tensor = self.head(self.features(images))
        return logits

    def features(
        self, images: Float[Tensor, "batch 1 height width"]
    ) -> Float[Tensor, "batch features"]:
        """What the findings are told from."""
        pixels = F.pixel_unshuffle(images * 2 - 1, 2)
        features = self.stem(torch.cat([pixels, _coordinates(pixels)], 1))
        found = []
        for level in self.levels:
            features = level(features)
            found.append(features.amax((2, 3)))  # what is small, at every scale: a nodule
        found.append(features.mean((2, 3)))  # what is spread out: a large heart
        return torch.cat(found, 1)


class _Level(nn.Module):
    """Halve the resolution, then refine."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.reduce = _convolution(inputs, outputs, stride=2)
        self.refine = nn.Sequential(
            _convolution(outputs, outputs),
            nn.Conv2d(outputs, outputs, 3, padding=1, bias=False),
            nn.BatchNorm2d(outputs),
        )

    def forward(self, features: Tensor) -> Tensor:
        reduced = self.reduce(features)
        return F.relu(reduced + self.refine(reduced))


def _convolution(inputs: int, outputs: int, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, stride=stride, padding=1, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(),
    )


def _coordinates(
    pixels: Float[Tensor, "batch channels height width"],
) -> Float[Tensor, "batch 2 height width"]:
    """Row and column of each place, in [-1, 1]."""
    batch, _, height, width = pixels.shape
    y, x = (torch.linspace(-1, 1, count, device=pixels.device) for count in (height, width))
    grid = torch.stack(torch.meshgrid(y, x, indexing="ij"))
    return grid.expand(batch, -1, -1, -1)
