"""The Indiana University collection in small; the layout is in `xgem.data.sources.openi`."""

import io
import tarfile
from collections.abc import Sequence
from pathlib import Path
from typing import Literal
from xml.sax.saxutils import escape, quoteattr

from xgem.data.report import sections
from xgem.phantoms.releases.files import (
    dicom_bytes,
    pixels_of,
    png_bytes,
    text_of,
    write_file,
    write_table,
)
from xgem.study import FRONTAL, REPORT, Modality, Study


def write_openi(
    folder: Path, studies: Sequence[Study], images: Literal["png", "dicom"] = "png"
) -> None:
    """Write the archive of reports and the images; with PNG, the table of projections too."""
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w:gz") as reports:
        for number, study in enumerate(studies, 1):
            data = report_xml(number, study).encode()
            member = tarfile.TarInfo(f"ecgen-radiology/{number}.xml")
            member.size = len(data)
            reports.addfile(member, io.BytesIO(data))
    write_file(folder / "NLMCXR_reports.tgz", archive.getvalue())
    projections = []
    for number, study in enumerate(studies, 1):
        for view in _views(study):
            name = _image(number, view)
            if images == "png":
                file = folder / f"{_in_report(number, view)}.png"
                write_file(file, png_bytes(pixels_of(study, view)))
                projection = "Frontal" if view == FRONTAL else "Lateral"
                projections.append((number, f"{name}.dcm.png", projection))
            else:
                data = dicom_bytes(pixels_of(study, view), view)
                write_file(folder / str(number) / f"{name}.dcm", data)
    if projections:
        path = folder / "indiana_projections.csv"
        write_table(path, ("uid", "filename", "projection"), projections)


def report_xml(number: int, study: Study) -> str:
    """One report with the elements that matter; names are marked as in the original."""
    body = sections(text_of(study, REPORT))
    parts = {"COMPARISON": "None.", "INDICATION": "XXXX-year-old with cough", **body}
    abstract = "".join(
        f"<AbstractText Label={quoteattr(label)}>{escape(text)}</AbstractText>"
        for label, text in parts.items()
    )
    images = "".join(
        f'<parentImage id="{_in_report(number, view)}"><figureId>F{place}</figureId>'
        f"<caption>Xray Chest PA and Lateral</caption></parentImage>"
        for place, view in enumerate(_views(study), 1)
    )
    return (
        f'<?xml version="1.0" encoding="utf-8"?>\n<eCitation><meta type="rr"/>'
        f'<uId id="CXR{number}"/><IUXRId id="{number}"/><MedlineCitation><Article>'
        f"<Abstract>{abstract}</Abstract></Article></MedlineCitation>"
        f"<MeSH><major>normal</major></MeSH>{images}</eCitation>\n"
    )


def _views(study: Study) -> list[Modality]:
    return [view for view in study.modalities if view != REPORT]


def _in_report(number: int, view: Modality) -> str:
    """Of the first report, the number stands twice, as in the original."""
    return f"CXR{'1_' if number == 1 else ''}{_image(number, view)}"


def _image(number: int, view: Modality) -> str:
    return f"{number}_IM-{number:04d}-{'1001' if view == FRONTAL else '2001'}"
