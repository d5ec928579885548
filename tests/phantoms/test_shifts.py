"""Findings move what they should, more when worse, and nothing else to the last bit."""

from dataclasses import replace

import numpy as np
import pytest

from xgem.phantoms.anatomy import sample_patient
from xgem.phantoms.atlas import load_atlas
from xgem.phantoms.deformation import LATTICE
from xgem.phantoms.physique import HEART, body, interior, nodes, straight
from xgem.phantoms.shifts import shift
from xgem.study import Finding

PATIENT = sample_patient(2)
MOVING = {
    "Cardiomegaly": Finding(label="Cardiomegaly", severity=0.6),
    "Enlarged Cardiomediastinum": Finding(label="Enlarged Cardiomediastinum", severity=0.6),
    "Hyperinflation": Finding(label="Hyperinflation", severity=0.6),
    "Atelectasis": Finding(label="Atelectasis", side="right", site="lower", severity=0.6),
}


def moved(finding: Finding, upright: bool = True) -> np.ndarray:
    found = shift(PATIENT, (finding,), upright)
    assert found is not None
    return found


def at(field: np.ndarray, x: float, y: float, z: float) -> np.ndarray:
    """The displacement at the node nearest to a point of the straightened atlas."""
    away = sum((axis - c) ** 2 for axis, c in zip(straight(nodes()), (x, y, z), strict=True))
    return field.reshape(3, -1)[:, away.argmin()]


def test_without_findings_that_move_nothing_is_moved() -> None:
    assert shift(PATIENT, (), True) is None
    assert shift(PATIENT, (Finding(label="Edema", side="bilateral"),), True) is None


@pytest.mark.parametrize("label", MOVING)
def test_worse_moves_more_and_far_away_nothing(label: str) -> None:
    mild, bad = (moved(replace(MOVING[label], severity=s)) for s in (0.1, 0.9))
    assert np.abs(bad).sum() > 1.4 * np.abs(mild).sum() > 0
    for field in (mild, bad):
        assert not at(field, 0, 90, -200).any()
        assert (field == 0).mean() > 0.5


FOLDING = [
    *(replace(finding, severity=1.0) for finding in MOVING.values()),
    Finding(label="Atelectasis", side="left", site="lower", severity=1.0),
    Finding(label="Atelectasis", side="left", site="upper", severity=1.0),
    Finding(label="Pneumothorax", side="left", severity=1.0),
    Finding(label="Pleural Effusion", side="right", severity=1.0),
]


@pytest.mark.parametrize("finding", FOLDING, ids=lambda f: f"{f.label}-{f.side}-{f.site}")
def test_no_lung_is_folded_over_itself(finding: Finding) -> None:
    """The determinant of the whole map stays positive, but for a few nodes at the worst."""
    lung = load_atlas().lungs.at(LATTICE.points()).amax(0).numpy() > -10
    for seed in range(3):
        patient = sample_patient(seed)
        changes = shift(patient, (finding,), False)
        field = interior(patient, body(patient), changes)
        slopes = np.stack([np.stack(np.gradient(u, 10.0, axis=(2, 1, 0))) for u in field])
        jacobian = (slopes + np.eye(3)[:, :, None, None, None]).transpose(2, 3, 4, 0, 1)
        growth = np.linalg.det(jacobian)[lung]
        assert growth.min() > -0.15
        assert (growth < 0.03).mean() < 0.002


def test_a_heart_grows_to_both_sides() -> None:
    field = moved(MOVING["Cardiomegaly"])
    assert at(field, HEART[0] + 45, HEART[1], HEART[2])[0] > 8
    assert at(field, HEART[0] - 60, HEART[1], HEART[2])[0] < -4


def test_a_wide_mediastinum_is_wide_above_the_heart() -> None:
    field = moved(MOVING["Enlarged Cardiomediastinum"])
    assert at(field, 30, 0, -80)[0] > 10
    assert at(field, -25, 0, -76)[0] < -10
    assert abs(at(field, 60, -20, 40)[0]) < 1


def test_hyperinflated_lungs_press_the_diaphragm_down() -> None:
    field = moved(MOVING["Hyperinflation"])
    for sign in (-1, 1):
        assert at(field, sign * 64, -14, 32)[2] > 18


@pytest.mark.parametrize(("side", "sign"), [("right", -1), ("left", 1)])
def test_collapse_draws_the_diaphragm_up_on_its_side(side: str, sign: int) -> None:
    field = moved(replace(MOVING["Atelectasis"], side=side, severity=0.9))
    assert at(field, sign * 66, -5, 40)[2] < -10
    assert at(field, -sign * 66, -5, 40)[2] == 0
    assert at(field, 8, -10, 0)[0] * sign > 4  # and the heart comes over
    upper = moved(replace(MOVING["Atelectasis"], side=side, site="upper", severity=0.9))
    assert at(upper, sign * 44, 6, -30)[2] < 0 < at(field, sign * 44, 6, -30)[2]


@pytest.mark.parametrize("label", ["Pleural Effusion", "Pneumothorax"])
def test_much_of_it_pushes_the_mediastinum_away(label: str) -> None:
    large, small = (moved(Finding(label=label, side="left", severity=s)) for s in (1.0, 0.5))
    assert at(large, 8, -10, -20)[0] < -8
    assert not small.any()
    both = shift(
        PATIENT, (Finding(label="Pleural Effusion", side="bilateral", severity=1.0),), True
    )
    assert both is not None
    assert not both.any()


def test_lying_down_a_pneumothorax_deepens_the_sulcus() -> None:
    finding = Finding(label="Pneumothorax", side="right", severity=0.6)
    assert at(moved(finding, upright=False), -108, -10, 62)[2] > 15
    assert at(moved(finding, upright=True), -108, -10, 62)[2] == 0
