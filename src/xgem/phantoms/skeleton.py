"""Bones: those of the atlas, each rib moved a little by itself, and shoulders in two poses.

In the atlas the arms are raised, as they are for a lateral view. For a frontal view the scapulae
are turned down, and clavicles and humeri, of which the scan shows only parts, are built anew.
"""

from collections.abc import Mapping

import numpy as np

from xgem.phantoms.anatomy import Patient
from xgem.phantoms.atlas import (
    CARTILAGE,
    CLAVICLE,
    HUMERUS,
    LEFT_RIBS,
    RIGHT_RIBS,
    SCAPULA,
    Bones,
    load_atlas,
)
from xgem.phantoms.deformation import Deformation, ramp
from xgem.phantoms.physique import bent, straight
from xgem.phantoms.ribs import CORTEX, rib_part
from xgem.phantoms.specks import Array, Specks, join, lengths, smooth_path
from xgem.phantoms.streams import Stream, stream
from xgem.study import Finding

_HARDNESS = 2.5
"""How much more bone weighs for the radiation of a radiograph than for that of the scan."""
_BLADE = np.float32(0.55)
"""What the blade of a scapula weighs in a frontal view against the scan's, which blurs it."""
_SPINE, _GIRDLE, _CAGE = (27, 50), (HUMERUS, CLAVICLE + 1), (LEFT_RIBS[0], CARTILAGE)
"""First and last label of each."""


def skeleton(patient: Patient, fine: bool) -> Bones:
    """All bones in atlas coordinates, arms raised, as this patient has them."""
    bones = load_atlas().bones[fine]
    points = bones.specks.points.copy()
    where = dict(bones.where)
    if patient.mirrored:
        points = mirrored(points)
        where = {_other_side(label): place for label, place in where.items()}
    mass = bones.specks.mass * np.float32(_HARDNESS * patient.bone)
    mass[bones.range(*_SPINE)] *= np.float32(0.55)  # spongy: seen through more than ribs
    rng = stream(patient.seed, Stream.ANATOMY, 3)
    _move_ribs(points, mass, where, rng)
    cartilage = where[CARTILAGE]
    mass[cartilage] *= _patches(points[cartilage], rng) * np.float32(1.6 * patient.calcified)
    return Bones(Specks(points, mass), where)


def mirrored(points: Array) -> Array:
    """(n, 3) atlas points seen in a mirror, as if the atlas's patient lay straight."""
    turned = straight(points.T)
    turned[0] *= -1
    return np.ascontiguousarray(bent(turned).T)


def _other_side(label: int) -> int:
    if label in LEFT_RIBS:
        return label + 12
    if label in RIGHT_RIBS:
        return label - 12
    if HUMERUS <= label <= CLAVICLE + 1:
        return label + (1 if label % 2 else -1)  # left ones are odd
    return label


def _move_ribs(
    points: Array, mass: Array, where: Mapping[int, slice], rng: np.random.Generator
) -> None:
    """Give every rib its own height, slope and strength, in place."""
    drift = np.cumsum(rng.normal(0, 1.1, 12)) * 0.7
    steep = rng.normal(0, 7)
    for ribs in (LEFT_RIBS, RIGHT_RIBS):
        own = drift + rng.normal(0, 1.3, 12)
        slopes = steep * np.linspace(0.5, 1.2, 12) + rng.normal(0, 2.5, 12)
        strength = rng.normal(1, 0.08, 12)
        if rng.random() < 0.12:
            strength[11] = 0.0  # no twelfth rib
        for number, rib in enumerate(ribs):
            mine = points[where[rib]]
            part = rib_part(mine)
            mine[:, 2] += own[number] * np.sin(np.pi * part)
            mine[:, 2] += slopes[number] * 3 * part * (1 - part)
            mass[where[rib]] *= np.float32(strength[number])


def _patches(points: Array, rng: np.random.Generator) -> Array:
    """(n,) where cartilage has turned to bone: 0 or more, in patches of some millimeters."""
    values = rng.normal(0, 1, 4096).astype(np.float32)
    block = np.floor(points / 5.0).astype(np.int64)
    return np.asarray(np.clip(values[(block @ [73, 193, 571]) % 4096] + 0.4, 0, 1.6))


