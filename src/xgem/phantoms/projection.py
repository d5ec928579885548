"""From a chest in 3-D to path lengths on a detector, by a diverging beam."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from scipy import ndimage
from torch import Tensor
from torch.nn import functional as F

from xgem.phantoms.specks import Array, Specks
from xgem.phantoms.volume import Grid

_SLABS = 14
"""Layers along the beam, each of which is magnified as a whole."""
GRAIN = 0.45
"""Pixels, standard deviation, of the extent of a speck on the detector."""


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """Where the tube and the detector stand, and what of the detector is the picture."""

    axes: tuple[int, int]
    """Which patient coordinates run across the picture and along the beam: (0, 1) frontal, (1, 0)
    lateral."""
    size: int
    field: float
    """Width of the picture on the detector, mm."""
    center: tuple[float, float]
    """What the central ray meets: patient coordinates across and down, mm."""
    shift: tuple[float, float]
    """Where on the picture the central ray arrives, mm from its middle, across and down."""
    distance: float
    """From the tube to the detector, mm."""
    detector: float
    """Patient coordinate along the beam at which the detector stands."""
    toward: int
    """+1 where the detector stands at the greater end of that coordinate, else -1."""
    turn: float = 0.0
    """Rotation of the patient about the long axis: mm across a mm along the beam."""
    lean: float = 0.0
    """Tilt of the beam: mm down a mm along the beam."""
    roll: float = 0.0
    """Rotation of the picture, radians."""
    flip: bool = False
    """The picture is shown mirrored: a lateral view whose patient looks to the right."""

    @property
    def pixel(self) -> float:
        """Edge of a pixel on the detector, mm; in the patient it is about a tenth less."""
        return self.field / self.size

    def magnification(self, along: Array | float) -> Array:
        """How much larger things look at ``along`` mm of the beam's coordinate."""
        away = np.maximum((self.detector - np.asarray(along)) * self.toward, 0)
        return np.asarray(self.distance / (self.distance - away))

    def place(self, points: Array) -> tuple[Array, Array]:
        """Columns and rows of the picture, in pixels, at which ``points`` (n, 3) arrive."""
        along = points[:, self.axes[1]]
        across = points[:, self.axes[0]] + np.float32(self.turn) * along
        down = points[:, 2] + np.float32(self.lean) * along
        grow = self.magnification(along).astype(np.float32)
        u = (across - np.float32(self.center[0])) * grow
        v = (down - np.float32(self.center[1])) * grow
        cosine, sine = np.float32(np.cos(self.roll)), np.float32(np.sin(self.roll))
        u, v = u * cosine - v * sine + self.shift[0], u * sine + v * cosine + self.shift[1]
        if self.flip:
            u = -u
        middle = np.float32(self.size / 2 - 0.5)
        scale = np.float32(1 / self.pixel)
        return u * scale + middle, v * scale + middle

    def coordinates(self, along: float) -> tuple[Array, Array]:
        """What pixels show of the plane at ``along`` mm: across and down, each (size, size)."""
        place = (np.arange(self.size) + 0.5) * self.pixel - self.field / 2
        u, v = np.meshgrid(-place if self.flip else place, place)
        u, v = u - self.shift[0], v - self.shift[1]
        cosine, sine = np.cos(self.roll), np.sin(self.roll)
        grow = float(self.magnification(along))
        across = (u * cosine + v * sine) / grow + self.center[0] - self.turn * along
        down = (v * cosine - u * sine) / grow + self.center[1] - self.lean * along
        return across, down

    def splat(self, specks: Specks) -> Array:
        """(size, size) mm of water along each ray, each speck shared by the pixels about it."""
        column, row = self.place(specks.points)
        size = self.size
        inside = (column > 0) & (column < size - 1) & (row > 0) & (row < size - 1)
        column, row, mass = column[inside], row[inside], specks.mass[inside]
        # A speck nearer to the tube covers more of the detector and weighs on each ray as before.
        grow = self.magnification(specks.points[inside, self.axes[1]]).astype(np.float32)
        mass = mass * (grow / np.float32(self.pixel)) ** 2
        first = row.astype(np.int32)
        down = row - first
        left = column.astype(np.int32)
        across = column - left
        first = first * size + left
        right, low = mass * across, mass * down
        both = right * down
        picture = np.zeros(size * size)
        for step, share in (
            (0, mass - right - low + both),
            (1, right - both),
            (size, low - both),
            (size + 1, both),
        ):
            picture += np.bincount(first + step, share, minlength=size * size)
        found = picture.reshape(size, size).astype(np.float32)
        return np.asarray(ndimage.gaussian_filter(found, GRAIN, truncate=3))

    def path(self, values: Tensor, grid: Grid) -> Array:
        """(size, size) integral of ``values`` (z, y, x) along each ray, in their unit times mm."""
        axis = self.axes[1]
        step, count = grid.step[axis], grid.count[axis]
        lined = values.movedim(1 if axis == 1 else 2, 0)  # along the beam first, then z and across
        edges = np.linspace(0, count, min(_SLABS, count) + 1).round().astype(int)
        layers, maps = [], []
        for low, high in pairwise(edges):
            along = grid.start[axis] + step * ((low + high - 1) / 2)
            layers.append(lined[low:high].sum(0) * step)
            maps.append(self._map(along, grid))
        picture = torch.stack(layers)[:, None]
        places = F.affine_grid(
            torch.tensor(np.stack(maps), dtype=torch.float32),
            [len(layers), 1, self.size, self.size],
            align_corners=False,
        )
        seen = F.grid_sample(
            picture, places, mode="bilinear", padding_mode="zeros", align_corners=True
        )
        return np.asarray(seen.sum((0, 1)).numpy())

    def _map(self, along: float, grid: Grid) -> Array:
        """(2, 3) from the picture, -1 to 1 at its edges, to a layer, -1 to 1 at its centers."""
        grow = float(self.magnification(along))
        half = self.field / 2
        cosine, sine = np.cos(self.roll), np.sin(self.roll)
        sign = -1.0 if self.flip else 1.0
        # picture -> mm on the detector -> unrolled -> mm in the layer
        turn = np.array([[cosine, sine], [-sine, cosine]]) / grow
        linear = turn @ np.diag([sign * half, half])
        offset = -turn @ np.array(self.shift) + np.array(self.center)
        offset -= np.array([self.turn, self.lean]) * along
        scale, shift = [], []
        for number in (self.axes[0], 2):
            span = grid.step[number] * (grid.count[number] - 1)
            scale.append(2 / span)
            shift.append(-1 - 2 * grid.start[number] / span)
        linear = np.diag(scale) @ linear
        offset = np.array(scale) * offset + np.array(shift)
        return np.concatenate([linear, offset[:, None]], axis=1)
