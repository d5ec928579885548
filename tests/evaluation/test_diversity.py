import numpy as np
import pytest

from xgem.evaluation.diversity import diversity, nearest


@pytest.fixture
def true() -> np.ndarray:
    return np.random.default_rng(0).normal(size=(300, 4))


def test_images_of_the_same_kind_cover_each_other(true):
    found = diversity(true, np.random.default_rng(1).normal(size=(300, 4)))
    assert min(found.precision, found.recall, found.coverage) > 0.85
    assert found.density == pytest.approx(1, abs=0.15)


def test_few_kinds_are_precise_and_cover_little(true):
    few = true[:5].repeat(60, axis=0) + 0.01 * np.random.default_rng(1).normal(size=(300, 4))
    found = diversity(true, few)
    assert found.precision > 0.99
    assert found.recall < 0.1
    assert found.coverage < 0.2


def test_noise_is_neither(true):
    found = diversity(true, true + 50)
    assert found.precision == found.recall == found.coverage == found.density == 0


def test_nearest_is_zero_for_a_copy_only(true):
    found = nearest(true[:10], true)
    assert found == pytest.approx(np.zeros(10), abs=1e-6)
    assert nearest(true[:1] + 2, true[:1])[0] == pytest.approx(2)
