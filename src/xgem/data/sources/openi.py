"""The Indiana University collection of the Open-i service: report XML, images PNG or DICOM.

    ecgen-radiology/1.xml ...    or NLMCXR_reports.tgz as it was downloaded
    CXR2_IM-0652-1001.png ...    from NLMCXR_png.tgz, or 2/2_IM-0652-1001.dcm from NLMCXR_dcm.tgz,
                                 anywhere below the folder
    indiana_projections.csv      optional; view of each image (uid, filename, projection)

A report names its images (``parentImage id``) and has its sections apart (``AbstractText Label``),
but says of no image which view it is: DICOM headers do; for PNG the table of projections does,
which others drew up by eye. The release names no patients, so every report counts as one. A file
that is no such report is rejected with its reason.

Source: https://openi.nlm.nih.gov/faq#collection and Demner-Fushman et al. 2016,
doi:10.1093/jamia/ocv080; projections: https://www.kaggle.com/datasets/raddar/chest-xrays-indiana-university.
"""

import re
import tarfile
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

from xgem.data.dicom.chest_header import view_of_words
from xgem.data.report_sections import given_sections
from xgem.data.sources.source import (
    BrokenReport,
    ListedImage,
    ListedStudy,
    Listing,
    SourceFacts,
)
from xgem.data.sources.tables import find_table, read_rows
from xgem.errors import InputError
from xgem.study import Modality

_TWICE = re.compile(r"^(\d+)_\1_")
_ARCHIVE = "NLMCXR_reports.tgz"
_IMAGES = (".png", ".dcm")


class OpenI:
    """The folder with the files, or the archive of the reports alone."""

    facts = SourceFacts(
        name="openi",
        title="Indiana University Chest X-ray Collection (Open-i)",
        url="https://openi.nlm.nih.gov/faq#collection",
        license="CC BY-NC-ND 4.0",
    )

    def __init__(self, path: Path) -> None:
        self.path = path

    def list_studies(self) -> Listing:
        """One study a report; without any image on disk, the reports alone."""
        images = self._image_files()
        views = self._projections()
        studies, absent = [], 0
        for file, text in sorted(self._reports()):
            study, named = self._study(file, text, images, views)
            absent += named if not images else 0
            studies.append(study)
        if not studies:
            raise InputError(f"{self.path} holds no report XML; name the folder or {_ARCHIVE}")
        remarks = {"images that reports name, none of which is here": absent} if absent else {}
        return Listing(studies=studies, remarks=remarks)

    def _reports(self) -> Iterator[tuple[Path, bytes]]:
        """Where each report lies, and what the file holds; nothing where it cannot be read."""
        if self.path.is_dir():
            files = sorted(self.path.rglob("*.xml"))
            if files:
                yield from ((file, _bytes(file)) for file in files)
                return
        archive = self.path / _ARCHIVE if self.path.is_dir() else self.path
        try:
            with tarfile.open(archive) as members:
                for member in members:
                    stream = members.extractfile(member) if member.isfile() else None
                    if stream is not None and member.name.endswith(".xml"):
                        yield archive / Path(member.name).name, stream.read()
        except (OSError, tarfile.TarError, EOFError) as error:
            raise InputError(
                f"cannot read reports from {archive} ({error}); download {_ARCHIVE} again"
            ) from error

    def _image_files(self) -> dict[str, Path]:
        """Files by their names without ending."""
        if not self.path.is_dir():
            return {}
        found = {}
        for file in sorted(self.path.rglob("*")):
            if file.suffix.lower() in _IMAGES:
                found[file.stem] = file
        return found

    def _projections(self) -> dict[str, Modality | None]:
        """Views by the image's name within its report, "1_IM-0001-4001"."""
        table = find_table(self.path, "indiana_projections.csv") if self.path.is_dir() else None
        if table is None:
            return {}
        rows = read_rows(table, ("uid", "filename", "projection"))
        return {row["filename"].partition(".")[0]: view_of_words(row["projection"]) for row in rows}

    def _study(
        self, file: Path, text: bytes, files: dict[str, Path], views: dict[str, Modality | None]
    ) -> tuple[ListedStudy, int]:
        try:
            root = ElementTree.fromstring(text)
            number = root.find("uId").get("id")  # type: ignore[union-attr]
        except (ElementTree.ParseError, ValueError, AttributeError) as error:
            why = "it has no uId" if isinstance(error, AttributeError) else str(error)
            broken = BrokenReport(
                file=file, reason=f"the file is no report of Open-i ({why}); extract it again"
            )
            return ListedStudy(id=file.name, patient=file.name, report=broken), 0
        sections = {part.get("Label", ""): part.text or "" for part in root.iter("AbstractText")}
        named = [image.get("id", "") for image in root.iter("parentImage")]
        images = tuple(_image(image, self.path, files, views) for image in named) if files else ()
        study = ListedStudy(
            id=number or file.name, patient=number or file.name, images=images,
            report=given_sections(sections),
        )  # fmt: skip
        return study, len(named)


def _bytes(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError:
        return b""


def _image(
    name: str, folder: Path, files: dict[str, Path], views: dict[str, Modality | None]
) -> ListedImage:
    # "CXR2_IM-0652-1001" is "2_IM-0652-1001" elsewhere; of the first report alone, the number
    # stands twice, "CXR1_1_IM-0001-3001".
    short = _TWICE.sub(r"\1_", name.removeprefix("CXR"))
    file = files.get(name) or files.get(short) or folder / f"{name}.png"
    return ListedImage(file=file, view=views.get(short))
