"""The gas in a chest, voxel by voxel: what the lungs take away from solid tissue."""

from dataclasses import dataclass

import numpy as np

from xgem.phantoms.anatomy import Array, Patient

VOXEL = 3.2
"""Edge of a voxel in millimeters; detail finer than that is drawn in the projection."""
LUNG = 0.74
"""The part of an inflated lung that is gas."""


@dataclass(slots=True)
class Chest:
    """A chest as a grid, changed in place while findings are put in; arrays are (z, y, x)."""

    patient: Patient
    x: Array
    """(x,) in mm, float32, as ``y`` and ``z``."""
    y: Array
    z: Array
    wall: Array
    """Voxels from the inside of the rib cage, positive inside."""
    lung: Array
    """1 where there is lung, soft at its border."""
    gas: Array
    """The part of each voxel that is gas."""
    vessel: Array
    """How strongly vessels show in each voxel; negative where they are bronchi in solid lung."""

    def index(self, points: Array) -> tuple[Array, Array, Array]:
        """Voxels of ``points`` (..., 3), in the order of the arrays; outside goes to the border."""
        found = []
        for axis, grid in ((2, self.z), (1, self.y), (0, self.x)):
            place = np.rint((points[..., axis] - grid[0]) / VOXEL)
            found.append(np.asarray(np.clip(place, 0, len(grid) - 1), np.intp))
        return found[0], found[1], found[2]

    def side(self, sign: int) -> Array:
        """The columns (x,) of one side: -1 the patient's right, +1 the left."""
        return (self.x * sign > 0).astype(np.float32)


def carve(
    chest_distance: Array,
    grids: tuple[Array, Array, Array],
    center: tuple[float, float, float],
    radii: tuple[float, float, float],
    tilt: float = 0.0,
) -> None:
    """Take an ellipsoid out of what lies inside a distance (z, y, x), in place.

    ``tilt`` turns it in the frontal plane, its left end down, in radians.
    """
    z, y, x = grids
    reach = max(radii[0], radii[2]) + 2 * VOXEL
    zs = slice(*np.searchsorted(z, [center[2] - reach, center[2] + reach]))
    xs = slice(*np.searchsorted(x, [center[0] - reach, center[0] + reach]))
    deep = radii[1] + 2 * VOXEL
    ys = slice(*np.searchsorted(y, [center[1] - deep, center[1] + deep]))
    dx, dz = x[None, xs] - center[0], z[zs, None] - center[2]
    along, across = dx * np.cos(tilt) + dz * np.sin(tilt), dz * np.cos(tilt) - dx * np.sin(tilt)
    flat = (along / radii[0]) ** 2 + (across / radii[2]) ** 2
    outside = flat[:, None, :] + (((y[ys] - center[1]) / radii[1]) ** 2)[None, :, None]
    outside -= 1
    outside *= min(radii) / (2 * VOXEL)
    block = chest_distance[zs, ys, xs]
    np.minimum(block, outside, out=block)


def carve_tube(
    chest_distance: Array,
    grids: tuple[Array, Array, Array],
    center: tuple[Array, Array],
    radii: tuple[Array, Array],
) -> None:
    """Take an upright tube with center and radii (z,) out, in place; radius 0 is no tube."""
    _, y, x = grids
    rows = np.flatnonzero(radii[0] > 0)
    if not len(rows):
        return
    zs = slice(rows[0], rows[-1] + 1)
    cx, cy, rx, ry = (a[zs, None].astype(np.float32) for a in (*center, *radii))
    low, high = float((cx - rx).min()) - 2 * VOXEL, float((cx + rx).max()) + 2 * VOXEL
    xs = slice(*np.searchsorted(x, [low, high]))
    low, high = float((cy - ry).min()) - 2 * VOXEL, float((cy + ry).max()) + 2 * VOXEL
    ys = slice(*np.searchsorted(y, [low, high]))
    outside = (((x[None, xs] - cx) / rx) ** 2)[:, None, :] + (((y[None, ys] - cy) / ry) ** 2)[
        :, :, None
    ]
    outside -= 1
    outside *= (np.minimum(rx, ry) / (2 * VOXEL))[:, :, None]
    block = chest_distance[zs, ys, xs]
    np.minimum(block, outside, out=block)


