import pytest

from xgem.data.preparing import prepared_origin
from xgem.data.preparing.prepared_origin import labels_by, privacy_of, splits_by
from xgem.data.sources.source import ListedStudy, Listing


def listing(*splits, labeled=0):
    return Listing(
        studies=[
            ListedStudy(id=f"{n}", patient="p", split=split, labels={} if n < labeled else None)
            for n, split in enumerate(splits)
        ]
    )


@pytest.mark.parametrize(
    ("splits", "said"),
    [
        (("train", "test"), "the publisher's"),
        (("train", None), "the publisher's for 1 studies, else drawn by patient with seed 3"),
        ((None, None), "drawn by patient with seed 3 (train 80%"),
    ],
)
def test_who_split_the_patients_is_said(splits, said):
    assert splits_by(listing(*splits), "official", 3).startswith(said)
    assert splits_by(listing(*splits), "seeded", 3).startswith("drawn by patient with seed 3")


def test_who_labeled_the_studies_is_said():
    said = [labels_by(listing(None, None, labeled=n)) for n in range(3)]
    assert said[0] == "rules of xgem on the report"
    assert said[1] == f"the publisher's for 1 studies, else {said[0]}"
    assert said[2] == "the publisher's"


def test_text_in_images_is_said_to_be_unchecked_unless_it_was(monkeypatch):
    monkeypatch.setattr(prepared_origin, "require_tesseract", lambda: "5.3")
    assert privacy_of(find_text=False)["burned-in annotation"].endswith("not checked")
    assert "tesseract 5.3 found text" in privacy_of(find_text=True)["burned-in annotation"]