def break_ribs(bones: Bones, finding: Finding, rng: np.random.Generator) -> None:
    """One to three neighboring ribs broken and put out of line, in place."""
    assert finding.side
    severity = finding.severity
    first = {"upper": 2, "middle": 4, "lower": 6}[str(finding.site)] + int(rng.integers(2))
    ribs = LEFT_RIBS if finding.side == "left" else RIGHT_RIBS
    count = 1 if severity < 0.45 else 2 if severity < 0.75 else 3
    place = rng.uniform(0.34, 0.62)
    for number in range(count):
        where = bones.where[ribs[first + number]]
        points, mass = bones.specks.points[where], bones.specks.mass[where]
        away = (rib_part(points) - place - 0.02 * number) * 300  # about mm along the rib
        beyond = away > 0
        offset = rng.normal(0, 1, 3)
        offset[2] = rng.choice([-1, 1]) * (1.4 + abs(offset[2]))
        offset *= (1.2 + 4.2 * severity) * np.array([0.5, 0.5, 1])
        fade = np.exp(-np.maximum(away, 0) / 45)[:, None] * beyond[:, None]
        points += (offset * fade).astype(np.float32)
        mass *= np.where(np.abs(away) < 0.6 + 1.4 * severity, 0.15, 1).astype(np.float32)


def frontal_bones(patient: Patient, body: Deformation, bones: Bones, spread: float) -> Specks:
    """Shoulders in the patient with the arms hanging; scapulae moved outward by ``spread`` mm."""
    parts = []
    for sign, label in ((1, SCAPULA), (-1, SCAPULA + 1)):
        points = bones.specks.points[bones.where[label]]
        mass = bones.specks.mass[bones.where[label]]
        cut = ramp(points[:, 2], -150, -128).astype(np.float32)  # where the scan ends
        parts.append(Specks(body.apply(_lowered(points, sign, spread)), mass * cut * _BLADE))
        parts.append(_girdle(patient, body, sign, spread))
    return join(parts)


def lateral_bones(body: Deformation, bones: Bones) -> Specks:
    """Shoulders in the patient with the arms raised, as they are in the atlas."""
    place = bones.range(*_GIRDLE)
    return Specks(body.apply(bones.specks.points[place]), bones.specks.mass[place])


def chest_bones(body: Deformation, bones: Bones) -> Specks:
    """Spine, ribs, breastbone and cartilage in the patient."""
    places = [bones.range(*_SPINE), bones.range(*_CAGE)]
    return join([Specks(body.apply(bones.specks.points[p]), bones.specks.mass[p]) for p in places])


def _lowered(points: Array, sign: int, spread: float) -> Array:
    """A scapula turned about the shoulder as it is when the arm hangs, and rolled outward."""
    pivot = np.array([sign * 118.0, 40.0, -128.0])
    angle = sign * 0.62
    away = points - pivot
    turned = away.copy()
    turned[:, 0] = away[:, 0] * np.cos(angle) - away[:, 2] * np.sin(angle)
    turned[:, 2] = away[:, 0] * np.sin(angle) + away[:, 2] * np.cos(angle)
    turned[:, 0] *= 0.9
    rolled = np.array([sign * (spread + 2), -0.4 * spread, 14])
    return np.asarray(turned + pivot + rolled, np.float32)


