"""Pacemakers, central venous catheters and electrodes, as metal and plastic in 3-D.

They run through veins that are known in the atlas and move with the patient's body and heart, so
that both views agree and a large heart has its leads where it is.
"""

import numpy as np

from xgem.phantoms.chest import Chest
from xgem.phantoms.findings import SIGNS, TIPS
from xgem.phantoms.specks import Array, Specks, join, lengths, smooth_path, wire
from xgem.study import Finding

_VEINS = {
    "superior vena cava": (-14.0, -16.0, -50.0),
    "cavoatrial junction": (-16.0, -18.0, -22.0),
    "right atrium": (-13.0, -20.0, 2.0),
    "floor": (-2.0, -22.0, 26.0),
    "valve": (22.0, -36.0, 26.0),
    "ventricle": (74.0, -58.0, 36.0),
    "appendage": (-6.0, -52.0, -14.0),
}
"""Stations in the atlas on the way to the heart and in it, mm."""
_JOINING = {1: (12.0, -30.0, -84.0), -1: (-18.0, -22.0, -84.0)}
"""Where the vein of each arm comes to the upper vena cava."""
_SUBCLAVIAN = {sign: (sign * 56.0, -30.0, -112.0) for sign in (-1, 1)}
_ARMPIT = {sign: (sign * 96.0, -34.0, -98.0) for sign in (-1, 1)}
_JUGULAR = {sign: (sign * 28.0, -22.0, -128.0) for sign in (-1, 1)}
_NECK = {sign: (sign * 40.0, -22.0, -190.0) for sign in (-1, 1)}


def pacemaker(chest: Chest, finding: Finding, rng: np.random.Generator) -> Specks:
    """The generator under the skin, and its leads to the right heart."""
    assert finding.side
    sign = SIGNS[finding.side][0]
    middle = [sign * rng.uniform(84, 98), -62.0, rng.uniform(-82, -62)]
    center = chest.body.apply(np.array([middle], np.float32))[0]
    center[1] -= 7 * chest.patient.wall
    size = rng.uniform(0.85, 1.15)
    parts = [_generator(center, sign, size, rng)]
    turn = center + np.array([-sign * 12.0, 3.0, -22.0 * size])
    trunk = [_ARMPIT[sign], _SUBCLAVIAN[sign], _JOINING[sign], *_stations("superior vena cava")]
    right = [*trunk, *_stations("right atrium", "floor", "valve", "ventricle")]
    ends = [right]
    if "atrium" in str(finding.site):
        ends.append([*trunk, *_stations("cavoatrial junction", "right atrium", "appendage")])
    shock = rng.random() < 0.25
    for knots in ends:
        path = _path(chest, knots, rng, turn)
        parts.append(wire(path, 34.0))
        parts.append(wire(path[-16:], 40.0))
        if shock and knots is right:
            parts.append(wire(path[int(0.72 * len(path)) : -18], 50.0))  # a defibrillator's coil
    return join(parts)


def catheter(chest: Chest, finding: Finding, rng: np.random.Generator) -> Specks:
    """A line from the neck, from under the clavicle or from the arm to its tip."""
    assert finding.side
    sign = SIGNS[finding.side][0]
    way = rng.choice(["jugular", "subclavian", "arm"], p=[0.5, 0.25, 0.25])
    start = {
        "jugular": [_NECK[sign], _JUGULAR[sign]],
        "subclavian": [
            (sign * 74.0, -76.0, -88.0),
            (sign * 64.0, -44.0, -104.0),
            _SUBCLAVIAN[sign],
        ],
        "arm": [
            (sign * 168.0, 0.0, -40.0),
            (sign * 132.0, -14.0, -82.0),
            _ARMPIT[sign],
            _SUBCLAVIAN[sign],
        ],
    }[str(way)]
    inner = TIPS[: TIPS.index(str(finding.site)) + 1]
    path = _path(chest, [*start, _JOINING[sign], *_stations(*inner)], rng)
    thick = {"jugular": 1.0, "subclavian": 1.0, "arm": 0.7}[str(way)] * rng.uniform(0.8, 1.2)
    return join([wire(path, 30.0 * thick), wire(path[-10:], 8.0 * thick)])


