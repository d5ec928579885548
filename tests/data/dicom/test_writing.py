import shutil
import subprocess
from datetime import datetime

import numpy as np
import pydicom
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom.uid import ComputedRadiographyImageStorage

from xgem.data.dicom.writing import SampleIdentity, write_dicom
from xgem.data.radiograph import Preprocessing, read_radiograph, to_uint8
from xgem.errors import OutputError
from xgem.study import FRONTAL, LATERAL
from xgem.version import version

SAMPLE = SampleIdentity(
    uid_entropy=("checkpoint", "T->F+L", "3"),
    created=datetime(2026, 11, 24, 12, 30, 5),
    derivation="T->F+L, seed 3",
)
VIEWS = pytest.mark.parametrize("modality", [FRONTAL, LATERAL], ids=lambda m: m.name)


@pytest.fixture
def pixels(picture) -> np.ndarray:
    return Preprocessing(size=64).apply(picture)


@VIEWS
def test_the_header_is_what_the_format_promises(modality, pixels, tmp_path):
    header = pydicom.dcmread(
        write_dicom(tmp_path / "a.dcm", pixels, modality=modality, sample=SAMPLE)
    )
    assert header.SOPClassUID == ComputedRadiographyImageStorage
    assert header.ImageType == ["DERIVED", "SECONDARY"]
    assert header[0x0008, 0x001C].value == "YES"
    assert header.PatientID.startswith("SYNTHETIC")
    assert str(header.PatientName).startswith("SYNTHETIC")
    for keyword in ("SeriesDescription", "DerivationDescription", "StudyDescription"):
        assert header[keyword].value.startswith("SYNTHETIC")
    equipment = header.ContributingEquipmentSequence[0]
    assert (equipment.Manufacturer, equipment.SoftwareVersions) == ("xgem", version())
    assert header.ViewPosition == {"frontal": "PA", "lateral": "LL"}[modality.name]
    assert header.BurnedInAnnotation == "NO"
    assert header.Modality == "CR"
    for absent in ("PixelSpacing", "ImagerPixelSpacing", "Laterality", "InstitutionName"):
        assert absent not in header
    assert header.PatientSex == header.PatientBirthDate == header.AccessionNumber == ""


def test_views_of_a_sample_share_the_study_and_nothing_else(pixels, tmp_path):
    first, second = (
        pydicom.dcmread(write_dicom(tmp_path / m.name, pixels, modality=m, sample=SAMPLE))
        for m in (FRONTAL, LATERAL)
    )
    assert first.StudyInstanceUID == second.StudyInstanceUID
    assert first.PatientID == second.PatientID
    assert first.SeriesInstanceUID != second.SeriesInstanceUID
    assert first.SOPInstanceUID != second.SOPInstanceUID
    assert first.SeriesNumber != second.SeriesNumber


def test_the_same_sample_gives_the_same_bytes_and_another_gives_other_uids(pixels, tmp_path):
    paths = [write_dicom(tmp_path / name, pixels, modality=FRONTAL, sample=SAMPLE) for name in "ab"]
    assert paths[0].read_bytes() == paths[1].read_bytes()
    other = SampleIdentity(uid_entropy=("checkpoint", "T->F+L", "4"))
    assert other.study_uid != SAMPLE.study_uid


def test_identity_is_random_unless_given():
    assert SampleIdentity().study_uid != SampleIdentity().study_uid


@VIEWS
def test_our_reader_gives_back_the_same_pixels(modality, pixels, tmp_path):
    path = write_dicom(tmp_path / "a.dcm", pixels, modality=modality, sample=SAMPLE)
    found = read_radiograph(path, modality, Preprocessing(size=64))
    np.testing.assert_array_equal(found.pixels, to_uint8(pixels) / np.float32(255))
    assert found.synthetic
    np.testing.assert_array_equal(pydicom.dcmread(path).pixel_array, to_uint8(pixels))


@given(st.integers(8, 40))
def test_every_size_and_value_survives(tmp_path_factory, side):
    values = np.arange(side * side, dtype=np.float32).reshape(side, side) % 256 / 255
    path = tmp_path_factory.mktemp("out") / "a.dcm"
    write_dicom(path, values, modality=FRONTAL, sample=SAMPLE)
    found = pydicom.dcmread(path).pixel_array
    np.testing.assert_array_equal(found, to_uint8(values))


@VIEWS
def test_dciodvfy_finds_nothing_but_the_tag_that_it_does_not_know(modality, pixels, tmp_path):
    if shutil.which("dciodvfy") is None:
        pytest.skip("dciodvfy is absent: install Debian's dicom3tools to validate our DICOM")
    path = write_dicom(tmp_path / "a.dcm", pixels, modality=modality, sample=SAMPLE)
    ran = subprocess.run(["dciodvfy", path], capture_output=True, text=True, check=True)
    said = (ran.stdout + ran.stderr).splitlines()
    assert "CRImage" in said
    ignorance = "contains attributes not present in standard DICOM IOD"
    found = [line for line in said if "Error" in line or "Warning" in line]
    assert [line for line in found if "0x0008,0x001c" not in line and ignorance not in line] == []


def test_a_missing_folder_is_an_output_error(pixels, tmp_path):
    with pytest.raises(OutputError, match="cannot write"):
        write_dicom(tmp_path / "no" / "a.dcm", pixels, modality=FRONTAL, sample=SAMPLE)
