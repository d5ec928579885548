"""Bodies are made wider, deeper and taller as the patient says; organs move inside them."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from xgem.phantoms.anatomy import sample_patient
from xgem.phantoms.atlas import LEFT_RIBS, RIGHT_RIBS, VERTEBRAE, load_atlas
from xgem.phantoms.deformation import LATTICE
from xgem.phantoms.physique import HEART, bent, body, depth_in_cage, interior, nodes, straight
from xgem.phantoms.volume import Volume


def moved(field: np.ndarray, point: tuple[float, float, float]) -> np.ndarray:
    """By how much the atlas point is moved, (3,)."""
    volume = Volume(torch.from_numpy(field), LATTICE)
    return volume.at(torch.tensor([point]))[:, 0].numpy()


def test_the_spine_is_made_straight() -> None:
    bones = load_atlas().bones[False]
    middles = np.array([bones.specks.points[bones.where[v]].mean(axis=0) for v in VERTEBRAE])
    assert np.ptp(middles[:, 0]) > 20
    assert np.abs(straight(middles.T)[0]).max() < 4


def test_straightening_is_undone_by_bending_and_makes_both_sides_equally_wide() -> None:
    points = np.random.default_rng(0).uniform(-140, 140, (3, 500))
    np.testing.assert_allclose(bent(straight(points)), points, atol=1e-9)
    bones = load_atlas().bones[False]
    x, _, z = straight(bones.specks.points[bones.range(LEFT_RIBS[2], RIGHT_RIBS[-1])].T)
    for level in range(-80, 80, 40):
        near = np.abs(z - level) < 12
        right, left = -np.percentile(x[near], 1), np.percentile(x[near], 99)
        assert left == pytest.approx(right, rel=0.06)


def test_the_cage_holds_the_lungs() -> None:
    atlas = load_atlas()
    points = atlas.lungs.grid.points()
    inside = atlas.lungs.values.amax(0) > 2
    depth = depth_in_cage(straight(points[inside].T.numpy()))
    assert (depth > -6).mean() > 0.97
    assert depth.max() > 60


def test_a_wider_patient_is_wider_and_a_deeper_breath_lowers_the_diaphragm() -> None:
    patient = sample_patient(3)
    side, dome = (110.0, 0.0, 0.0), (-70.0, -10.0, 60.0)
    wide = body(replace(patient, width=patient.width + 0.1))
    assert moved(wide - body(patient), side)[0] == pytest.approx(11, abs=1.5)
    around = body(patient)
    deep = interior(replace(patient, inspiration=patient.inspiration + 20), around)
    lowered = moved(deep - interior(patient, around), dome)
    np.testing.assert_allclose(lowered, [0, 0, 20], atol=1)
    # The apices stay, and so does the body.
    assert abs(moved(deep - interior(patient, around), (-50.0, 20.0, -110.0))[2]) < 0.5


def test_a_larger_heart_pushes_both_of_its_borders_out() -> None:
    patient = sample_patient(5)
    around = body(patient)
    grown = interior(replace(patient, heart=patient.heart + 0.3), around) - interior(
        patient, around
    )
    left = moved(grown, (HEART[0] + 50, HEART[1], HEART[2]))
    right = moved(grown, (HEART[0] - 50, HEART[1], HEART[2]))
    assert left[0] > 5
    assert right[0] < -5
    assert np.abs(moved(grown, (HEART[0], HEART[1], -115.0))).max() < 0.5


def test_what_findings_add_is_added() -> None:
    patient = sample_patient(1)
    around = body(patient)
    changes = np.zeros_like(nodes())
    changes[1, 20:24, 10:14, 10:14] = 3
    difference = interior(patient, around, changes) - interior(patient, around)
    np.testing.assert_allclose(difference, changes, atol=1e-4)
    np.testing.assert_array_equal(difference[changes == 0], 0)
