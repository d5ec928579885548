import numpy as np
import pytest

from xgem.evaluation.agreement import correlations
from xgem.evaluation.attributes import ATTRIBUTES, AttributeReader, attributes_of
from xgem.phantoms.anatomy import sample_patient


def test_attributes_are_those_of_the_patients():
    patients = [sample_patient(seed) for seed in range(3)]
    found = attributes_of(patients)
    assert found.shape == (3, len(ATTRIBUTES))
    assert found[1, list(ATTRIBUTES).index("habitus")] == patients[1].heft


def test_what_features_tell_is_read_and_what_they_do_not_is_not():
    rng = np.random.default_rng(0)
    attributes = rng.normal(size=(400, 2))
    features = rng.normal(size=(400, 20))
    features[:, 3] = 7 + 5 * attributes[:, 0]
    reader = AttributeReader.learn(features[:200], attributes[:200])
    told, hidden = correlations(reader.read(features[200:]), attributes[200:])
    assert told > 0.99
    assert abs(hidden) < 0.3


def test_correlations_are_those_of_numpy():
    rng = np.random.default_rng(0)
    first, second = rng.normal(size=(2, 50, 3))
    second[:, 1] = 4.0
    found = correlations(first, second)
    assert found[0] == pytest.approx(np.corrcoef(first[:, 0], second[:, 0])[0, 1])
    assert np.isnan(found[1])