def electrodes(chest: Chest, rng: np.random.Generator) -> Specks:
    """Three to five electrodes of a monitor on the skin, with their wires; no finding."""
    places = [(-92, -96), (96, -96), (-104, 62), (112, 58), (36, 0)]
    kept = rng.choice(5, rng.integers(3, 6), replace=False)
    away = np.array(
        [rng.choice([-1, 1]) * rng.uniform(40, 190), -95.0, rng.choice([-250.0, 210.0])]
    )
    parts = []
    for number in kept:
        x, z = np.array(places[number]) + rng.normal(0, 9, 2)
        y = -94 + 55 * min(1.0, (abs(x) / 125) ** 2.5)
        spot = np.array([x, y, z])
        between = (
            spot + (away - spot) * rng.uniform(0.35, 0.65) + rng.normal(0, 28, 3) * [1, 0.1, 1]
        )
        knots = np.stack([spot, between, away]).astype(np.float32)
        points = chest.body.apply(knots)
        points[:, 1] -= 24 * chest.patient.wall
        path = smooth_path(points, 500)
        parts.append(wire(path, rng.uniform(10.0, 24.0)))
        parts.append(_disk(path[0], rng.uniform(4.5, 7.0), 9.0))
        parts.append(_disk(path[0], 2.6, 16.0))
    return join(parts)


def _stations(*names: str) -> list[tuple[float, float, float]]:
    return [_VEINS[name] for name in names]


def _path(
    chest: Chest,
    knots: list[tuple[float, float, float]],
    rng: np.random.Generator,
    start: Array | None = None,
) -> Array:
    """(n, 3) a way in the patient through atlas points, a little to either side of them."""
    points = np.array(knots, np.float32)
    moved = chest.interior.apply(points)
    moved[:-1] += rng.normal(0, 2.2, moved[:-1].shape)
    if start is not None:
        moved = np.concatenate([start[None], moved])
    return smooth_path(moved, 900)


def _disk(center: Array, radius: float, mass: float) -> Specks:
    """A flat round thing facing forward, ``mass`` mm of water thick."""
    u, v = np.meshgrid(np.linspace(-1, 1, 15), np.linspace(-1, 1, 15))
    inside = u**2 + v**2 <= 1
    u, v = u[inside] * radius, v[inside] * radius
    points = center + np.stack([u, 0.1 * u, v], axis=-1)
    each = mass * np.pi * radius**2 / len(u)
    return Specks(points.astype(np.float32), np.full(len(u), each, np.float32))


def _generator(center: Array, sign: int, size: float, rng: np.random.Generator) -> Specks:
    """Case, battery and circuits, seen through; the rim is steel seen edge-on."""
    half = np.array([rng.uniform(19, 25), rng.uniform(17, 22)]) * size
    spin = sign * rng.uniform(-0.2, 0.7)
    u, v = np.meshgrid(np.linspace(-1, 1, 60), np.linspace(-1, 1, 60))
    rounded = np.abs(u) ** 3 + np.abs(v) ** 3
    mass = 22 + 45.0 * ((rounded > 0.80) & (rounded <= 1))
    mass += 38 * ((np.abs(u) < 0.72) & (v > 0.0) & (v < 0.8))
    mass += 18 * ((np.abs(u) < 0.55) & (v < -0.15) & (v > -0.6))
    keep = rounded <= 1
    area = half[0] * half[1] * 4 / 60**2
    u, v, mass = u[keep] * half[0], v[keep] * half[1], mass[keep] * area
    across = u * np.cos(spin) - v * np.sin(spin)
    down = u * np.sin(spin) + v * np.cos(spin)
    plates = [
        np.stack(
            [center[0] + across, center[1] + deep + 0.45 * sign * across, center[2] + down], axis=-1
        )
        for deep in (-3.5, 0.0, 3.5)
    ]
    points = np.concatenate(plates).astype(np.float32)
    return Specks(points, np.tile(mass / 3, 3).astype(np.float32))


def kerley(chest: Chest, finding: Finding, rng: np.random.Generator) -> Specks:
    """Short septal lines at the lungs' lower outer edges, of thickened septa seen edge-on."""
    count = 60
    shown = int(4 + 46 * finding.severity)
    sign = np.repeat([-1, 1], count // 2)
    z = rng.uniform(-20, 60, count)
    out = np.stack([sign * rng.uniform(112, 124, count), rng.uniform(-40, 40, count), z], axis=-1)
    inner = out - np.stack([sign * rng.uniform(9, 22, count), 0 * z, rng.normal(0, 2, count)], -1)
    order = rng.permutation(count)[:shown]
    t = np.linspace(0, 1, 12)[None, :, None]
    path = out[order, None] * (1 - t) + inner[order, None] * t
    points = chest.interior.apply(path.reshape(-1, 3).astype(np.float32)).reshape(path.shape)
    mass = (3.5 + 3 * finding.severity) * lengths(points)
    septa = Specks(points.reshape(-1, 3).astype(np.float32), mass.reshape(-1))
    return septa.scaled(chest.sampled(chest.lungs.sum(0), septa.points))
