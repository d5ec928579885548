"""Bones as points on their surfaces: seen edge-on, a thin cortex is bright by itself."""

from dataclasses import dataclass

import numpy as np

from xgem.phantoms.anatomy import Array, Patient

CORTEX = 0.036
"""Attenuation of cortical bone beyond that of soft tissue, 1/mm."""


@dataclass(frozen=True, slots=True)
class Cloud:
    """Small specks of matter."""

    points: Array
    """(n, 3) in mm."""
    weights: Array
    """(n,) attenuation times volume: what a speck adds to its pixel times the pixel's area."""


def join(clouds: list[Cloud]) -> Cloud:
    """All specks of ``clouds``."""
    return Cloud(
        np.concatenate([c.points for c in clouds]), np.concatenate([c.weights for c in clouds])
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


def shell(path: Array, first: Array, second: Array, weight: float, around: int = 8) -> Cloud:
    """The cortex of a long bone: rings with half axes ``first`` and ``second`` (..., n, 3)."""
    turn = np.arange(around) * (2 * np.pi / around)
    rings = (
        path[..., None, :]
        + first[..., None, :] * np.cos(turn)[:, None]
        + second[..., None, :] * np.sin(turn)[:, None]
    )
    radius = (np.linalg.norm(first, axis=-1) + np.linalg.norm(second, axis=-1)) / 2
    each = weight * lengths(path) * radius * (2 * np.pi / around)
    weights = np.broadcast_to(each[..., None], rings.shape[:-1])
    return Cloud(rings.reshape(-1, 3), weights.reshape(-1))


def ribs(patient: Patient) -> Cloud:
    """Twelve pairs, on the outside of the rib cage, from the spine to where cartilage begins."""
    number = np.arange(12)
    span = patient.base - patient.apex
    start = patient.apex - 12 + span * (0.02 + 0.083 * number) + np.array(patient.rib_wave)
    fall = patient.rib_slope * np.interp(number, [0, 2, 5, 9, 11], [0.42, 0.72, 1.0, 1.12, 0.6])
    end = np.interp(number, [0, 1, 4, 7, 9, 10, 11], [0.86, 0.84, 0.80, 0.74, 0.66, 0.5, 0.33])
    theta = np.linspace(0.07, 1, 100)[None, :] * (end * np.pi)[:, None]
    part = theta / np.pi
    z = start[:, None] + fall[:, None] * (
        part**1.25 - 0.16 * np.sin(np.pi * np.minimum(part * 2, 1))
    )
    z_wall = np.maximum(z, patient.apex + 0.04 * span)
    width = patient.width_at(z_wall) + 4
    front, back = patient.front_at(z_wall) - 3, patient.back_at(z_wall) + 5
    power = 2 / patient.squareness
    sine, cosine = np.sin(theta), np.cos(theta)
    y = (front + back) / 2 + (back - front) / 2 * np.sign(cosine) * np.abs(cosine) ** power
    spine = patient.spine_at(z)[0]
    clouds = []
    for sign in (-1, 1):
        x = sign * width * sine**power + spine * np.maximum(1 - part * 3, 0)
        path = np.stack([x, y, z], axis=-1)
        thin = np.interp(part, [0, 0.1, 0.7, 1], [0.75, 1, 1, 0.85])[..., None]
        tall = np.interp(number, [0, 3, 8, 11], [5.0, 6.2, 6.4, 4.5])[:, None, None]
        up = np.zeros_like(path)
        up[..., 2] = 1
        out = np.stack([sign * sine, cosine, np.zeros_like(sine)], axis=-1)
        clouds.append(shell(path, up * tall * thin, out * 2.8, CORTEX * 1.75 * patient.bone))
    return join(clouds)


def vertebrae(patient: Patient) -> Cloud:
    """Bodies with end plates, pedicles and spinous processes, from the neck to the loin."""
    span = patient.base - patient.apex
    number = np.arange(-3, 14)
    z = patient.apex - 8 + span * (0.035 + 0.083 * number) + 2
    x, y = patient.spine_at(z)
    growth = np.interp(number, [-3, 0, 12], [0.72, 0.8, 1.12])
    height = 0.083 * span * 0.39

    turn = np.arange(26) * (2 * np.pi / 26)
    rim = np.stack([np.cos(turn), np.sin(turn)], axis=-1)
    waist = np.linspace(-1, 1, 7)
    side = np.concatenate([np.c_[rim * (1 - 0.12 * (1 - h * h)), np.full(26, h)] for h in waist])
    side_weight = np.full(len(side), 16.5 * 2 * np.pi / 26 * 2 * height / 7 * 1.0)
    radius = np.sqrt((np.arange(60) + 0.5) / 60)
    golden = np.arange(60) * 2.39996
    disk = np.stack([radius * np.cos(golden), radius * np.sin(golden)], axis=-1)
    plates = np.concatenate([np.c_[disk, np.full(60, h)] for h in (-1, 1)])
    plate_weight = np.full(120, np.pi * 16.5 * 14 / 60 * 1.6)
    filling = np.concatenate([np.c_[disk, np.full(60, h)] for h in (-0.6, -0.2, 0.2, 0.6)])
    filling_weight = np.full(240, np.pi * 16.5 * 14 / 60 * height / 2 * 0.28)
    unit = np.concatenate([side, plates, filling])
    weight = np.concatenate([side_weight, plate_weight, filling_weight])
    size = np.stack([16.5 * growth, 14 * growth, np.full_like(growth, height)], axis=-1)
    centers = np.stack([x, y, z], axis=-1)
    bodies = centers[:, None] + unit * size[:, None]
    weights = 0.48 * CORTEX * patient.bone * weight * growth[:, None] ** 2
    clouds = [Cloud(bodies.reshape(-1, 3), weights.reshape(-1))]
    for offset in (-1, 1):
        ring = np.stack([3.4 * np.cos(turn), 9 * (turn / np.pi - 1), 4.8 * np.sin(turn)], axis=-1)
        center = centers + np.stack([offset * 11.5 * growth, 18 * growth, -3 + 0 * z], axis=-1)
        clouds.append(_spread(center[:, None] + ring, 14.0, patient))
        arm = np.linspace(0, 1, 24)[:, None] * np.array([offset * 21.0, 10.0, -3.0])
        clouds.append(_spread(center[:, None] + arm, 11.0, patient))
    blade = np.linspace(0, 1, 24)[:, None] * np.array([0.0, 24.0, 19.0])
    clouds.append(_spread(centers[:, None] + np.array([0, 26.0, 2.0]) + blade, 20.0, patient))
    return join(clouds)


def _spread(points: Array, volume: float, patient: Patient) -> Cloud:
    flat = points.reshape(-1, 3)
    return Cloud(flat, np.full(len(flat), CORTEX * patient.bone * volume))


def girdle(patient: Patient) -> Cloud:
    """Clavicles, scapulae and the sternum."""
    apex, width = patient.apex, patient.half_width
    front = float(patient.front_at(np.array(apex + 40)))
    clouds = []
    for sign in (-1, 1):
        outer = apex + patient.clavicle - 8
        inner = apex + 34
        knots = np.array(
            [
                [sign * 13, front - 8, inner],
                [sign * 50, front - 14, inner - 16],
                [sign * 100, front + 20, (outer + inner) / 2 - 14],
                [sign * (width + 28), 15, outer],
            ]
        )
        path = smooth_path(knots, 70)
        up, out = np.zeros_like(path), np.zeros_like(path)
        up[:, 2] = np.interp(np.linspace(0, 1, 70), [0, 0.1, 0.5, 1], [9, 6, 5, 6])
        out[:, 1] = 5
        clouds.append(shell(path, up, out, CORTEX * 3.0 * patient.bone))
        clouds.append(_scapula(patient, sign))
    z = np.linspace(apex + 42, apex + 42 + 0.6 * (patient.base - apex), 90)
    breadth = np.interp(np.linspace(0, 1, 90), [0, 0.18, 0.3, 0.8, 1], [26, 20, 12, 17, 8])
    path = np.stack([0 * z, patient.front_at(z) - 9, z], axis=-1)
    up, out = np.zeros_like(path), np.zeros_like(path)
    up[:, 0], out[:, 1] = breadth, 5
    clouds.append(shell(path, up, out, CORTEX * 0.9 * patient.bone, around=16))
    return join(clouds)


def humeri(patient: Patient) -> Cloud:
    """The upper arms where they hang at the sides."""
    apex, width = patient.apex, patient.half_width
    clouds = []
    for sign in (-1, 1):
        outer = apex + patient.clavicle - 8
        head = np.array([sign * (width + 42.0), 12.0, outer + 30])
        shaft = np.array([sign * (width + 50.0), 12.0, outer + 130])
        path = np.linspace(0, 1, 50)[:, None] * (shaft - head) + head
        thick = np.interp(np.linspace(0, 1, 50), [0, 0.03, 0.12, 0.3, 1], [8, 17, 22, 12, 11])
        up, out = np.zeros_like(path), np.zeros_like(path)
        up[:, 0], out[:, 1] = thick, thick
        clouds.append(shell(path, up, out, CORTEX * 2.0 * patient.bone, around=14))
    return join(clouds)


def _scapula(patient: Patient, sign: int) -> Cloud:
    apex, width, turned = patient.apex, patient.half_width, patient.scapula
    glenoid = np.array([sign * (width + 22), 25, apex + 32])
    top = np.array([sign * (width - 38 + turned), 62, apex + 12])
    tip = np.array([sign * (width - 14 + turned), 82, apex + 148])
    root = np.array([sign * (width - 42 + turned), 74, apex + 46])
    acromion = np.array([sign * (width + 44), 20, apex + 2])
    knob, coracoid = (glenoid + np.array(by) for by in ([0, -10, -14], [sign * -12, -22, -4]))
    edges = [
        (np.array([glenoid, (glenoid + tip) / 2 + [sign * -2, 6, 4], tip]), 8.0),
        (np.array([top, root, (root + tip) / 2, tip]), 4.5),
        (np.array([top, (top + glenoid) / 2 + [0, 0, -7], glenoid]), 3.5),
        (np.array([root, (root + acromion) / 2 + [0, 14, 6], acromion]), 9.0),
        (np.array([acromion, knob, coracoid]), 7.0),
    ]
    clouds = []
    for knots, area in edges:
        path = smooth_path(knots, 60)
        clouds.append(Cloud(path, CORTEX * patient.bone * area * lengths(path)))
    mix = np.random.default_rng(0).dirichlet([1, 1, 1], 500)
    blade = mix @ np.stack([glenoid, top, tip])
    face = 0.5 * np.linalg.norm(np.cross(top - glenoid, tip - glenoid))
    clouds.append(Cloud(blade, np.full(500, CORTEX * patient.bone * face * 1.6 / 500)))
    return join(clouds)


def fade(cloud: Cloud, factor: float) -> Cloud:
    """The same specks, ``factor`` times as dense."""
    return Cloud(cloud.points, cloud.weights * factor)
