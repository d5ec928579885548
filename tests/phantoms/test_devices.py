"""Pacemakers and catheters start on their side and end where the report says that they end."""

import numpy as np
import pytest
from scipy import ndimage

from xgem.phantoms.anatomy import Patient, sample_patient
from xgem.phantoms.chest import Chest, build_chest
from xgem.phantoms.devices import device
from xgem.phantoms.projection import View
from xgem.phantoms.skeleton import Cloud
from xgem.study import Finding

SEEDS = range(8)
SIDES = pytest.mark.parametrize(("side", "sign"), [("right", -1), ("left", 1)])
ONE_LEAD, TWO_LEADS = "right ventricle", "right atrium and right ventricle"
TIPS = {"superior vena cava": 0.37, "cavoatrial junction": 0.47, "right atrium": 0.56}
"""How far down the lungs each tip lies: 0 at their top, 1 at their base."""


@pytest.fixture(scope="module")
def chests() -> list[Chest]:
    return [build_chest(sample_patient(seed), 1.0) for seed in SEEDS]


def pacemaker(patient: Patient, side: str, leads: str = TWO_LEADS) -> Cloud:
    return device(patient, Finding(label="Pacemaker", side=side, site=leads), patient.seed)


def catheter(patient: Patient, side: str, tip: str, severity: float = 0.5) -> Cloud:
    finding = Finding(label="Central Line", side=side, site=tip, severity=severity)
    return device(patient, finding, patient.seed)


@SIDES
def test_the_generator_lies_under_the_skin_of_its_side(
    chests: list[Chest], side: str, sign: int
) -> None:
    for chest in chests:
        patient, parts = chest.patient, pacemaker(chest.patient, side)
        x, y, z = parts.points.T
        case = x * sign > 0.5 * patient.half_width
        assert parts.weights[case].sum() > 0.5 * parts.weights.sum()
        assert (x * sign).min() > -60  # leads go as far to the other side as the heart
        assert chest.wall[chest.index(parts.points[case])].max() < 0  # outside the rib cage
        assert y[case].max() < 0
        assert 0 < patient.level(np.array(np.average(z[case], weights=parts.weights[case]))) < 0.5


@SIDES
def test_leads_end_in_the_heart(chests: list[Chest], side: str, sign: int) -> None:
    for chest in chests:
        patient = chest.patient
        one, two = pacemaker(patient, side, ONE_LEAD), pacemaker(patient, side)
        # The second lead is added; the first stays where it is.
        np.testing.assert_array_equal(two.points[: len(one.points)], one.points)
        ventricle, atrium = one.points[-1], two.points[-1]
        floor = min(patient.dome_left, patient.dome_right)
        assert 20 < ventricle[0] < 55
        assert -60 < atrium[0] < 0
        assert floor - 75 < atrium[2] < ventricle[2] - 15 < floor - 15
        for tip in (ventricle, atrium):
            assert chest.lung[chest.index(tip)] == 0
            assert chest.wall[chest.index(tip)] > 2
            assert tip[1] < 0  # before the spine


@SIDES
@pytest.mark.parametrize("site", TIPS)
def test_a_catheter_runs_from_its_side_to_its_tip(
    chests: list[Chest], site: str, side: str, sign: int
) -> None:
    for chest in chests:
        patient, line = chest.patient, catheter(chest.patient, side, site)
        assert line.points[0, 0] * sign > 50
        tip = line.points[-1]
        assert patient.level(tip)[2] == pytest.approx(TIPS[site], abs=0.01)
        assert -45 < tip[0] < -15  # to the right of the midline, from wherever it comes
        central = line.points[patient.level(line.points[:, 2]) > 0.3]
        assert chest.lung[chest.index(central)].mean() < 0.2  # in a vein, not in a lung
        assert chest.wall[chest.index(central)].min() > 0


def test_no_part_of_a_device_floats_by_itself() -> None:
    for seed in SEEDS:
        patient = sample_patient(seed)
        for parts in (pacemaker(patient, "left"), catheter(patient, "right", "right atrium")):
            cells = np.rint((parts.points - parts.points.min(axis=0)) / 4).astype(int)
            filled = np.zeros(cells.max(axis=0) + 1, bool)
            filled[tuple(cells.T)] = True
            assert ndimage.label(filled, np.ones((3, 3, 3)))[1] == 1


def test_devices_are_seen_in_both_views() -> None:
    """Metal stands out more than ribs do, plastic about as much, along a good part of its way."""
    for seed in SEEDS:
        patient = sample_patient(seed)
        tall = 1.22 * (patient.base - patient.apex)
        middle = (0.0, (patient.apex + patient.base) / 2)
        for axes in ((0, 1), (1, 0)):
            view = View(axes=axes, size=128, field=tall, center=middle, turn=0.0, toward=1)
            metal = view.splat(pacemaker(patient, "left"))
            plastic = view.splat(catheter(patient, "right", "superior vena cava"))
            assert (metal > 1).sum() > 20
            assert (plastic > 0.2).sum() > 30


def test_a_device_follows_from_its_finding_and_its_seed() -> None:
    patient = sample_patient(3)
    line = Finding(label="Central Line", side="right", site="right atrium", severity=0.3)
    first, again, other = (device(patient, line, seed) for seed in (3, 3, 4))
    np.testing.assert_array_equal(first.points, again.points)
    assert np.abs(first.points - other.points).max() > 1
    denser = catheter(patient, "right", "right atrium", severity=0.9)
    np.testing.assert_array_equal(first.points, denser.points)
    assert (denser.weights[:-8] > first.weights[:-8]).all()
    edema = Finding(label="Edema", side="bilateral", severity=0.9)
    assert len(device(patient, edema, 3).points) == 0
