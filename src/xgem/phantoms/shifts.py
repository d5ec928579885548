"""What findings move: hearts that grow, contours that widen, lungs that lose or gain volume.

Each is a displacement of the interior on the lattice of the atlas, zero outside of its reach.
"""

from collections.abc import Callable

import numpy as np

from xgem.phantoms.anatomy import Patient
from xgem.phantoms.deformation import bump, ramp
from xgem.phantoms.findings import SIGNS
from xgem.phantoms.physique import HEART, HEART_RADII, HILUM, depth_in_cage, nodes, straight
from xgem.phantoms.specks import Array
from xgem.study import Finding

Shift = Callable[[Patient, Finding, Array, bool], Array]


def shift(patient: Patient, findings: tuple[Finding, ...], upright: bool) -> Array | None:
    """(3, z, y, x) what all findings add to the interior's displacement; None for nothing."""
    moving = [finding for finding in findings if finding.label in _SHIFTS]
    if not moving:
        return None
    points = straight(nodes())
    total = np.zeros_like(points)
    for finding in moving:
        total += _SHIFTS[finding.label](patient, finding, points, upright)
    # Lungs slide along the ribs, and do not leave them.
    total[:2] *= ramp(depth_in_cage(points), 0, 30)
    return np.asarray(total, np.float32)


def _cardiomegaly(patient: Patient, finding: Finding, points: Array, upright: bool) -> Array:
    """A heart too wide for the chest: to the left first, then to both sides and to the back."""
    wanted = 0.90 + 0.46 * finding.severity + 0.3 * (patient.heart - 0.7)
    grown = max(wanted - patient.heart, 0.1)
    near = bump(points, HEART, HEART_RADII)
    x, y, z = (axis - c for axis, c in zip(points, HEART, strict=True))
    moved = 1.5 * near * np.stack([x * grown, 0.7 * y * grown, 0.25 * z * grown])
    moved[0] -= 5 * finding.severity * bump(points, (-28, -15, 5), (60, 70, 60))
    moved[0] += 10 * finding.severity * bump(points, (96, -38, 28), (70, 80, 62))
    return np.asarray(moved)


def _wide_mediastinum(patient: Patient, finding: Finding, points: Array, upright: bool) -> Array:
    out = 6 + 18 * finding.severity
    moved = np.zeros_like(points)
    moved[0] += out * bump(points, (32, 0, -80), (52, 80, 60))
    moved[0] -= 0.9 * out * bump(points, (-24, -4, -76), (50, 80, 60))
    return moved


def _hyperinflation(patient: Patient, finding: Finding, points: Array, upright: bool) -> Array:
    """Low flat domes, a narrow heart, air between breastbone and aorta."""
    severity = finding.severity
    x, _, z = points
    moved = np.zeros_like(points)
    inner = ramp(depth_in_cage(points), -45, -20)
    moved[2] += inner * (8 + 14 * severity) * ramp(z, -60, 40)
    for sign in (-1, 1):
        moved[2] += (
            (6 + 15 * severity)
            * bump(points, (sign * 66, -16, 34), (100, 110, 90))
            * (ramp(x * sign, -10, 20))
        )
    near = bump(points, HEART, HEART_RADII)
    moved[0] -= (0.06 + 0.1 * severity) * (x - HEART[0]) * near
    thin = bump(points, (2, -70, -50), (50, 50, 60))
    moved[0] -= (0.2 + 0.5 * severity) * x * thin
    return moved


def _atelectasis(patient: Patient, finding: Finding, points: Array, upright: bool) -> Array:
    """Volume loss: the diaphragm rises, hilum and mediastinum are drawn to what has collapsed."""
    assert finding.side
    sign, severity = SIGNS[finding.side][0], finding.severity
    moved = np.zeros_like(points)
    lost = max(severity - 0.25, 0) / 0.75
    dome = bump(points, (sign * 66, -5, 40), (90, 110, 95)) * ramp(sign * points[0], -6, 22)
    moved[2] -= (
        (4 + 21 * severity) * dome * {"upper": 0.4, "middle": 0.6, "lower": 1.0}[str(finding.site)]
    )
    hilum = bump(points, HILUM[sign], (55, 70, 60))
    moved[2] += {"upper": -1, "middle": 0, "lower": 1}[str(finding.site)] * 13 * lost * hilum
    z = -78 if finding.site == "upper" else 0
    moved[0] += sign * 15 * lost * bump(points, (8, -10, z), (85, 100, 90))
    return moved


def _pushed(patient: Patient, finding: Finding, points: Array, upright: bool) -> Array:
    """Much gas or fluid at one side pushes the mediastinum to the other."""
    assert finding.side
    moved = np.zeros_like(points)
    if finding.side == "bilateral":
        return moved
    sign = SIGNS[finding.side][0]
    pressed = max(finding.severity - 0.7, 0) / 0.3
    moved[0] -= sign * 16 * pressed * bump(points, (8, -10, -20), (90, 110, 120))
    return moved


def _pneumothorax(patient: Patient, finding: Finding, points: Array, upright: bool) -> Array:
    """As above; lying down, gas gathers in front of the base and makes its angle deep."""
    assert finding.side
    moved = _pushed(patient, finding, points, upright)
    if not upright:
        sign = SIGNS[finding.side][0]
        deep = bump(points, (sign * 112, -10, 62), (60, 110, 70))
        moved[2] += (12 + 22 * finding.severity) * deep
    return moved


_SHIFTS: dict[str, Shift] = {
    "Cardiomegaly": _cardiomegaly,
    "Enlarged Cardiomediastinum": _wide_mediastinum,
    "Hyperinflation": _hyperinflation,
    "Atelectasis": _atelectasis,
    "Pleural Effusion": _pushed,
    "Pneumothorax": _pneumothorax,
}
