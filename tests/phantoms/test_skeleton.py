"""Bones are paired about the midline, in and behind the chest wall, and bright at their edges."""

import numpy as np
import pytest

from xgem.phantoms.anatomy import Patient, sample_patient
from xgem.phantoms.chest import build_chest
from xgem.phantoms.projection import View, frontal_body, lateral_body
from xgem.phantoms.skeleton import (
    CORTEX,
    fade,
    girdle,
    humeri,
    join,
    ribs,
    shell,
    vertebrae,
)

SEEDS = range(8)


@pytest.fixture(scope="module")
def patients() -> list[Patient]:
    return [sample_patient(seed) for seed in SEEDS]


def test_a_hollow_bone_weighs_what_its_cortex_weighs() -> None:
    path = np.stack([np.zeros(400), np.zeros(400), np.linspace(0, 100, 400)], axis=-1)
    first, second = np.tile([6.0, 0, 0], (400, 1)), np.tile([0, 6.0, 0], (400, 1))
    bone = shell(path, first, second, CORTEX)
    assert bone.weights.sum() == pytest.approx(CORTEX * 2 * np.pi * 6 * 100, rel=0.01)
    assert fade(bone, 0.65).weights.sum() == pytest.approx(0.65 * bone.weights.sum())


def test_a_hollow_bone_is_brightest_at_its_edges() -> None:
    path = np.stack([np.zeros(200), np.zeros(200), np.linspace(-40, 40, 200)], axis=-1)
    first, second = np.tile([15.0, 0, 0], (200, 1)), np.tile([0, 15.0, 0], (200, 1))
    view = View(axes=(0, 1), size=64, field=64.0, center=(0.0, 0.0), turn=0.0, toward=1)
    image = view.splat(shell(path, first, second, CORTEX, around=60))
    profile, x = image[20:44].mean(axis=0), view.coordinates()[0][0]
    edge, middle = (
        profile[(a <= np.abs(x)) & (np.abs(x) <= b)].max() for a, b in ((13, 16), (0, 7))
    )
    assert edge > 2 * middle > 0
    assert profile[np.abs(x) > 18].max() == 0


def test_ribs_come_in_twelve_pairs(patients: list[Patient]) -> None:
    for patient in patients:
        points = ribs(patient).points.reshape(2, 12, -1, 3)  # sides, ribs, specks
        right, left = points
        assert (right[..., 0] < 15).all()
        assert (left[..., 0] > -15).all()
        np.testing.assert_allclose(right.min(axis=1)[:, 0], -left.max(axis=1)[:, 0], atol=0.5)
        for side in points:
            height = side[..., 2].mean(axis=1)
            np.testing.assert_allclose(height, right[..., 2].mean(axis=1), atol=0.5)
            assert (np.diff(height) > 0).all()  # each below the one before
            back, front = (
                np.array([rib[pick(rib[:, 1]), 2] for rib in side])
                for pick in (np.argmax, np.argmin)
            )
            assert (front[:11] > back[:11] + 5).all()  # they fall on their way to the front


def test_ribs_lie_in_the_chest_wall(patients: list[Patient]) -> None:
    """Outside of the lungs, inside the skin, and nowhere far from the inside of the cage."""
    for patient in patients:
        chest, points = build_chest(patient, 1.0), ribs(patient).points
        level = patient.level(points[:, 2])
        beside = points[(level > 0.15) & (level < 0.95)]
        depth = chest.wall[chest.index(beside)]
        assert depth.min() > -5
        assert depth.max() < 1
        assert np.percentile(depth, 99) < 0.5
        assert chest.wall[chest.index(beside * [0.85, 0.85, 1])].min() > -0.5
        assert frontal_body(patient, points[:, 0], points[:, 2]).min() > 0
        assert lateral_body(patient, points[:, 1], points[:, 2]).min() > 0


def test_the_spine_stands_in_the_middle_behind_the_heart(patients: list[Patient]) -> None:
    for patient in patients:
        chest, bones = build_chest(patient, 1.0), vertebrae(patient)
        x, y, z = bones.points.T
        assert np.average(x, weights=bones.weights) == pytest.approx(0, abs=5)
        assert np.abs(x).max() < 0.4 * patient.half_width
        inside = (z > chest.z[0]) & (z < chest.z[-1])
        assert (chest.lung[chest.index(bones.points[inside])] > 0.5).mean() < 0.05
        heart = np.abs(z - patient.dome_right + 30) < 15
        assert y[heart].min() > 10


def test_shoulders_and_arms_are_outside_and_the_sternum_in_front(patients: list[Patient]) -> None:
    for patient in patients:
        chest, bones, arms = build_chest(patient, 1.0), girdle(patient), humeri(patient)
        both = join([bones, arms])
        mirrored = np.sort(both.points[:, 0])
        np.testing.assert_allclose(mirrored, -mirrored[::-1], atol=1)
        below = bones.points[:, 2] > chest.z[0]
        assert chest.lung[chest.index(bones.points[below])].max() < 0.6
        assert np.abs(arms.points[:, 0]).min() > patient.half_width + 10
        middle = bones.points[np.abs(bones.points[:, 0]) < 8]
        assert (middle[:, 1] < patient.front_at(middle[:, 2])).all()
