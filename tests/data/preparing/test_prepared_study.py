import zipfile
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from xgem.data.identity import Salt
from xgem.data.preparing import prepared_study
from xgem.data.preparing.prepared_study import StudyJob, prepare_study
from xgem.data.radiograph import Preprocessing
from xgem.data.report_sections import ReportSections
from xgem.data.sources.source import BrokenReport, ListedImage, ListedStudy, ReportFile
from xgem.data.store.schema import decode_png
from xgem.phantoms import simulate
from xgem.phantoms.releases.files import dicom_bytes, jpeg_bytes, pixels_of, png_bytes
from xgem.study import FRONTAL, LATERAL

SALT = Salt(b"s" * 32)


@pytest.fixture(scope="module")
def chest():
    return simulate(3, 64)


@pytest.fixture
def file(tmp_path):
    def write(name: str, data: bytes) -> Path:
        (tmp_path / name).write_bytes(data)
        return tmp_path / name

    return write


def prepared(*images: ListedImage, report=None, labels=None, policy="xgem", **settings):
    study = ListedStudy(id="50414267", patient="DOE", images=images, report=report, labels=labels)
    job = StudyJob(
        study=study,
        split="test",
        preprocessing=Preprocessing(size=32, policy=policy),
        salt=SALT,
        **settings,
    )
    return prepare_study(job, lambda step: None)


def test_two_views_and_a_report_are_one_row(chest, file):
    frontal = ListedImage(file=file("a.dcm", dicom_bytes(pixels_of(chest, FRONTAL), FRONTAL)))
    lateral = ListedImage(file=file("b.dcm", dicom_bytes(pixels_of(chest, LATERAL), LATERAL)))
    found = prepared(lateral, frontal, report="FINDINGS: Small left effusion.")
    (row,) = found.rows
    assert row["id"] == row["study"] == SALT.hashed("study", "50414267")
    assert row["patient"] == SALT.hashed("patient", "DOE")
    assert (row["split"], row["report"]) == ("test", "FINDINGS: Small left effusion.")
    assert row["labels"]["Pleural Effusion"] == 1
    expected = Preprocessing(size=32).apply(pixels_of(chest, FRONTAL))
    assert np.abs(decode_png(row["frontal"]["bytes"]) - expected).mean() < 0.1
    assert found.rejects == []
    assert found.tallies == {
        "report: Findings only": 1,
        "burned-in annotation: not checked": 2,
    }


def test_more_images_of_a_view_are_more_rows_of_the_study(chest, file):
    front, side = pixels_of(chest, FRONTAL), pixels_of(chest, LATERAL)
    images = [ListedImage(file=file(f"{n}.png", png_bytes(front)), view=FRONTAL) for n in range(3)]
    images.append(ListedImage(file=file("side.png", png_bytes(side)), view=LATERAL))
    rows = prepared(*images, report="Clear.").rows
    assert [row["id"].removeprefix(rows[0]["study"]) for row in rows] == ["", "-1", "-2"]
    assert [row.get("lateral") is not None for row in rows] == [True, False, False]
    assert {(row["study"], row["patient"], row["report"]) for row in rows} == {
        (rows[0]["study"], rows[0]["patient"], "Clear.")
    }


def test_a_row_has_the_notes_of_its_own_images(chest, file):
    front, side = pixels_of(chest, FRONTAL), pixels_of(chest, LATERAL)
    notes = ("Small effusion.", "Cough. Pneumothorax.", None, "Cough. Small effusion.")
    images = [
        ListedImage(
            file=file(f"{n}.png", png_bytes(front if n < 3 else side)),
            view=FRONTAL if n < 3 else LATERAL,
            note=ReportSections(unheaded=note) if note else None,
        )
        for n, note in enumerate(notes)
    ]
    found = prepared(*images)
    assert [row["report"] for row in found.rows] == [
        "Small effusion. Cough.",
        "Cough. Pneumothorax.",
        None,
    ]
    assert [row["labels"]["Pneumothorax"] for row in found.rows][1] == 1
    assert found.rows[0]["labels"]["Pleural Effusion"] == 1
    assert np.isnan(found.rows[0]["labels"]["Pneumothorax"])
    assert (found.tallies["report: text without headings"], found.tallies["report: none"]) == (2, 1)


