"""What is wrong: which findings a patient has, and what they do to the chest in 3-D."""

from dataclasses import dataclass

import numpy as np

from xgem.phantoms.anatomy import Array, Patient
from xgem.phantoms.chest import LUNG, VOXEL, Chest, wall_distance
from xgem.phantoms.streams import Stream, stream
from xgem.phantoms.vessels import hilum
from xgem.study import Finding

LABELS = (
    "Cardiomegaly",
    "Pleural Effusion",
    "Pneumothorax",
    "Consolidation",
    "Edema",
    "Lung Lesion",
    "Pacemaker",
    "Central Line",
)
"""Every finding that a phantom may have; a study without any of them is normal."""

SITES = ("upper", "middle", "lower")
SIGNS = {"right": (-1,), "left": (1,), "bilateral": (-1, 1)}
"""The sign of x on each side of the patient."""


@dataclass(frozen=True, slots=True)
class _Dice:
    """The draws that findings are made of."""

    rng: np.random.Generator

    def happens(self, chance: float) -> bool:
        return bool(self.rng.random() < chance)

    def choose(self, *options: str, odds: tuple[float, ...] | None = None) -> str:
        return str(self.rng.choice(options, p=odds))

    def severity(self) -> float:
        return round(float(0.16 + 0.84 * self.rng.beta(1.35, 1.6)), 3)


def sample_findings(seed: int) -> tuple[Finding, ...]:
    """The findings of ``seed``, in the order of `LABELS`; () where nothing is wrong.

    A failing heart brings cardiomegaly, edema and effusions together, and sick patients get
    devices more often, so that findings depend on each other as they do in a hospital.
    """
    # Everything is drawn whether it is there or not: no finding depends on the draws of another.
    dice = _Dice(stream(seed, Stream.FINDINGS))
    failing = dice.happens(0.14)
    sick = failing or dice.happens(0.2)
    found: list[Finding | None] = []

    there = dice.happens(0.75 if failing else 0.10)
    found.append(_finding(dice, "Cardiomegaly", there))

    both = 0.55 if failing else 0.12
    one = (1 - both) / 2
    side = dice.choose("left", "right", "bilateral", odds=(one, one, both))
    there = dice.happens(0.60 if failing else 0.11)
    found.append(_finding(dice, "Pleural Effusion", there, side))

    there = dice.happens(0.20 if sick else 0.13)
    side = dice.choose("left", "right")
    found.append(_finding(dice, "Pneumothorax", there, side))

    site = dice.choose(*SITES, odds=(0.25, 0.25, 0.5))
    there = dice.happens(0.24 if sick and not failing else 0.15)
    side = dice.choose("left", "right")
    found.append(_finding(dice, "Consolidation", there, side, site))

    there = dice.happens(0.70 if failing else 0.06)
    found.append(_finding(dice, "Edema", there, "bilateral"))

    there = dice.happens(0.10 if failing else 0.16)
    side, site = dice.choose("left", "right"), dice.choose(*SITES)
    found.append(_finding(dice, "Lung Lesion", there, side, site))

    leads = dice.choose("right ventricle", "right atrium and right ventricle")
    side = dice.choose("left", "right", odds=(0.72, 0.28))
    there = dice.happens(0.26 if failing else 0.12)
    found.append(_finding(dice, "Pacemaker", there, side, leads))

    tips = ("superior vena cava", "cavoatrial junction", "right atrium")
    tip = dice.choose(*tips, odds=(0.45, 0.35, 0.2))
    side = dice.choose("left", "right", odds=(0.35, 0.65))
    there = dice.happens(0.27 if sick else 0.12)
    found.append(_finding(dice, "Central Line", there, side, tip))
    return tuple(finding for finding in found if finding)


def _finding(
    dice: _Dice, label: str, there: bool, side: str | None = None, site: str | None = None
) -> Finding | None:
    severity = dice.severity()
    return Finding(label=label, side=side, site=site, severity=severity) if there else None


def heart_scale(findings: tuple[Finding, ...]) -> float:
    """How much wider than a healthy heart this one is."""
    for finding in findings:
        if finding.label == "Cardiomegaly":
            return 1.14 + 0.36 * finding.severity
    return 1.0


