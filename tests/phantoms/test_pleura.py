"""Fluid lies low and climbs along the wall, gas lies high; the lung gives way to both."""

from collections.abc import Callable

import numpy as np
import pytest
import torch

from xgem.phantoms.chest import Chest
from xgem.phantoms.pleura import drawn_in, escape, pour
from xgem.phantoms.specks import Specks
from xgem.study import Finding

Fresh = Callable[[int], Chest]
SIDES = pytest.mark.parametrize(("side", "lung"), [("right", 0), ("left", 1)])


def rng() -> np.random.Generator:
    return np.random.default_rng(2)


def poured(chest: Chest, side: str, severity: float, upright: bool = True) -> torch.Tensor:
    before = chest.gas.clone()
    pour(chest, Finding(label="Pleural Effusion", side=side, severity=severity), rng(), upright)
    return before - chest.gas


@SIDES
def test_fluid_lies_low_in_its_own_pleural_space(fresh_chest: Fresh, side: str, lung: int) -> None:
    chest = fresh_chest(3)
    gone = poured(chest, side, 0.3)
    assert gone.min() >= 0
    assert gone[chest.lungs[lung] == 0].abs().max() == 0
    z = chest.grid.axis(2)[:, None, None].expand(chest.grid.shape)
    wet, dry = gone > 0.3, (gone == 0) & (chest.lungs[lung] > 0.5)
    assert z[wet].mean() > z[dry].mean() + 40


def test_its_volume_follows_from_its_severity(fresh_chest: Fresh) -> None:
    for severity, low, high in ((0.0, 60, 140), (0.3, 250, 550), (0.8, 900, 1700)):
        chest = fresh_chest(3)
        lung = chest.lungs[1].clone()
        gone = poured(chest, "left", severity)
        share = gone / (chest.gas + gone).clamp(min=1e-6)
        milliliters = float((share * lung).sum() * np.prod(chest.grid.step) / 1000)
        assert low < milliliters < high


def test_a_meniscus_is_highest_at_the_wall(fresh_chest: Fresh) -> None:
    chest = fresh_chest(1)
    gone = poured(chest, "right", 0.35)
    z = chest.grid.axis(2)[:, None, None].expand(chest.grid.shape)
    lung = chest.lungs[0] > 0.9
    tops = [
        float(z[(gone > 0.4) & lung & (chest.wall > a) & (chest.wall < b)].min())
        for a, b in ((0, 8), (40, 70))
    ]
    assert tops[0] < tops[1] - 10


def test_on_both_sides_one_side_may_hold_less(fresh_chest: Fresh) -> None:
    chest = fresh_chest(2)
    gone = poured(chest, "bilateral", 0.5)
    amounts = [float((gone * lung).sum()) for lung in chest.lungs]
    assert min(amounts) > 0.15 * max(amounts) > 0


def test_lying_down_fluid_runs_to_the_back(fresh_chest: Fresh) -> None:
    backs = []
    for upright in (True, False):
        chest = fresh_chest(4)
        gone = poured(chest, "left", 0.5, upright)
        backs.append(float((gone.sum((0, 2)) * chest.grid.axis(1)).sum() / gone.sum()))
    assert backs[1] > backs[0] + 1


def escaped(chest: Chest, side: str, severity: float, upright: bool) -> torch.Tensor:
    finding = Finding(label="Pneumothorax", side=side, severity=severity)
    return escape(chest, finding, rng(), upright)


@SIDES
def test_gas_lies_between_wall_and_lung(fresh_chest: Fresh, side: str, lung: int) -> None:
    chest = fresh_chest(0)
    before = chest.gas.clone()
    escaped(chest, side, 0.5, True)
    more = chest.gas - before
    assert more[chest.lungs[lung] == 0].abs().max() == 0
    free = (chest.gas > 0.95) & (chest.lungs[lung] > 0.99)
    assert free.sum() > 100
    rest = (chest.lungs[lung] > 0.99) & (chest.wall > 60)
    assert (more[rest] < 0).all()  # what is left of the lung is denser
    assert chest.wall[free].mean() < 25
    assert chest.gas.max() <= 1


def test_it_is_high_in_one_who_sits_and_low_in_one_who_lies(fresh_chest: Fresh) -> None:
    heights = []
    for upright in (True, False):
        chest = fresh_chest(0)
        escaped(chest, "left", 0.4, upright)
        free = (chest.gas > 0.95) & (chest.lungs[1] > 0.9)
        z = chest.grid.axis(2)[:, None, None].expand(chest.grid.shape)
        heights.append(float(z[free].mean()))
    assert heights[1] > heights[0] + 15


def test_vessels_are_drawn_in_with_the_lung(fresh_chest: Fresh) -> None:
    chest = fresh_chest(5)
    gap = escaped(chest, "left", 0.7, True)
    x = np.linspace(-110, 110, 60).astype(np.float32)
    points = np.stack([x, np.full(60, 10, np.float32), np.full(60, -40, np.float32)], axis=1)
    specks = Specks(points, np.ones(60, np.float32))
    moved = drawn_in(specks, chest, gap, "left")
    np.testing.assert_array_equal(moved.points[x < 0], points[x < 0])
    inward = points[x > 0, 0] - moved.points[x > 0, 0]
    assert (inward >= 0).all()
    assert inward.max() > 10
    np.testing.assert_array_equal(moved.mass, specks.mass)
