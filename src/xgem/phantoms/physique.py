"""How the atlas becomes a patient: displacements of its body and of what moves inside it.

Two maps, since organs slide: the body's carries bones, muscles and skin; the interior's carries
lungs, vessels and heart, which stand lower than in the atlas where more air was breathed in. The
interior's is the body's plus what is added inside the rib cage.
"""

from functools import cache

import numpy as np

from xgem.phantoms.anatomy import Patient
from xgem.phantoms.deformation import LATTICE, bump, noise, ramp
from xgem.phantoms.specks import Array
from xgem.phantoms.streams import Stream, stream

_SPINE_Z = (-143.0, -85.0, 2.0, 25.0, 48.0, 71.0, 97.0, 124.0, 180.0)
_SPINE_X = (-5.0, 1.0, 1.0, 4.0, 8.0, 13.0, 18.0, 23.0, 30.0)
"""Where the spine runs in the scan, whose patient lay bent to one side."""
_YAW = 0.045
"""How far the scan's left lies farther back than its right, mm a mm across."""
_SIDE_Z = (-100.0, -60.0, -20.0, 0.0, 20.0, 40.0, 60.0, 80.0, 100.0)
_LEFT_EXCESS = (0.067, 0.046, 0.080, 0.093, 0.088, 0.075, 0.043, 0.018, 0.0)
"""How much wider the scan's left half is than its right, as a part of their mean, halved."""
_CAGE_Z = (-150.0, -130.0, -100.0, -60.0, -20.0, 20.0, 60.0, 100.0, 150.0)
_CAGE_WIDTH = (50.0, 72.0, 98.0, 111.0, 116.0, 124.0, 130.0, 134.0, 134.0)
_CAGE_FRONT = (-30.0, -40.0, -57.0, -76.0, -84.0, -86.0, -84.0, -80.0, -80.0)
_CAGE_BACK = (40.0, 56.0, 78.0, 98.0, 102.0, 100.0, 96.0, 92.0, 88.0)
"""The inside of the rib cage by height: half its width, its front and its back."""
HEART = (42.0, -23.0, 10.0)
HEART_RADII = (112.0, 104.0, 96.0)
HILUM = {-1: (-42.0, 4.0, -24.0), 1: (46.0, 8.0, -36.0)}
"""Where the vessels enter the lungs, by the sign of x."""
CARINA = -46.0


@cache
def nodes() -> Array:
    """(3, z, y, x) the coordinates of the lattice's nodes, x of the straightened spine first."""
    return np.asarray(LATTICE.points().movedim(-1, 0).numpy())


def straight(points: Array) -> Array:
    """(3, ...) atlas points as if its patient lay straight and were of one width on both sides."""
    moved = points.copy()
    moved[0] -= np.interp(points[2], _SPINE_Z, _SPINE_X)
    moved[1] -= _YAW * moved[0]
    excess = np.interp(points[2], _SIDE_Z, _LEFT_EXCESS)
    moved[0] /= 1 + np.sign(moved[0]) * excess
    return moved


def bent(points: Array) -> Array:
    """(3, ...) the atlas points of which `straight` makes ``points``."""
    moved = points.copy()
    excess = np.interp(points[2], _SIDE_Z, _LEFT_EXCESS)
    moved[0] *= 1 + np.sign(moved[0]) * excess
    moved[1] += _YAW * moved[0]
    moved[0] += np.interp(points[2], _SPINE_Z, _SPINE_X)
    return moved


def depth_in_cage(points: Array) -> Array:
    """Mm from the rib cage's inside, positive inside, of straight points (3, ...); approximate."""
    x, y, z = points
    width = np.interp(z, _CAGE_Z, _CAGE_WIDTH)
    front, back = np.interp(z, _CAGE_Z, _CAGE_FRONT), np.interp(z, _CAGE_Z, _CAGE_BACK)
    middle, half = (front + back) / 2, (back - front) / 2
    radius = (np.abs(x / width) ** 2.3 + np.abs((y - middle) / half) ** 2.3) ** (1 / 2.3)
    return np.asarray((1 - radius) * np.minimum(width, half))


