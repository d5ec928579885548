"""Vessels that are grown into the lungs."""

import numpy as np
import pytest
import torch

from xgem.phantoms.atlas import load_atlas
from xgem.phantoms.branching import grow
from xgem.phantoms.specks import Specks


@pytest.fixture(scope="module")
def vessels() -> Specks:
    return grow(load_atlas().lungs, 0)


def depth(vessels: Specks) -> np.ndarray:
    found: np.ndarray = load_atlas().lungs.at(torch.from_numpy(vessels.points)).amax(0).numpy()
    return found


def test_vessels_lie_in_the_lungs_but_for_their_roots(vessels: Specks) -> None:
    inside = depth(vessels) > -2
    assert inside.mean() > 0.85


def test_vessels_reach_every_part_of_both_lungs(vessels: Specks) -> None:
    points = load_atlas().lungs.grid.points()
    deep = points[load_atlas().lungs.values.amax(0) > 12].numpy()[::97]
    nearest = [np.linalg.norm(vessels.points - point, axis=1).min() for point in deep]
    assert np.quantile(nearest, 0.95) < 12


def test_vessels_are_thickest_at_the_hilum(vessels: Specks) -> None:
    far = depth(vessels)
    near_root = np.abs(np.abs(vessels.points[:, 0] - 2) - 44) < 25
    assert np.quantile(vessels.mass[near_root], 0.9) > np.median(vessels.mass)
    assert vessels.mass.min() > 0
    assert far.max() > 10


def test_seed_decides_the_pattern(vessels: Specks) -> None:
    again, other = grow(load_atlas().lungs, 0), grow(load_atlas().lungs, 1)
    np.testing.assert_array_equal(again.points, vessels.points)
    assert len(other) != len(vessels) or not np.array_equal(other.points, vessels.points)


def test_volume_of_blood_is_that_of_a_pair_of_lungs(vessels: Specks) -> None:
    # Of the half liter in both lungs, arteries and veins hold the part that is not in capillaries.
    assert 80 < vessels.mass.sum() / 0.8 / 1000 < 350
