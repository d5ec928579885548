"""Smooth maps from the atlas to a patient, and back."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from xgem.phantoms.specks import Array, Number
from xgem.phantoms.volume import Grid, Volume, enlarged

LATTICE = Grid.filling((-190.0, -150.0, -240.0), (190.0, 150.0, 200.0), 10.0)
"""Where displacements of the atlas are kept."""
_ROUNDS, _STEP = 10, 0.8
"""Of the fixed-point iteration. Whole steps overshoot where the map stretches by nearly two."""


@dataclass(frozen=True, slots=True)
class Deformation:
    """Where each point of the atlas lies in a patient."""

    displacement: Volume
    """Three channels on `LATTICE`: what to add to x, y and z, mm."""

    @classmethod
    def of(cls, displacement: Array) -> "Deformation":
        """Of an array (3, z, y, x) on `LATTICE`."""
        return cls(Volume(torch.from_numpy(displacement.astype(np.float32)), LATTICE))

    def apply(self, points: Array) -> Array:
        """(n, 3) atlas points as points in the patient."""
        moved = self.displacement.at(torch.from_numpy(points)).T.numpy()
        return np.asarray(points + moved)

    def inverse(self, grid: Grid) -> Volume:
        """Three channels on a grid in the patient: the atlas point that lies at each voxel."""
        target = grid.points()
        point = target.clone()
        for _ in range(_ROUNDS):
            found = point + self.displacement.at(point).movedim(0, -1)
            point = point + _STEP * (target - found)
        return Volume(point.movedim(-1, 0).contiguous(), grid)


def refined(coarse: Volume, grid: Grid) -> Tensor:
    """(z, y, x, 3) a map known on a coarse grid, on a finer one with the same outermost centers."""
    return enlarged(coarse.values, grid.shape).movedim(0, -1)


def noise(rng: np.random.Generator, spacing: float) -> Array:
    """(3, z, y, x) random displacements of unit spread on `LATTICE`, smooth over ``spacing`` mm."""
    weights = [
        _spline(n, step / spacing) for n, step in zip(LATTICE.shape, LATTICE.step, strict=True)
    ]
    knots = rng.standard_normal((3, *(w.shape[1] for w in weights))).astype(np.float32)
    field: Array = np.einsum("cijk,zi,yj,xk->czyx", knots, *weights, optimize=True)
    return np.asarray(field / field.std())


def _spline(count: int, part: float) -> Array:
    """(count, knots) weights of uniform cubic B-splines at points ``part`` of a knot apart."""
    place = np.arange(count) * part
    first = np.floor(place).astype(int)
    t = place - first
    weights = np.zeros((count, first[-1] + 4), np.float32)
    basis = [(1 - t) ** 3, 3 * t**3 - 6 * t**2 + 4, -3 * t**3 + 3 * t**2 + 3 * t + 1, t**3]
    for offset, values in enumerate(basis):
        weights[np.arange(count), first + offset] = values / 6
    return weights


def ramp(values: Array, low: Number, high: Number) -> Array:
    """0 below ``low``, 1 above ``high``, smooth between; ``low`` may be the greater one."""
    t = np.clip((values - low) / (high - low), 0, 1)
    return np.asarray(t * t * (3 - 2 * t))


def bump(points: Array, center: tuple[Number, ...], radii: tuple[Number, ...]) -> Array:
    """(z, y, x) 1 at ``center``, 0 outside of an ellipsoid, smooth; of points (3, z, y, x)."""
    square = sum(((axis - c) / r) ** 2 for axis, c, r in zip(points, center, radii, strict=True))
    return np.asarray(np.maximum(1 - square, 0) ** 2)
