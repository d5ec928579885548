"""Vessels grow from the hila into the lungs, and thin out toward the pleura."""

from dataclasses import replace

import numpy as np
import pytest

from xgem.phantoms.anatomy import sample_patient
from xgem.phantoms.chest import Chest, build_chest
from xgem.phantoms.projection import View
from xgem.phantoms.skeleton import Cloud
from xgem.phantoms.vessels import hilum, vessels

SEEDS = range(8)
Grown = tuple[Chest, Cloud]


@pytest.fixture(scope="module")
def grown() -> list[Grown]:
    """Healthy chests with their vessels."""
    patients = [sample_patient(seed) for seed in SEEDS]
    return [(build_chest(patient, 1.0), vessels(patient)) for patient in patients]


def test_vessels_follow_from_the_patients_seed_alone(grown: list[Grown]) -> None:
    chest, tree = grown[0]
    again, other = (
        vessels(replace(chest.patient, seed=seed)) for seed in (chest.patient.seed, 1234)
    )
    np.testing.assert_array_equal(tree.points, again.points)
    np.testing.assert_array_equal(tree.weights, again.weights)
    assert np.abs(tree.points - other.points).mean() > 5
    older = vessels(replace(chest.patient, age=90.0, heart=1.2))
    np.testing.assert_array_equal(tree.points, older.points)


def test_the_left_hilum_is_higher_and_both_lie_in_the_middle_third() -> None:
    for seed in SEEDS:
        patient = sample_patient(seed)
        right, left = hilum(patient, -1), hilum(patient, 1)
        assert right[0] == -left[0] < 0
        assert left[2] < right[2]
        high, low = patient.level(np.array([left[2], right[2]]))
        assert 1 / 3 < high < low < 2 / 3


def test_vessels_stay_in_the_lungs(grown: list[Grown]) -> None:
    """What runs in the mediastinum is masked later, where it could not be seen anyway."""
    for chest, tree in grown:
        where = chest.index(tree.points)
        for side in (tree.points[:, 0] < 0, tree.points[:, 0] > 0):
            share = tree.weights * side / (tree.weights * side).sum()
            assert (share * (chest.wall[where] > -1)).sum() > 0.85
            assert (share * chest.lung[where]).sum() > 0.35
        shown = tree.weights * chest.vessel[where]
        assert shown.min() >= 0
        assert shown[chest.lung[where] == 0].sum() == 0


def test_each_lung_is_filled_by_its_own_tree(grown: list[Grown]) -> None:
    for chest, tree in grown:
        x, _, z = tree.points.T
        assert tree.weights[x < 0].sum() == pytest.approx(tree.weights[x > 0].sum(), rel=0.6)
        level = chest.patient.level(z)
        for sign in (-1, 1):
            for low, high in ((0.1, 0.35), (0.35, 0.6), (0.6, 0.85)):
                zone = (level > low) & (level < high) & (x * sign > 0)
                assert tree.weights[zone].sum() > 0.03 * tree.weights[x * sign > 0].sum()


def test_vessels_taper_outward(grown: list[Grown]) -> None:
    """A ray through a vessel meets as much blood as the vessel is thick."""
    view = View(axes=(0, 1), size=300, field=300.0, center=(0.0, 0.0), turn=0.0, toward=1)
    x, z = view.coordinates()
    for chest, tree in grown:
        image = view.splat(tree)
        for sign in (-1, 1):
            root = hilum(chest.patient, sign)
            distance = np.where(x * sign > 0, np.hypot(x - root[0], z - root[2]), np.inf)
            thickest = [
                np.percentile(image[(distance > inner) & (distance <= inner + 25)], 98)
                for inner in (15, 40, 65, 90)
            ]
            assert (np.diff(thickest) < 0).all()
            assert thickest[0] > 4 * thickest[-1]
