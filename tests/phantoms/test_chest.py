"""The lungs leave room for what else a chest holds, where a radiologist looks for it."""

import numpy as np
import pytest

from xgem.phantoms.anatomy import Array, Patient, sample_patient
from xgem.phantoms.chest import VOXEL, Chest, build_chest, carve
from xgem.phantoms.projection import frontal_body, lateral_body

SEEDS = range(16)


@pytest.fixture(scope="module")
def chests() -> list[Chest]:
    return [build_chest(sample_patient(seed), 1.0) for seed in SEEDS]


def borders(chest: Chest, y: float, z: float) -> tuple[float, float]:
    """x where the right and the left lung begin, seen from the midline at (y, z)."""
    _, row, level = chest.index(np.array([0.0, y, z]))[::-1]
    lung = chest.lung[level, row] > 0.5
    return float(chest.x[lung & (chest.x < 0)].max()), float(chest.x[lung & (chest.x > 0)].min())


def arch(patient: Patient) -> float:
    """z of the arch of the aorta."""
    return patient.apex + 0.27 * (patient.base - patient.apex)


def test_the_lungs_lie_inside_the_body_in_both_views(chests: list[Chest]) -> None:
    """The gas on a ray is never more than the body that the ray goes through."""
    for chest in chests:
        assert chest.lung[chest.wall < -0.5].max() == 0
        for axis, across, body in ((1, chest.x, frontal_body), (2, chest.y, lateral_body)):
            gas = chest.lung.sum(axis=axis) * VOXEL
            tissue = body(chest.patient, *np.meshgrid(across, chest.z)) - gas
            assert tissue[gas > 10].min() > 20  # skin, ribs and muscles of both sides, in mm
        for axis in range(3):  # and the grid cuts next to nothing off
            assert np.take(chest.lung, [0, -1], axis).sum() < 0.002 * chest.lung.sum()


def test_the_right_hemidiaphragm_stands_higher(chests: list[Chest]) -> None:
    differences = []
    for chest in chests:
        floors = []
        for sign in (-1, 1):
            place = np.array([sign * 0.5 * chest.patient.half_width, 25.0, 0.0])
            _, row, column = chest.index(place)
            floors.append(chest.z[chest.lung[:, row, column] > 0.5].max())
        differences.append(floors[1] - floors[0])
    assert min(differences) >= -VOXEL
    assert 5 < np.median(differences) < 20


def test_the_heart_lies_to_the_left_and_is_not_too_wide(chests: list[Chest]) -> None:
    ratios = []  # cardiothoracic
    for chest in chests:
        patient = chest.patient
        right, left = borders(chest, -24.0, min(patient.dome_left, patient.dome_right) - 34)
        assert left > -1.5 * right > 0
        ratios.append((left - right) / (2 * patient.half_width))
    assert 0.35 < min(ratios) < np.median(ratios) < 0.5
    assert max(ratios) < 0.6


def test_a_larger_heart_takes_lung_away_on_both_sides() -> None:
    for seed in (0, 5):
        patient = sample_patient(seed)
        healthy, failing = (build_chest(patient, heart) for heart in (1.0, 1.4))
        grown = failing.lung - healthy.lung
        assert grown.clip(min=0).sum() < 0.01 * -grown.sum()
        level = min(patient.dome_left, patient.dome_right) - 34
        (right, left), (wide_right, wide_left) = (
            borders(chest, -24.0, level) for chest in (healthy, failing)
        )
        assert wide_left > left + 10
        assert wide_right < right - 5
        above = healthy.z < arch(patient) - 10
        np.testing.assert_array_equal(failing.lung[above], healthy.lung[above])


def test_the_aortic_knob_and_the_windpipe_have_their_places(chests: list[Chest]) -> None:
    for chest in chests:
        patient, z = chest.patient, arch(chest.patient) + 2
        right, left = borders(chest, 14.0, z)
        assert 0 < left - patient.knob < 4 * VOXEL  # the lung begins where the arch ends
        assert left > -right - 4 * VOXEL
        x = np.linspace(-25, 25, 201)
        windpipe = x[np.argmin(frontal_body(patient, x, np.full_like(x, z)))]
        assert right + 8 < windpipe < left - 2 * patient.aorta + 4 * VOXEL
        wide, deep = np.meshgrid(windpipe + np.array([-8.0, 0, 8]), np.linspace(0, 40, 9))
        around = np.stack([wide, deep, np.full_like(wide, z)], axis=-1)
        assert chest.lung[chest.index(around)].max() == 0


def test_a_carved_ellipsoid_has_its_volume() -> None:
    grid = np.arange(-80, 80.1, VOXEL, dtype=np.float32)
    grids: tuple[Array, Array, Array] = (grid, grid, grid)
    for tilt in (0.0, 0.6):
        distance = np.full((len(grid),) * 3, 5, np.float32)
        carve(distance, grids, (6.0, -9.0, 3.0), (44.0, 24.0, 30.0), tilt)
        taken = (1 - np.clip(distance + 0.5, 0, 1)).sum() * VOXEL**3
        assert taken == pytest.approx(4 / 3 * np.pi * 44 * 24 * 30, rel=0.03)