def body(patient: Patient) -> Array:
    """(3, z, y, x) displacement of the body on the lattice."""
    atlas = nodes()
    x, y, z = straight(atlas)
    rng = stream(patient.seed, Stream.ANATOMY, 1)
    outside = np.maximum(-depth_in_cage(np.stack([x, y, z])), 0)
    away = np.hypot(x, y) + 1e-3
    thicker = (patient.wall - 1) * np.minimum(outside, 70)
    flank = 1 + 0.35 * patient.heft * ramp(z, 20, 150)
    level = z / 150
    # Standing, the chest is broader above and narrower below than the atlas's, who lies.
    upright = 0.07 * np.exp(-(((z + 70) / 60) ** 2)) - 0.07 * ramp(z, 10, 120)
    wide = patient.width * (1 + upright + patient.taper * np.clip(level, -1, 1))
    deep = patient.depth * (1 + patient.barrel * np.exp(-(((z + 10) / 80) ** 2)))
    lean, phase = patient.scoliosis
    moved = np.stack(
        [
            x * wide + thicker * flank * x / away + lean * np.sin(level * 2.6 + phase),
            y * deep
            + thicker * flank * y / away
            + patient.kyphosis * (np.exp(-(((z + 20) / 90) ** 2)) - 0.5) * ramp(y, -70, 70),
            z * patient.height - patient.slope * y,
        ]
    )
    shape = 4.0 * noise(rng, 85.0)
    shape[2] *= 0.8
    return np.asarray(moved + shape - atlas, np.float32)


def interior(patient: Patient, around: Array, changes: Array | None = None) -> Array:
    """(3, z, y, x) displacement of lungs, vessels and heart on the lattice.

    Args:
        patient: whose.
        around: displacement of the body.
        changes: what findings add, (3, z, y, x); zero where they leave things alone.
    """
    rng = stream(patient.seed, Stream.ANATOMY, 2)
    inside = ramp(depth_in_cage(straight(nodes())), 0, 30)
    # Lungs slide along the ribs, and do not leave them.
    added = _breath(patient)
    added += inside * (_heart(patient) + _vessels(patient) + 3.6 * noise(rng, 46.0))
    if changes is not None:
        added += changes
    return np.asarray(around + added, np.float32)


def _breath(patient: Patient) -> Array:
    """The diaphragm, and the lungs above it drawn out to reach it."""
    x, y, z = straight(nodes())
    left = 0.5 + 0.5 * np.tanh(x / 35)
    low = patient.inspiration + left * patient.diaphragm_left
    # The rim slides along the ribs less than the domes sink.
    dome = bump(np.stack([x, y, z]), (-62, -16, 25), (95, 90, 75)) * (x < 12)
    dome += bump(np.stack([x, y, z]), (72, -16, 35), (95, 90, 75)) * (x >= 12)
    down = low * ramp(z, CARINA - 20, 45) + patient.flatness * dome
    # Standing, the domes are highest in the middle of each half, not beside the spine.
    for sign in (-1, 1):
        down -= 13 * bump(np.stack([x, y, z]), (sign * 84, -10, 40), (48, 90, 60))
        down += 8 * bump(np.stack([x, y, z]), (sign * 28, -10, 30), (42, 90, 60))
    return np.stack([np.zeros_like(x), np.zeros_like(x), down])


def _heart(patient: Patient) -> Array:
    points = straight(nodes())
    near = bump(points, HEART, HEART_RADII)
    wide, tall = (patient.heart - 1), (patient.heart_height - 1)
    x, y, z = (axis - c for axis, c in zip(points, HEART, strict=True))
    grown = np.stack([x * wide, y * wide, z * tall]) * near * 1.5
    grown[0] += patient.apex * bump(points, (96, -38, 28), (70, 80, 62))
    grown[0] -= patient.atrium * bump(points, (-28, -15, 5), (45, 60, 50))
    return np.asarray(grown)


def _vessels(patient: Patient) -> Array:
    """The contours of the great vessels above the heart."""
    points = straight(nodes())
    out = np.zeros_like(points)
    out[0] += patient.knob * bump(points, (40, 14, -70), (52, 75, 34))
    out[0] += patient.trunk * bump(points, (46, -8, -36), (45, 60, 26))
    out[0] -= patient.aorta * bump(points, (-26, -24, -34), (45, 60, 40))
    out[0] += 0.8 * patient.aorta * bump(points, (40, 40, -10), (40, 45, 80))
    out[0] += patient.mediastinum * bump(points, (30, 0, -92), (40, 60, 40))
    out[0] -= patient.mediastinum * bump(points, (-22, -4, -88), (40, 60, 40))
    return out
