"""A simulated study follows from its seed alone, and its pictures show its findings."""

import numpy as np
import pytest

from xgem.phantoms import LABELS, simulate
from xgem.phantoms.anatomy import sample_patient
from xgem.phantoms.findings import LEADS, TIPS, sample_findings
from xgem.phantoms.simulation import build_scene, develop, project, render
from xgem.phantoms.wording import describe
from xgem.study import FRONTAL, LATERAL, REPORT, Finding

SIZE = 64
SIDED = {
    "Pleural Effusion": None,
    "Pneumothorax": None,
    "Consolidation": "middle",
    "Lung Lesion": "upper",
    "Pacemaker": LEADS[1],
    "Central Line": TIPS[2],
    "Atelectasis": "lower",
    "Fracture": "middle",
}
SITES = SIDED | dict.fromkeys(
    ("Cardiomegaly", "Edema", "Enlarged Cardiomediastinum", "Hyperinflation")
)


def example(label: str, side: str, severity: float) -> Finding:
    stated = "bilateral" if label == "Edema" else side if label in SIDED else None
    return Finding(label=label, side=stated, site=SITES[label], severity=severity)


def primary_changes(finding: Finding, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """By how many mm of water each ray of the two views changes when a finding is added."""
    patient = sample_patient(seed)
    one, other = (project(*build_scene(patient, f, seed, SIZE)) for f in ((), (finding,)))
    return np.abs(one.frontal - other.frontal), np.abs(one.lateral - other.lateral)


@pytest.mark.parametrize("size", [64, 128, 200])
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
        assert np.ptp(picture) > 0.5


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
    scene, acquisition = build_scene(sample_patient(seed), findings, seed, SIZE)
    frontal, lateral = develop(project(scene, acquisition), acquisition, seed)
    assert study.findings == findings
    np.testing.assert_array_equal(study.contents[FRONTAL], frontal)
    np.testing.assert_array_equal(study.contents[LATERAL], lateral)
    assert study.contents[REPORT] == describe(findings, seed)


def test_findings_may_be_chosen() -> None:
    chosen = (Finding(label="Edema", side="bilateral", severity=0.6),)
    study = simulate(4, SIZE, findings=chosen)
    assert study.findings == chosen
    assert study.contents[REPORT] == describe(chosen, 4)
    assert simulate(4, SIZE, findings=()).findings == ()


def test_drawing_does_not_touch_the_global_generator() -> None:
    state = np.random.get_state()[1].copy()  # noqa: NPY002
    simulate(5, SIZE)
    np.testing.assert_array_equal(state, np.random.get_state()[1])  # noqa: NPY002


@pytest.mark.parametrize("label", LABELS)
def test_every_finding_shows_in_both_views(label: str) -> None:
    patient, finding = sample_patient(1), example(label, "right", 0.6)
    before, after = (render(patient, f, 1, SIZE) for f in ((), (finding,)))
    for first, second in zip(before, after, strict=True):
        changed = np.abs(first - second)
        assert np.sort(changed.ravel())[-8:].mean() > 0.004


@pytest.mark.parametrize("side", ["right", "left"])
@pytest.mark.parametrize("label", SIDED)
def test_a_finding_changes_the_side_it_lies_on(label: str, side: str) -> None:
    """The patient's right is on the image's left."""
    for seed in (1, 5):
        frontal, _ = primary_changes(example(label, side, 0.6), seed)
        half = int(SIZE * 0.5)
        # Catheters and leads end on the patient's right, from wherever they come.
        if label in ("Pacemaker", "Central Line"):
            frontal = frontal[: int(SIZE * 0.36)]
        right, left = frontal[:, :half].sum(), frontal[:, half:].sum()
        here, there = (right, left) if side == "right" else (left, right)
        assert here > 1.5 * there, f"seed {seed}"


def test_the_lateral_view_is_consistent_in_height_with_the_frontal() -> None:
    """A mass in the upper lung is above one in the lower lung, in both views."""
    heights = []
    for site in ("upper", "lower"):
        mass = Finding(label="Lung Lesion", side="right", site=site, severity=0.95)
        rows = [(p.sum(axis=1) * np.arange(SIZE)).sum() / p.sum() for p in primary_changes(mass, 6)]
        heights.append(rows)
    (frontal_up, lateral_up), (frontal_low, lateral_low) = heights
    assert frontal_low - frontal_up > 0.15 * SIZE
    assert lateral_low - lateral_up > 0.15 * SIZE
