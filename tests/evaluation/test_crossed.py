import numpy as np
import pytest

from xgem.evaluation.crossed import crossed


def mean_of(values: np.ndarray, rows: np.ndarray) -> float:
    return float(values[rows].mean())


def test_the_value_is_the_mean_over_seeds_of_all_studies() -> None:
    seeds = [np.arange(10.0), np.arange(10.0) + 1]
    found = crossed(mean_of, seeds, 10)
    assert found.value == pytest.approx(5.0)
    assert found.low < 5 < found.high


def test_what_differs_between_seeds_widens_the_interval_as_it_should() -> None:
    rng = np.random.default_rng(0)
    noise = rng.standard_normal((5, 400))
    same = crossed(mean_of, list(noise), 400)
    levels = np.array([-2.0, -1, 0, 1, 2])
    apart = crossed(mean_of, list(noise + levels[:, None]), 400)
    assert same.high - same.low < 0.25
    # Standard error of five draws from these levels, on both sides.
    assert apart.high - apart.low == pytest.approx(2 * 1.96 * levels.std() / 5**0.5, rel=0.2)


def test_the_interval_holds_the_truth_about_as_often_as_it_says() -> None:
    held = 0
    for trial in range(60):
        rng = np.random.default_rng(trial)
        seeds = rng.standard_normal((8, 1)) + rng.standard_normal((8, 50))
        found = crossed(mean_of, list(seeds), 50, resamples=200, seed=trial)
        held += found.low < 0 < found.high
    assert 48 <= held <= 60  # 95 % of 60, less what a bootstrap of eight loses


def test_what_differs_between_studies_does_not_average_out_over_seeds() -> None:
    """Five seeds that agree on every study tell no more of studies than one."""
    held, widths = 0, []
    for trial in range(60):
        rng = np.random.default_rng(trial)
        study = rng.standard_normal(100)
        seeds = study + 0.1 * rng.standard_normal((5, 100))
        found = crossed(mean_of, list(seeds), 100, resamples=200, seed=trial)
        held += found.low < 0 < found.high
        widths.append(found.high - found.low)
    assert held >= 52
    assert np.mean(widths) == pytest.approx(2 * 1.96 / 100**0.5, rel=0.1)


def test_draws_in_which_nothing_is_defined_are_left_out() -> None:
    def only_first(values: np.ndarray, rows: np.ndarray) -> float:
        return float("nan") if 0 not in rows else float(values[0])

    found = crossed(only_first, [np.array([3.0, 1.0])], 2)
    assert (found.value, found.low, found.high) == (3.0, 3.0, 3.0)
    nothing = crossed(lambda values, rows: float("nan"), [np.zeros(2)], 2)
    assert np.isnan(nothing.value)
