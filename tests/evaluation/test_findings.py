import numpy as np
import pytest
from sklearn import metrics

from xgem.evaluation.findings import (
    ANY_SIDE,
    BY_SIDE,
    MEAN,
    OTHERS,
    SCORED,
    Target,
    auroc,
    auroc_by_name,
    f1,
    mean,
    presence,
)
from xgem.study import FRONTAL, LATERAL, REPORT, Finding

EFFUSION = Target("Pleural Effusion")
EFFUSION_LEFT = Target("Pleural Effusion", "left")


def effusion(side: str | None) -> tuple[Finding, ...]:
    return (Finding(label="Pleural Effusion", side=side),)


@pytest.mark.parametrize(
    ("side", "on_left", "on_right"),
    [("left", 1, 0), ("right", 0, 1), ("bilateral", 1, 1), (None, 0, 0)],
)
def test_a_bilateral_finding_is_on_both_sides(side, on_left, on_right):
    targets = [EFFUSION, Target("Pleural Effusion", "left"), Target("Pleural Effusion", "right")]
    assert presence([effusion(side)], targets).tolist() == [[True, bool(on_left), bool(on_right)]]


def test_no_studies_have_no_findings_but_a_column_each():
    assert presence([], ANY_SIDE).shape == (0, 12)
    assert presence([()], BY_SIDE).shape == (1, 20)


def test_every_label_is_scored_or_reported_beside():
    for modality in (FRONTAL, LATERAL, REPORT):
        labels = {target.label for target in SCORED[modality]}
        beside = [target.label for target in OTHERS[modality]]
        assert labels.isdisjoint(beside)
        assert labels | set(beside) == {target.label for target in ANY_SIDE}
    assert [target.label for target in OTHERS[FRONTAL]] == [
        "Lung Lesion",
        "Central Line",
        "Atelectasis",
        "Enlarged Cardiomediastinum",
        "Fracture",
        "Hyperinflation",
    ]


def test_the_mean_is_over_what_is_scored():
    targets = (Target("Edema"), Target("Fracture"), EFFUSION, EFFUSION_LEFT)
    studies = [
        (Finding(label="Edema"), Finding(label="Fracture"), *effusion("left")),
        (),
        effusion("right"),
    ]
    scores = np.array([[1.0, -1.0, 0.0, 1.0], [0.0, 0.0, 1.0, 0.0], [2.0, 1.0, 2.0, 2.0]])
    found = auroc_by_name(studies, scores, FRONTAL, targets)
    assert found["Edema"] == 0.5
    assert found["left Pleural Effusion"] == 0.5
    assert found["Fracture"] == 0.0
    assert found["Pleural Effusion"] == 0.5
    assert found[MEAN] == 0.5  # without the fracture, and without an effusion on any side


def test_auroc_is_the_share_of_pairs_in_the_right_order():
    rng = np.random.default_rng(0)
    truth, scores = rng.random((40, 3)) < 0.4, rng.normal(size=(40, 3)).round(1)
    found = auroc(truth, scores)
    for column in range(3):
        there, not_there = scores[truth[:, column], column], scores[~truth[:, column], column]
        over = (there[:, None] > not_there).mean() + 0.5 * (there[:, None] == not_there).mean()
        assert found[column] == pytest.approx(over)


def test_auroc_of_what_is_always_or_never_there_is_not_known():
    truth = np.array([[True, False], [True, False]])
    assert np.isnan(auroc(truth, np.zeros((2, 2)))).all()


def test_f1_by_hand():
    # Target 0: one right, one missed; target 1: one right, one too many; target 2: nothing at all.
    truth = np.array([[1, 1, 0], [1, 0, 0]], bool)
    found = np.array([[1, 1, 0], [0, 1, 0]], bool)
    score = f1(truth, found)
    assert score.each[:2] == (pytest.approx(2 / 3), pytest.approx(2 / 3))
    assert np.isnan(score.each[2])
    assert (score.macro, score.micro) == (pytest.approx(2 / 3), pytest.approx(2 / 3))


def test_the_mean_leaves_out_what_is_not_known():
    assert mean(np.array([1.0, np.nan, 2.0])) == 1.5
    assert np.isnan(mean(np.array([np.nan])))


@pytest.mark.parametrize("seed", range(5))
def test_areas_and_f1_are_those_of_scikit_learn(seed):
    rng = np.random.default_rng(seed)
    truth, found = rng.random((2, 60, 4)) < 0.3
    scores = rng.normal(size=(60, 4)).round(1)
    assert auroc(truth, scores) == pytest.approx(metrics.roc_auc_score(truth, scores, average=None))
    score = f1(truth, found)
    assert score.each == pytest.approx(metrics.f1_score(truth, found, average=None))
    assert score.micro == pytest.approx(metrics.f1_score(truth, found, average="micro"))
    assert score.macro == pytest.approx(metrics.f1_score(truth, found, average="macro"))