def insert(chest: Chest, findings: tuple[Finding, ...], seed: int) -> None:
    """Change ``chest`` in place by every finding that takes up room in the lungs."""
    order = {"Edema": 0, "Consolidation": 1, "Pneumothorax": 2, "Pleural Effusion": 3}
    for finding in sorted(findings, key=lambda f: order.get(f.label, 4)):
        rng = stream(seed, Stream.DETAILS, LABELS.index(finding.label))
        if finding.label == "Edema":
            _flood(chest, finding, rng)
        elif finding.label == "Consolidation":
            _consolidate(chest, finding, rng)
        elif finding.label == "Pneumothorax":
            _collapse(chest, finding, rng)
        elif finding.label == "Pleural Effusion":
            _pour(chest, finding, rng)


def lung_place(patient: Patient, side: str, site: str, rng: np.random.Generator) -> Array:
    """(3,) a point well inside the zone ``site`` of the lung on ``side``."""
    low, high = {"upper": (0.17, 0.31), "middle": (0.41, 0.53), "lower": (0.61, 0.71)}[site]
    z = patient.apex + (patient.base - patient.apex) * rng.uniform(low, high)
    width = float(patient.width_at(np.array(z)))
    outward = rng.uniform(0.50, 0.72) if site != "lower" else rng.uniform(0.52, 0.74)
    front, back = float(patient.front_at(np.array(z))), float(patient.back_at(np.array(z)))
    # The middle lobe lies in front, the lower lobes at the back.
    depth = {"upper": (0.3, 0.65), "middle": (0.22, 0.6), "lower": (0.5, 0.78)}[site]
    return np.array(
        [SIGNS[side][0] * width * outward, front + (back - front) * rng.uniform(*depth), z]
    )


def _lumps(chest: Chest, rng: np.random.Generator, cell: float, box: tuple[slice, ...]) -> Array:
    """Smooth random values about 0 in a box of the chest, with lumps of ``cell`` mm."""
    shape = [s.stop - s.start for s in box]
    coarse = [max(3, int(n * VOXEL / cell) + 2) for n in shape]
    values = rng.standard_normal(coarse).astype(np.float32)
    for axis, count in enumerate(shape):
        place = np.linspace(0, coarse[axis] - 1.001, count)
        k = place.astype(int)
        part = (place - k).astype(np.float32)
        part = part * part * (3 - 2 * part)
        part = part.reshape([-1 if a == axis else 1 for a in range(3)])
        values = np.take(values, k, axis) * (1 - part) + np.take(values, k + 1, axis) * part
    return values


def _box(chest: Chest, center: Array, reach: float) -> tuple[slice, slice, slice]:
    zs, ys, xs = (
        slice(*np.searchsorted(grid, [middle - reach, middle + reach]).tolist())
        for grid, middle in zip((chest.z, chest.y, chest.x), center[::-1], strict=True)
    )
    return zs, ys, xs


def _squares(chest: Chest, box: tuple[slice, ...], center: Array, radii: Array) -> Array:
    """Squared distance from ``center`` in units of ``radii``, over a box."""
    zs, ys, xs = box
    x = ((chest.x[xs] - center[0]) / radii[0]) ** 2
    y = ((chest.y[ys] - center[1]) / radii[1]) ** 2
    z = ((chest.z[zs] - center[2]) / radii[2]) ** 2
    found: Array = (
        x.astype(np.float32)[None, None]
        + y.astype(np.float32)[None, :, None]
        + z.astype(np.float32)[:, None, None]
    )
    return found


def _consolidate(chest: Chest, finding: Finding, rng: np.random.Generator) -> None:
    """Alveoli filled in one place, fluffy at the edge, with air left in the bronchi."""
    assert finding.side
    assert finding.site
    center = lung_place(chest.patient, finding.side, finding.site, rng)
    radii = (24 + 30 * finding.severity) * rng.uniform([0.9, 1.0, 0.75], [1.2, 1.4, 1.05])
    box = _box(chest, center, float(radii.max()) * 1.5)
    filled = 1.25 - _squares(chest, box, center, radii) + 0.42 * _lumps(chest, rng, 22.0, box)
    filled += 0.25 * _lumps(chest, rng, 9.0, box)
    side = chest.side(SIGNS[finding.side][0])[box[2]]
    filled = np.clip(filled, 0, 1) * (0.55 + 0.4 * finding.severity) * side
    chest.gas[box] *= 1 - filled
    chest.vessel[box] *= 1 - 1.7 * filled


