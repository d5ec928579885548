import errno
import os
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pydicom
import pytest
from PIL import Image

from xgem.data.marking import says_synthetic
from xgem.errors import OutputError
from xgem.sampling.provenance import Checkpoint, Provenance
from xgem.sampling.sample_files import write_sample, write_sheet
from xgem.study import FRONTAL, LATERAL, REPORT, Study

PIXELS = np.arange(64, dtype=np.float32).reshape(8, 8) / 255
PROVENANCE = Provenance(
    checkpoint=Checkpoint(name="tiny", hash="0123456789ab"),
    task="->F+L+T",
    weights={},
    seed=9,
    steps=12,
    solver="ddim",
    guidance=3.0,
    joint="parallel",
    coupling="cross",
    coupling_guidance=1.0,
    preprocessing="8 x 8, policy xgem",
    inputs={},
    time=datetime(2026, 1, 1, 12, 30, tzinfo=UTC),
)


def whole_study() -> Study:
    contents = {FRONTAL: PIXELS, LATERAL: PIXELS.T, REPORT: "FINDINGS: Clear."}
    return Study(id="x", contents=contents, synthetic=True)


def test_each_modality_has_its_files(tmp_path: Path) -> None:
    files = write_sample(tmp_path / "sample", whole_study(), PROVENANCE)
    assert sorted(files) == sorted((tmp_path / "sample").iterdir())
    assert [path.name for path in files] == [
        *("frontal.png", "frontal.dcm", "lateral.png", "lateral.dcm", "report.txt"),
        "provenance.json",
    ]
    assert files[4].read_text() == "FINDINGS: Clear.\n"
    assert Provenance.read(files[-1]) == PROVENANCE
    with Image.open(files[2]) as png:
        np.testing.assert_array_equal(np.asarray(png), np.arange(64).reshape(8, 8).T)
    np.testing.assert_array_equal(
        pydicom.dcmread(files[3]).pixel_array, np.arange(64).reshape(8, 8).T
    )


def test_the_views_of_a_sample_are_one_dicom_study_of_their_own(tmp_path: Path) -> None:
    other = PROVENANCE.model_copy(update={"seed": 10})
    write_sample(tmp_path / "a", whole_study(), PROVENANCE)
    write_sample(tmp_path / "b", whole_study(), other)
    first, second, third = (
        pydicom.dcmread(tmp_path / name)
        for name in ("a/frontal.dcm", "a/lateral.dcm", "b/frontal.dcm")
    )
    assert first.StudyInstanceUID == second.StudyInstanceUID != third.StudyInstanceUID
    assert first.PatientID == second.PatientID != third.PatientID
    assert len({d.SeriesInstanceUID for d in (first, second, third)}) == 3
    assert "->F+L+T, seed 9, model tiny" in first.DerivationDescription


def chunks(path: Path) -> dict[str, str]:
    with Image.open(path) as png:
        return dict(png.text)


def test_pictures_say_where_they_come_from(tmp_path: Path) -> None:
    write_sample(tmp_path / "sample", whole_study(), PROVENANCE)
    said = {
        "Software": f"xgem {PROVENANCE.xgem_version}",
        "Checkpoint": "tiny, 0123456789ab",
        "Task": "->F+L+T",
        "Seed": "9",
    }
    found = chunks(tmp_path / "sample" / "lateral.png")
    assert says_synthetic(found.pop("Synthetic"))
    assert found == said
    sheet, second = tmp_path / "sheet.png", PROVENANCE.model_copy(update={"seed": 10})
    write_sheet(sheet, Study(id="none"), [whole_study()] * 2, [PROVENANCE, second])
    assert says_synthetic(chunks(sheet)["Synthetic"])
    assert chunks(sheet) == said | {"Seed": "9, 10", "Synthetic": chunks(sheet)["Synthetic"]}


def test_a_sheet_beside_what_may_be_a_patient_is_synthetic_in_part(tmp_path: Path) -> None:
    made = replace(whole_study(), contents={LATERAL: PIXELS})
    for given in (whole_study(), replace(whole_study(), synthetic=False)):
        write_sheet(tmp_path / "sheet.png", given, [made], [PROVENANCE])
        mark = chunks(tmp_path / "sheet.png")["Synthetic"]
        assert says_synthetic(mark) is given.synthetic
        assert "made by xgem" in mark


def test_a_folder_that_is_full_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OutputError, match="No space left on device"):
        write_sample(tmp_path / "a", whole_study(), PROVENANCE)
