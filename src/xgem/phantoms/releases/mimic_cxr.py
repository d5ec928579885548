"""MIMIC-CXR in small; the layout is documented in `xgem.data.sources.mimic_cxr`."""

import hashlib
import io
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import Literal

from xgem.data.labels.chexpert import CHEXPERT, labels_of_findings
from xgem.data.report import sections
from xgem.phantoms.releases.files import (
    dicom_bytes,
    jpeg_bytes,
    label_cell,
    pixels_of,
    text_of,
    write_file,
    write_table,
)
from xgem.study import FRONTAL, REPORT, Modality, Study

_METADATA = (
    "dicom_id", "subject_id", "study_id", "PerformedProcedureStepDescription", "ViewPosition",
    "Rows", "Columns", "StudyDate", "StudyTime", "ProcedureCodeSequence_CodeMeaning",
    "ViewCodeSequence_CodeMeaning", "PatientOrientationCodeSequence_CodeMeaning",
)  # fmt: skip
_SPLITS = ("train", "train", "train", "validate", "test")


def write_mimic_cxr(
    folder: Path, studies: Sequence[Study], images: Literal["dicom", "jpg"] = "dicom"
) -> None:
    """Write the DICOM release with its lists, or MIMIC-CXR-JPG with its tables.

    Two studies a patient; every third image is MONOCHROME1, every fourth has no View Position.
    Reports are in their zip archive.
    """
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as reports:
        for place, study in enumerate(studies):
            name = f"{_study_folder(place)}.txt"
            reports.writestr(zipfile.ZipInfo(name, (2019, 9, 27, 0, 0, 0)), free_text(study))
    write_file(folder / "mimic-cxr-reports.zip", archive.getvalue())
    listed = list(_images(studies))
    for place, study, view, dicom in listed:
        path = folder / _study_folder(place) / f"{dicom}.{'dcm' if images == 'dicom' else 'jpg'}"
        pixels = pixels_of(study, view)
        if images == "jpg":
            write_file(path, jpeg_bytes(pixels))
        else:
            nameless = {"ViewPosition": "", "SeriesDescription": _position(view)}
            write_file(
                path,
                dicom_bytes(
                    pixels,
                    view,
                    negative=place % 3 == 2,
                    patient=_patient(place),
                    attributes=nameless if place % 4 == 3 else None,
                ),
            )
    (_write_lists if images == "dicom" else _write_tables)(folder, studies, listed)


def free_text(study: Study) -> str:
    """The report as the hospital's system printed it."""
    lines = ["                                 FINAL REPORT", " EXAMINATION:  CHEST (PA AND LAT)"]
    lines += ["", " INDICATION:  ___ year old ___ with dyspnea  // eval for pneumonia", ""]
    lines += [" TECHNIQUE:  Chest PA and lateral", "", " COMPARISON:  ___", ""]
    for heading, body in sections(text_of(study, REPORT)).items():
        lines += [f" {heading}: ", "", f" {body}", ""]
    return "\n".join(line or " " for line in lines) + "\n"


def _images(studies: Sequence[Study]) -> Iterator[tuple[int, Study, Modality, str]]:
    for place, study in enumerate(studies):
        for view in study.modalities:
            if view != REPORT:
                digest = hashlib.sha256(f"{place}{view}".encode()).hexdigest()
                dicom = "-".join(digest[first : first + 8] for first in range(0, 40, 8))
                yield place, study, view, dicom


def _patient(place: int) -> str:
    return str(10_000_032 + place // 2)


def _study(place: int) -> str:
    return str(50_414_267 + 7 * place)


def _study_folder(place: int) -> PurePosixPath:
    patient = _patient(place)
    return PurePosixPath("files", f"p{patient[:2]}", f"p{patient}", f"s{_study(place)}")


def _position(view: Modality) -> str:
    return "PA" if view == FRONTAL else "LATERAL"


def _write_lists(
    folder: Path, studies: Sequence[Study], listed: Sequence[tuple[int, Study, Modality, str]]
) -> None:
    write_table(
        folder / "cxr-record-list.csv.gz",
        ("subject_id", "study_id", "dicom_id", "path"),
        (
            (_patient(place), _study(place), dicom, f"{_study_folder(place)}/{dicom}.dcm")
            for place, _, _, dicom in listed
        ),
    )
    write_table(
        folder / "cxr-study-list.csv.gz",
        ("subject_id", "study_id", "path"),
        ((_patient(p), _study(p), f"{_study_folder(p)}.txt") for p in range(len(studies))),
    )


def _write_tables(
    folder: Path, studies: Sequence[Study], listed: Sequence[tuple[int, Study, Modality, str]]
) -> None:
    write_table(
        folder / "mimic-cxr-2.0.0-metadata.csv.gz",
        _METADATA,
        (
            (dicom, _patient(place), _study(place), "CHEST (PA AND LAT)",
             "" if place % 4 == 3 else _position(view), *pixels_of(study, view).shape,
             "21800506", "213014.531", "CHEST (PA AND LAT)",
             "postero-anterior" if view == FRONTAL else "lateral", "Erect")
            for place, study, view, dicom in listed
        ),
    )  # fmt: skip
    write_table(
        folder / "mimic-cxr-2.0.0-split.csv.gz",
        ("dicom_id", "study_id", "subject_id", "split"),
        (
            (dicom, _study(place), _patient(place), _SPLITS[place // 2 % len(_SPLITS)])
            for place, _, _, dicom in listed
        ),
    )
    names = sorted(CHEXPERT)
    write_table(
        folder / "mimic-cxr-2.0.0-chexpert.csv.gz",
        ("subject_id", "study_id", *names),
        (
            (_patient(place), _study(place), *(label_cell(known[name]) for name in names))
            for place, study in enumerate(studies)
            for known in [labels_of_findings(study.findings or ())]
        ),
    )
