"""One's own files in small: DICOM and a csv; the columns are in `xgem.data.sources.folder`."""

from collections.abc import Sequence
from pathlib import Path

from xgem.phantoms.releases.files import dicom_bytes, pixels_of, text_of, write_file, write_table
from xgem.study import REPORT, Study


def write_folder(folder: Path, studies: Sequence[Study]) -> Path:
    """Write the files and return the csv; reports in turn as text and as files."""
    rows = []
    for place, study in enumerate(studies):
        name, patient = f"study {place}", f"DOE^JANE {place // 2}"
        report = text_of(study, REPORT)
        if place % 2:
            write_file(folder / f"{place}.txt", report.encode())
            report = f"{place}.txt"
        for view in (view for view in study.modalities if view != REPORT):
            path = f"images/{place}-{view.name}.dcm"
            write_file(folder / path, dicom_bytes(pixels_of(study, view), view, patient=patient))
            rows.append((name, patient, view.letter if place % 3 else "", path, report))
            report = ""
    table = folder / "studies.csv"
    write_table(table, ("study", "patient", "view", "path", "report"), rows)
    return table
