"""Patients differ from each other within what is human, and findings leave them alone."""

import numpy as np

from xgem.phantoms.anatomy import sample_patient
from xgem.phantoms.findings import sample_findings


def test_a_patient_follows_from_the_seed() -> None:
    first = sample_patient(9)
    sample_findings(9)
    assert first == sample_patient(9)
    assert first != sample_patient(10)


def test_patients_are_human() -> None:
    patients = [sample_patient(seed) for seed in range(600)]
    for name, low, high, spread in (
        ("width", 0.92, 1.32, 0.03),
        ("depth", 0.85, 1.4, 0.03),
        ("height", 0.9, 1.36, 0.03),
        ("heart", 0.45, 0.95, 0.04),
        ("age", 18, 92, 12),
        ("inspiration", -25, 75, 8),
        ("air", 0.7, 0.85, 0.01),
    ):
        values = np.array([getattr(patient, name) for patient in patients])
        assert low < values.min() < values.max() < high, name
        assert values.std() > spread, name
    assert 0.4 < np.mean([p.female for p in patients]) < 0.56
    assert 0.4 < np.mean([p.mirrored for p in patients]) < 0.6


def test_sizes_go_with_sex_age_and_habitus() -> None:
    patients = [sample_patient(seed) for seed in range(600)]

    def correlation(first: str, second: str) -> float:
        values = [[float(getattr(p, name)) for p in patients] for name in (first, second)]
        return float(np.corrcoef(values)[0, 1])

    assert correlation("female", "width") < -0.3
    assert correlation("age", "kyphosis") > 0.3
    assert correlation("age", "bone") < -0.2
    assert correlation("heft", "inspiration") < -0.2
    assert correlation("heft", "wall") > 0.6
    men, women = ([p.breast for p in patients if p.female == sex] for sex in (False, True))
    assert np.median(men) < 5 < np.percentile(women, 10) + 15
    assert np.median(women) > 20
