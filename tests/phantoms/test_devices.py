"""Pacemakers and catheters start on their side and end where the report says that they end."""

import numpy as np
import pytest
from scipy import ndimage

from xgem.phantoms.chest import Chest
from xgem.phantoms.devices import catheter, electrodes, kerley, pacemaker
from xgem.phantoms.findings import LEADS, TIPS
from xgem.phantoms.specks import Specks
from xgem.study import Finding

SIDES = pytest.mark.parametrize(("side", "sign"), [("right", -1), ("left", 1)])


def rng() -> np.random.Generator:
    return np.random.default_rng(11)


def paced(chest: Chest, side: str, leads: str = LEADS[1]) -> Specks:
    return pacemaker(chest, Finding(label="Pacemaker", side=side, site=leads), rng())


def line(chest: Chest, side: str, tip: str, seed: int = 11) -> Specks:
    finding = Finding(label="Central Line", side=side, site=tip)
    return catheter(chest, finding, np.random.default_rng(seed))


@SIDES
def test_the_generator_lies_under_the_skin_of_its_side(
    chests: list[Chest], side: str, sign: int
) -> None:
    for chest in chests:
        parts = paced(chest, side)
        case = parts.points[:, 0] * sign > 65
        assert parts.mass[case].sum() > 0.4 * parts.mass.sum()
        assert chest.sampled(chest.lungs.sum(0), parts.points[case]).mean() < 0.1
        assert parts.points[case, 1].mean() < -40


@SIDES
def test_leads_end_in_the_heart(chests: list[Chest], side: str, sign: int) -> None:
    for chest in chests:
        one, two = paced(chest, side, LEADS[0]), paced(chest, side)
        assert len(two) > len(one)
        ventricle = one.points[-1] if len(one.points) else np.zeros(3)
        atrium = two.points[-1]
        assert ventricle[0] > atrium[0] + 20  # on the left, in front
        assert ventricle[2] > atrium[2] + 10
        for tip in (ventricle, atrium):
            assert chest.sampled(chest.lungs.sum(0), tip[None].astype(np.float32)) < 0.3


@SIDES
@pytest.mark.parametrize("number", range(3))
def test_a_catheter_runs_from_its_side_to_its_tip(
    chests: list[Chest], number: int, side: str, sign: int
) -> None:
    for chest in chests:
        ways = [line(chest, side, TIPS[number], seed) for seed in range(6)]
        for parts in ways:
            outer = parts.points[np.abs(parts.points[:, 0]) > 30]
            assert (outer[:, 0] * sign > 0).mean() > 0.9
            tip = parts.points[-1]
            assert -45 < tip[0] < 15  # right of the midline, wherever it comes from
            assert chest.sampled(chest.lungs.sum(0), tip[None]) < 0.6
        assert len({round(float(p.points[0, 2])) for p in ways}) > 1  # neck, shoulder or arm


def test_a_deeper_tip_lies_lower(chests: list[Chest]) -> None:
    for chest in chests:
        heights = [line(chest, "right", tip).points[-1, 2] for tip in TIPS]
        assert heights[0] < heights[1] - 8 < heights[2] - 16


def test_no_part_of_a_device_floats_by_itself(chests: list[Chest]) -> None:
    for chest in chests:
        for parts in (paced(chest, "left"), line(chest, "right", TIPS[2])):
            cells = np.rint((parts.points - parts.points.min(axis=0)) / 6).astype(int)
            filled = np.zeros(cells.max(axis=0) + 1, bool)
            filled[tuple(cells.T)] = True
            assert ndimage.label(filled, np.ones((3, 3, 3)))[1] == 1


def test_devices_follow_from_their_numbers(chests: list[Chest]) -> None:
    first, again = (line(chests[0], "left", TIPS[0]) for _ in range(2))
    np.testing.assert_array_equal(first.points, again.points)
    other = line(chests[0], "left", TIPS[0], seed=12)
    assert first.points.shape != other.points.shape or np.abs(first.points - other.points).max() > 1


def test_electrodes_lie_before_the_chest(chests: list[Chest]) -> None:
    for chest in chests[:3]:
        parts = electrodes(chest, rng())
        assert parts.mass.min() > 0
        over = np.abs(parts.points[:, 0]) < 90
        assert parts.points[over, 1].max() < -40
        assert chest.sampled(chest.lungs.sum(0), parts.points).mean() < 0.05


def test_thickened_septa_lie_in_the_lungs_outer_parts(chests: list[Chest]) -> None:
    masses = []
    for severity in (0.1, 0.9):
        lines = kerley(chests[0], Finding(label="Edema", severity=severity), rng())
        masses.append(lines.mass.sum())
        held = lines.points[lines.mass > 0]
        assert np.abs(held[:, 0]).min() > 50
    assert masses[1] > 3 * masses[0] > 0
