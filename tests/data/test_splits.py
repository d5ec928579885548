from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xgem.data.sources.source import ListedStudy
from xgem.data.splits import SPLITS, assign_splits, drawn_split, require_disjoint
from xgem.errors import StoreError


def study(place: int, patient: str, split: str | None = None) -> ListedStudy:
    return ListedStudy(id=f"s{place}", patient=patient, split=split)


@given(st.lists(st.integers(0, 30), max_size=80), st.integers(0, 5))
def test_no_patient_is_in_two_splits(patients, seed):
    studies = [study(place, f"p{patient}") for place, patient in enumerate(patients)]
    splits = assign_splits(studies, seed=seed)
    require_disjoint(zip((s.patient for s in studies), splits, strict=True))
    assert set(splits) <= set(SPLITS)


def test_the_shares_are_about_eighty_ten_ten():
    drawn = Counter(drawn_split(str(patient), 0) for patient in range(10_000))
    assert 7_850 < drawn["train"] < 8_150
    assert 880 < drawn["validation"] < 1_120
    assert drawn.total() == 10_000


def test_another_seed_draws_another_split_and_later_studies_move_nobody():
    studies = [study(place, f"p{place}") for place in range(100)]
    assert assign_splits(studies, seed=1) != assign_splits(studies, seed=2)
    assert assign_splits([*studies, study(100, "new")], seed=1)[:100] == assign_splits(
        studies, seed=1
    )


def test_the_official_split_is_kept_and_others_follow_their_patient():
    studies = [
        study(0, "a", "test"),
        study(1, "a"),
        study(2, "b", "validation"),
        study(3, "c"),
    ]
    assert assign_splits(studies) == ["test", "test", "validation", drawn_split("c", 0)]
    assert assign_splits(studies, "seeded") == [drawn_split(s.patient, 0) for s in studies]


@pytest.mark.parametrize("choice", ["official", "seeded"])
@pytest.mark.parametrize(
    "wrong",
    [
        [ListedStudy(id="s", patient="jane doe", lines=(("jane doe", None), ("john doe", None)))],
        [ListedStudy(id="s", patient="jane doe"), ListedStudy(id="s", patient="john doe")],
        [ListedStudy(id="s", patient="")],
    ],
    ids=["lines", "studies", "nobody"],
)
def test_a_study_of_two_patients_or_none_is_refused(choice, wrong):
    with pytest.raises(StoreError, match="1 of 2 studies belong to several") as caught:
        assign_splits([study(0, "a"), *wrong], choice)
    assert "doe" not in str(caught.value)


def test_lines_of_a_study_in_two_splits_are_a_leak():
    lines = (("jane doe", "train"), ("jane doe", "test"))
    studies = [ListedStudy(id="s", patient="jane doe", split="train", lines=lines)]
    with pytest.raises(StoreError, match=r"1 of 1 patients .*\(train and test\)"):
        assign_splits(studies)
    assert assign_splits(studies, "seeded") == [drawn_split("jane doe", 0)]


def test_a_patient_in_two_official_splits_is_a_leak():
    studies = [study(0, "jane doe", "train"), study(1, "jane doe", "test")]
    with pytest.raises(StoreError, match=r"1 of 1 patients .*\(train and test\)") as caught:
        assign_splits(studies)
    assert "jane" not in str(caught.value)
    assert len(set(assign_splits(studies, "seeded"))) == 1
