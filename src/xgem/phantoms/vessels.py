"""Pulmonary vessels: random trees from the hila to the pleura."""

import numpy as np

from xgem.phantoms.anatomy import Array, Patient
from xgem.phantoms.skeleton import Cloud, join, lengths
from xgem.phantoms.streams import Stream, stream

BLOOD = 0.021
"""Attenuation of blood beyond that of lung, 1/mm, somewhat raised for coarse pixels."""


def hilum(patient: Patient, sign: int) -> Array:
    """(3,) where a lung's vessels begin; the left one lies higher."""
    span = patient.base - patient.apex
    return np.array([sign * 33.0, 4.0, patient.apex + (0.50 if sign < 0 else 0.465) * span])


def vessels(patient: Patient) -> Cloud:
    """Both lungs' trees, in three generations of branches, each thinner than its parent."""
    rng = stream(patient.seed, Stream.VESSELS)
    return join([_tree(patient, sign, rng) for sign in (-1, 1)])


def _tree(patient: Patient, sign: int, rng: np.random.Generator) -> Cloud:
    root = hilum(patient, sign)
    # Lobar branches fan out in the frontal plane, most of them downward.
    angle = np.linspace(-1.3, 1.45, 11) + rng.normal(0, 0.1, 11)
    reach = np.interp(angle, [-1.3, 0, 1.45], [98, 92, 112]) * rng.uniform(0.8, 1.1, 11)
    target = root + np.stack(
        [
            sign * reach * np.cos(angle) * 0.95,
            rng.uniform(-62, 66, 11) + np.maximum(angle, 0) * 12,
            reach * np.sin(angle),
        ],
        axis=-1,
    )
    start = root + np.stack([0 * angle, 0.08 * (target[:, 1] - root[1]), 20 * np.sin(angle)], -1)
    radius = rng.uniform(2.4, 3.6, 11) * np.interp(angle, [-1.3, 1.45], [0.85, 1.2])
    clouds = [_hilar_artery(root, sign, rng)]
    for children, points, spots in ((4, 44, 6), (3, 26, 4), (0, 16, 2)):
        bow = rng.normal(0, 0.12, (len(start), 3)) * np.linalg.norm(target - start, axis=1)[:, None]
        t = np.linspace(0, 1, points)[None, :, None]
        path = start[:, None] * (1 - t) + target[:, None] * t + bow[:, None] * (4 * t * (1 - t))
        taper = radius[:, None] * (1 - 0.72 * t[..., 0])
        clouds.append(_tube(path, taper, rng, spots))
        if children:
            s = rng.uniform(0.22, 0.92, (len(start), children))
            k = np.rint(s * (points - 1)).astype(int)
            row = np.arange(len(start))[:, None]
            begin, along = path[row, k], (target - start)[:, None]
            reach3 = np.linalg.norm(along, axis=-1, keepdims=True)
            turn = rng.normal(0, 0.62, begin.shape) * reach3
            end = (
                begin + (0.62 * along + turn) * rng.uniform(0.45, 0.75, begin.shape[:2])[..., None]
            )
            radius = (taper[row, k] * rng.uniform(0.5, 0.8, begin.shape[:2])).reshape(-1)
            start, target = begin.reshape(-1, 3), end.reshape(-1, 3)
    return join(clouds)


def _hilar_artery(root: Array, sign: int, rng: np.random.Generator) -> Cloud:
    t = np.linspace(0, 1, 50)
    path = root + np.stack(
        [sign * (4 + 16 * np.sin(t * 2.2)), -sign * 9 + 14 * t, -14 + 66 * t], axis=-1
    )
    return _tube(path[None], (7.2 - 4.2 * t)[None], rng, spots=24)


def _tube(path: Array, radius: Array, rng: np.random.Generator, spots: int) -> Cloud:
    turn = rng.uniform(0, 2 * np.pi, (*path.shape[:2], spots))
    out = radius[..., None] * np.sqrt(rng.random((*path.shape[:2], spots)))
    points = np.repeat(path[..., None, :], spots, axis=-2)
    points[..., 0] += out * np.cos(turn)
    points[..., 2] += out * np.sin(turn)
    points[..., 1] += out * np.cos(turn + 2)
    each = BLOOD * np.pi * radius**2 * lengths(path) / spots
    return Cloud(points.reshape(-1, 3), np.repeat(each.reshape(-1), spots))
