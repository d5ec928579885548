"""A simulated study follows from its seed alone, and its pictures show its findings."""

from dataclasses import replace

import numpy as np
import pytest

from xgem.phantoms import LABELS, simulate
from xgem.phantoms.anatomy import sample_patient
from xgem.phantoms.findings import sample_findings
from xgem.phantoms.simulation import render
from xgem.phantoms.wording import describe
from xgem.study import FRONTAL, LATERAL, REPORT, Finding

SIZE = 64
SIDED = {
    "Pleural Effusion": None,
    "Pneumothorax": None,
    "Consolidation": "middle",
    "Lung Lesion": "upper",
    "Pacemaker": "right atrium and right ventricle",
    "Central Line": "right atrium",
}
SITES = SIDED | {"Cardiomegaly": None, "Edema": None}


def changes(finding: Finding, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """How much each pixel of the two views changes when a healthy patient gets a finding."""
    patient = sample_patient(seed)
    before, after = (render(patient, f, seed, SIZE) for f in ((), (finding,)))
    frontal, lateral = (np.abs(b - a) for b, a in zip(before, after, strict=True))
    return frontal, lateral


@pytest.mark.parametrize("size", [64, 128])
def test_a_study_holds_two_pictures_and_a_report(size: int) -> None:
    study = simulate(3, size)
    assert study.id == "phantom-3"
    assert study.synthetic
    assert study.modalities == (FRONTAL, LATERAL, REPORT)
    for view in (FRONTAL, LATERAL):
        picture = study.contents[view]
        assert isinstance(picture, np.ndarray)
        assert picture.dtype == np.float32
        assert picture.shape == (size, size)
        assert picture.min() >= 0
        assert picture.max() <= 1
        assert np.ptp(picture) > 0.6


def test_a_study_is_the_same_each_time_and_another_for_another_seed() -> None:
    first, again, other = simulate(11, SIZE), simulate(11, SIZE), simulate(12, SIZE)
    for view in (FRONTAL, LATERAL):
        np.testing.assert_array_equal(first.contents[view], again.contents[view])
        assert np.abs(first.contents[view] - other.contents[view]).mean() > 0.02
    assert first.contents[REPORT] == again.contents[REPORT]
    assert first.findings == again.findings


def test_a_study_is_made_of_its_parts() -> None:
    seed = 20
    study, findings = simulate(seed, SIZE), sample_findings(seed)
    frontal, lateral = render(sample_patient(seed), findings, seed, SIZE)
    assert study.findings == findings
    np.testing.assert_array_equal(study.contents[FRONTAL], frontal)
    np.testing.assert_array_equal(study.contents[LATERAL], lateral)
    assert study.contents[REPORT] == describe(findings, seed)


def test_drawing_does_not_touch_the_global_generator() -> None:
    state = np.random.get_state()[1].copy()  # noqa: NPY002
    simulate(5, SIZE)
    np.testing.assert_array_equal(state, np.random.get_state()[1])  # noqa: NPY002


@pytest.mark.parametrize("label", LABELS)
def test_every_finding_shows_in_both_views(label: str) -> None:
    side = None if label == "Cardiomegaly" else "bilateral" if label == "Edema" else "right"
    finding = Finding(label=label, side=side, site=SITES[label], severity=0.5)
    for picture in changes(finding, seed=1):
        assert np.sort(picture.ravel())[-8:].mean() > 0.04


@pytest.mark.parametrize("label", LABELS[:6])  # a device is there or not
def test_a_worse_finding_changes_more(label: str) -> None:
    side = None if label == "Cardiomegaly" else "bilateral" if label == "Edema" else "left"
    mild = Finding(label=label, side=side, site=SITES[label], severity=0.2)
    slight, strong = (
        changes(finding, seed=2)[0].mean() for finding in (mild, replace(mild, severity=0.9))
    )
    assert strong > 1.3 * slight


@pytest.mark.parametrize("side", ["right", "left"])
@pytest.mark.parametrize("label", SIDED)
def test_a_finding_changes_the_side_it_lies_on(label: str, side: str) -> None:
    """The patient's right is on the image's left."""
    for seed in (1, 4):
        finding = Finding(label=label, side=side, site=SIDED[label], severity=0.6)
        frontal, _ = changes(finding, seed)
        frontal[frontal < 0.02] = 0  # the display may shift a little everywhere
        half = int(SIZE * 0.5)
        # Catheters and leads end on the patient's right, from wherever they come.
        if label in ("Pacemaker", "Central Line"):
            frontal = frontal[: int(SIZE * 0.3)]
        right, left = frontal[:, :half].sum(), frontal[:, half:].sum()
        here, there = (right, left) if side == "right" else (left, right)
        assert here > 1.5 * there, f"seed {seed}"


def test_the_lateral_view_is_consistent_in_height_with_the_frontal() -> None:
    """A nodule in the upper lung is above one in the lower lung, in both views."""
    heights = []
    for site in ("upper", "lower"):
        nodule = Finding(label="Lung Lesion", side="right", site=site, severity=0.9)
        rows = [int(np.unravel_index(p.argmax(), p.shape)[0]) for p in changes(nodule, seed=6)]
        heights.append(rows)
    (frontal_up, lateral_up), (frontal_low, lateral_low) = heights
    assert frontal_low - frontal_up > 0.15 * SIZE
    assert lateral_low - lateral_up > 0.15 * SIZE
