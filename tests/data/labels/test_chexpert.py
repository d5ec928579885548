import math

import pytest

from xgem.data.labels.chexpert import CHEXPERT, complete, labels_of_findings, read_label
from xgem.errors import InputError
from xgem.study import Finding


def test_the_four_values_of_a_cell_are_told_apart():
    assert [read_label(text, "a.csv") for text in ("1.0", "0", "-1.0")] == [1, 0, -1]
    assert all(math.isnan(read_label(text, "a.csv")) for text in ("", "nan"))


@pytest.mark.parametrize("text", ["2", "yes", "inf", "0.5"])
def test_another_value_is_refused(text):
    with pytest.raises(InputError, match=r"a\.csv has the label value"):
        read_label(text, "a.csv")


def test_what_is_not_known_is_nan():
    labels = complete({"Edema": 1.0})
    assert tuple(labels) == CHEXPERT
    assert labels["Edema"] == 1
    assert sum(math.isnan(value) for value in labels.values()) == 13


def test_the_truth_of_a_phantom_in_the_words_of_chexpert():
    labels = labels_of_findings([Finding(label="Pacemaker"), Finding(label="Edema")])
    assert (labels["Support Devices"], labels["Edema"], labels["Pneumothorax"]) == (1, 1, 0)
    assert labels["No Finding"] == 0
    assert math.isnan(labels["Pleural Other"])
    # CheXpert: devices alone leave a study without finding.
    assert labels_of_findings([Finding(label="Pacemaker")])["No Finding"] == 1
    # What CheXpert has no label for is none of its findings.
    assert labels_of_findings([Finding(label="Hyperinflation")])["No Finding"] == 1
