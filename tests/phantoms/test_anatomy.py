"""Patients differ from each other within what is human, and findings leave them alone."""

import numpy as np

from xgem.phantoms.anatomy import sample_patient
from xgem.phantoms.chest import build_chest
from xgem.phantoms.findings import sample_findings


def test_a_patient_follows_from_the_seed() -> None:
    first = sample_patient(9)
    sample_findings(9)
    assert first == sample_patient(9)
    assert first != sample_patient(10)


def test_patients_are_human() -> None:
    patients = [sample_patient(seed) for seed in range(400)]
    widths = np.array([p.half_width for p in patients])
    assert 105 < widths.min() < widths.max() < 160
    assert widths.std() > 4
    right_lower = np.mean([p.dome_right < p.dome_left for p in patients])
    assert right_lower > 0.95  # the right hemidiaphragm stands higher
    assert 0.4 < np.mean([p.female for p in patients]) < 0.6


def test_the_diaphragm_falls_to_the_side_and_to_the_back() -> None:
    patient = sample_patient(2)
    dome = patient.diaphragm(np.array(-0.42 * patient.half_width), np.array(-20.0))
    side = patient.diaphragm(np.array(-0.98 * patient.half_width), np.array(-20.0))
    back = patient.diaphragm(np.array(-0.42 * patient.half_width), np.array(70.0))
    assert side > dome + 25
    assert back > dome + 25


def test_both_lungs_hold_a_human_amount_of_gas() -> None:
    for seed in range(6):
        chest = build_chest(sample_patient(seed), 1.0)
        liters = chest.gas.sum() * 3.2**3 / 1e6
        assert 2.5 < liters < 8
        left, right = (chest.gas[:, :, chest.x * sign > 0].sum() for sign in (1, -1))
        assert 0.75 < left / right < 1.1
