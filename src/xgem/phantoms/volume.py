"""Volumes on a grid of millimeters, and their values anywhere between.

Points are (..., 3) float32 in the order x, y, z; arrays on a grid are (z, y, x).
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F


@dataclass(frozen=True, slots=True)
class Grid:
    """Where the voxels of a volume lie."""

    start: tuple[float, float, float]
    """Of the first voxel's center, mm, in the order x, y, z as all here."""
    step: tuple[float, float, float]
    count: tuple[int, int, int]

    @classmethod
    def filling(
        cls, low: tuple[float, float, float], high: tuple[float, float, float], step: float
    ) -> "Grid":
        """The smallest grid of cubes of ``step`` mm from ``low`` on that reaches ``high``."""
        counts = [int(np.ceil((b - a) / step)) + 1 for a, b in zip(low, high, strict=True)]
        return cls(low, (step,) * 3, (counts[0], counts[1], counts[2]))

    @property
    def shape(self) -> tuple[int, int, int]:
        """Of an array on the grid: (z, y, x)."""
        return self.count[2], self.count[1], self.count[0]

    def axis(self, number: int) -> Tensor:
        """The coordinates (count,) along x (0), y (1) or z (2)."""
        place = torch.arange(self.count[number], dtype=torch.float32)
        return self.start[number] + self.step[number] * place

    def points(self) -> Tensor:
        """(z, y, x, 3) the coordinates of every voxel."""
        z, y, x = torch.meshgrid(self.axis(2), self.axis(1), self.axis(0), indexing="ij")
        return torch.stack([x, y, z], dim=-1)

    def unit(self, points: Tensor) -> Tensor:
        """Points as `torch.nn.functional.grid_sample` counts: -1 and 1 at the outermost centers."""
        span = [s * (n - 1) for s, n in zip(self.step, self.count, strict=True)]
        scale = torch.tensor([2 / s for s in span])
        shift = torch.tensor([-1 - 2 * a / s for a, s in zip(self.start, span, strict=True)])
        return points * scale + shift


@dataclass(frozen=True, slots=True)
class Volume:
    """Values (channels, z, y, x), float32, on a grid."""

    values: Tensor
    grid: Grid

    def at(self, points: Tensor) -> Tensor:
        """(channels, ...) values at ``points``, linear between voxels, the border's beyond it."""
        flat = self.grid.unit(points).reshape(1, 1, 1, -1, 3)
        found = F.grid_sample(
            self.values[None], flat, mode="bilinear", padding_mode="border", align_corners=True
        )
        return found.reshape(len(self.values), *points.shape[:-1])


def enlarged(values: Tensor, shape: tuple[int, ...]) -> Tensor:
    """(channels, z, y, x) values of a coarse grid on a finer one with the same outermost centers.

    The same as `torch.nn.functional.interpolate`, as one matrix product an axis, which is several
    times faster.
    """
    z, y, x = (_lerp(old, new) for old, new in zip(values.shape[1:], shape, strict=True))
    values = y @ (values @ x.T)
    channels, _, rows, columns = values.shape
    return (z @ values.reshape(channels, -1, rows * columns)).reshape(channels, *shape)


def _lerp(old: int, new: int) -> Tensor:
    """(new, old) weights of linear interpolation."""
    place = torch.linspace(0, old - 1, new)
    away = (place[:, None] - torch.arange(old)[None, :]).abs()
    return (1 - away).clamp(min=0)
