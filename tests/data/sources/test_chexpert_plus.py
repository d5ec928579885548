import math

import pytest

from xgem.data.sources.chexpert_plus import ChexpertPlus
from xgem.errors import InputError
from xgem.phantoms.releases import write_chexpert_plus
from xgem.study import FRONTAL, LATERAL


@pytest.fixture
def release(phantoms, tmp_path):
    write_chexpert_plus(tmp_path, phantoms)
    return tmp_path


def test_images_reports_labels_and_splits_are_listed(release, phantoms):
    studies = ChexpertPlus(release).list_studies().studies
    assert len(studies) == len(phantoms)
    first = studies[0]
    assert (first.id, first.patient) == ("train/patient00001/study1", "patient00001")
    assert [image.view for image in first.images] == [FRONTAL, LATERAL]
    assert all(image.file.is_file() for study in studies for image in study.images)
    assert all(study.report.impression for study in studies)
    assert [study.split for study in studies] == ["train"] * 6 + ["validation"] * 2
    assert first.labels["Edema"] in (0, 1)
    assert math.isnan(first.labels["Pleural Other"])


@pytest.mark.parametrize("place", ["PNG/PNG", "."], ids=["twice nested", "in place"])
def test_images_are_found_where_people_unpack_them(release, place):
    (release / "PNG").rename(release / "moved")
    (release / place).mkdir(parents=True, exist_ok=True)
    for folder in ("train", "valid"):
        (release / "moved" / folder).rename(release / place / folder)
    studies = ChexpertPlus(release).list_studies().studies
    assert all(image.file.is_file() for study in studies for image in study.images)


def test_without_labels_they_are_left_to_the_labeler(release):
    (release / "chexbert_labels" / "impression_fixed.json").unlink()
    assert all(study.labels is None for study in ChexpertPlus(release).list_studies().studies)


def test_damaged_labels_and_another_folder_are_refused(release, tmp_path_factory):
    (release / "chexbert_labels" / "impression_fixed.json").write_text("{nothing")
    with pytest.raises(InputError, match="cannot read labels"):
        ChexpertPlus(release).list_studies()
    with pytest.raises(InputError, match="df_chexpert_plus_240401"):
        ChexpertPlus(tmp_path_factory.mktemp("empty")).list_studies()
