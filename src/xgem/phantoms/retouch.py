"""What is changed of the scan before anyone is made of it: a lying patient's chest, made to stand.

The scan's heart lies flat and far to the front, and its lungs end at two heights. Here the heart is
filled up to what a standing one takes of the frontal view: two ellipsoids, the ventricles and the
right atrium, are cut out of the lungs, and both apices are made alike.
"""

import numpy as np
import torch
from torch import Tensor

from xgem.phantoms.deformation import ramp
from xgem.phantoms.physique import bent, straight
from xgem.phantoms.specks import Array
from xgem.phantoms.volume import Volume

_VENTRICLES = ((36.0, -24.0, 12.0), (62.0, 54.0, 42.0), 0.55)
_ATRIUM = ((-14.0, -22.0, 20.0), (36.0, 36.0, 44.0), 0.0)
"""Center and half axes, mm, of straight points, and by how much the first axis falls to the left,
radians."""
_APEX = (-78.0, -104.0)
"""Below and above these z each apex is its own, or the mean of both."""


def upright(lungs: Volume) -> Volume:
    """Two channels, right and left, mm from the border of lungs that stand about a full heart."""
    points = lungs.grid.points()
    flat = straight(points.movedim(-1, 0).numpy())
    values = _alike(lungs, flat)
    for center, radii, fall in (_VENTRICLES, _ATRIUM):
        outside = torch.from_numpy(_from_ellipsoid(flat, center, radii, fall))
        values = torch.minimum(values, outside)
    return Volume(values, lungs.grid)


def _alike(lungs: Volume, flat: Array) -> Tensor:
    """Lungs whose apices are the mean of each and the other's mirror image."""
    other = flat * np.array([-1, 1, 1], np.float32)[:, None, None, None]
    seen = lungs.at(torch.from_numpy(bent(other)).movedim(0, -1).float()).flip(0)
    share = torch.from_numpy(ramp(flat[2], *_APEX).astype(np.float32)) / 2
    return lungs.values * (1 - share) + seen * share


def _from_ellipsoid(
    points: Array, center: tuple[float, ...], radii: tuple[float, ...], fall: float
) -> Array:
    """About how many mm points (3, z, y, x) lie outside of an ellipsoid; negative inside."""
    x, y, z = (axis - c for axis, c in zip(points, center, strict=True))
    along, across = x * np.cos(fall) + z * np.sin(fall), z * np.cos(fall) - x * np.sin(fall)
    scaled = np.stack([along / radii[0], y / radii[1], across / radii[2]])
    return np.asarray((np.sqrt((scaled**2).sum(0)) - 1) * min(radii), np.float32)