def _flood(chest: Chest, finding: Finding, rng: np.random.Generator) -> None:
    """Haze that is densest about the hila, and swollen vessels."""
    patient = chest.patient
    box = (slice(0, len(chest.z)), slice(0, len(chest.y)), slice(0, len(chest.x)))
    haze = np.zeros_like(chest.gas)
    for sign in (-1, 1):
        center = hilum(patient, sign) + np.array([sign * 16, 8, 22 + rng.normal(0, 8)])
        distance = _squares(chest, box, center, np.array([62.0, 80.0, 82.0]))
        haze += np.exp(-distance) * chest.side(sign)
    lumps = _lumps(chest, rng, 26.0, box)
    haze *= (0.26 + 0.62 * finding.severity) * np.clip(1 + 0.55 * lumps, 0.1, 2)
    haze += 0.06 + 0.10 * finding.severity
    np.clip(haze, 0, 0.9, out=haze)
    chest.gas *= 1 - haze
    chest.vessel *= 1 + (0.7 + 0.7 * finding.severity) * np.clip(1 - haze, 0, 1)


def _collapse(chest: Chest, finding: Finding, rng: np.random.Generator) -> None:
    """Gas between the chest wall and a smaller lung, with its pleura as a thin line."""
    assert finding.side
    patient = chest.patient
    level = np.clip(patient.level(chest.z), 0, 1)
    gap = (9 + 46 * finding.severity) * (1 - (0.85 - 0.5 * finding.severity) * level**0.8)
    inner = wall_distance(patient, (chest.z, chest.y, chest.x), gap.astype(np.float32))
    side = chest.side(SIGNS[finding.side][0])
    free = np.clip(0.5 - inner, 0, 1) * chest.lung * side
    pleura = np.clip(1 - np.abs(inner + 0.2) * 1.1, 0, 1) * chest.lung * side
    # What is left of the lung holds less gas.
    chest.gas *= 1 - (0.06 + 0.16 * finding.severity) * (side * (inner > 0))
    chest.gas += free * (1 - chest.gas)
    chest.gas *= 1 - 0.62 * pleura
    chest.vessel *= 1 - np.minimum(free + pleura, 1)


def _pour(chest: Chest, finding: Finding, rng: np.random.Generator) -> None:
    """Fluid that fills a lung's lowest places first and climbs along the chest wall."""
    assert finding.side
    patient = chest.patient
    for sign in SIGNS[finding.side]:
        amount = finding.severity * (rng.uniform(0.75, 1.0) if finding.side == "bilateral" else 1)
        x = np.array(sign * patient.half_width * 0.97)
        angle = float(patient.diaphragm(x, np.array(0.0)))
        surface = angle - 2 - (angle - patient.apex) * 0.44 * amount**1.2
        climb = (44 + 26 * amount) * np.exp(-np.maximum(chest.wall, 0) * (VOXEL / 20))
        depth = chest.z[:, None, None] - surface
        wet = np.clip((depth + climb) / VOXEL + 0.5, 0, 1) * chest.side(sign)
        chest.gas *= 1 - wet
        chest.vessel *= 1 - wet


def lesion(chest: Chest, finding: Finding, seed: int) -> tuple[Array, float]:
    """Center (3,) and radius in mm of a nodule that lies wholly inside gas-filled lung."""
    assert finding.side
    assert finding.site
    rng = stream(seed, Stream.DETAILS, LABELS.index("Lung Lesion"))
    radius = 4.5 + 10 * finding.severity
    tries = [lung_place(chest.patient, finding.side, finding.site, rng) for _ in range(24)]
    box = np.stack(tries)
    offsets = np.array([[0, 0, 0], *(np.eye(3) * radius), *(np.eye(3) * -radius)])
    inside = chest.gas[chest.index(box[:, None] + offsets)].mean(axis=1) / LUNG
    return tries[int(np.argmax(inside > 0.93 * inside.max()))], radius


def kerley(chest: Chest, finding: Finding, seed: int) -> Array:
    """(n, 2, 3) ends of short septal lines at the lungs' lower outer edges."""
    rng = stream(seed, Stream.DETAILS, 64 + LABELS.index("Edema"))
    count = int(4 + 14 * finding.severity)
    patient = chest.patient
    z = patient.apex + (patient.base - patient.apex) * rng.uniform(0.52, 0.78, 2 * count)
    sign = np.repeat([-1, 1], count)
    outer = sign * (patient.width_at(z) - 4)
    inner = outer - sign * rng.uniform(12, 22, 2 * count)
    y = rng.uniform(-25, 30, 2 * count)
    drop = rng.normal(0, 1.5, 2 * count)
    return np.stack([np.stack([outer, y, z], -1), np.stack([inner, y, z + drop], -1)], axis=1)
