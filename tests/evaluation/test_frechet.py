"""The Fréchet distance against its closed forms and against a plain matrix square root."""

import numpy as np
import pytest
from scipy.linalg import sqrtm

from xgem.evaluation.frechet import frechet_distance

RNG = np.random.default_rng(0)


def draw(images: int, features: int) -> np.ndarray:
    return RNG.normal(size=(images, features)) @ RNG.normal(size=(features, features))


def test_a_set_is_no_way_from_itself() -> None:
    values = draw(50, 6)
    assert frechet_distance(values, values[::-1].copy()) == pytest.approx(0, abs=1e-9)


def test_a_shift_counts_its_squared_length() -> None:
    values = draw(50, 6)
    shift = np.array([3.0, 0, 0, -4.0, 0, 0])
    assert frechet_distance(values, values + shift) == pytest.approx(25)


def test_a_wider_spread_counts_the_squared_difference_of_standard_deviations() -> None:
    values = RNG.normal(size=(80, 1))
    expected = (2 * values.std(ddof=1)) ** 2
    assert frechet_distance(values, 3 * values - 2 * values.mean()) == pytest.approx(expected)


def test_it_agrees_with_the_plain_formula_both_ways_round() -> None:
    one, other = draw(200, 5), draw(100, 5) + 1
    first, second = (np.cov(values, rowvar=False) for values in (one, other))
    shift = np.square(one.mean(0) - other.mean(0)).sum()
    plain = shift + np.trace(first + second - 2 * np.real(sqrtm(first @ second)))
    assert frechet_distance(one, other) == pytest.approx(plain)
    assert frechet_distance(other, one) == pytest.approx(plain)


def test_fewer_images_than_features_are_enough() -> None:
    one, other = draw(6, 20).astype(np.float32), draw(7, 20).astype(np.float32)
    found = frechet_distance(one, other)
    assert np.isfinite(found)
    assert found > np.square(one.mean(0) - other.mean(0)).sum()