@pytest.mark.parametrize(
    ("image", "report", "rows"),
    [(None, "Clear.", 1), (None, None, 0), (None, "COMPARISON: None.", 0)],
    ids=["a report alone", "nothing", "no text"],
)
def test_what_is_there_makes_the_rows(image, report, rows):
    found = prepared(report=report)
    assert len(found.rows) == rows
    assert found.tallies.get("studies of which nothing is left", 0) == 1 - rows


def test_a_broken_file_is_rejected_and_the_rest_stays(chest, file):
    good = ListedImage(file=file("a.png", png_bytes(pixels_of(chest, FRONTAL))), view=FRONTAL)
    broken = ListedImage(file=file("DOE-JANE.dcm", b"DICM"), view=LATERAL)
    absent = ListedImage(file=Path("/nowhere/DOE-JANE.dcm"), view=LATERAL)
    found = prepared(good, broken, absent)
    assert len(found.rows) == 1
    assert [reject.kind for reject in found.rejects] == ["unreadable", "unreadable"]
    assert "holds text, expected a radiograph" in found.rejects[0].reason
    assert "No such file" in found.rejects[1].reason
    assert [Path(reject.file).name for reject in found.rejects] == ["DOE-JANE.dcm"] * 2
    assert not any("DOE" in reject.reason + reject.study for reject in found.rejects)


def test_the_user_is_told_what_the_header_says_but_the_name_of_the_file_apart(chest, file):
    data = dicom_bytes(
        pixels_of(chest, FRONTAL),
        FRONTAL,
        attributes={"BodyPartExamined": "", "StudyDescription": "Knee of Jane Doe"},
    )
    (reject,) = prepared(ListedImage(file=file("a.dcm", data))).rejects
    assert "shows no chest" in reject.reason
    assert "'KNEE OF JANE DOE'" in reject.reason
    assert reject.file not in reject.reason


def test_a_view_that_nobody_names_is_counted(chest, file):
    data = png_bytes(pixels_of(chest, FRONTAL))
    found = prepared(ListedImage(file=file("a.png", data)))
    assert [reject.kind for reject in found.rejects] == ["view unknown"]
    assert found.rows == []
    assert not any(name.startswith("burned-in") for name in found.tallies)


def test_the_release_may_leave_images_out(file):
    found = prepared(ListedImage(file=Path("x"), left_out="Projection is COSTAL"))
    assert [(r.kind, r.reason) for r in found.rejects] == [("left out", "Projection is COSTAL")]


@pytest.mark.parametrize(
    ("said", "rows", "tally"),
    [
        ("YES", 0, None),
        ("NO", 1, "burned-in annotation: declared free of it"),
        ("", 1, "burned-in annotation: not checked"),
    ],
)
def test_burned_in_annotation_is_respected(chest, file, said, rows, tally):
    attributes = {"BurnedInAnnotation": said} if said else {}
    data = dicom_bytes(pixels_of(chest, FRONTAL), FRONTAL, attributes=attributes)
    found = prepared(ListedImage(file=file("a.dcm", data)))
    assert len(found.rows) == rows
    assert Counter(reject.kind for reject in found.rejects) == (
        {"burned-in annotation": 1} if said == "YES" else {}
    )
    assert tally is None or found.tallies[tally] == 1


def test_text_that_was_found_leaves_the_image_out(chest, file, monkeypatch):
    image = ListedImage(file=file("a.png", png_bytes(pixels_of(chest, FRONTAL))), view=FRONTAL)
    monkeypatch.setattr(prepared_study, "find_text", lambda pixels: ["DOE"])
    found = prepared(image, find_text=True)
    assert (found.rows, found.rejects[0].kind) == ([], "burned-in annotation")
    assert "DOE" not in found.rejects[0].reason
    monkeypatch.setattr(prepared_study, "find_text", lambda pixels: [])
    found = prepared(image, find_text=True)
    assert found.tallies["burned-in annotation: none found by tesseract"] == 1