def _girdle(patient: Patient, body: Deformation, sign: int, spread: float) -> Specks:
    """Clavicle, spine of the scapula with its processes, and humerus of one side."""
    rise = np.tan(patient.clavicle)
    inner = np.array([sign * 15.0, -60.0, -94.0])
    outer = np.array([sign * 138.0, 0.0, -94.0 - 123 * rise])
    along = outer - inner
    clavicle = smooth_path(
        np.array(
            [
                inner,
                inner + 0.28 * along + [0, -14, -5],
                inner + 0.66 * along + [0, 6, 3],
                outer + np.array([0, 4, 0]),
            ]
        ),
        150,
    )
    part = np.linspace(0, 1, 150)
    tall = np.interp(part, [0, 0.03, 0.08, 0.3, 0.7, 0.9, 1], [3.0, 9.0, 9.0, 6.8, 6.0, 7.5, 6.0])
    shells = [_tube(clavicle, tall, 0.9 * tall, 0.22, 0.42)]
    socket = outer + np.array([sign * (4 + 0.3 * spread), 14.0, 26.0])
    tip = outer + np.array([sign * 17.0, 8.0, 6.0])
    root = np.array([sign * (62.0 + spread), 66.0, outer[2] + 44])
    spine = smooth_path(np.array([root, 0.5 * (root + tip) + [0, 14, 2], tip]), 120)
    shells.append(_tube(spine, np.linspace(2.0, 6.5, 120), np.linspace(3.0, 8.0, 120), 0.12, 0.4))
    hook = smooth_path(
        np.array([socket + np.array([0, -4, -10]), socket + np.array([-sign * 10, -20, -16])]), 40
    )
    shells.append(_tube(hook, np.full(40, 6.0), np.full(40, 6.0), 0.2, 0.4))
    rim = smooth_path(
        np.array(
            [
                socket + np.array([0, 0, -16]),
                socket + np.array([sign * -4, 2, 0]),
                socket + np.array([0, 0, 16]),
            ]
        ),
        60,
    )
    shells.append(_tube(rim, np.full(60, 3.0), np.full(60, 11.0), 0.3, 0.4))
    shells.append(_humerus(socket, sign))
    specks = join(shells)
    return Specks(body.apply(specks.points), specks.mass * np.float32(_HARDNESS * patient.bone))


def _humerus(socket: Array, sign: int) -> Specks:
    head = socket + np.array([sign * 20.0, -4.0, 2.0])
    down = head + np.array([sign * 55.0, -24.0, 290.0])
    path = head + (down - head) * np.linspace(0, 1, 280)[:, None]
    thick = np.interp(np.linspace(0, 1, 280), [0, 0.07, 0.13, 0.25, 1], [22, 21, 15, 11.5, 11])
    shaft = _tube(path[12:], thick[12:], thick[12:], 0.7, 0.2, around=30)
    # A ball of points by golden angles, in shells of equal volume.
    count = 5000
    place = np.arange(count) + 0.5
    height = 1 - 2 * (place * 0.618034 % 1)
    turn, radius = place * 2.399963, 23 * (place / count) ** (1 / 3)
    flat = np.sqrt(1 - height**2)
    ball = np.stack([flat * np.cos(turn), flat * np.sin(turn), height], axis=-1) * radius[:, None]
    dense = np.where(radius > 21.8, 0.75, 0.24) * CORTEX * 0.9
    each = dense * (4 / 3 * np.pi * 23**3 / count)
    cap = Specks((head + ball).astype(np.float32), each.astype(np.float32))
    return join([shaft, cap])


def _tube(
    path: Array, tall: Array, deep: Array, cortex: float, spongy: float, around: int = 18
) -> Specks:
    """A long bone along ``path`` (n, 3) with half axes (n,), of rings within rings.

    Args:
        path: its axis.
        tall: half axis across the beam of a frontal view, mm.
        deep: half axis along it.
        cortex: thickness of the cortex, mm.
        spongy: density of what is inside against that of cortex.
        around: specks in a ring.
    """
    along = np.gradient(path, axis=0)
    along /= np.linalg.norm(along, axis=1, keepdims=True)
    first = np.cross(along, [0.0, 1.0, 0.0])
    first /= np.linalg.norm(first, axis=1, keepdims=True) + 1e-9
    second = np.cross(along, first)
    # Each ring is turned against the next, or specks would line up as stripes.
    turn = (np.arange(around) + 0.618 * np.arange(len(path))[:, None]) * (2 * np.pi / around)
    rings = (
        path[:, None]
        + (first * tall[:, None])[:, None] * np.cos(turn)[..., None]
        + (second * deep[:, None])[:, None] * np.sin(turn)[..., None]
    )
    each = CORTEX * cortex * lengths(path) * (tall + deep) * (np.pi / around)
    inside = CORTEX * spongy * np.pi * tall * deep * lengths(path) / around
    points, mass = [rings], [np.repeat(each, around)]
    for share, weight in ((0.9, 0.36), (0.66, 0.34), (0.36, 0.3)):
        points.append(path[:, None] + share * (rings - path[:, None]))
        mass.append(np.repeat(weight * inside, around))
    flat = np.concatenate([p.reshape(-1, 3) for p in points])
    return Specks(flat.astype(np.float32), np.concatenate(mass).astype(np.float32))
