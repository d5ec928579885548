import gzip
import math

import pytest

from xgem.data.report_sections import ReportKind, split_report
from xgem.data.sources.mimic_cxr import MimicCxr
from xgem.data.sources.source import ReportFile
from xgem.errors import InputError
from xgem.phantoms.releases import write_mimic_cxr
from xgem.phantoms.releases.mimic_cxr import free_text
from xgem.study import FRONTAL, LATERAL


@pytest.fixture(scope="module")
def dicom(phantoms, tmp_path_factory):
    folder = tmp_path_factory.mktemp("mimic-cxr")
    write_mimic_cxr(folder, phantoms, "dicom")
    return folder


@pytest.fixture(scope="module")
def jpg(phantoms, tmp_path_factory):
    folder = tmp_path_factory.mktemp("mimic-cxr-jpg")
    write_mimic_cxr(folder, phantoms, "jpg")
    return folder


def test_the_dicom_release_leaves_views_labels_and_splits_open(dicom):
    studies = MimicCxr(dicom).list_studies().studies
    assert [(s.id, s.patient) for s in studies[:3]] == [
        ("50414267", "10000032"),
        ("50414274", "10000032"),
        ("50414281", "10000033"),
    ]
    assert all(s.labels is None and s.split is None for s in studies)
    assert all(image.view is None and image.file.is_file() for s in studies for image in s.images)
    assert studies[0].report == ReportFile(
        file=dicom / "mimic-cxr-reports.zip", member="files/p10/p10000032/s50414267.txt"
    )


def test_the_jpg_release_has_views_labels_and_the_official_split(jpg):
    studies = MimicCxr(jpg).list_studies().studies
    assert [image.view for image in studies[0].images] == [FRONTAL, LATERAL]
    # Without View Position, the view code says it.
    assert [image.view for image in studies[3].images] == [FRONTAL, LATERAL]
    assert [s.split for s in studies] == ["train"] * 6 + ["validation"] * 2
    assert all(image.file.suffix == ".jpg" and image.file.is_file() for image in studies[0].images)
    for study in studies:
        assert all(math.isnan(v) or v in (0, 1, -1) for v in study.labels.values())
        assert study.labels["Edema"] in (0, 1)
        assert math.isnan(study.labels["Pleural Other"])


def test_the_tables_of_the_jpg_release_may_stand_beside_dicom(dicom, jpg, tmp_path):
    for place in (dicom, jpg):
        for file in place.iterdir():
            (tmp_path / file.name).unlink(missing_ok=True)
            (tmp_path / file.name).symlink_to(file)
    (tmp_path / "files").unlink()
    (tmp_path / "files").symlink_to(dicom / "files")
    studies = MimicCxr(tmp_path).list_studies().studies
    assert studies[0].images[0].file.suffix == ".dcm"
    assert (studies[0].images[0].view, studies[0].split) == (FRONTAL, "train")


def test_a_report_beside_the_study_comes_before_the_archive(dicom, tmp_path):
    for file in dicom.iterdir():
        if file.name != "files":
            (tmp_path / file.name).symlink_to(file)
    place = tmp_path / "files" / "p10" / "p10000032"
    (place / "s50414267").mkdir(parents=True)
    (place / "s50414267.txt").write_text("FINDINGS: Clear.")
    listing = MimicCxr(tmp_path).list_studies()
    assert [s.report for s in listing.studies] == [ReportFile(file=place / "s50414267.txt")]
    assert listing.remarks == {"studies of the table whose folder is not here": 7}


def test_a_release_without_its_reports_is_remarked_on(dicom, tmp_path):
    for file in dicom.iterdir():
        if file.name != "mimic-cxr-reports.zip":
            (tmp_path / file.name).symlink_to(file)
    ((said, number),) = MimicCxr(tmp_path).list_studies().remarks.items()
    assert number == 8
    assert said.startswith("warning: studies have no report, for neither mimic-cxr-reports.zip")


def test_a_study_has_the_splits_of_all_its_lines(jpg, tmp_path):
    for file in jpg.iterdir():
        (tmp_path / file.name).symlink_to(file)
    table = tmp_path / "mimic-cxr-2.0.0-split.csv.gz"
    lines = gzip.decompress(table.read_bytes()).decode().splitlines()
    table.unlink()
    lines[2] = lines[2].replace("train", "test")
    table.write_bytes(gzip.compress("\n".join(lines).encode()))
    study = MimicCxr(tmp_path).list_studies().studies[0]
    assert study.lines == (("10000032", "train"), ("10000032", "test"))


def test_the_generated_reports_are_read_as_mimics_are(phantoms):
    for study in phantoms:
        assert split_report(free_text(study)).kind is ReportKind.BOTH


def test_another_folder_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"no mimic-cxr-2\.0\.0-metadata\.csv"):
        MimicCxr(tmp_path).list_studies()
    with gzip.open(tmp_path / "cxr-record-list.csv.gz", "wt") as stream:
        stream.write("subject_id,study_id,path\n1,2,x\n")
    with pytest.raises(InputError, match="has no column dicom_id"):
        MimicCxr(tmp_path).list_studies()


def test_a_list_without_images_is_refused(dicom, tmp_path):
    (tmp_path / "cxr-record-list.csv.gz").symlink_to(dicom / "cxr-record-list.csv.gz")
    with pytest.raises(InputError, match="none of the 8 studies"):
        MimicCxr(tmp_path).list_studies()
