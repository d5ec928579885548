"""Soft tissue outside of the chest: shoulders, neck, arms and breasts, as path lengths."""

import numpy as np

from xgem.phantoms.anatomy import Patient
from xgem.phantoms.deformation import ramp
from xgem.phantoms.specks import Array, Number

_UNION = 5
"""Exponent by which overlapping thicknesses are joined: large is the greater of the two."""


def joined(first: Array, second: Array) -> Array:
    """Thickness of two bodies of which one lies within the depth of the other."""
    greatest = np.maximum(first, second)
    low = np.minimum(first, second) / np.maximum(greatest, 1e-3)
    return np.asarray(greatest * (1 + low**_UNION) ** (1 / _UNION))


def shoulders(patient: Patient, x: Array, z: Array) -> Array:
    """Mm of soft tissue along the rays of a frontal view at (x, z): neck, shoulders, arms."""
    wide, tall = patient.width, patient.height
    full = patient.shoulder * (0.94 + 0.12 * patient.heft)
    reach = np.abs(x) / wide
    z = z / tall
    lift = 60 * (np.tan(patient.clavicle) - 0.16)
    parts = [
        # start, end, radius at either, depth in units of the radius
        ((0, -330), (0, -160), 54 * full, 56 * full, 1.0),
        ((20, -212), (146, -124 - lift), 34 * full, 34 * full, 1.1),
        ((40, -142), (150, -102 - lift), 48 * full, 46 * full, 1.1),
        ((166, -96 - lift), (174, -82 - lift), 50 * full, 50 * full, 1.2),
        ((100, -84), (160, -84), 50 * full, 44 * full, 1.0),
        ((120, -28), (166, -76), 12 * full, 30 * full, 1.6),
        ((174, -82 - lift), (270, 200), 48 * full, 40 * full, 1.15),
    ]
    total = np.zeros_like(x)
    for start, end, first, last, deep in parts:
        total = joined(total, _capsule(reach, z, start, end, first, last, deep))
    return total


def _capsule(
    x: Array,
    z: Array,
    start: tuple[Number, Number],
    end: tuple[Number, Number],
    first: Number,
    last: Number,
    deep: Number,
) -> Array:
    """Thickness of a limb whose radius goes from ``first`` at ``start`` to ``last`` at ``end``."""
    dx, dz = end[0] - start[0], end[1] - start[1]
    part = np.clip(((x - start[0]) * dx + (z - start[1]) * dz) / (dx * dx + dz * dz), 0, 1)
    square = (x - start[0] - part * dx) ** 2 + (z - start[1] - part * dz) ** 2
    radius = first + (last - first) * part
    return np.asarray(2 * deep * np.sqrt(np.maximum(radius**2 - square, 0)))


def breasts_from_front(patient: Patient, x: Array, z: Array) -> Array:
    """Mm of breast along the rays of a frontal view."""
    depth = patient.breast
    total = np.zeros_like(x)
    if depth <= 0:
        return total
    apart = patient.breast_apart * patient.width
    for sign in (-1, 1):
        u = (x - sign * apart) / (52 + 0.55 * depth)
        v = (z - patient.breast_height * patient.height) / (44 + 0.5 * depth)
        upper = np.where(v < 0, 0.42, 1.0)
        inside = np.maximum(1 - u * u - v * v * upper, 0)
        # Below the fold is sharp, above the breast merges with the chest.
        total += depth * inside ** (0.5 + 0.8 * ramp(-v, -0.5, 0.6))
    return total


def breasts_from_side(patient: Patient, y: Array, z: Array, front: Array) -> Array:
    """Mm of breast along the rays of a lateral view; ``front`` is y of the chest's skin."""
    depth = patient.breast
    if depth <= 0:
        return np.zeros_like(y)
    v = (z - patient.breast_height * patient.height - 8) / (44 + 0.5 * depth)
    upper = np.where(v < 0, 0.28, 1.0)
    u = np.where(y < front + 4, (front + 4 - y) / (depth + 4), (y - front - 4) / (34 + 0.6 * depth))
    inside = np.maximum(1 - v * v * upper - u * u, 0)
    # Two of them, one behind the other, and as wide as high where they leave the chest.
    wide = (150 + 1.6 * depth) * (1 - 0.7 * ramp(y - front, -12, 18))
    return np.asarray(wide * inside ** (0.5 + 0.8 * ramp(-v, -0.4, 0.8)))


def raised_arms(patient: Patient, y: Array, z: Array) -> Array:
    """Mm of soft tissue along the rays of a lateral view at (y, z): shoulders and raised arms."""
    tall, deep = patient.height, patient.depth
    full = patient.shoulder * (0.92 + 0.16 * patient.heft)
    y, z = y / deep, z / tall
    total = np.zeros_like(y)
    for start, end, first, last, thick in (
        ((10, -175), (0, -150), 78 * full, 70 * full, 2.1),
        ((-5, -170), (-110, -330), 62 * full, 50 * full, 1.5),
        ((20, -250), (20, -180), 66 * full, 70 * full, 1.3),
    ):
        total = joined(total, _capsule(y, z, start, end, first, last, thick))
    return total
