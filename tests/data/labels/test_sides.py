import pytest

from xgem.data.labels.lexicon import mentions
from xgem.data.labels.sides import joined_side, side_of


def sides(sentence: str) -> list[str | None]:
    found = mentions(sentence)
    return [side_of(sentence, mention, found) for mention in found]


@pytest.mark.parametrize(
    ("sentence", "expected"),
    [
        ("left effusion", ["left"]),
        ("left-sided effusion", ["left"]),
        ("effusion on the left", ["left"]),
        ("consolidation within the posterior segment of the right upper lobe", ["right"]),
        ("bilateral effusions", ["bilateral"]),
        ("effusions are present bilaterally", ["bilateral"]),
        ("effusions, right greater than left", ["bilateral"]),
        ("small right and large left effusions", ["bilateral"]),
        ("effusions", ["bilateral"]),
        ("effusion", [None]),
        ("left cardiomegaly", [None]),
        ("pacemaker with leads in the right atrium", [None]),
        ("right picc and left effusion", ["right", "left"]),
        ("right effusion, left pneumothorax", ["right", "left"]),
        ("nodule in the left lung and effusion", ["left", None]),
        ("nodule in the left lung and right effusion", ["left", "right"]),
        ("left effusion and consolidation", ["left", "left"]),
        ("effusion and consolidation on the right", ["right", "right"]),
        ("bilateral haze with edema", ["bilateral"]),
        ("right picc with edema", ["right", None]),
    ],
)
def test_a_side_goes_to_its_neighbor(sentence, expected):
    assert sides(sentence) == expected


@pytest.mark.parametrize(
    ("stated", "expected"),
    [
        ([], None),
        ([None, None], None),
        ([None, "left", "left"], "left"),
        (["left", "right"], "bilateral"),
        (["bilateral", "left"], "bilateral"),
    ],
)
def test_left_and_right_make_both(stated, expected):
    assert joined_side(stated) == expected