def test_a_negative_is_warned_of_and_kept(chest, file):
    data = dicom_bytes(1 - pixels_of(chest, FRONTAL), FRONTAL)
    found = prepared(ListedImage(file=file("a.dcm", data)))
    assert (len(found.rows), [warning.kind for warning in found.warnings]) == (
        1,
        ["looks like a negative"],
    )


def test_monochrome1_is_no_negative(chest, file):
    data = dicom_bytes(pixels_of(chest, FRONTAL), FRONTAL, negative=True)
    found = prepared(ListedImage(file=file("a.dcm", data)))
    assert found.warnings == []


def test_a_publishers_labels_come_before_the_labeler():
    found = prepared(report="FINDINGS: Effusion.", labels={"Edema": -1.0})
    assert found.rows[0]["labels"]["Edema"] == -1
    assert np.isnan(found.rows[0]["labels"]["Pleural Effusion"])


def test_the_released_policy_reaches_pixels_and_report(chest, file):
    pixels = 0.25 + 0.5 * pixels_of(chest, FRONTAL)
    image = ListedImage(file=file("a.dcm", dicom_bytes(pixels, FRONTAL)))
    report = ReportSections(findings="No Edema.", impression="Normal.")
    (row,) = prepared(image, report=report, policy="released").rows
    stored = decode_png(row["frontal"]["bytes"])
    # No window and no stretching: values over 2**12 - 1, averaged over 2 x 2 pixels.
    expected = np.rint(pixels * 4095).reshape(32, 2, 32, 2).mean(axis=(1, 3)) / 4095
    np.testing.assert_allclose(stored, expected, atol=1e-5)
    assert row["report"] == "no edema. normal."


def test_reports_are_read_from_files_and_archives(tmp_path):
    (tmp_path / "a.txt").write_bytes("FINDINGS: Clear, 38 °C.".encode("latin-1"))
    with zipfile.ZipFile(tmp_path / "r.zip", "w") as archive:
        archive.writestr("files/s1.txt", "IMPRESSION: Normal.")
    plain = prepared(report=ReportFile(file=tmp_path / "a.txt"))
    packed = prepared(report=ReportFile(file=tmp_path / "r.zip", member="files/s1.txt"))
    assert plain.rows[0]["report"] == "FINDINGS: Clear, 38 °C."
    assert packed.rows[0]["report"] == "IMPRESSION: Normal."


def test_a_report_that_its_reader_could_not_read_is_rejected(tmp_path):
    report = BrokenReport(file=tmp_path / "DOE.xml", reason="the file is no report")
    found = prepared(report=report)
    assert [(r.kind, r.reason) for r in found.rejects] == [("unreadable", "the file is no report")]
    assert (found.rows, found.tallies["report: unreadable"]) == ([], 1)


@pytest.mark.parametrize("member", ["", "files/s2.txt"], ids=["file", "member"])
def test_a_report_that_is_not_there_is_rejected(tmp_path, member):
    if member:
        zipfile.ZipFile(tmp_path / "r", "w").close()
    found = prepared(report=ReportFile(file=tmp_path / "r", member=member))
    assert [reject.kind for reject in found.rejects] == ["unreadable"]


def test_a_file_that_ended_a_worker_is_rejected(chest, file):
    image = ListedImage(file=file("a.jpg", jpeg_bytes(pixels_of(chest, FRONTAL))), view=FRONTAL)
    found = prepared(image, died={str(image.file): "crashed the decoder (SIGSEGV)"})
    assert "crashed the decoder (SIGSEGV)" in found.rejects[0].reason


def test_a_failure_of_ours_is_one_reject_that_says_so(chest, file, monkeypatch):
    def fail(*_: object) -> None:
        raise ZeroDivisionError("of ours")

    monkeypatch.setattr(prepared_study, "decode_file", fail)
    image = ListedImage(file=file("a.jpg", jpeg_bytes(pixels_of(chest, FRONTAL))), view=FRONTAL)
    (reject,) = prepared(image).rejects
    assert "xgem failed on the file (ZeroDivisionError: of ours); please report it" in reject.reason


def test_synthetic_images_stay_marked(chest, file):
    data = dicom_bytes(pixels_of(chest, FRONTAL), FRONTAL, attributes={"SyntheticData": "YES"})
    assert prepared(ListedImage(file=file("a.dcm", data))).rows[0]["synthetic"]
