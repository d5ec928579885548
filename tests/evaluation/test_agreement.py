import numpy as np
import pytest

from xgem.evaluation.agreement import agreement, correlation, derangement, mean_auroc


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def test_correlation_ignores_the_scale_of_each_judge(rng):
    logits = rng.normal(size=(50, 3))
    assert correlation(logits, 5 * logits - 2) == pytest.approx(1)
    assert correlation(logits, -logits) == pytest.approx(-1)


def test_correlation_leaves_out_a_constant_finding(rng):
    logits = rng.normal(size=(50, 2))
    logits[:, 1] = 3
    assert correlation(logits, logits) == pytest.approx(1)


def test_what_hangs_together_agrees_and_shuffled_does_not(rng):
    first = rng.normal(size=(200, 4))
    second = 0.8 * first + 0.6 * rng.normal(size=(200, 4))
    found = agreement(correlation, first, second, resamples=100)
    assert found.paired.value == pytest.approx(0.8, abs=0.06)
    assert found.paired.low < found.paired.value < found.paired.high
    assert found.shuffled.low < 0 < found.shuffled.high < found.paired.low


def test_reports_that_name_what_is_seen_agree(rng):
    reported = rng.random((100, 3)) < 0.3
    logits = reported + 0.5 * rng.normal(size=reported.shape)
    found = agreement(mean_auroc, reported, logits, resamples=30)
    assert found.paired.value > 0.85
    assert found.shuffled.value == pytest.approx(0.5, abs=0.05)


def test_the_same_seed_gives_the_same_intervals(rng):
    first, second = rng.normal(size=(2, 30, 2))
    once, again = (agreement(correlation, first, second, seed=3, resamples=20) for _ in range(2))
    assert once == again


def test_where_reports_name_nothing_agreement_is_not_known(rng):
    found = agreement(mean_auroc, np.zeros((9, 2), bool), rng.normal(size=(9, 2)), resamples=3)
    assert np.isnan([found.paired.value, found.paired.low, found.shuffled.value]).all()


@pytest.mark.parametrize("studies", [2, 3, 50])
def test_a_derangement_leaves_no_study_in_its_place(studies, rng):
    for _ in range(20):
        order = derangement(studies, rng)
        assert sorted(order) == list(range(studies))
        assert (order != np.arange(studies)).all()
