from dataclasses import replace

import numpy as np
import pytest

from xgem.phantoms.anatomy import sample_patient
from xgem.phantoms.simulation import build_scene
from xgem.phantoms.stomach import stomach_gas


@pytest.fixture(scope="module")
def chest():
    patient = replace(sample_patient(5), stomach=20.0)
    return build_scene(patient, (), 5, 64)[0].chest


def test_the_bubble_lies_under_the_left_lung_and_weighs_less_than_nothing(chest) -> None:
    gas = stomach_gas(chest)
    assert (gas.mass <= 0).all()
    whole = 4 / 3 * np.pi * 20**3 * 1.35 * 0.85
    assert 0.5 * whole < -gas.mass.sum() / 1.03 < whole
    in_lung = chest.sampled(chest.lungs.sum(0), gas.points)
    assert in_lung.mean() < 0.05
    assert not gas.mass[in_lung >= 1].any()
    # The heart stands before it on the dome, lung behind.
    above = gas.points + np.array([0, 40, -30], np.float32)
    assert chest.sampled(chest.lungs[1], above).mean() > 0.3


def test_it_stands_on_a_level(chest) -> None:
    depth = stomach_gas(chest).points[:, 2]
    in_the_lowest, in_the_highest = (
        ((depth > low) & (depth < low + 2)).sum() for low in (depth.max() - 2, depth.min())
    )
    assert in_the_lowest > 3 * in_the_highest


def test_an_empty_stomach_has_none(chest) -> None:
    chest = replace(chest, patient=replace(chest.patient, stomach=0.0))
    assert not stomach_gas(chest).mass.any()