def wall_distance(patient: Patient, grids: tuple[Array, Array, Array], gap: Array) -> Array:
    """Voxels from the inside of a rib cage made smaller by ``gap`` (z,) mm; positive inside."""
    z, y, x = grids
    width = np.maximum(patient.width_at(z - 0.7 * gap) - gap, 1)
    front, back = patient.front_at(z) + gap, patient.back_at(z) - 0.5 * gap
    half, middle = np.maximum((back - front) / 2, 1), (back + front) / 2
    power = patient.squareness
    across = (np.abs(x)[None, :] / width[:, None]) ** power
    deep = (np.abs(y[None, :] - middle[:, None]) / half[:, None]) ** power
    distance = across.astype(np.float32)[:, None, :] + deep.astype(np.float32)[:, :, None]
    np.subtract(1, distance, out=distance)
    distance *= (np.minimum(width, half) / (power * VOXEL)).astype(np.float32)[:, None, None]
    return np.asarray(distance)


def build_chest(patient: Patient, heart: float) -> Chest:
    """The healthy chest of ``patient`` with a heart wider by the factor ``heart``."""
    x = np.arange(-160, 160.1, VOXEL, dtype=np.float32)
    y = np.arange(-112, 112.1, VOXEL, dtype=np.float32)
    z = np.arange(patient.apex - 6, patient.base + 12, VOXEL, dtype=np.float32)
    grids = (z, y, x)
    wall = wall_distance(patient, grids, np.zeros_like(z))
    floor = (patient.diaphragm(x[None, :], y[:, None]) / VOXEL).astype(np.float32)
    distance = np.minimum(wall, floor[None] - (z / VOXEL)[:, None, None])

    level = patient.level(z)
    spine_x, spine_y = patient.spine_at(z)
    ones = np.ones_like(z)
    carve_tube(distance, grids, (spine_x, spine_y + 6), (20 + 6 * level, 27 * ones))
    # Vessels and esophagus above the heart; the lungs come close to each other only in front.
    upper = np.where(level < 0.62, patient.pedicle + 13 * np.exp(-np.maximum(level, 0) / 0.05), 0)
    lean = patient.trachea * 0.5 + 0 * z
    carve_tube(distance, grids, (lean, 8 + 0 * z), (upper, 46 * ones))
    carve_tube(distance, grids, (0 * z, patient.front_at(z)), (9 + 7 * level, 32 * ones))
    # The aorta: arch to the left, then down beside the spine.
    arch_z = patient.apex + 0.27 * (patient.base - patient.apex)
    down = np.where(z > arch_z - 4, patient.aorta + 1.5, 0.0)
    sweep = np.exp(-np.maximum(z - arch_z, 0) / 70)
    carve_tube(
        distance,
        grids,
        (spine_x + 13 + (patient.knob - 25) * sweep, spine_y - 22 - 14 * sweep),
        (down, down),
    )
    a = patient.aorta
    carve(distance, grids, (patient.knob - a, 14.0, arch_z + 2.0), (a + 1.0, 26.0, a + 4.0))
    carve(distance, grids, (-10.0, -14.0, arch_z + 24.0), (patient.pedicle - 1.0, 26.0, 50.0), 0.10)
    carve(
        distance,
        grids,
        (21.0, -18.0, arch_z + 36.0),
        (patient.pulmonary + 4.0, 22.0, patient.pulmonary + 16.0),
        -0.25,
    )
    # The heart rests on the diaphragm: right atrium, left ventricle, right ventricle, left atrium.
    scale = patient.heart * heart
    rest = min(patient.dome_left, patient.dome_right) - 4
    tall = patient.heart * (1 + 0.35 * (heart - 1.0))
    tilt = patient.heart_tilt
    carve(
        distance,
        grids,
        (-14 * scale, -18.0, rest - 38.0),
        (25.5 * scale, 34 * tall, 42 * tall),
        -0.1,
    )
    carve(distance, grids, (21 * scale, -24.0, rest - 62.0), (26 * scale, 24.0, 44 * tall), -0.5)
    carve(
        distance, grids, (27 * scale, -26.0, rest - 24.0), (52 * scale, 40 * tall, 40 * tall), tilt
    )
    carve(distance, grids, (6 * scale, -44.0, rest - 22.0), (44 * scale, 34 * tall, 44 * tall), 0.4)
    carve(
        distance,
        grids,
        (8 * scale, 10 + 14 * (heart - 1.0), rest - 58.0),
        (38 * scale, 24 * tall * heart, 30 * tall),
        0.5,
    )
    lung = np.clip(distance + 0.5, 0, 1)
    # Lung is denser where it hangs lowest.
    gas = lung * (LUNG + 0.05 - 0.09 * level).astype(np.float32)[:, None, None]
    return Chest(patient, x, y, z, wall, lung, gas, lung.copy())
