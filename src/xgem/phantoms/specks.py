"""Small specks of matter: what is finer than the voxels of a chest."""

from dataclasses import dataclass

import numpy as np

Array = np.ndarray
Number = float | int
"""A constant written either way; type checks at run time tell the two apart."""


@dataclass(frozen=True, slots=True)
class Specks:
    """Specks, each so small that only its place and its mass count."""

    points: Array
    """(n, 3) float32 in mm."""
    mass: Array
    """(n,) float32, mm³ of water of the same attenuation, beyond what is there anyway; negative
    for gas."""

    def __len__(self) -> int:
        return len(self.mass)

    def scaled(self, factor: float | Array) -> "Specks":
        """The same specks with ``factor`` (one or (n,)) times their mass."""
        return Specks(self.points, np.asarray(self.mass * factor, np.float32))


def join(parts: list[Specks]) -> Specks:
    """All specks of ``parts``."""
    return Specks(
        np.concatenate([p.points for p in parts]).astype(np.float32, copy=False),
        np.concatenate([p.mass for p in parts]).astype(np.float32, copy=False),
    )


def lengths(path: Array) -> Array:
    """(..., n): the part of a path (..., n, 3) that each of its points stands for, in mm."""
    steps = np.linalg.norm(np.diff(path, axis=-2), axis=-1)
    ends = np.concatenate([steps[..., :1], steps, steps[..., -1:]], axis=-1)
    return np.asarray((ends[..., 1:] + ends[..., :-1]) / 2)


def smooth_path(knots: Array, count: int) -> Array:
    """(count, 3) points along a Catmull-Rom curve through ``knots`` (k, 3)."""
    padded = np.concatenate(
        [2 * knots[:1] - knots[1:2], knots, 2 * knots[-1:] - knots[-2:-1]], axis=0
    )
    place = np.linspace(0, len(knots) - 1 - 1e-6, count)
    k = place.astype(int)
    t = (place - k)[:, None]
    a, b, c, d = (padded[k + i] for i in range(4))
    bend = (2 * a - 5 * b + 4 * c - d) * t**2 + (3 * b - a - 3 * c + d) * t**3
    return np.asarray(b + 0.5 * ((c - a) * t + bend))


def wire(path: Array, mass: float) -> Specks:
    """A thread along ``path`` (n, 3) with ``mass`` in mm² of water a millimeter of its length."""
    return Specks(path.astype(np.float32), (mass * lengths(path)).astype(np.float32))
