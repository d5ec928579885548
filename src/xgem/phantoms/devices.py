"""Pacemakers and central venous catheters, as metal and plastic in 3-D."""

import numpy as np

from xgem.phantoms.anatomy import Array, Patient
from xgem.phantoms.findings import LABELS, SIGNS
from xgem.phantoms.skeleton import Cloud, join, lengths, smooth_path
from xgem.phantoms.streams import Stream, stream
from xgem.study import Finding


def _veins(patient: Patient) -> dict[str, Array]:
    """(3,) points along the way to the heart."""
    apex, span = patient.apex, patient.base - patient.apex
    lean = patient.pedicle
    rest = min(patient.dome_left, patient.dome_right)
    return {
        "confluence": np.array([-lean * 0.6, -22, apex + 0.20 * span]),
        "superior vena cava": np.array([-lean * 0.85, -18, apex + 0.37 * span]),
        "cavoatrial junction": np.array([-lean * 0.9, -18, apex + 0.47 * span]),
        "right atrium": np.array([-lean * 1.05, -22, apex + 0.56 * span]),
        "atrial wall": np.array([-lean * 0.7, -48, rest - 42]),
        "floor": np.array([-lean * 0.75, -22, rest - 18]),
        "ventricle": np.array([36.0 * patient.heart, -50, rest - 10]),
    }


def _wire(path: Array, density: float) -> Cloud:
    return Cloud(path, density * lengths(path))


def _jitter(knots: list[Array], rng: np.random.Generator, size: float = 2.5) -> Array:
    moved = np.stack(knots)
    moved[1:-1] += rng.normal(0, size, moved[1:-1].shape)
    return moved


def device(patient: Patient, finding: Finding, seed: int) -> Cloud:
    """The parts of the device of ``finding``; an empty cloud for other findings."""
    rng = stream(seed, Stream.DETAILS, LABELS.index(finding.label))
    if finding.label == "Pacemaker":
        return _pacemaker(patient, finding, rng)
    if finding.label == "Central Line":
        return _catheter(patient, finding, rng)
    return Cloud(np.zeros((0, 3)), np.zeros(0))


def _pacemaker(patient: Patient, finding: Finding, rng: np.random.Generator) -> Cloud:
    assert finding.side
    assert finding.site
    sign = SIGNS[finding.side][0]
    veins = _veins(patient)
    z = patient.apex + rng.uniform(0.20, 0.32) * (patient.base - patient.apex)
    center = np.array([sign * patient.half_width * rng.uniform(0.66, 0.86), 0.0, z])
    center[1] = float(patient.front_at(np.array(z))) - 10 - 0.3 * patient.wall
    half = np.array([rng.uniform(20, 25), rng.uniform(17, 22)])
    spin = sign * rng.uniform(-0.1, 0.7)
    # Case, battery and circuits, seen through; the rim is steel seen edge-on.
    u, v = np.meshgrid(np.linspace(-1, 1, 44), np.linspace(-1, 1, 44))
    rounded = np.abs(u) ** 3.2 + np.abs(v) ** 3.2
    area = half[0] * half[1] * 4 / 44**2
    density = 0.42 + 0.9 * ((rounded > 0.78) & (rounded <= 1))
    density += 0.65 * ((np.abs(u) < 0.72) & (v > 0.0) & (v < 0.8))
    density += 0.35 * ((np.abs(u) < 0.55) & (v < -0.15) & (v > -0.6))
    keep = rounded <= 1
    u, v, density = u[keep] * half[0], v[keep] * half[1], density[keep]
    across = u * np.cos(spin) - v * np.sin(spin)
    down = u * np.sin(spin) + v * np.cos(spin)
    plates = [
        np.stack(
            [center[0] + across, center[1] + depth + 0.35 * sign * across, center[2] + down], -1
        )
        for depth in (-3.0, 0.0, 3.0)
    ]
    clouds = [Cloud(plate, density * area / 3) for plate in plates]
    outlet = center + np.array([-sign * half[0] * 0.5, 0, -half[1]])
    entry = np.array([sign * patient.half_width * 0.5, -45, patient.apex + 26])
    trunk = [outlet, outlet + np.array([sign * -14, 4, -14]), entry, veins["confluence"]]
    right = [*trunk, veins["superior vena cava"], veins["right atrium"], veins["floor"]]
    ends = [[*right, (veins["floor"] + veins["ventricle"]) / 2 + [0, 0, 6], veins["ventricle"]]]
    if "atrium" in finding.site:
        floor = (veins["floor"] + veins["right atrium"]) / 2
        ends.append(
            [
                *trunk,
                veins["superior vena cava"],
                floor + np.array([0, -6, 4]),
                veins["atrial wall"],
            ]
        )
    for knots in ends:
        path = smooth_path(_jitter(knots, rng), 420)
        clouds.append(_wire(path, 1.15))
        clouds.append(_wire(path[-14:], 3.0))
    return join(clouds)


def _catheter(patient: Patient, finding: Finding, rng: np.random.Generator) -> Cloud:
    assert finding.side
    assert finding.site
    sign = SIGNS[finding.side][0]
    veins = _veins(patient)
    apex = patient.apex
    if rng.random() < 0.5:  # jugular
        way = [
            np.array([sign * 62.0, -30, apex - 75]),
            np.array([sign * 44.0, -22, apex - 40]),
            np.array([sign * 34.0, -24, apex + 2]),
        ]
    else:  # subclavian
        way = [
            np.array([sign * (patient.half_width * 0.86), -78, apex + 62]),
            np.array([sign * (patient.half_width * 0.74), -58, apex + 28]),
            np.array([sign * (patient.half_width * 0.5), -42, apex + 22]),
        ]
    stations = ["confluence", "superior vena cava", "cavoatrial junction", "right atrium"]
    way += [veins[name] for name in stations[: stations.index(finding.site) + 1]]
    path = smooth_path(_jitter(way, rng), 420)
    clouds = [_wire(path, 0.85 + 0.3 * finding.severity), _wire(path[-8:], 0.5)]
    return join(clouds)
