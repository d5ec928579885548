"""MIMIC-CXR of PhysioNet: the DICOM release, or MIMIC-CXR-JPG with the archive of reports.

    cxr-record-list.csv.gz, cxr-study-list.csv.gz           the DICOM release
    mimic-cxr-reports.zip, or files/p10/p10000032/s50414267.txt
    files/p10/p10000032/s50414267/02aa804e-....dcm or .jpg
    mimic-cxr-2.0.0-metadata.csv.gz, -split.csv.gz, -chexpert.csv.gz   MIMIC-CXR-JPG

Where the record list is there, the images are DICOM; the three tables of MIMIC-CXR-JPG, which give
views, the official split and CheXpert's labels, may be put beside it. Patients that were not
downloaded are passed over and counted.

Source: https://physionet.org/content/mimic-cxr/2.1.0/, https://physionet.org/content/mimic-cxr-jpg/2.1.0/,
Johnson et al. 2019, doi:10.1038/s41597-019-0322-0 and arXiv:1901.07042.
"""

from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from xgem.data.dicom.chest_header import view_of_words
from xgem.data.labels.chexpert import CHEXPERT, read_label
from xgem.data.sources.source import ListedImage, ListedStudy, Listing, ReportFile, SourceFacts
from xgem.data.sources.tables import find_table, need_table, read_rows
from xgem.errors import InputError
from xgem.study import Modality

_RECORDS = ("cxr-record-list.csv", ("subject_id", "study_id", "dicom_id", "path"))
_METADATA = (
    "mimic-cxr-2.0.0-metadata.csv",
    ("dicom_id", "subject_id", "study_id", "ViewPosition", "ViewCodeSequence_CodeMeaning",
     "PerformedProcedureStepDescription"),
)  # fmt: skip
_SPLIT = ("mimic-cxr-2.0.0-split.csv", ("dicom_id", "study_id", "subject_id", "split"))
_LABELS = ("mimic-cxr-2.0.0-chexpert.csv", ("subject_id", "study_id", *CHEXPERT))
_SPLITS = {"train": "train", "validate": "validation", "test": "test"}
_REPORTS = "mimic-cxr-reports.zip"
_NO_REPORTS = (
    f"warning: studies have no report, for neither {_REPORTS} nor their text is in the folder; "
    f"download it and prepare another store"
)


class MimicCxr:
    """The folder that holds ``files`` and the tables."""

    facts = SourceFacts(
        name="mimic-cxr",
        title="MIMIC-CXR",
        url="https://physionet.org/content/mimic-cxr/2.1.0/",
        license="PhysioNet Credentialed Health Data License 1.5.0",
        reader_version=2,
    )

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def list_studies(self) -> Listing:
        """Group the images by study, in the order of the release's table."""
        views = dict(self._views())
        splits: dict[str, list[tuple[str, str | None]]] = {}
        for row in self._optional(*_SPLIT):
            said = row["subject_id"], _SPLITS.get(row["split"])
            splits.setdefault(row["study_id"], []).append(said)
        labels = {
            row["study_id"]: {label: read_label(row[label], _LABELS[0]) for label in CHEXPERT}
            for row in self._optional(*_LABELS)
        }
        images: dict[tuple[str, str], list[ListedImage]] = {}
        for patient, study, dicom, path in self._images():
            image = ListedImage(file=self.folder / path, view=views.get(dicom))
            images.setdefault((patient, study), []).append(image)
        here = [key for key in images if (self.folder / _place(*key)).is_dir()]
        if not here:
            raise InputError(
                f"{self.folder} has none of the {len(images)} studies of its table under "
                f"{self.folder / 'files'}; download the images, or name the folder that has them"
            )
        archive = self.folder / _REPORTS
        listed = [
            ListedStudy(
                id=study,
                patient=patient,
                images=tuple(images[patient, study]),
                report=self._report(patient, study, archive if archive.is_file() else None),
                labels=labels.get(study),
                split=next((split for _, split in splits.get(study, ())), None),
                lines=tuple(splits.get(study, ())),
            )
            for patient, study in here
        ]
        counted = {
            "studies of the table whose folder is not here": len(images) - len(here),
            _NO_REPORTS: sum(study.report is None for study in listed),
        }
        return Listing(studies=listed, remarks={said: n for said, n in counted.items() if n})

    def _images(self) -> Iterator[tuple[str, str, str, PurePosixPath]]:
        """Patient, study, image and path of every image."""
        if find_table(self.folder, _RECORDS[0]):
            for row in read_rows(need_table(self.folder, _RECORDS[0]), _RECORDS[1]):
                place = PurePosixPath(row["path"])
                yield row["subject_id"], row["study_id"], row["dicom_id"], place
            return
        for row in read_rows(need_table(self.folder, _METADATA[0]), _METADATA[1]):
            place = _place(row["subject_id"], row["study_id"]) / f"{row['dicom_id']}.jpg"
            yield row["subject_id"], row["study_id"], row["dicom_id"], place

    def _views(self) -> Iterator[tuple[str, Modality | None]]:
        """View Position, else the view code, else the procedure where it names one view."""
        for row in self._optional(*_METADATA):
            said = (row[name] for name in _METADATA[1][3:])
            yield row["dicom_id"], next(filter(None, map(view_of_words, said)), None)

    def _optional(self, name: str, columns: tuple[str, ...]) -> Iterator[dict[str, str]]:
        table = find_table(self.folder, name)
        return read_rows(table, columns) if table else iter(())

    def _report(self, patient: str, study: str, archive: Path | None) -> ReportFile | None:
        name = _place(patient, study).with_suffix(".txt")
        if (self.folder / name).is_file():
            return ReportFile(file=self.folder / name)
        return ReportFile(file=archive, member=str(name)) if archive else None


def _place(patient: str, study: str) -> PurePosixPath:
    """The folder of a study."""
    return PurePosixPath("files", f"p{patient[:2]}", f"p{patient}", f"s{study}")
