"""Ribs as hollow bows: the scan's thick slices blur the cortex that a radiograph shows."""

import numpy as np

from xgem.phantoms.physique import bent, straight
from xgem.phantoms.specks import Array, Specks, lengths

CORTEX = 1.35
"""mm of water that a millimeter of cortical bone weighs beyond the soft tissue in its place."""
_THICK, _SPONGY = 0.55, 0.05
"""The cortex, mm, and the density of what it encloses against its own."""
_PART = (0.0, 0.1, 0.45, 0.8, 1.0)
_TALL = (4.2, 4.8, 5.2, 5.2, 6.0)
_DEEP = (4.2, 3.8, 2.8, 2.8, 3.2)
"""Along a rib from the spine to the front: half its height and half its thickness, mm."""
_DEGREE = 6
"""Of the polynomials that its middle follows."""


def rib_part(points: Array) -> Array:
    """(n,) how far along its rib each point lies: 0 at the spine, 1 at the breastbone."""
    x = np.abs(straight(points.T)[0])
    return np.asarray(np.arctan2(x, points[:, 1] - 8.0) / np.pi)


def hollow(rib: Specks, fine: bool) -> Specks:
    """The rib of some specks of the scan, as a smooth tube with a cortex."""
    middle = _middle(rib, 0.8 if fine else 1.7)
    around = 20 if fine else 14
    part = np.linspace(0, 1, len(middle))
    tall, deep = np.interp(part, _PART, _TALL), np.interp(part, _PART, _DEEP)
    along = np.gradient(middle, axis=0)
    along /= np.linalg.norm(along, axis=1, keepdims=True)
    outward = np.cross(along, [0.0, 0.0, 1.0])
    outward /= np.linalg.norm(outward, axis=1, keepdims=True)
    up = np.cross(outward, along)
    # Each ring is turned against the next, or specks would line up as stripes.
    turn = (np.arange(around) + 0.618 * np.arange(len(middle))[:, None]) * (2 * np.pi / around)
    rings = (up * tall[:, None])[:, None] * np.sin(turn)[..., None]
    rings = rings + (outward * deep[:, None])[:, None] * np.cos(turn)[..., None]
    each = CORTEX * lengths(middle) / around
    shell = each * _THICK * np.pi * (tall + deep)
    inside = each * _SPONGY * np.pi * tall * deep
    points = np.concatenate([(middle[:, None] + s * rings).reshape(-1, 3) for s in (1.0, 0.6)])
    mass = np.concatenate([np.repeat(m, around) for m in (shell, inside)])
    return Specks(points.astype(np.float32), mass.astype(np.float32))


def _middle(rib: Specks, spacing: float) -> Array:
    """(n, 3) points ``spacing`` mm apart along the middle of a rib, from the spine to the front."""
    part = rib_part(rib.points)
    low, high = np.quantile(part, [0.004, 0.996])
    place = np.linspace(low, high, 400)
    path = np.stack(
        [
            np.polynomial.Polynomial.fit(part, axis, _DEGREE, w=np.sqrt(rib.mass))(place)
            for axis in straight(rib.points.T)
        ]
    )
    path = bent(path).T
    along = np.concatenate([[0], np.cumsum(np.linalg.norm(np.diff(path, axis=0), axis=1))])
    even = np.linspace(0, along[-1], max(8, int(along[-1] / spacing)))
    return np.stack([np.interp(even, along, axis) for axis in path.T], axis=-1)
