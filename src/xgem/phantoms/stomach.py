"""The bubble of gas that stands in the stomach, under the left dome of the diaphragm."""

from functools import cache

import numpy as np
from scipy.stats import qmc

from xgem.phantoms.chest import Chest
from xgem.phantoms.specks import Array, Specks

_FUNDUS = (62.0, 14.0, 58.0)
"""The highest place of the stomach in the atlas, mm."""
_WALL = 7.0
"""mm of diaphragm and stomach between the gas and the lung."""
_SHAPE = np.array([1.35, 1.0, 0.85], np.float32)
"""Of the bubble: its radii, x, y, z, against `Patient.stomach`."""
_LEVEL = 0.4
"""How far below its middle, in radii, the bubble stands on fluid."""
_POINTS = 16
"""Power of two: specks in the cube about the bubble."""
_DENSITY = 1.03
"""Of what the gas displaces."""


def stomach_gas(chest: Chest) -> Specks:
    """Gas as specks of negative mass; none where the stomach is empty."""
    radius = np.float32(chest.patient.stomach)
    within = _ball()
    within = within[within[:, 2] < _LEVEL]
    top = chest.interior.apply(np.array([_FUNDUS], np.float32))[0]
    middle = top + np.array([0, 0, _WALL + radius * _SHAPE[2]], np.float32)
    speck = float((_SHAPE * radius * 2).prod()) / 2**_POINTS
    points = (middle + within * _SHAPE * radius).astype(np.float32)
    lung = chest.sampled(chest.lungs.sum(0).clamp(max=1), points)
    gas = np.minimum(lung - 1, 0) * _DENSITY * speck
    return Specks(points, np.asarray(gas, np.float32))


@cache
def _ball() -> Array:
    """(n, 3) points evenly in a ball of radius 1, seen from any side."""
    points = qmc.Sobol(3, seed=0).random_base2(_POINTS) * 2 - 1
    return np.asarray(points[(points**2).sum(1) < 1], np.float32)
