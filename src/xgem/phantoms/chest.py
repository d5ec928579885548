"""The gas in a chest and the soft tissue about it, voxel by voxel."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from xgem.phantoms.anatomy import Patient
from xgem.phantoms.atlas import load_atlas
from xgem.phantoms.deformation import LATTICE, Deformation, refined
from xgem.phantoms.physique import depth_in_cage, straight
from xgem.phantoms.specks import Array
from xgem.phantoms.volume import Grid, Volume, enlarged

TISSUE_STEP = 5.5
"""Edge of a voxel of soft tissue, mm."""
_COARSE = 10.0
"""Of the grid on which maps are inverted."""
_SHELL = 8.0
"""mm by which a lung's distance may be wrong on the coarse grid."""


@dataclass(slots=True)
class Chest:
    """A chest as a grid, changed in place while findings are put in; arrays are (z, y, x)."""

    patient: Patient
    body: Deformation
    interior: Deformation
    grid: Grid
    lungs: Tensor
    """(2, z, y, x) how much of each voxel lies in the right, in the left lung."""
    wall: Tensor
    """mm from the inside of the rib cage, positive inside; approximate."""
    origin: Volume
    """Three channels on a coarse grid: the atlas point that lies in each place."""
    gas: Tensor
    """The part of each voxel that is gas."""
    vessel: Tensor
    """How strongly vessels show in each voxel; negative where they are bronchi in solid lung."""

    def atlas_points(self) -> Tensor:
        """(z, y, x, 3) the atlas point that lies at each voxel."""
        return refined(self.origin, self.grid)

    def sampled(self, values: Tensor, points: Array) -> Array:
        """(n,) what ``values`` (z, y, x) are at points (n, 3) in the patient."""
        return np.asarray(Volume(values[None], self.grid).at(torch.from_numpy(points))[0].numpy())


def build_chest(patient: Patient, around: Array, inside: Array, coarse: Grid, step: float) -> Chest:
    """The chest of ``patient`` by the displacements of body and interior, in voxels of ``step``."""
    body, interior = Deformation.of(around), Deformation.of(inside)
    origin = interior.inverse(coarse)
    grid = _refining(coarse, step)
    lungs = _coverage(origin, grid, step)
    wall = depth_in_cage(straight(origin.values.numpy())).astype(np.float32)
    level = enlarged(origin.values[2:], grid.shape)[0]
    air = patient.air + 0.04 - 0.0006 * (level + 130)  # denser where it hangs lowest
    either = lungs.sum(0).clamp(max=1)
    return Chest(
        patient=patient,
        body=body,
        interior=interior,
        grid=grid,
        lungs=lungs,
        wall=enlarged(torch.from_numpy(wall)[None], grid.shape)[0],
        origin=origin,
        gas=either * air,
        vessel=torch.ones(grid.shape),
    )


def _coverage(origin: Volume, grid: Grid, step: float) -> Tensor:
    """(2, z, y, x) how much of each voxel lies in each lung.

    Far from a lung's border that is known from the coarse grid; only near it the atlas is asked.
    """
    atlas = load_atlas().lungs
    rough = enlarged(atlas.at(origin.values.movedim(0, -1)), grid.shape)
    covered = (rough > 0).float()
    points = refined(origin, grid)
    for number, distance in enumerate(rough):
        near = distance.abs() < _SHELL
        exact = Volume(atlas.values[number : number + 1], atlas.grid).at(points[near])[0]
        covered[number][near] = (exact / step + 0.5).clamp(0, 1)
    return covered


def soft_tissue(body: Deformation, lungs: Grid) -> tuple[Volume, Volume]:
    """Density of all soft tissue about a box of lungs, and of trunk and neck alone, without gas."""
    points = LATTICE.points().movedim(-1, 0).numpy()
    moved = points + body.displacement.values.numpy()
    inner = np.abs(points[0]) <= 182
    low = [float(axis[inner].min()) for axis in moved]
    high = [float(axis[inner].max()) for axis in moved]
    top, bottom = lungs.start[2], lungs.start[2] + lungs.step[2] * (lungs.count[2] - 1)
    # Above and below, the picture shows some of the neck and of the belly.
    coarse = Grid.filling((low[0], low[1], top - 90), (high[0], high[1], bottom + 150), 2 * _COARSE)
    origin = body.inverse(coarse)
    grid = _refining(coarse, TISSUE_STEP)
    density, trunk = load_atlas().tissue.at(refined(origin, grid))
    return Volume(density[None], grid), Volume((density * trunk)[None], grid)


def lung_box(interior: Deformation) -> Grid:
    """A coarse grid about all lung, with room for its findings."""
    points = LATTICE.points()
    lung = load_atlas().lungs.at(points).amax(0) > -9
    moved = (points + interior.displacement.values.movedim(0, -1))[lung]
    low, high = moved.amin(0).tolist(), moved.amax(0).tolist()
    return Grid.filling((low[0], low[1], low[2]), (high[0], high[1], high[2] + 20), _COARSE)


def _refining(coarse: Grid, step: float) -> Grid:
    """A grid with the same outermost centers and voxels of about ``step`` mm."""
    span = [s * (n - 1) for s, n in zip(coarse.step, coarse.count, strict=True)]
    counts = [max(2, round(length / step) + 1) for length in span]
    steps = [length / (n - 1) for length, n in zip(span, counts, strict=True)]
    return Grid(coarse.start, (steps[0], steps[1], steps[2]), (counts[0], counts[1], counts[2]))
