import numpy as np
import pytest

from xgem.evaluation.bootstrap import Estimate, between, bootstrap


def test_interval_of_a_mean_is_about_two_standard_errors():
    values = np.random.default_rng(0).normal(3, 1, 400)
    found = bootstrap(lambda rows: float(values[rows].mean()), 400)
    assert found.value == pytest.approx(values.mean())
    assert found.high - found.low == pytest.approx(2 * 1.96 / 20, rel=0.2)


def test_paired_difference_is_known_better_than_either():
    rng = np.random.default_rng(0)
    shared = rng.normal(0, 5, 200)
    one, other = shared + rng.normal(0.5, 0.3, 200), shared + rng.normal(0, 0.3, 200)
    found = bootstrap(lambda rows: float((one[rows] - other[rows]).mean()), 200)
    alone = bootstrap(lambda rows: float(one[rows].mean()), 200)
    assert found.low > 0
    assert found.high - found.low < (alone.high - alone.low) / 5


def test_undefined_draws_are_left_out():
    found = bootstrap(lambda rows: float("nan") if 0 in rows else 1.0, 5, resamples=50)
    assert np.isnan(found.value)
    assert (found.low, found.high) == (1, 1)
    assert np.isnan(between(1.0, [float("nan")]).low)


def test_same_seed_same_interval():
    values = np.arange(30.0)
    first, second = (bootstrap(lambda rows: float(values[rows].mean()), 30) for _ in range(2))
    assert first == second
    assert str(Estimate(0.5, 0.25, 0.75)) == "0.500 [0.250, 0.750]"
