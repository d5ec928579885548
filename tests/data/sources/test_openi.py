import tarfile

import pytest

from xgem.data.sources.openi import OpenI
from xgem.data.sources.source import BrokenReport
from xgem.errors import InputError
from xgem.phantoms.releases import write_openi
from xgem.study import FRONTAL, LATERAL


def test_png_take_their_views_from_the_table_of_projections(phantoms, tmp_path):
    write_openi(tmp_path, phantoms)
    studies = OpenI(tmp_path).list_studies().studies
    assert len(studies) == len(phantoms)
    assert [image.view for image in studies[0].images] == [FRONTAL, LATERAL]
    assert all(image.file.is_file() for study in studies for image in study.images)
    assert {study.id for study in studies} == {f"CXR{n}" for n in range(1, 9)}
    assert all(study.report.findings and study.report.impression for study in studies)


def test_dicom_leave_the_view_to_their_headers(phantoms, tmp_path):
    write_openi(tmp_path, phantoms, "dicom")
    studies = OpenI(tmp_path).list_studies().studies
    assert all(image.view is None and image.file.suffix == ".dcm" for image in studies[0].images)
    assert all(image.file.is_file() for study in studies for image in study.images)


def test_the_archive_alone_gives_reports_alone(phantoms, tmp_path):
    write_openi(tmp_path, phantoms)
    listing = OpenI(tmp_path / "NLMCXR_reports.tgz").list_studies()
    assert all(not study.images and study.report for study in listing.studies)
    assert list(listing.remarks.values()) == [16]


def test_one_image_that_is_not_here_stays_listed(phantoms, tmp_path):
    write_openi(tmp_path, phantoms)
    (tmp_path / "CXR1_1_IM-0001-1001.png").unlink()
    files = [i.file for s in OpenI(tmp_path).list_studies().studies for i in s.images]
    assert sum(not file.is_file() for file in files) == 1


def test_another_file_is_refused(tmp_path):
    (tmp_path / "a.tgz").write_bytes(b"no archive")
    with pytest.raises(InputError, match="cannot read reports"):
        OpenI(tmp_path / "a.tgz").list_studies()


def test_a_broken_or_foreign_file_is_listed_with_its_reason(phantoms, tmp_path):
    write_openi(tmp_path, phantoms[:2])
    with tarfile.open(tmp_path / "NLMCXR_reports.tgz") as archive:
        archive.extractall(tmp_path, filter="data")
    texts = {"broken": b"<eCitation><uId/>", "foreign": b"<html/>", "empty": b"", "code": b"\xff"}
    for name, text in texts.items():
        (tmp_path / f"{name}.xml").write_bytes(text)
    studies = OpenI(tmp_path).list_studies().studies
    broken = {s.report.file.stem: s.report for s in studies if isinstance(s.report, BrokenReport)}
    assert (len(studies), broken.keys()) == (6, texts.keys())
    assert all(
        "the file is no report of Open-i" in one.reason and name not in one.reason
        for name, one in broken.items()
    )
    assert "it has no uId" in broken["foreign"].reason


def test_all_real_reports_are_read(shared_file):
    listing = OpenI(shared_file("data/NLMCXR_reports.tgz")).list_studies()
    assert len(listing.studies) == 3955
    assert len({study.id for study in listing.studies}) == 3955
    assert list(listing.remarks.values()) == [7470]
    assert sum(bool(study.report.findings) for study in listing.studies) == 3425
    assert sum(bool(study.report.impression) for study in listing.studies) == 3921
    assert all("XXXX" not in study.report.written("xgem") for study in listing.studies)
