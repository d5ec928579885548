"""Shoulders, arms and breasts have smooth outlines where people have them."""

from dataclasses import replace

import numpy as np

from xgem.phantoms.anatomy import sample_patient
from xgem.phantoms.soft_parts import (
    breasts_from_front,
    breasts_from_side,
    joined,
    raised_arms,
    shoulders,
)

X, Z = np.meshgrid(np.linspace(-240, 240, 121), np.linspace(-260, 200, 116))
PATIENT = sample_patient(4)


def at(values: np.ndarray, x: float, z: float) -> float:
    row, column = np.abs(Z[:, 0] - z).argmin(), np.abs(X[0] - x).argmin()
    return float(values[row, column])


def test_overlapping_parts_are_no_thicker_than_the_thicker_one_by_much() -> None:
    thick = np.array([0.0, 100, 100, 50])
    thin = np.array([0.0, 0, 100, 100])
    np.testing.assert_allclose(joined(thick, thin), joined(thin, thick))
    both = joined(thick, thin)
    assert (both >= np.maximum(thick, thin)).all()
    assert (both <= 1.2 * np.maximum(thick, thin) + 1e-2).all()
    assert both[1] == 100


def test_shoulders_slope_from_the_neck_to_the_arms() -> None:
    thickness = shoulders(PATIENT, X, Z)
    assert at(thickness, 0, -240) > 60  # neck
    assert at(thickness, 160, -240) == 0  # air above the shoulder
    assert at(thickness, 175 * PATIENT.width, -90) > 60
    np.testing.assert_allclose(thickness, thickness[:, ::-1], atol=1e-6)
    tops = [Z[np.flatnonzero(column > 0)[0], 0] for column in thickness.T[60:100]]
    assert (np.diff(tops) >= -8).all()  # from the neck outward it only falls


def test_breasts_hang_over_the_lower_lungs_of_those_who_have_them() -> None:
    woman = replace(PATIENT, breast=40.0)
    front = breasts_from_front(woman, X, Z)
    x, z = woman.breast_apart * woman.width, woman.breast_height * woman.height
    assert at(front, x, z) > 30
    assert at(front, -x, z) > 30
    assert at(front, 0, z) < at(front, x, z) / 3
    assert not breasts_from_front(replace(PATIENT, breast=0.0), X, Z).any()
    skin = np.full((len(Z), 1), -100.0)
    side = breasts_from_side(woman, X, Z, skin)
    assert at(side, -120, z) > 60
    assert at(side, 60, z) == 0
    assert at(side, -160, z) == 0
    assert not breasts_from_side(replace(PATIENT, breast=0.0), X, Z, skin).any()


def test_raised_arms_cover_the_apices_from_the_side_alone() -> None:
    arms = raised_arms(PATIENT, X, Z)
    assert at(arms, 0, -170) > 60
    assert at(arms, 0, 0) == 0
