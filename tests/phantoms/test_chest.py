"""The lungs leave room for what else a chest holds, where a radiologist looks for it."""

import numpy as np
import torch

from xgem.phantoms.atlas import load_atlas
from xgem.phantoms.chest import Chest, soft_tissue
from xgem.phantoms.volume import Volume

STEP = 5.0
"""Of the voxels that conftest asks for, mm."""


def test_both_lungs_hold_a_human_amount_of_gas(chests: list[Chest]) -> None:
    ratios = []
    for chest in chests:
        voxel = np.prod(chest.grid.step) / 1e6
        liters = float(chest.gas.sum()) * voxel
        assert 2 < liters < 6.5
        right, left = (float(lung.sum()) for lung in chest.lungs)
        ratios.append(left / right)
    assert 0.6 < min(ratios) < max(ratios) < 1.1
    assert np.mean(ratios) > 0.7


def test_coverage_is_what_the_atlas_says_at_every_voxel(chests: list[Chest]) -> None:
    """The shortcut by the coarse grid and asking everywhere agree."""
    for chest in chests[:2]:
        distance = load_atlas().lungs.at(chest.atlas_points())
        exact = (distance / STEP + 0.5).clamp(0, 1)
        assert (chest.lungs - exact).abs().max() < 0.35
        assert ((chest.lungs - exact).abs() > 0.02).float().mean() < 1e-3


def test_lungs_lie_on_their_sides_and_inside_the_cage(chests: list[Chest]) -> None:
    for chest in chests:
        x = chest.grid.axis(0)
        middles = [float((lung.sum((0, 1)) * x).sum() / lung.sum()) for lung in chest.lungs]
        assert middles[0] < -40
        assert middles[1] > 40
        either = chest.lungs.sum(0) > 0.9
        assert (chest.wall[either] > -8).float().mean() > 0.97
        for axis in range(3):  # and the grid cuts next to nothing off
            assert chest.lungs.sum(0).movedim(axis, 0)[[0, -1]].sum() < 1e-3 * chest.lungs.sum()


def test_the_right_hemidiaphragm_stands_higher(chests: list[Chest]) -> None:
    z = chests[0].grid.axis(2)
    lower = []
    for chest in chests:
        z, y = chest.grid.axis(2), chest.grid.axis(1)
        row = int((y + 10).abs().argmin())
        tops = []
        for lung, outward in zip(chest.lungs, (0.35, 0.65), strict=True):
            # Beside the heart, which stands on the left dome.
            columns = (lung[:, row].sum(0) > 0).nonzero().float()
            column = int(columns.quantile(outward))
            tops.append(float(z[lung[:, row, column] > 0.5].max()))
        lower.append(tops[1] - tops[0])
    assert np.median(lower) > 0


def test_gas_is_lighter_above(chests: list[Chest]) -> None:
    for chest in chests:
        full = chest.lungs.sum(0) > 0.99
        levels = [
            float(chest.gas[k][full[k]].mean()) for k in range(len(full)) if full[k].sum() > 50
        ]
        assert levels[0] > levels[-1]
        assert 0.6 < min(levels) < max(levels) < 0.95


def test_the_body_holds_the_lungs_in_both_poses(chests: list[Chest]) -> None:
    for chest in chests[:3]:
        raised, trunk = soft_tissue(chest.body, chest.grid)
        assert (trunk.values <= raised.values + 1e-6).all()
        points = chest.grid.points()[chest.lungs.sum(0) > 0.9]
        for tissue in (raised, trunk):
            assert (tissue.at(points)[0] > 0.75).float().mean() > 0.98
        # Arms are there in one pose alone.
        assert raised.values.sum() > 1.02 * trunk.values.sum()


def test_sampling_reads_the_voxels(chests: list[Chest]) -> None:
    chest = chests[0]
    points = chest.grid.points()[10:12, 10:12, 10:12].reshape(-1, 3)
    found = chest.sampled(chest.gas, points.numpy())
    np.testing.assert_allclose(found, chest.gas[10:12, 10:12, 10:12].reshape(-1), atol=1e-5)
    assert isinstance(chest.origin, Volume)
    assert torch.isfinite(chest.origin.values).all()
